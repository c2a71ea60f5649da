/**
 * A layered layout in (nearly) linear time, after Sugiyama: ranks by longest path, barycentre sweeps for the order in a
 * rank, and an order-preserving least-squares placement for x. Same input, same drawing.
 */

import { type LayoutInput, type LayoutOutput, NODE_GAP, RANK_GAP } from "./graph";

const SWEEPS = 6;
const PLACEMENTS = 10;
/** An edge over more ranks than this is one curve and bends around nothing. */
const LONGEST = 24;
const DUMMY = 10;

interface Layers {
  /** Nodes of each rank, in drawing order; dummies have numbers from `count` on. */
  ranks: number[][];
  rank: Int32Array;
  /** Neighbours above and below, dummies included. */
  up: number[][];
  down: number[][];
  /** Per edge, the dummies on its way. */
  chains: number[][];
  total: number;
}

export function layered(input: LayoutInput): LayoutOutput {
  const count = input.sizes.length / 2;
  const edges = acyclic(count, input.edges);
  const layers = withDummies(count, edges, ranksOf(count, edges));
  order(layers);
  const width = (node: number): number => (node < count ? (input.sizes[2 * node] ?? 0) : DUMMY);
  const x = place(layers, width);
  return draw(input, layers, x, edges);
}

/** The edges with those turned round that would close a circle (a module that is left and entered again). */
function acyclic(count: number, edges: Int32Array): Int32Array {
  const next = successors(count, edges);
  const state = new Uint8Array(count);
  const turned = Int32Array.from(edges);
  const position = new Map<number, number[]>();
  for (let edge = 0; edge < edges.length / 2; edge++) {
    const from = edges[2 * edge] ?? 0;
    const list = position.get(from);
    if (list === undefined) position.set(from, [edge]);
    else list.push(edge);
  }
  for (let root = 0; root < count; root++) {
    if (state[root] !== 0) continue;
    const stack: [number, number][] = [[root, 0]];
    state[root] = 1;
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top === undefined) break;
      const [node, index] = top;
      const target = next[node]?.[index];
      if (target === undefined) {
        state[node] = 2;
        stack.pop();
        continue;
      }
      top[1] += 1;
      if (state[target] === 0) {
        state[target] = 1;
        stack.push([target, 0]);
      } else if (state[target] === 1) {
        const edge = position.get(node)?.[index];
        if (edge !== undefined) {
          turned[2 * edge] = target;
          turned[2 * edge + 1] = node;
        }
      }
    }
  }
  return turned;
}

function successors(count: number, edges: Int32Array): number[][] {
  const next: number[][] = Array.from({ length: count }, () => []);
  for (let index = 0; index < edges.length; index += 2) next[edges[index] ?? 0]?.push(edges[index + 1] ?? 0);
  return next;
}

/** Longest path from the sources; a source then moves down to just above its first reader. */
function ranksOf(count: number, edges: Int32Array): Int32Array {
  const next = successors(count, edges);
  const waiting = new Int32Array(count);
  for (let index = 1; index < edges.length; index += 2) {
    const target = edges[index] ?? 0;
    waiting[target] = (waiting[target] ?? 0) + 1;
  }
  const sources: number[] = [];
  for (let node = 0; node < count; node++) if (waiting[node] === 0) sources.push(node);
  const rank = new Int32Array(count);
  const queue = [...sources];
  for (let head = 0; head < queue.length; head++) {
    const node = queue[head] ?? 0;
    for (const target of next[node] ?? []) {
      rank[target] = Math.max(rank[target] ?? 0, (rank[node] ?? 0) + 1);
      waiting[target] = (waiting[target] ?? 0) - 1;
      if (waiting[target] === 0) queue.push(target);
    }
  }
  for (const node of sources) {
    const below = next[node] ?? [];
    if (below.length === 0) continue;
    rank[node] = below.reduce((least, target) => Math.min(least, rank[target] ?? 0), Number.MAX_SAFE_INTEGER) - 1;
  }
  const least = rank.reduce((found, value) => Math.min(found, value), 0);
  return least < 0 ? rank.map((value) => value - least) : rank;
}

function withDummies(count: number, edges: Int32Array, rank: Int32Array): Layers {
  const ranks: number[][] = [];
  const at = (level: number): number[] => {
    while (ranks.length <= level) ranks.push([]);
    return ranks[level] ?? [];
  };
  for (let node = 0; node < count; node++) at(rank[node] ?? 0).push(node);
  const up: number[][] = Array.from({ length: count }, () => []);
  const down: number[][] = Array.from({ length: count }, () => []);
  const chains: number[][] = [];
  let total = count;
  const join = (from: number, to: number): void => {
    down[from]?.push(to);
    up[to]?.push(from);
  };
  for (let index = 0; index < edges.length; index += 2) {
    const from = edges[index] ?? 0;
    const to = edges[index + 1] ?? 0;
    const first = rank[from] ?? 0;
    const span = (rank[to] ?? 0) - first;
    const chain: number[] = [];
    if (span > 1 && span <= LONGEST) {
      let last = from;
      for (let level = first + 1; level < first + span; level++) {
        const dummy = total++;
        up.push([]);
        down.push([]);
        at(level).push(dummy);
        join(last, dummy);
        chain.push(dummy);
        last = dummy;
      }
      join(last, to);
    } else {
      join(from, to);
    }
    chains.push(chain);
  }
  return { ranks, rank, up, down, chains, total };
}

/** Barycentre sweeps, down and up in turn. */
function order(layers: Layers): void {
  const position = new Float64Array(layers.total);
  const number = (rank: number[]): void => {
    for (const [index, node] of rank.entries()) position[node] = index;
  };
  for (const rank of layers.ranks) number(rank);
  const key = new Float64Array(layers.total);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const downwards = sweep % 2 === 0;
    const neighbours = downwards ? layers.up : layers.down;
    const ranks = downwards ? layers.ranks : [...layers.ranks].reverse();
    for (const rank of ranks) {
      for (const node of rank) {
        const near = neighbours[node] ?? [];
        let sum = 0;
        for (const other of near) sum += position[other] ?? 0;
        key[node] = near.length > 0 ? sum / near.length : (position[node] ?? 0);
      }
      rank.sort((left, right) => (key[left] ?? 0) - (key[right] ?? 0));
      number(rank);
    }
  }
}

/** Each node as near to its neighbours' mean as the order and the gaps allow: pooled adjacent violators, rank by rank. */
function place(layers: Layers, width: (node: number) => number): Float64Array {
  const x = new Float64Array(layers.total);
  for (const rank of layers.ranks) {
    let left = 0;
    for (const node of rank) {
      x[node] = left + width(node) / 2;
      left += width(node) + NODE_GAP;
    }
    for (const node of rank) x[node] = (x[node] ?? 0) - left / 2;
  }
  for (let round = 0; round < PLACEMENTS; round++) {
    const downwards = round % 2 === 0;
    const neighbours = downwards ? layers.up : layers.down;
    const ranks = downwards ? layers.ranks : [...layers.ranks].reverse();
    for (const rank of ranks) placeRank(rank, neighbours, x, width);
  }
  return x;
}

function placeRank(rank: number[], neighbours: number[][], x: Float64Array, width: (node: number) => number): void {
  // With every node moved left by what stands before it, "not overlapping" means "not decreasing".
  const sums: number[] = [];
  const counts: number[] = [];
  const offsets: number[] = [];
  let offset = 0;
  rank.forEach((node, index) => {
    const before = rank[index - 1];
    if (before !== undefined) offset += (width(before) + width(node)) / 2 + NODE_GAP;
    offsets.push(offset);
    const near = neighbours[node] ?? [];
    let wanted = x[node] ?? 0;
    if (near.length > 0) wanted = near.reduce((sum, other) => sum + (x[other] ?? 0), 0) / near.length;
    sums.push(wanted - offset);
    counts.push(1);
    while (sums.length > 1) {
      const last = sums.length - 1;
      const sum = sums[last] ?? 0;
      const count = counts[last] ?? 1;
      const earlier = sums[last - 1] ?? 0;
      const earlierCount = counts[last - 1] ?? 1;
      if (earlier / earlierCount <= sum / count) break;
      sums.pop();
      counts.pop();
      sums[last - 1] = earlier + sum;
      counts[last - 1] = earlierCount + count;
    }
  });
  let index = 0;
  sums.forEach((sum, block) => {
    const size = counts[block] ?? 1;
    for (let inner = 0; inner < size; inner++, index++) x[rank[index] ?? 0] = sum / size + (offsets[index] ?? 0);
  });
}

function draw(input: LayoutInput, layers: Layers, x: Float64Array, edges: Int32Array): LayoutOutput {
  const count = input.sizes.length / 2;
  const half = (node: number): number => (node < count ? (input.sizes[2 * node + 1] ?? 0) / 2 : 0);
  const y = new Float64Array(layers.total);
  let top = 0;
  for (const rank of layers.ranks) {
    const tallest = rank.reduce((most, node) => Math.max(most, 2 * half(node)), 0);
    for (const node of rank) y[node] = top + tallest / 2;
    top += tallest + RANK_GAP;
  }
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let node = 0; node < count; node++) {
    const wide = (input.sizes[2 * node] ?? 0) / 2;
    least = Math.min(least, (x[node] ?? 0) - wide);
    most = Math.max(most, (x[node] ?? 0) + wide);
  }
  const centers = new Float32Array(2 * count);
  for (let node = 0; node < count; node++) {
    centers[2 * node] = (x[node] ?? 0) - least;
    centers[2 * node + 1] = y[node] ?? 0;
  }
  const starts = new Int32Array(edges.length / 2 + 1);
  const points: number[] = [];
  layers.chains.forEach((chain, edge) => {
    const from = edges[2 * edge] ?? 0;
    const to = edges[2 * edge + 1] ?? 0;
    const way = [
      [x[from] ?? 0, (y[from] ?? 0) + half(from)],
      ...chain.map((dummy) => [x[dummy] ?? 0, y[dummy] ?? 0]),
      [x[to] ?? 0, (y[to] ?? 0) - half(to)],
    ];
    if (input.edges[2 * edge] !== from) way.reverse();
    for (const point of way) points.push((point[0] ?? 0) - least, point[1] ?? 0);
    starts[edge + 1] = points.length / 2;
  });
  return {
    centers,
    starts,
    points: Float32Array.from(points),
    width: count > 0 ? most - least : 0,
    height: Math.max(0, top - RANK_GAP),
    engine: "layered",
  };
}
