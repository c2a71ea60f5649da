/** A strip beside a pane: where in the whole text the linked, chosen and found lines are. Hover never scrolls. */

import { LEVELS } from "../model/heat";
import { PALETTE_SIZE } from "../model/palette";
import type { PaneModel } from "../model/pane";
import { el } from "../render/dom";
import { cssColors } from "../render/theme";

const WIDTH = 12;

export class Ruler {
  readonly element: HTMLCanvasElement;
  private model: PaneModel | undefined;
  private marks: { hover: readonly number[]; chosen: readonly number[]; found: ReadonlySet<number> } = {
    hover: [],
    chosen: [],
    found: new Set(),
  };
  private levels: Int8Array | undefined;
  private ramp: "error" | "time" = "error";
  private top = 0;
  private span = 0;
  private frame = 0;

  constructor(jump: (row: number) => void) {
    this.element = el("canvas", {
      class: "oe-ruler",
      title: "Where linked lines are; click to go there",
      aria: { hidden: "true" },
      on: {
        click: (event) => {
          const box = this.element.getBoundingClientRect();
          jump(Math.floor(((event.clientY - box.top) / box.height) * this.rows));
        },
      },
    });
  }

  take(model: PaneModel | undefined): void {
    this.model = model;
    this.schedule();
  }

  /** Levels of heat per row; undefined: none. */
  warm(levels: Int8Array | undefined, ramp: "error" | "time"): void {
    this.levels = levels;
    this.ramp = ramp;
    this.schedule();
  }

  mark(hover: readonly number[], chosen: readonly number[], found: ReadonlySet<number>): void {
    this.marks = { hover, chosen, found };
    this.schedule();
  }

  view(top: number, span: number): void {
    this.top = top;
    this.span = span;
    this.schedule();
  }

  /** A short text is not stretched. */
  private get rows(): number {
    return Math.max(this.model?.count ?? 0, this.span);
  }

  private schedule(): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  private paint(): void {
    const height = this.element.clientHeight;
    const context = this.element.getContext("2d");
    if (context === null || height === 0) return;
    const scale = window.devicePixelRatio || 1;
    if (this.element.height !== Math.round(height * scale)) {
      this.element.width = Math.round(WIDTH * scale);
      this.element.height = Math.round(height * scale);
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, WIDTH, height);
    const colors = cssColors(this.element);
    const rows = Math.max(1, this.rows);
    const y = (row: number): number => (row / rows) * height;
    const model = this.model;
    const { levels } = this;
    if (levels !== undefined) {
      // From the coolest to the hottest: one hot row among many cool ones stays in sight.
      const ramp = this.ramp === "time" ? colors.times : colors.heats;
      for (let level = 0; level < LEVELS; level++) {
        context.fillStyle = ramp[level] ?? colors.quiet;
        for (let row = 0; row < levels.length; row++) {
          if (levels[row] === level)
            context.fillRect(2, Math.floor(y(row)), 8, Math.max(level > 2 ? 2 : 1, height / rows));
        }
      }
    } else if (model !== undefined) {
      context.globalAlpha = 0.45;
      let last = -1;
      for (let row = 0; row < model.count; row++) {
        const color = model.color(row);
        const at = Math.floor(y(row));
        if (color < 0 || at === last) continue;
        last = at;
        context.fillStyle = colors.hues[color % PALETTE_SIZE] ?? colors.quiet;
        context.fillRect(4, at, 4, Math.max(1, height / rows));
      }
      context.globalAlpha = 1;
    }
    if (rows > this.span) {
      context.fillStyle = colors.shade;
      context.fillRect(0, y(this.top), WIDTH, Math.max(6, y(this.span)));
    }
    const draw = (list: Iterable<number>, color: string, left: number, width: number): void => {
      context.fillStyle = color;
      for (const row of list) context.fillRect(left, Math.floor(y(row)), width, Math.max(2, height / rows));
    };
    draw(this.marks.found, colors.warn, 0, 4);
    draw(this.marks.hover, colors.text, 2, 8);
    draw(this.marks.chosen, colors.brand, 0, WIDTH);
  }
}
