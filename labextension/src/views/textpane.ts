/** One pane as a virtualised list of lines: only what is in sight has elements, however long the text is. */

import { type HeatCell, heatOfLine } from "../model/heat";
import { hue } from "../model/palette";
import type { PaneModel } from "../model/pane";
import { type Mark, NOTHING, type Session } from "../model/session";
import { throttled } from "../model/signal";
import { tokens } from "../model/tokens";
import { type PaneName, STYLE_ERROR, STYLE_HEADING, STYLE_INNER, STYLE_QUIET } from "../protocol";
import { Disposal, el } from "../render/dom";
import { rampOf } from "./heatbar";
import { Ruler } from "./ruler";

export const ROW = 20;
const OVERSCAN = 8;
const HOVER = 50;
const STYLES: Record<number, string> = {
  [STYLE_HEADING]: "oe-heading",
  [STYLE_QUIET]: "oe-quiet",
  [STYLE_ERROR]: "oe-error",
  [STYLE_INNER]: "oe-inner",
};

export class TextPane {
  readonly element: HTMLElement;
  private readonly scroller: HTMLElement;
  private readonly canvas: HTMLElement;
  private readonly ruler: Ruler;
  private readonly rows = new Map<number, HTMLElement>();
  private readonly disposal = new Disposal();
  private model: PaneModel | undefined;
  private focused = -1;
  private found: ReadonlySet<number> = new Set();
  private frame = 0;
  private top = 0;
  private charWidth = 7.2;

  constructor(
    private readonly session: Session,
    private readonly name: PaneName,
    title: string,
  ) {
    const id = `oe-${name}-${Math.random().toString(36).slice(2, 8)}`;
    this.canvas = el("div", { class: "oe-lines" });
    this.scroller = el(
      "div",
      {
        class: "oe-scroller",
        role: "listbox",
        tabIndex: 0,
        aria: { label: `${title}, lines`, multiselectable: "true" },
      },
      this.canvas,
    );
    this.scroller.id = id;
    this.ruler = new Ruler((row) => this.scrollTo(row));
    this.element = el("div", { class: `oe-textpane oe-textpane-${name}` }, this.scroller, this.ruler.element);
    const point = throttled(HOVER, (row: number) => this.point(row));
    const resized = new ResizeObserver(() => {
      // A notebook takes cells out of the page when they are out of sight; that loses the scroll position.
      if (this.scroller.clientHeight > 0 && this.scroller.scrollTop !== this.top) this.scroller.scrollTop = this.top;
      this.schedule();
    });
    resized.observe(this.scroller);
    this.disposal.add(
      () => resized.disconnect(),
      () => cancelAnimationFrame(this.frame),
      session.panes.watch((panes) => this.take(panes.get(name))),
      session.hover.on(() => this.mark()),
      session.selection.on(() => this.mark()),
      session.step.on(() => this.mark()),
      session.summary.on(() => this.mark()),
      session.heat.on(() => this.warm()),
      session.search.on((word) => this.search(word)),
      session.reveal.on((wanted) => {
        if (wanted === undefined || this.element.offsetParent === null) return;
        if (wanted.pane === undefined ? wanted.sender !== this.name : wanted.pane === this.name)
          this.revealIds(wanted.ids);
      }),
      session.jumped.on((place) => {
        if (place?.pane === this.name) this.scroller.scrollTop = place.row;
      }),
    );
    const scrolled = (): void => {
      if (this.scroller.clientHeight > 0) this.top = this.scroller.scrollTop;
      this.schedule();
    };
    this.scroller.addEventListener("scroll", scrolled, { passive: true });
    this.scroller.addEventListener("pointermove", (event) => point(this.rowAt(event)));
    this.scroller.addEventListener("pointerleave", () => point(-1));
    this.scroller.addEventListener("click", (event) => this.choose(this.rowAt(event)));
    this.scroller.addEventListener("dblclick", (event) => {
      this.choose(this.rowAt(event));
      this.session.show(this.name);
    });
    this.scroller.addEventListener("keydown", (event) => this.key(event));
    this.scroller.addEventListener("focus", () => {
      if (this.focused < 0 && (this.model?.count ?? 0) > 0) this.focus(Math.ceil(this.scroller.scrollTop / ROW), false);
    });
  }

  close(): void {
    this.disposal.run();
  }

  /** Rows about the selected nodes, and which of them are out of sight. */
  linked(): { rows: readonly number[]; above: number; below: number } {
    const rows = this.model?.threads.rows(this.session.selection.value.ids) ?? [];
    const first = this.scroller.scrollTop / ROW;
    const last = (this.scroller.scrollTop + this.scroller.clientHeight) / ROW - 1;
    return {
      rows,
      above: rows.filter((row) => row < first - 0.5).length,
      below: rows.filter((row) => row > last + 0.5).length,
    };
  }

  revealIds(ids: ReadonlySet<number>): void {
    const rows = this.model?.threads.rows(ids) ?? [];
    const best = rows.find((row) => (this.model?.color(row) ?? -1) >= 0) ?? rows[0];
    if (best === undefined) return;
    this.session.history.push({ pane: this.name, row: this.scroller.scrollTop });
    this.scrollTo(best);
    this.focus(best, false);
  }

  private take(model: PaneModel | undefined): void {
    if (model === this.model) return;
    this.model = model;
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    this.focused = Math.min(this.focused, (model?.count ?? 0) - 1);
    this.canvas.style.height = `${(model?.count ?? 0) * ROW}px`;
    this.charWidth = measure(this.scroller) || this.charWidth;
    this.canvas.style.minWidth = `${Math.ceil((model?.width ?? 0) * this.charWidth) + 72}px`;
    this.search(this.session.search.value);
    this.ruler.take(model);
    this.warm();
    this.mark();
  }

  /** Heat of all lines, for those in sight and for the ruler. */
  private warm(): void {
    const { model } = this;
    const heat = this.session.heat.value;
    this.element.classList.toggle("oe-with-heat", heat !== undefined);
    const levels =
      heat === undefined || model === undefined
        ? undefined
        : Int8Array.from({ length: model.count }, (_, row) => heatOfLine(heat, model, row)?.level ?? -1);
    this.ruler.warm(levels, heat === undefined ? "error" : rampOf(heat.mode));
    if (model === undefined) return;
    for (const [row, element] of this.rows) {
      const place = element.querySelector<HTMLElement>(".oe-heat");
      if (place !== null) this.fillHeat(place, model, row);
    }
  }

  private fillHeat(place: HTMLElement, model: PaneModel, row: number): void {
    const heat = this.session.heat.value;
    const cell: HeatCell | undefined = heat === undefined ? undefined : heatOfLine(heat, model, row);
    place.textContent = cell === undefined ? "" : `${cell.mark}${cell.text}`;
    place.title = cell?.title() ?? "";
    place.dataset.level = String(cell?.level ?? "");
    place.dataset.ramp = heat === undefined ? "" : rampOf(heat.mode);
  }

  private schedule(): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  private paint(): void {
    const model = this.model;
    if (model === undefined) return;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - OVERSCAN);
    const height = this.scroller.clientHeight || 400;
    const last = Math.min(model.count, Math.ceil((this.scroller.scrollTop + height) / ROW) + OVERSCAN);
    for (const [row, element] of this.rows) {
      if (row < first || row >= last) {
        element.remove();
        this.rows.delete(row);
      }
    }
    for (let row = first; row < last; row++) {
      if (this.rows.has(row)) continue;
      const element = this.build(model, row);
      this.rows.set(row, element);
      this.canvas.appendChild(element);
    }
    this.dress(model);
    this.ruler.view(this.scroller.scrollTop / ROW, height / ROW);
  }

  private build(model: PaneModel, row: number): HTMLElement {
    const color = model.color(row);
    const style = model.style(row);
    const line = el("span", { class: "oe-code" });
    if (style === STYLE_HEADING) line.textContent = model.line(row);
    else {
      for (const token of tokens(model.line(row), this.name === "source" ? "python" : "graph")) {
        if (token.kind === "plain") line.append(token.text);
        else line.append(el("span", { class: `oe-t-${token.kind}` }, token.text));
      }
    }
    const note = model.note(row);
    const warmth = el("span", { class: "oe-heat" });
    if (this.session.heat.value !== undefined) this.fillHeat(warmth, model, row);
    const element = el(
      "div",
      {
        class: `oe-line ${STYLES[style] ?? ""} ${color >= 0 ? "oe-colored" : ""}`,
        role: "option",
        style: { top: `${row * ROW}px`, "--oe-hue": hue(color) },
        data: { row: String(row) },
        aria: { setsize: String(model.count), posinset: String(row + 1), selected: "false" },
      },
      warmth,
      el("span", { class: "oe-label" }, model.label(row)),
      line,
      note === "" ? null : el("span", { class: "oe-note" }, note),
    );
    element.id = `${this.scroller.id}-${row}`;
    return element;
  }

  /** What depends on pointing, choosing, searching and the step: classes only. */
  private dress(model: PaneModel): void {
    const { hover, selection, step, summary } = this.session;
    const at = step.value;
    const next = at === undefined ? new Set(summary.value?.next_ids ?? []) : NOTHING.ids;
    for (const [row, element] of this.rows) {
      const made = model.step(row);
      const lit = model.threads.touches(row, hover.value.ids);
      const chosen = model.threads.touches(row, selection.value.ids);
      const near = (mark: Mark): boolean => mark.color >= 0 && model.color(row) === mark.color;
      const classes = element.classList;
      classes.toggle("oe-lit", lit);
      classes.toggle("oe-near", (lit && near(hover.value)) || (chosen && near(selection.value)));
      classes.toggle("oe-chosen", chosen);
      classes.toggle("oe-later", at !== undefined && made > at);
      classes.toggle("oe-now", at !== undefined && made === at && at > 0 && this.name !== "source");
      // Of the source, every line of the call stack: a line may have been lowered in part.
      const open = made === 0 || this.name === "source";
      classes.toggle("oe-next", next.size > 0 && open && model.threads.touches(row, next));
      classes.toggle("oe-found", this.found.has(row));
      classes.toggle("oe-focused", row === this.focused);
      element.setAttribute("aria-selected", String(chosen));
    }
  }

  private mark(): void {
    this.schedule();
    const threads = this.model?.threads;
    this.ruler.mark(
      threads?.rows(this.session.hover.value.ids) ?? [],
      threads?.rows(this.session.selection.value.ids) ?? [],
      this.found,
    );
  }

  private search(word: string): void {
    this.found = new Set(this.model?.search(word) ?? []);
    this.mark();
  }

  /** The next row that the search found. */
  nextFound(): boolean {
    const after = this.focused;
    const rows = [...this.found];
    const row = rows.find((found) => found > after) ?? rows[0];
    if (row === undefined) return false;
    this.session.history.push({ pane: this.name, row: this.scroller.scrollTop });
    this.scrollTo(row);
    this.focus(row, false);
    return true;
  }

  private rowAt(event: MouseEvent): number {
    const top = this.canvas.getBoundingClientRect().top;
    const row = Math.floor((event.clientY - top) / ROW);
    return row >= 0 && row < (this.model?.count ?? 0) ? row : -1;
  }

  private point(row: number): void {
    const model = this.model;
    if (row < 0 || model === undefined) this.session.point([], -1, this.name);
    else this.session.point(model.threads.of(row), model.color(row), this.name);
  }

  private choose(row: number): void {
    const model = this.model;
    if (row < 0 || model === undefined) return;
    this.focus(row, false);
    const ids = model.threads.of(row);
    this.session.select(ids, model.color(row), this.name);
  }

  private focus(row: number, scroll: boolean): void {
    const count = this.model?.count ?? 0;
    if (count === 0) return;
    this.focused = Math.max(0, Math.min(row, count - 1));
    if (scroll) {
      const top = this.focused * ROW;
      const view = this.scroller;
      if (top < view.scrollTop) view.scrollTop = top;
      else if (top + ROW > view.scrollTop + view.clientHeight) view.scrollTop = top + ROW - view.clientHeight;
    }
    this.paint();
    this.scroller.setAttribute("aria-activedescendant", `${this.scroller.id}-${this.focused}`);
  }

  private scrollTo(row: number): void {
    this.scroller.scrollTop = Math.max(0, row * ROW - this.scroller.clientHeight / 2 + ROW / 2);
    this.schedule();
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 1);
    const moves: Record<string, number> = {
      ArrowDown: this.focused + 1,
      ArrowUp: this.focused - 1,
      PageDown: this.focused + page,
      PageUp: this.focused - page,
      Home: 0,
      End: (this.model?.count ?? 1) - 1,
    };
    const target = moves[event.key];
    if (target !== undefined) {
      this.focus(target, true);
      this.point(this.focused);
    } else if (event.key === " ") this.choose(this.focused);
    else if (event.key === "Enter") {
      this.choose(this.focused);
      this.session.show(this.name);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function measure(parent: HTMLElement): number {
  const probe = el("span", { class: "oe-code oe-probe" }, "0".repeat(100));
  parent.appendChild(probe);
  const width = probe.getBoundingClientRect().width / 100;
  probe.remove();
  return width;
}
