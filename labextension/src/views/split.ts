/** Panes side by side (or in two rows where it is narrow), with edges that can be dragged or moved by arrow keys. */

import { Disposal, el } from "../render/dom";

/** Below this, lines of four panes in one row are too short to be read. */
const NARROW = 1400;
const LEAST = 0.25;
const HEIGHT = 420;
const TWO_ROWS = 1.45;
const LOWEST = 160;

export interface Splittable {
  readonly element: HTMLElement;
  readonly hidden: boolean;
  weight: number;
}

export class Split {
  readonly element = el("div", { class: "oe-split" });
  private readonly rows = el("div", { class: "oe-rows" });
  private readonly disposal = new Disposal();
  private height = HEIGHT;
  private narrow = false;
  /** What a person chose; undefined: by width. */
  private chosen: boolean | undefined;

  constructor(
    private readonly panes: readonly Splittable[],
    private readonly fillParent: boolean,
  ) {
    this.element.append(this.rows);
    if (!fillParent) this.element.append(this.bottom());
    const observer = new ResizeObserver(() => {
      const narrow = this.element.clientWidth < NARROW;
      if (narrow !== this.narrow) {
        this.narrow = narrow;
        this.arrange();
      }
    });
    observer.observe(this.element);
    this.disposal.add(() => observer.disconnect());
    this.arrange();
  }

  /** Whether the panes stand in two rows. */
  get twoRows(): boolean {
    return this.chosen ?? this.narrow;
  }

  /** One row or two, whatever the width. */
  turn(): void {
    this.chosen = !this.twoRows;
    this.arrange();
  }

  close(): void {
    this.disposal.run();
  }

  arrange(): void {
    const shown = this.panes.filter((pane) => !pane.hidden);
    const two = this.twoRows && shown.length > 2;
    const half = Math.ceil(shown.length / 2);
    const groups = two ? [shown.slice(0, half), shown.slice(half)] : [shown];
    this.rows.replaceChildren();
    for (const group of groups) {
      const row = el("div", { class: "oe-row" });
      for (const [index, pane] of group.entries()) {
        const before = group[index - 1];
        if (before !== undefined) row.append(this.edge(before, pane, row));
        pane.element.style.flex = `${pane.weight} 1 0`;
        row.append(pane.element);
      }
      this.rows.append(row);
    }
    if (!this.fillParent) this.rows.style.height = `${two ? Math.round(this.height * TWO_ROWS) : this.height}px`;
  }

  private edge(left: Splittable, right: Splittable, row: HTMLElement): HTMLElement {
    const move = (pixels: number): void => {
      const total = left.element.offsetWidth + right.element.offsetWidth;
      const sum = left.weight + right.weight;
      const share = Math.min(1 - LEAST / 2, Math.max(LEAST / 2, (left.element.offsetWidth + pixels) / total));
      left.weight = sum * share;
      right.weight = sum - left.weight;
      left.element.style.flex = `${left.weight} 1 0`;
      right.element.style.flex = `${right.weight} 1 0`;
    };
    const edge = el("div", {
      class: "oe-edge",
      role: "separator",
      tabIndex: 0,
      title: "Drag, or arrow keys",
      aria: { orientation: "vertical", label: "Width of the panes" },
    });
    drag(edge, (dx) => move(dx));
    edge.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -20, ArrowRight: 20 }[event.key];
      if (by === undefined) return;
      move(by);
      event.preventDefault();
      event.stopPropagation();
    });
    edge.addEventListener("dblclick", () => {
      for (const pane of this.panes) pane.weight = 1;
      for (const child of row.querySelectorAll<HTMLElement>(".oe-pane")) child.style.flex = "1 1 0";
    });
    return edge;
  }

  private bottom(): HTMLElement {
    const edge = el("div", {
      class: "oe-bottom",
      role: "separator",
      tabIndex: 0,
      title: "Drag for more height, or arrow keys",
      aria: { orientation: "horizontal", label: "Height of the panes" },
    });
    const grow = (by: number): void => {
      this.height = Math.max(LOWEST, this.height + by);
      this.arrange();
    };
    drag(edge, (_, dy) => {
      this.height = Math.max(LOWEST, this.height + dy);
      this.rows.style.height = `${this.height * (this.rows.childElementCount > 1 ? TWO_ROWS : 1)}px`;
    });
    edge.addEventListener("keydown", (event) => {
      const by = { ArrowUp: -40, ArrowDown: 40 }[event.key];
      if (by === undefined) return;
      grow(by);
      event.preventDefault();
      event.stopPropagation();
    });
    return edge;
  }
}

function drag(handle: HTMLElement, moved: (dx: number, dy: number) => void): void {
  handle.addEventListener("pointerdown", (down) => {
    handle.setPointerCapture(down.pointerId);
    let { clientX, clientY } = down;
    const move = (event: PointerEvent): void => {
      moved(event.clientX - clientX, event.clientY - clientY);
      clientX = event.clientX;
      clientY = event.clientY;
    };
    const end = (): void => {
      handle.removeEventListener("pointermove", move);
      handle.removeEventListener("pointerup", end);
      handle.removeEventListener("pointercancel", end);
    };
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", end);
    handle.addEventListener("pointercancel", end);
    down.preventDefault();
  });
}
