/** One module's inside, ready to be laid out and drawn: sizes, neighbours, hit tests. Knows no canvas. */

import type { LayoutInput, LayoutOutput } from "../layout/graph";
import type { GraphScope, NodeKind } from "../protocol";
import type { Drawing } from "./session";
import { Threads } from "./threads";

const EMPTY = new Int32Array(0);
export const NODE_HEIGHT = 40;
export const PILL_HEIGHT = 26;
const LEAST_WIDTH = 72;
const MOST_WIDTH = 240;
const PADDING = 26;

export class GraphModel {
  readonly message: GraphScope;
  readonly edges: Int32Array;
  readonly threads: Threads;
  readonly sizes: Float32Array;
  layout: LayoutOutput | undefined;
  private readonly colors: Int32Array;
  private readonly steps: Int32Array;
  private neighbours: { up: number[][]; down: number[][] } | undefined;

  constructor(drawing: Drawing, measure: (text: string, bold: boolean) => number) {
    this.message = drawing.message;
    this.edges = drawing.buffers[0] ?? EMPTY;
    this.threads = new Threads(drawing.buffers[1] ?? EMPTY, drawing.buffers[2] ?? EMPTY);
    this.colors = drawing.buffers[3] ?? EMPTY;
    this.steps = drawing.buffers[4] ?? EMPTY;
    this.sizes = new Float32Array(2 * this.count);
    for (let node = 0; node < this.count; node++) {
      const pill = this.isPill(node);
      const wanted = Math.max(measure(this.title(node), true), measure(this.subtitle(node), false)) + PADDING;
      this.sizes[2 * node] = Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, wanted));
      this.sizes[2 * node + 1] = pill ? PILL_HEIGHT : NODE_HEIGHT;
    }
  }

  get count(): number {
    return this.message.titles.length;
  }

  kind(node: number): NodeKind {
    return this.message.kinds[node] ?? "operator";
  }

  isPill(node: number): boolean {
    const kind = this.kind(node);
    return kind === "input" || kind === "output" || kind === "weight";
  }

  title(node: number): string {
    return this.message.titles[node] ?? "";
  }

  /** Shape or class; a module says how much is in it. An input or output has one line only. */
  subtitle(node: number): string {
    if (this.isPill(node)) return "";
    const subtitle = this.message.subtitles[node] ?? "";
    if (this.kind(node) !== "module") return subtitle;
    const size = `${this.message.sizes[node] ?? 0} operators`;
    return subtitle === "" ? size : `${subtitle} · ${size}`;
  }

  key(node: number): string {
    return this.message.keys[node] ?? "";
  }

  color(node: number): number {
    return this.colors[node] ?? -1;
  }

  step(node: number): number {
    return this.steps[node] ?? 0;
  }

  get input(): LayoutInput {
    return { sizes: this.sizes, edges: this.edges };
  }

  x(node: number): number {
    return this.layout?.centers[2 * node] ?? 0;
  }

  y(node: number): number {
    return this.layout?.centers[2 * node + 1] ?? 0;
  }

  width(node: number): number {
    return this.sizes[2 * node] ?? 0;
  }

  height(node: number): number {
    return this.sizes[2 * node + 1] ?? 0;
  }

  /** The node at a point of the drawing, or -1. */
  at(x: number, y: number): number {
    for (let node = 0; node < this.count; node++) {
      if (Math.abs(x - this.x(node)) <= this.width(node) / 2 && Math.abs(y - this.y(node)) <= this.height(node) / 2) {
        return node;
      }
    }
    return -1;
  }

  /** The nearest node in a direction, from one node; -1 if there is none. Up and down follow edges first. */
  toward(node: number, direction: "up" | "down" | "left" | "right"): number {
    if (direction === "up" || direction === "down") {
      this.neighbours ??= this.join();
      const near = this.neighbours[direction][node] ?? [];
      const best = near.toSorted((a, b) => Math.abs(this.x(a) - this.x(node)) - Math.abs(this.x(b) - this.x(node)))[0];
      if (best !== undefined) return best;
    }
    let found = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let other = 0; other < this.count; other++) {
      const dx = this.x(other) - this.x(node);
      const dy = this.y(other) - this.y(node);
      const ahead = { up: -dy, down: dy, left: -dx, right: dx }[direction];
      const aside = direction === "left" || direction === "right" ? Math.abs(dy) : Math.abs(dx);
      if (other === node || ahead <= 1) continue;
      const distance = ahead + 3 * aside;
      if (distance < least) {
        least = distance;
        found = other;
      }
    }
    return found;
  }

  private join(): { up: number[][]; down: number[][] } {
    const up: number[][] = Array.from({ length: this.count }, () => []);
    const down: number[][] = Array.from({ length: this.count }, () => []);
    for (let index = 0; index < this.edges.length; index += 2) {
      const from = this.edges[index] ?? 0;
      const to = this.edges[index + 1] ?? 0;
      down[from]?.push(to);
      up[to]?.push(from);
    }
    return { up, down };
  }
}

/** Path of module paths from the whole model to a scope: what the breadcrumbs show. */
export function crumbs(scope: string): { path: string; name: string }[] {
  const parts = scope === "" ? [] : scope.split(scope.includes("/") ? "/" : ".");
  const separator = scope.includes("/") ? "/" : ".";
  return parts.map((name, index) => ({ path: parts.slice(0, index + 1).join(separator), name }));
}
