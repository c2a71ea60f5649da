/** One pane's lines with what the buffers say about them. */

import { type PaneText, STYLE_HEADING, STYLE_PLAIN } from "../protocol";
import { Threads } from "./threads";

const EMPTY = new Int32Array(0);

export class PaneModel {
  readonly threads: Threads;
  private readonly colors: Int32Array;
  private readonly steps: Int32Array;
  private readonly styles: Int32Array;

  constructor(
    readonly text: PaneText,
    private readonly buffers: readonly Int32Array[],
  ) {
    this.threads = new Threads(buffers[0] ?? EMPTY, buffers[1] ?? EMPTY);
    this.colors = buffers[2] ?? EMPTY;
    this.steps = buffers[3] ?? EMPTY;
    this.styles = buffers[4] ?? EMPTY;
  }

  /** The same lines with another name of a size in their types. */
  renamed(old: string, name: string): PaneModel {
    const word = new RegExp(`(?<![\\w])${old.replace(/[.*+?^${}()|[\]\\]/gu, "\\$&")}(?![\\w])`, "gu");
    const notes = this.text.notes.map((note) => note.replace(word, () => name));
    return new PaneModel({ ...this.text, notes }, this.buffers);
  }

  get count(): number {
    return this.text.lines.length;
  }

  line(row: number): string {
    return this.text.lines[row] ?? "";
  }

  note(row: number): string {
    return this.text.notes[row] ?? "";
  }

  label(row: number): string {
    return this.text.labels[row] ?? "";
  }

  name(row: number): string {
    return this.text.names[row] ?? "";
  }

  /** Ordinal of the source line that produced this, or -1. */
  color(row: number): number {
    return this.colors[row] ?? -1;
  }

  /** The step that lowered this; 0 if none did. */
  step(row: number): number {
    return this.steps[row] ?? 0;
  }

  style(row: number): number {
    return this.styles[row] ?? STYLE_PLAIN;
  }

  /** Characters of the longest line, its note included. */
  get width(): number {
    let most = 0;
    for (let row = 0; row < this.count; row++) {
      const note = this.note(row);
      most = Math.max(most, this.line(row).length + (note === "" ? 0 : note.length + 3));
    }
    return most;
  }

  /** Rows whose text, note or name holds a word, whatever its case. */
  search(word: string): number[] {
    const wanted = word.toLowerCase();
    const found: number[] = [];
    if (wanted === "") return found;
    for (let row = 0; row < this.count; row++) {
      const haystack = `${this.line(row)}\n${this.note(row)}\n${this.name(row)}\n${this.label(row)}`;
      if (haystack.toLowerCase().includes(wanted)) found.push(row);
    }
    return found;
  }

  /** The heading that a row stands under, or -1. */
  heading(row: number): number {
    for (let index = row; index >= 0; index--) if (this.style(index) === STYLE_HEADING) return index;
    return -1;
  }
}
