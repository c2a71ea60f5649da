/** Small graphs by dagre. */

import { Graph, layout } from "@dagrejs/dagre";
import { type LayoutInput, type LayoutOutput, NODE_GAP, RANK_GAP } from "./graph";

export function pretty(input: LayoutInput): LayoutOutput {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: NODE_GAP, ranksep: RANK_GAP, edgesep: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  const count = input.sizes.length / 2;
  for (let node = 0; node < count; node++) {
    graph.setNode(String(node), { width: input.sizes[2 * node] ?? 0, height: input.sizes[2 * node + 1] ?? 0 });
  }
  const edges = input.edges.length / 2;
  for (let edge = 0; edge < edges; edge++) {
    graph.setEdge(String(input.edges[2 * edge]), String(input.edges[2 * edge + 1]), {}, String(edge));
  }
  layout(graph);
  const centers = new Float32Array(2 * count);
  for (let node = 0; node < count; node++) {
    const placed = graph.node(String(node)) as { x: number; y: number };
    centers[2 * node] = placed.x;
    centers[2 * node + 1] = placed.y;
  }
  const starts = new Int32Array(edges + 1);
  const points: number[] = [];
  for (let edge = 0; edge < edges; edge++) {
    const name = { v: String(input.edges[2 * edge]), w: String(input.edges[2 * edge + 1]), name: String(edge) };
    const drawn = graph.edge(name) as { points: { x: number; y: number }[] };
    for (const point of drawn.points) points.push(point.x, point.y);
    starts[edge + 1] = points.length / 2;
  }
  const size = graph.graph() as { width?: number; height?: number };
  return {
    centers,
    starts,
    points: Float32Array.from(points),
    width: size.width ?? 0,
    height: size.height ?? 0,
    engine: "dagre",
  };
}
