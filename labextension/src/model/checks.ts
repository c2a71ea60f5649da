/** What the check of every node and the measurement found, row by row, with the torch nodes that each is about. */

import type { CostRows, CostTables, NodeState, NodesTable } from "../protocol";
import { Threads } from "./threads";

const EMPTY = new Int32Array(0);

/** The float32 numbers whose bits a column holds. */
export function asFloats(bits: Int32Array | undefined): Float32Array {
  return bits === undefined ? new Float32Array(0) : new Float32Array(bits.buffer, bits.byteOffset, bits.length);
}

export class NodesModel {
  readonly threads: Threads;
  private readonly nodes: Int32Array;
  private readonly places: Int32Array;
  private readonly accumulated: Float32Array;
  private readonly local: Float32Array;
  private readonly accumulatedExcess: Float32Array;
  private readonly localExcess: Float32Array;
  private readonly odd: readonly [Int32Array, Int32Array];

  constructor(
    readonly table: NodesTable,
    buffers: readonly Int32Array[],
  ) {
    this.nodes = buffers[0] ?? EMPTY;
    this.threads = new Threads(buffers[1] ?? EMPTY, buffers[2] ?? EMPTY);
    this.places = buffers[3] ?? EMPTY;
    this.accumulated = asFloats(buffers[4]);
    this.local = asFloats(buffers[5]);
    this.accumulatedExcess = asFloats(buffers[6]);
    this.localExcess = asFloats(buffers[7]);
    this.odd = [buffers[8] ?? EMPTY, buffers[9] ?? EMPTY];
  }

  get count(): number {
    return this.table.targets.length;
  }

  /** The number that values are asked for with. */
  node(row: number): number {
    return this.nodes[row] ?? -1;
  }

  /** Place in the graph. */
  place(row: number): number {
    return this.places[row] ?? row;
  }

  status(row: number): NodeState {
    return this.table.statuses[row] ?? "not compared";
  }

  /** Largest absolute difference; NaN if it is not known, infinite where dtype or shape differ. */
  error(row: number, side: "accumulated" | "local"): number {
    return (side === "local" ? this.local : this.accumulated)[row] ?? Number.NaN;
  }

  /** The same as a multiple of what is allowed. */
  excess(row: number, side: "accumulated" | "local"): number {
    return (side === "local" ? this.localExcess : this.accumulatedExcess)[row] ?? Number.NaN;
  }

  /** How many elements are NaN or infinite, in PyTorch and in ONNX. */
  nonfinite(row: number): readonly [number, number] {
    return [this.odd[0][row] ?? 0, this.odd[1][row] ?? 0];
  }

  /** `#23 aten::gelu`, with the number that stands in the panes' gutters. */
  title(row: number): string {
    return `#${this.threads.of(row)[0] ?? this.node(row)} ${this.table.targets[row] ?? ""}`;
  }
}

export class CostModel {
  readonly threads: Threads;
  private readonly spent: Float32Array;
  private readonly besides: Float32Array;

  constructor(
    readonly rows: CostRows,
    buffers: readonly Int32Array[],
  ) {
    this.spent = asFloats(buffers[0]);
    this.besides = asFloats(buffers[1]);
    this.threads = new Threads(buffers[2] ?? EMPTY, buffers[3] ?? EMPTY);
  }

  get count(): number {
    return this.rows.titles.length;
  }

  /** Of ONNX Runtime. */
  seconds(row: number): number {
    return this.spent[row] ?? 0;
  }

  /** Of PyTorch; NaN if it was not measured. */
  beside(row: number): number {
    return this.besides[row] ?? Number.NaN;
  }
}

export class CostsModel {
  readonly modules: CostModel;
  readonly lines: CostModel;
  readonly nodes: CostModel;

  constructor(
    readonly tables: CostTables,
    buffers: readonly Int32Array[],
  ) {
    this.modules = new CostModel(tables.modules, buffers.slice(0, 4));
    this.lines = new CostModel(tables.lines, buffers.slice(4, 8));
    this.nodes = new CostModel(tables.nodes, buffers.slice(8, 12));
  }
}

/** `3.2e-5`, `1.9`, `0`, `∞`; nothing if it is not known. */
export function errorText(error: number): string {
  if (Number.isNaN(error)) return "";
  if (!Number.isFinite(error)) return "∞";
  if (error === 0) return "0";
  return error >= 0.01 && error < 9999.5 ? String(Number(error.toPrecision(2))) : error.toExponential(1);
}

/** A multiple as a person reads it: `0.03 ×`, `9200 ×`. */
export function timesText(times: number): string {
  if (Number.isNaN(times)) return "";
  if (!Number.isFinite(times)) return "∞";
  if (times === 0) return "0";
  if (times < 0.01) return "< 0.01 ×";
  if (times >= 1e5) return `${times.toExponential(0)} ×`;
  return `${times >= 100 ? Math.round(times) : Number(times.toPrecision(2))} ×`;
}
