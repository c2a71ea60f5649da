/** Rows (lines of a pane, nodes of a graph) and the torch nodes that each is about, in both directions. */

const NONE: readonly number[] = [];

export class Threads {
  private index: Map<number, number[]> | undefined;

  constructor(
    /** One more than there are rows: where each row's ids begin. */
    private readonly starts: Int32Array,
    private readonly ids: Int32Array,
  ) {}

  get count(): number {
    return Math.max(0, this.starts.length - 1);
  }

  /** Torch nodes of a row. */
  of(row: number): Int32Array {
    return this.ids.subarray(this.starts[row] ?? 0, this.starts[row + 1] ?? 0);
  }

  /** Whether a row is about any of these nodes. */
  touches(row: number, ids: ReadonlySet<number>): boolean {
    const end = this.starts[row + 1] ?? 0;
    for (let index = this.starts[row] ?? 0; index < end; index++) {
      if (ids.has(this.ids[index] ?? -1)) return true;
    }
    return false;
  }

  /** Rows about any of these nodes, in order. */
  rows(ids: Iterable<number>): readonly number[] {
    this.index ??= this.build();
    if (ids instanceof Int32Array && ids.length === 1) return this.index.get(ids[0] ?? -1) ?? NONE;
    const found = new Set<number>();
    for (const id of ids) for (const row of this.index.get(id) ?? []) found.add(row);
    return [...found].sort((left, right) => left - right);
  }

  private build(): Map<number, number[]> {
    const index = new Map<number, number[]>();
    for (let row = 0; row < this.count; row++) {
      for (const id of this.of(row)) {
        const rows = index.get(id);
        if (rows === undefined) index.set(id, [row]);
        else if (rows.at(-1) !== row) rows.push(row);
      }
    }
    return index;
  }
}
