/** Tabs below the panes; closed, they still say how much is in each. */

import type { Session } from "../model/session";
import type { Summary } from "../protocol";
import { Disposal, el, fill } from "../render/dom";
import { axesDrawer } from "./axes";
import { ChecksView } from "./checks";
import { CostsView } from "./costs";
import { Detail } from "./detail";
import { interfaceTable, passesTable, problemsTable } from "./tables";

export type TabName = "node" | "problems" | "checks" | "axes" | "costs" | "interface" | "passes";

const TITLES: Record<TabName, string> = {
  node: "Node",
  problems: "Problems",
  checks: "Checks",
  axes: "Axes",
  costs: "Cost",
  interface: "Inputs and outputs",
  passes: "Passes",
};

export class Drawer {
  readonly element: HTMLElement;
  private readonly bar = el("div", { class: "oe-tabs", role: "tablist", aria: { label: "Drawers" } });
  private readonly body = el("div", { class: "oe-drawer-body", role: "tabpanel", tabIndex: 0 });
  private readonly tabs = new Map<TabName, HTMLButtonElement>();
  private readonly detail: Detail;
  private readonly checks: ChecksView;
  private readonly costs: CostsView;
  private readonly disposal = new Disposal();
  private current: TabName | undefined;
  private untouched = true;
  private quietPasses = false;

  constructor(
    private readonly session: Session,
    private readonly names: readonly TabName[],
  ) {
    this.detail = new Detail(session);
    this.checks = new ChecksView(session);
    this.costs = new CostsView(session);
    for (const name of names) {
      const tab = el("button", {
        class: "oe-tab",
        type: "button",
        role: "tab",
        data: { tab: name },
        on: { click: () => this.open(this.current === name ? undefined : name, true) },
      });
      this.tabs.set(name, tab);
      this.bar.append(tab);
    }
    this.bar.addEventListener("keydown", (event) => this.key(event));
    this.element = el("div", { class: "oe-drawer" }, this.bar, this.body);
    this.disposal.add(
      () => this.detail.close(),
      () => this.checks.close(),
      () => this.costs.close(),
      session.summary.watch(() => this.show()),
      session.running.on(() => this.show()),
      session.connection.on(() => this.show()),
      session.selection.on((mark) => {
        if (this.untouched && mark.ids.size > 0 && mark.sender !== "kernel") this.open("node", false);
      }),
    );
    this.open(undefined, false);
  }

  close(): void {
    this.disposal.run();
  }

  /** Open a drawer, or close them all. What a person closed does not open by itself again. */
  open(name: TabName | undefined, byHand: boolean): void {
    if (byHand) this.untouched = false;
    this.current = name;
    this.detail.setOpen(name === "node");
    this.checks.setOpen(name === "checks");
    this.costs.setOpen(name === "costs");
    this.show();
  }

  /** Of a file, there are no problems to tell, but what its author wrote into it. */
  private title(name: TabName): string {
    return name === "problems" && this.session.connection.value === "file" ? "Metadata" : TITLES[name];
  }

  private show(): void {
    const summary = this.session.summary.value;
    for (const [name, tab] of this.tabs) {
      const count = summary === undefined ? "" : countOf(name, summary);
      fill(tab, this.title(name), count === "" ? null : el("span", { class: "oe-badge" }, count));
      tab.setAttribute("aria-selected", String(name === this.current));
      tab.setAttribute("aria-expanded", String(name === this.current));
      tab.tabIndex = name === (this.current ?? this.names[0]) ? 0 : -1;
      tab.dataset.alarm = summary === undefined ? "" : alarmOf(name, summary);
    }
    this.body.hidden = this.current === undefined;
    if (this.current === undefined || summary === undefined) return;
    if (this.body.contains(document.activeElement) && this.current === "axes") this.keepFocus(summary);
    else this.fillBody(this.current, summary);
  }

  /** A table that is rebuilt under the hand keeps the focus where it was. */
  private keepFocus(summary: Summary): void {
    const name = nameOf(document.activeElement);
    this.fillBody("axes", summary);
    for (const field of this.body.querySelectorAll<HTMLElement>("input, button")) {
      if (name !== "" && nameOf(field) === name) field.focus({ preventScroll: true });
    }
  }

  private fillBody(name: TabName, summary: Summary): void {
    this.body.setAttribute("aria-label", this.title(name));
    switch (name) {
      case "node":
        this.hold(this.detail.element);
        break;
      case "problems":
        fill(this.body, problemsTable(summary, this.session));
        break;
      case "checks":
        this.hold(this.checks.element);
        break;
      case "costs":
        this.hold(this.costs.element);
        break;
      case "axes":
        fill(this.body, axesDrawer(summary, this.session));
        break;
      case "interface":
        fill(this.body, interfaceTable(summary));
        break;
      case "passes":
        fill(this.body, this.passes(summary));
        break;
      default:
        name satisfies never;
    }
  }

  /** A view that keeps itself up to date. */
  private hold(view: HTMLElement): void {
    if (view.parentElement !== this.body) fill(this.body, view);
  }

  private passes(summary: Summary): HTMLElement {
    const box = el("input", {
      type: "checkbox",
      checked: this.quietPasses,
      on: {
        change: () => {
          this.quietPasses = box.checked;
          this.show();
        },
      },
    });
    return el(
      "div",
      {},
      el("label", { class: "oe-hint" }, box, " hide passes that did nothing"),
      passesTable(summary, this.quietPasses),
    );
  }

  private key(event: KeyboardEvent): void {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const focused = this.names.findIndex((name) => this.tabs.get(name) === document.activeElement);
    if (by === undefined || focused < 0) return;
    const next = this.names[(focused + by + this.names.length) % this.names.length];
    if (next === undefined) return;
    if (this.current !== undefined) this.open(next, true);
    this.tabs.get(next)?.focus();
    event.preventDefault();
    event.stopPropagation();
  }
}

function nameOf(element: Element | null): string {
  return element?.getAttribute("aria-label") ?? element?.getAttribute("title") ?? "";
}

function countOf(name: TabName, summary: Summary): string {
  switch (name) {
    case "node":
      return "";
    case "problems":
      return String(summary.problems.length);
    case "checks":
      return String(summary.checks.filter((check) => check.status !== "detail").length);
    case "axes":
      return `${summary.axes.filter((axis) => axis.symbol !== null).length} dynamic`;
    case "costs":
      return "";
    case "interface":
      return String(summary.interface.length);
    case "passes":
      return String(summary.passes.length);
    default:
      return name satisfies never;
  }
}

function alarmOf(name: TabName, summary: Summary): string {
  if (name === "problems") return summary.problems[0]?.severity ?? "";
  if (name === "checks" && (summary.check === "failed" || summary.nodes?.passed === false)) return "error";
  if (name === "axes" && summary.axes.some((axis) => axis.state === "broken")) return "error";
  return "";
}
