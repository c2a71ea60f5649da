/** One module at a time as a drawing: enter a module, go back by the breadcrumbs, pan, zoom, choose; all by keyboard, too. */

import { layOut } from "../layout/client";
import { crumbs, GraphModel } from "../model/drawing";
import type { Heat, HeatCell } from "../model/heat";
import { NOTHING, type Session } from "../model/session";
import { throttled } from "../model/signal";
import type { Stage } from "../protocol";
import { button, Disposal, el, fill } from "../render/dom";
import { type Emphasis, paint, subtitleFont, titleFont, type View } from "../render/painter";
import { cssColors, followTheme } from "../render/theme";
import { rampOf } from "./heatbar";

const HOVER = 50;
const ZOOM = 1.25;
const LEAST = 0.02;
const MOST = 3;
const READABLE = 0.85;
const MARGIN = 24;

export class GraphPane {
  readonly element: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private readonly trail: HTMLElement;
  private readonly status: HTMLElement;
  private readonly spoken: HTMLElement;
  private readonly disposal = new Disposal();
  /** Drawings of this revision, by the module that was asked for. */
  private readonly cache = new Map<string, GraphModel>();
  private readonly views = new Map<string, View>();
  private readonly context: CanvasRenderingContext2D | null;
  private model: GraphModel | undefined;
  private view: View = { scale: 1, left: 0, top: 0 };
  private scope = "";
  private asked = "";
  private hovered = -1;
  private focused = -1;
  private frame = 0;
  /** Whether somebody chose what is in sight. */
  private moved = false;
  private revision = -1;
  private open = false;
  private warmth: { model: GraphModel; heat: Heat; cells: (HeatCell | undefined)[] } | undefined;

  constructor(
    private readonly session: Session,
    private readonly stage: Stage,
    title: string,
  ) {
    this.canvas = el("canvas", {
      class: "oe-canvas",
      tabIndex: 0,
      role: "application",
      aria: { label: `${title} as a graph. Arrow keys move, Enter opens a module, Backspace leaves it.` },
      data: { stage },
    });
    this.context = this.canvas.getContext("2d");
    this.trail = el("nav", { class: "oe-crumbs", aria: { label: "Module path" } });
    this.status = el("div", { class: "oe-graph-status" });
    this.spoken = el("div", { class: "oe-spoken", role: "status", aria: { live: "polite" } });
    const tools = el(
      "div",
      { class: "oe-graph-tools" },
      button({ icon: "plus", title: "Zoom in (+)", press: () => this.zoom(ZOOM) }),
      button({ icon: "minus", title: "Zoom out (-)", press: () => this.zoom(1 / ZOOM) }),
      button({ icon: "fit", title: "Fit (0)", press: () => this.fit() }),
    );
    this.element = el(
      "div",
      { class: "oe-graphpane" },
      this.trail,
      el("div", { class: "oe-canvas-box" }, this.canvas, this.status, tools),
      this.spoken,
    );
    const resized = new ResizeObserver(() => this.schedule());
    resized.observe(this.canvas);
    this.disposal.add(
      () => resized.disconnect(),
      () => cancelAnimationFrame(this.frame),
      followTheme(this.element, () => this.schedule()),
      session.panes.on(() => this.stale()),
      session.hover.on(() => this.schedule()),
      session.selection.on(() => this.schedule()),
      session.step.on(() => this.schedule()),
      session.heat.on(() => this.schedule()),
      session.search.on(() => this.schedule()),
      session.reveal.on((wanted) => {
        if (wanted === undefined || !this.open || wanted.sender === this.sender) return;
        if (wanted.pane === undefined || wanted.pane === this.stage) void this.revealIds(wanted.ids);
      }),
    );
    this.pointer();
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  private get sender(): string {
    return `graph ${this.stage}`;
  }

  close(): void {
    this.disposal.run();
  }

  /** Shown or hidden: a hidden one asks for nothing. */
  setOpen(open: boolean): void {
    this.open = open;
    if (open) this.stale();
  }

  // -- getting a drawing ----------------------------------------------------------------------------------------------

  private stale(): void {
    const summary = this.session.summary.value;
    const revision = summary?.content ?? summary?.revision ?? 0;
    if (revision !== this.revision) this.cache.clear();
    if (this.open && (revision !== this.revision || this.model === undefined)) {
      this.revision = revision;
      void this.load(this.scope, false);
    }
  }

  private async load(scope: string, fit = true): Promise<void> {
    this.asked = scope;
    const late = setTimeout(() => this.say("Drawing …"), 150);
    try {
      const model = this.cache.get(scope) ?? (await this.fetch(scope));
      if (this.asked !== scope) return;
      if (typeof model === "string") {
        this.model = undefined;
        this.say(model);
        this.schedule();
        return;
      }
      this.cache.set(scope, model);
      if (this.model !== undefined) this.views.set(this.scope, this.view);
      const first = this.model === undefined;
      this.model = model;
      this.scope = model.message.scope;
      this.hovered = -1;
      if (this.focused >= model.count) this.focused = -1;
      this.canvas.dataset.scope = this.scope;
      this.canvas.dataset.nodes = String(model.count);
      this.canvas.dataset.engine = model.layout?.engine ?? "";
      this.say(model.count === 0 ? "Nothing is here yet" : "");
      this.breadcrumbs();
      if (fit || first) {
        this.focused = -1;
        const known = this.views.get(this.scope);
        if (known !== undefined && !first) {
          this.view = known;
          this.moved = true;
        } else this.fit(true);
      }
      this.schedule();
    } finally {
      clearTimeout(late);
    }
  }

  private async fetch(scope: string): Promise<GraphModel | string> {
    const drawing = await this.session.graph(this.stage, scope);
    if (typeof drawing === "string") return drawing;
    const colors = cssColors(this.element);
    const context = this.context;
    const known = new Map<string, number>();
    const model = new GraphModel(drawing, (text, bold) => {
      const shown = text.length > 48 ? text.slice(0, 48) : text;
      const key = bold ? `b${shown}` : shown;
      let width = known.get(key);
      if (width === undefined) {
        if (context === null) return 7 * shown.length;
        context.font = bold ? titleFont(colors, true) : subtitleFont(colors);
        width = context.measureText(shown).width;
        known.set(key, width);
      }
      return width;
    });
    model.layout = await layOut(model.input, () => this.session.layoutScript());
    return model;
  }

  private enter(scope: string): void {
    this.focused = -1;
    void this.load(scope).then(() => {
      if (this.model !== undefined) this.announce(`${this.scope || "the whole model"}: ${this.model.count} nodes`);
    });
  }

  private leave(): void {
    const parents = crumbs(this.scope);
    if (parents.length > 0) this.enter(parents.at(-2)?.path ?? "");
  }

  private breadcrumbs(): void {
    const parts = crumbs(this.scope);
    const crumb = (name: string, path: string, current: boolean): HTMLElement =>
      current
        ? el("span", { class: "oe-crumb", aria: { current: "location" } }, name)
        : el("button", { class: "oe-crumb", type: "button", on: { click: () => this.enter(path) } }, name);
    const children: HTMLElement[] = [crumb("model", "", parts.length === 0)];
    for (const [index, part] of parts.entries()) {
      children.push(el("span", { class: "oe-crumb-gap", aria: { hidden: "true" } }, "›"));
      children.push(crumb(part.name, part.path, index === parts.length - 1));
    }
    fill(this.trail, ...children);
  }

  /** Where the chosen nodes are: their module is opened, the first of them comes into the middle. */
  async revealIds(ids: ReadonlySet<number>): Promise<void> {
    if (this.model === undefined) await this.load("");
    let scope = "";
    for (let depth = 0; depth < 24; depth++) {
      await this.load(scope, false);
      const model = this.model;
      if (model === undefined) return;
      const hits = model.threads.rows(ids);
      const node = hits.find((hit) => model.kind(hit) === "operator") ?? hits[0];
      if (node === undefined) return;
      if (model.kind(node) !== "module" || hits.length > 1) {
        this.center(node);
        return;
      }
      scope = model.key(node);
    }
  }

  // -- pointing and choosing ------------------------------------------------------------------------------------------

  private pointer(): void {
    const canvas = this.canvas;
    const hover = throttled(HOVER, (node: number) => this.point(node));
    let drag: { x: number; y: number; moved: boolean } | undefined;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      drag = { x: event.clientX, y: event.clientY, moved: false };
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
    });
    canvas.addEventListener("pointermove", (event) => {
      if (drag === undefined) {
        hover(this.nodeAt(event));
        return;
      }
      const dx = event.clientX - drag.x;
      const dy = event.clientY - drag.y;
      if (!drag.moved && Math.hypot(dx, dy) < 4) return;
      drag = { x: event.clientX, y: event.clientY, moved: true };
      this.move(dx, dy);
    });
    canvas.addEventListener("pointerup", (event) => {
      const click = drag !== undefined && !drag.moved;
      drag = undefined;
      if (click) this.choose(this.nodeAt(event));
    });
    canvas.addEventListener("pointercancel", () => {
      drag = undefined;
    });
    canvas.addEventListener("pointerleave", () => hover(-1));
    canvas.addEventListener("dblclick", (event) => this.activate(this.nodeAt(event)));
    canvas.addEventListener(
      "wheel",
      (event) => {
        // Until the graph is clicked, the wheel belongs to the notebook.
        if (document.activeElement !== canvas && !event.ctrlKey) return;
        event.preventDefault();
        const box = canvas.getBoundingClientRect();
        this.zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
      },
      { passive: false },
    );
  }

  private nodeAt(event: MouseEvent): number {
    const box = this.canvas.getBoundingClientRect();
    const x = (event.clientX - box.left - this.view.left) / this.view.scale;
    const y = (event.clientY - box.top - this.view.top) / this.view.scale;
    return this.model?.at(x, y) ?? -1;
  }

  private point(node: number): void {
    if (node === this.hovered) return;
    this.hovered = node;
    this.canvas.style.cursor = node >= 0 ? "pointer" : "grab";
    const model = this.model;
    if (node < 0 || model === undefined) this.session.point([], -1, this.sender);
    else this.session.point(model.threads.of(node), model.color(node), this.sender);
    this.canvas.title = node >= 0 && model !== undefined ? this.words(model, node) : "";
    this.schedule();
  }

  private choose(node: number): void {
    const model = this.model;
    if (model === undefined) return;
    this.focused = node;
    if (node < 0) this.session.select([], -1, this.sender);
    else {
      this.session.select(model.threads.of(node), model.color(node), this.sender);
      this.announce(this.words(model, node));
    }
    this.schedule();
  }

  private activate(node: number): void {
    const model = this.model;
    if (node < 0 || model === undefined) return;
    if (model.kind(node) === "module") this.enter(model.key(node));
    else {
      this.choose(node);
      this.session.show(this.sender);
    }
  }

  private key(event: KeyboardEvent): void {
    const model = this.model;
    if (model === undefined || event.ctrlKey || event.metaKey) return;
    const directions = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" } as const;
    const direction = directions[event.key as keyof typeof directions];
    if (direction !== undefined) {
      if (event.shiftKey) {
        const way = { up: [0, 60], down: [0, -60], left: [60, 0], right: [-60, 0] }[direction];
        this.move(way[0] ?? 0, way[1] ?? 0);
      } else this.focusNode(this.focused < 0 ? 0 : model.toward(this.focused, direction));
    } else if (event.key === "Home") this.focusNode(0);
    else if (event.key === "End") this.focusNode(model.count - 1);
    else if (event.key === "Enter") this.activate(this.focused);
    else if (event.key === " ") this.choose(this.focused);
    else if (event.key === "Backspace") this.leave();
    else if (event.key === "+" || event.key === "=") this.zoom(ZOOM);
    else if (event.key === "-") this.zoom(1 / ZOOM);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private focusNode(node: number): void {
    const model = this.model;
    if (model === undefined || node < 0 || node >= model.count) return;
    this.focused = node;
    const { left, top, scale } = this.view;
    const x = model.x(node) * scale + left;
    const y = model.y(node) * scale + top;
    const wide = (model.width(node) * scale) / 2 + MARGIN;
    if (x < wide || y < MARGIN || x > this.canvas.clientWidth - wide || y > this.canvas.clientHeight - MARGIN)
      this.center(node);
    this.session.point(model.threads.of(node), model.color(node), this.sender);
    this.announce(this.words(model, node));
    this.schedule();
  }

  private announce(text: string): void {
    this.spoken.textContent = text;
  }

  private say(text: string): void {
    this.status.textContent = text;
    this.status.hidden = text === "";
  }

  // -- the view ---------------------------------------------------------------------------------------------------------

  private move(dx: number, dy: number): void {
    this.moved = true;
    this.view = { ...this.view, left: this.view.left + dx, top: this.view.top + dy };
    this.schedule();
  }

  private zoom(factor: number, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2): void {
    this.moved = true;
    const scale = Math.min(MOST, Math.max(LEAST, this.view.scale * factor));
    const ratio = scale / this.view.scale;
    this.view = { scale, left: x - (x - this.view.left) * ratio, top: y - (y - this.view.top) * ratio };
    this.schedule();
  }

  /** All of it; or, at first sight, its beginning in a size that can be read. */
  private fit(readable = false): void {
    const layout = this.model?.layout;
    const width = this.canvas.clientWidth;
    const height = this.canvas.clientHeight;
    if (layout === undefined || width === 0) return;
    const whole = Math.min(
      1.1,
      (width - 2 * MARGIN) / Math.max(1, layout.width),
      (height - 2 * MARGIN) / Math.max(1, layout.height),
    );
    const scale = readable ? Math.min(1.1, Math.max(whole, READABLE)) : Math.max(LEAST, whole);
    const fits = layout.height * scale <= height - 2 * MARGIN;
    const first = this.model?.count ? this.model.x(0) : layout.width / 2;
    const middle = layout.width * scale <= width - 2 * MARGIN ? layout.width / 2 : first;
    this.moved = !readable;
    this.view = {
      scale,
      left: width / 2 - middle * scale,
      top: fits ? (height - layout.height * scale) / 2 : MARGIN,
    };
    this.schedule();
  }

  private center(node: number): void {
    const model = this.model;
    if (model === undefined) return;
    const scale = Math.max(this.view.scale, READABLE);
    this.moved = true;
    this.view = {
      scale,
      left: this.canvas.clientWidth / 2 - model.x(node) * scale,
      top: this.canvas.clientHeight / 2 - model.y(node) * scale,
    };
    this.focused = node;
    this.schedule();
  }

  private schedule(): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  private paint(): void {
    const width = this.canvas.clientWidth;
    const height = this.canvas.clientHeight;
    const context = this.context;
    if (context === null || width === 0 || height === 0) return;
    const pixels = window.devicePixelRatio || 1;
    const wanted = Math.round(width * pixels);
    const tall = Math.round(height * pixels);
    if (this.canvas.width !== wanted || this.canvas.height !== tall) {
      const first = this.canvas.width === 300 && this.canvas.height === 150;
      const wider = (wanted - this.canvas.width) / pixels;
      this.canvas.width = wanted;
      this.canvas.height = tall;
      // What nobody moved is fitted again; else what was in the middle stays there.
      if (first || !this.moved) this.fit(true);
      else this.view = { ...this.view, left: this.view.left + wider / 2 };
    }
    const model = this.model;
    if (model === undefined) {
      context.clearRect(0, 0, wanted, tall);
      return;
    }
    const { hover, selection, step, search, summary } = this.session;
    const word = search.value.toLowerCase();
    const found = new Set<number>();
    if (word !== "") {
      for (let node = 0; node < model.count; node++) {
        const text = `${model.title(node)}\n${model.subtitle(node)}\n${model.key(node)}`.toLowerCase();
        if (text.includes(word)) found.add(node);
      }
    }
    const next = step.value === undefined ? new Set(summary.value?.next_ids ?? []) : NOTHING.ids;
    const drawn = paint(
      context,
      { width, height, pixels },
      model,
      this.view,
      {
        hovered: this.hovered,
        focused: this.focused,
        lit: new Set(model.threads.rows(hover.value.ids)),
        chosen: new Set(model.threads.rows(selection.value.ids)),
        found,
        step: step.value,
        next: new Set(model.threads.rows(next)),
        heat: this.heat(model),
      },
      cssColors(this.element),
    );
    this.canvas.dataset.drawn = String(drawn);
  }

  private heat(model: GraphModel): Emphasis["heat"] {
    const heat = this.session.heat.value;
    if (heat === undefined) return undefined;
    if (this.warmth?.model !== model || this.warmth.heat !== heat) {
      this.warmth = {
        model,
        heat,
        cells: Array.from({ length: model.count }, (_, node) => this.cell(model, node, heat)),
      };
    }
    return { cells: this.warmth.cells, ramp: rampOf(heat.mode) };
  }

  private cell(model: GraphModel, node: number, heat: Heat): HeatCell | undefined {
    if (model.isPill(node)) return undefined;
    const isNode = this.stage === "onnx" && model.kind(node) === "operator";
    return heat.of(model.threads.of(node), isNode ? model.key(node) : "");
  }

  /** What a node is, and how hot. */
  private words(model: GraphModel, node: number): string {
    const heat = this.session.heat.value;
    const cell = heat === undefined ? undefined : this.cell(model, node, heat);
    return cell === undefined ? describe(model, node) : `${describe(model, node)}. ${cell.title()}`;
  }
}

function describe(model: GraphModel, node: number): string {
  const subtitle = model.message.subtitles[node] ?? "";
  const parts = [`${model.kind(node)} ${model.title(node)}`, model.isPill(node) ? subtitle : model.subtitle(node)];
  if (model.kind(node) !== "input" && model.key(node) !== model.title(node)) parts.push(model.key(node));
  return parts.filter((part) => part !== "").join(", ");
}
