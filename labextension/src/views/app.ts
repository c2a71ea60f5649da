/** The whole explorer: verdict, failure, step bar, panes, passes, drawers. `mount` returns the way to take it down. */

import type { PaneSpec, Source } from "../kernel/source";
import { Session } from "../model/session";
import { button, Disposal, el, fill, icon } from "../render/dom";
import { followTheme } from "../render/theme";
import { Drawer, type TabName } from "./drawer";
import { FailureBanner } from "./failure";
import { GraphPane } from "./graphpane";
import { HeatBar } from "./heatbar";
import { PassStrip } from "./passstrip";
import { Split } from "./split";
import { StepBar } from "./stepbar";
import { storeResults } from "./storing";
import { TextPane } from "./textpane";
import { Verdict } from "./verdict";

const EXPORT_TABS: readonly TabName[] = ["node", "problems", "checks", "axes", "costs", "interface", "passes"];
const FILE_TABS: readonly TabName[] = ["node", "interface", "problems"];

export interface AppOptions {
  /** Take the whole height of the parent (a document) instead of an own one (an output). */
  fillParent?: boolean;
}

export function mount(parent: HTMLElement, source: Source, options: AppOptions = {}): () => void {
  const session = new Session(source);
  const app = new App(session, options);
  parent.append(app.element);
  void session.open();
  return () => {
    app.close();
    session.close();
    app.element.remove();
  };
}

class App {
  readonly element: HTMLElement;
  private readonly disposal = new Disposal();
  private readonly panes: Pane[];
  private readonly split: Split;
  private readonly searchBox: HTMLInputElement;
  private readonly notice = el("div", { class: "oe-notice", role: "status" });

  constructor(
    private readonly session: Session,
    options: AppOptions,
  ) {
    const isExport = session.source.connection !== "file";
    const verdict = new Verdict(session);
    const failure = new FailureBanner(session);
    const steps = new StepBar(session);
    const drawer = new Drawer(session, isExport ? EXPORT_TABS : FILE_TABS);
    const strip = new PassStrip(
      session,
      () => drawer.open("passes", true),
      () => {
        drawer.open("checks", true);
        void session.check("bisect");
      },
    );
    const heat = new HeatBar(session);
    this.panes = session.source.panes.map((spec) => new Pane(session, spec));
    this.split = new Split(this.panes, options.fillParent === true);
    this.searchBox = this.makeSearch();
    this.element = el(
      "div",
      {
        class: `oe-root ${options.fillParent === true ? "oe-fill" : ""}`,
        role: "region",
        aria: { label: "ONNX explorer" },
      },
      verdict.element,
      this.notice,
      failure.element,
      el("div", { class: "oe-bar" }, isExport ? steps.element : el("span", { class: "oe-spring" }), this.viewTools()),
      heat.element,
      this.split.element,
      isExport ? strip.element : null,
      drawer.element,
    );
    this.element.addEventListener("keydown", (event) => this.key(event, steps));
    // Keys are the widget's own while it has the focus: the notebook's single-letter commands stay out.
    this.element.dataset.lmSuppressShortcuts = "true";
    this.disposal.add(
      followTheme(this.element, () => undefined),
      () => verdict.close(),
      () => failure.close(),
      () => steps.close(),
      () => strip.close(),
      () => heat.close(),
      storeResults(session, this.element),
      () => drawer.close(),
      () => this.split.close(),
      ...this.panes.map((pane) => () => pane.close()),
      session.connection.watch(() => this.showNotice()),
      session.loading.watch((loading) => this.element.setAttribute("aria-busy", String(loading))),
      session.trouble.on(() => this.showNotice()),
      session.slow.on(() => this.showNotice()),
      session.summary.on(() => this.showNotice()),
      session.summary.watch((summary) => {
        this.element.dataset.state = summary?.state ?? "";
      }),
    );
  }

  close(): void {
    this.disposal.run();
  }

  private viewTools(): HTMLElement {
    const toggles = this.panes.map((pane) => {
      const toggle = button({
        text: pane.spec.title,
        title: `Show or hide ${pane.spec.title}`,
        class: "oe-toggle",
        pressed: true,
        press: () => {
          const shown = this.panes.filter((other) => !other.hidden);
          if (shown.length === 1 && shown[0] === pane) return;
          pane.hidden = !pane.hidden;
          toggle.setAttribute("aria-pressed", String(!pane.hidden));
          this.split.arrange();
        },
      });
      return toggle;
    });
    return el(
      "div",
      { class: "oe-tools", role: "toolbar", aria: { label: "View" } },
      this.searchBox,
      el("span", { class: "oe-toggles", role: "group", aria: { label: "Panes" } }, ...toggles),
      button({
        icon: "return",
        title: "Back to where I was before the last jump (b)",
        press: () => this.session.back(),
      }),
      this.panes.length > 2
        ? button({ icon: "grid", title: "Panes in one row or in two", press: () => this.split.turn() })
        : null,
      button({ icon: "full", title: "Full screen", press: () => this.fullScreen() }),
    );
  }

  private makeSearch(): HTMLInputElement {
    const box = el("input", {
      class: "oe-input oe-search",
      placeholder: "Search  /",
      type: "search",
      aria: { label: "Search in all panes" },
      on: {
        input: () => {
          this.session.search.value = box.value.trim();
        },
        keydown: (event) => {
          event.stopPropagation();
          if (event.key === "Enter") {
            for (const pane of this.panes) pane.nextFound();
          } else if (event.key === "Escape") {
            box.value = "";
            this.session.search.value = "";
            box.blur();
          }
        },
      },
    });
    return box;
  }

  private fullScreen(): void {
    if (document.fullscreenElement === this.element) void document.exitFullscreen();
    else void this.element.requestFullscreen();
  }

  private key(event: KeyboardEvent, steps: StepBar): void {
    const target = event.target;
    const typing = target instanceof HTMLInputElement && target.type !== "range" && target.type !== "checkbox";
    if (!event.ctrlKey && !event.metaKey && !event.altKey && !typing) {
      if (event.key === "/") {
        this.searchBox.focus();
        this.searchBox.select();
        event.preventDefault();
      } else if (event.key === "Escape") {
        this.session.select([], -1, "keyboard");
        this.session.lookAt(undefined);
      } else if (event.key === "[" || event.key === "]") steps.look(event.key === "[" ? -1 : 1);
      else if (event.key === "b") this.session.back();
    }
    // The notebook must not run commands on keys that were meant for the widget.
    if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
  }

  private showNotice(): void {
    const { connection, trouble, slow } = this.session;
    const [text, look] = ((): [string, string] => {
      switch (connection.value) {
        case "gone":
          return [
            "The kernel is gone or was restarted. What is here can still be looked at; run the cell again to go on.",
            "warning",
          ];
        case "saved":
          return [
            "Saved output, without a kernel: look around; run the cell to step, edit axes or open nodes.",
            "info",
          ];
        case "live":
          if (trouble.value === "" && slow.value > 0) {
            return ["No answer yet: the kernel is at work, on this or on a cell.", "info"];
          }
          return [trouble.value, "warning"];
        case "file":
          return [trouble.value, "warning"];
        default:
          return connection.value satisfies never;
      }
    })();
    this.notice.hidden = text === "";
    this.notice.dataset.look = look;
    fill(this.notice, icon(look === "info" ? "info" : "warn"), text);
  }
}

/** A pane with its head: title, text or graph, how many linked lines are out of sight. */
export class Pane {
  readonly element: HTMLElement;
  hidden = false;
  weight = 1;
  private readonly text: TextPane;
  private readonly graph: GraphPane | undefined;
  private readonly linked: HTMLButtonElement;
  private readonly disposal = new Disposal();

  constructor(
    private readonly session: Session,
    readonly spec: PaneSpec,
  ) {
    this.text = new TextPane(session, spec.pane, spec.title);
    this.graph = spec.stage === undefined ? undefined : new GraphPane(session, spec.stage, spec.title);
    const switcher =
      spec.stage === undefined || !spec.switchable
        ? null
        : el(
            "div",
            { class: "oe-switch", role: "group", aria: { label: `${spec.title} as` } },
            ...(["text", "graph"] as const).map((view) => {
              const item = el(
                "button",
                {
                  class: "oe-switch-item",
                  type: "button",
                  title: view === "text" ? "As text" : "As a graph, module by module",
                  aria: { pressed: String(view === spec.view) },
                  data: { view },
                  on: {
                    click: () => {
                      this.show(view);
                      for (const other of item.parentElement?.children ?? []) {
                        other.setAttribute("aria-pressed", String(other === item));
                      }
                    },
                  },
                },
                icon(view),
                el("span", {}, view === "text" ? "Text" : "Graph"),
              );
              return item;
            }),
          );
    this.linked = button({
      icon: "target",
      text: "",
      title: "Go to the linked lines (Enter on a line does so everywhere)",
      class: "oe-linked",
      press: () => this.session.show("head", this.spec.view === "graph" ? this.spec.stage : this.spec.pane),
    });
    this.element = el(
      "section",
      { class: "oe-pane", data: { pane: spec.pane }, aria: { label: spec.title } },
      el(
        "header",
        { class: "oe-pane-head" },
        el("h3", {}, spec.title),
        el("span", { class: "oe-spring" }),
        this.linked,
        switcher,
      ),
      this.text.element,
      this.graph?.element ?? null,
    );
    this.disposal.add(
      session.selection.watch(() => this.count()),
      session.panes.on(() => this.count()),
      session.reveal.on(() => requestAnimationFrame(() => this.count())),
    );
    this.text.element.addEventListener("scroll", () => this.count(), { capture: true, passive: true });
    this.show(spec.view);
  }

  close(): void {
    this.disposal.run();
    this.text.close();
    this.graph?.close();
  }

  nextFound(): void {
    if (!this.hidden && !this.text.element.hidden) this.text.nextFound();
  }

  private show(view: "text" | "graph"): void {
    this.text.element.hidden = view === "graph";
    this.count();
    if (this.graph !== undefined) {
      this.graph.element.hidden = view === "text";
      this.graph.setOpen(view === "graph");
    }
  }

  private count(): void {
    const { rows, above, below } = this.text.linked();
    this.linked.hidden = rows.length === 0;
    const away = this.text.element.hidden ? 0 : above + below;
    const arrow = away === 0 ? "" : above > 0 && below > 0 ? " ↕" : above > 0 ? " ↑" : " ↓";
    const words = this.linked.querySelector("span");
    if (words !== null) words.textContent = `${rows.length}${arrow}`;
    this.linked.classList.toggle("oe-away", away === rows.length);
  }
}
