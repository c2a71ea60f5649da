import { describe, expect, it } from "vitest";
import type { LayoutInput, LayoutOutput } from "../src/layout/graph";
import { layered } from "../src/layout/layered";
import { pretty } from "../src/layout/pretty";

function graph(count: number, edges: [number, number][]): LayoutInput {
  const sizes = new Float32Array(2 * count);
  for (let node = 0; node < count; node++) sizes.set([80 + (node % 5) * 10, 40], 2 * node);
  return { sizes, edges: Int32Array.from(edges.flat()) };
}

function overlaps(input: LayoutInput, output: LayoutOutput): number {
  let found = 0;
  const count = input.sizes.length / 2;
  for (let left = 0; left < count; left++) {
    for (let right = left + 1; right < count; right++) {
      const dx = Math.abs((output.centers[2 * left] ?? 0) - (output.centers[2 * right] ?? 0));
      const dy = Math.abs((output.centers[2 * left + 1] ?? 0) - (output.centers[2 * right + 1] ?? 0));
      const wide = ((input.sizes[2 * left] ?? 0) + (input.sizes[2 * right] ?? 0)) / 2;
      const tall = ((input.sizes[2 * left + 1] ?? 0) + (input.sizes[2 * right + 1] ?? 0)) / 2;
      if (dx < wide - 0.5 && dy < tall - 0.5) found += 1;
    }
  }
  return found;
}

function residual(blocks: number): [number, number][] {
  const edges: [number, number][] = [];
  for (let block = 0; block < blocks; block++) {
    const first = 4 * block;
    edges.push(
      [first, first + 1],
      [first + 1, first + 2],
      [first + 2, first + 3],
      [first, first + 3],
      [first + 3, first + 4],
    );
  }
  return edges;
}

describe.each([
  ["layered", layered],
  ["dagre", pretty],
])("%s", (_, layout) => {
  it("draws every edge from top to bottom, and no node over another", () => {
    const edges = residual(20);
    const input = graph(81, edges);
    const output = layout(input);
    expect(overlaps(input, output)).toBe(0);
    for (const [from, to] of edges) {
      expect(output.centers[2 * from + 1]).toBeLessThan(output.centers[2 * to + 1] ?? 0);
    }
    expect(output.starts.at(-1)).toBe(output.points.length / 2);
  });

  it("draws a graph without edges, and one without nodes", () => {
    expect(layout(graph(0, [])).centers).toHaveLength(0);
    const output = layout(graph(3, []));
    expect(output.centers).toHaveLength(6);
  });

  it("draws a circle: a module that is left and entered again", () => {
    const input = graph(3, [
      [0, 1],
      [1, 2],
      [2, 0],
    ]);
    const output = layout(input);
    expect([...output.centers].every(Number.isFinite)).toBe(true);
    expect(overlaps(input, output)).toBe(0);
  });
});

describe("layered", () => {
  it("gives the same drawing for the same graph", () => {
    const input = graph(201, residual(50));
    expect(layered(input)).toEqual(layered(input));
  });

  it("lays out 10,000 nodes soon", () => {
    const input = graph(10_001, residual(2500));
    const start = performance.now();
    layered(input);
    expect(performance.now() - start).toBeLessThan(3000);
  });
});
