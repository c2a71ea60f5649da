/** The checks drawer: the whole model, every node with heat and values, and the pass that changed the result. */

import { errorText, type NodesModel, timesText } from "../model/checks";
import { errorLevel } from "../model/heat";
import type { CheckKind, Session } from "../model/session";
import type { NodeState, NodesVerdict, PassesVerdict, Summary } from "../protocol";
import { button, Disposal, el, fill, type IconName, icon } from "../render/dom";
import { heatSwitch } from "./heatbar";
import { SortedTable } from "./sortedtable";
import { type Cell, checksTable, table } from "./tables";
import { ValuesPanel } from "./values";
import { plural } from "./verdict";

const STATUS: Record<NodeState, [IconName, string]> = {
  agrees: ["ok", "oe-good"],
  introduces: ["bad", "oe-bad"],
  "passes on": ["down", "oe-warning"],
  random: ["none", "oe-muted"],
  "not compared": ["none", "oe-muted"],
};

export class ChecksView {
  readonly element = el("div", { class: "oe-checks" });
  private readonly whole = el("section", { aria: { label: "Whole model" } });
  private readonly passes = el("section", { class: "oe-check-passes", aria: { label: "Passes one by one" } });
  private readonly head = el("div", { class: "oe-check-head" });
  private readonly rows: SortedTable;
  private readonly values: ValuesPanel;
  private readonly below: HTMLElement;
  private readonly disposal = new Disposal();
  private model: NodesModel | undefined;
  private open = false;

  constructor(private readonly session: Session) {
    this.rows = this.makeRows();
    this.values = new ValuesPanel(session);
    this.below = el("div", { class: "oe-check-rows" }, this.rows.element, this.values.element);
    this.element.append(
      this.whole,
      el("section", { aria: { label: "Every node" } }, this.head, this.below),
      this.passes,
    );
    this.disposal.add(
      ...follow(session, this.element, () => this.show()),
      session.nodes.on(() => this.show()),
      session.selection.on((mark) => {
        if (mark.sender !== "checks") this.catchUp(false);
      }),
    );
  }

  close(): void {
    this.disposal.run();
  }

  /** A closed drawer asks for no rows. */
  setOpen(open: boolean): void {
    this.open = open;
    if (!open) return;
    this.session.want("nodes");
    this.show();
    if (this.session.selection.value.sender !== "checks") this.catchUp(false);
  }

  private show(): void {
    const summary = this.session.summary.value;
    if (!this.open || summary === undefined) return;
    keepFocus(this.element, () => {
      fill(this.whole, el("h4", {}, "Whole model"), checksTable(summary));
      this.showHead(summary);
      this.showRows();
      fill(this.passes, ...this.passesPart(summary));
    });
  }

  // -- every node -------------------------------------------------------------------------------------------------------

  private showHead(summary: Summary): void {
    const { session } = this;
    const verdict = summary.nodes ?? null;
    const model = session.nodes.value;
    fill(
      this.head,
      el("h4", {}, "Every node"),
      el(
        "div",
        { class: "oe-check-buttons" },
        ...checkButton(session, summary, "check_nodes", {
          text: verdict === null ? "Check every node" : "Check every node again",
          title: "Compare every intermediate with PyTorch's, in one pair of runs",
          first: verdict === null && summary.check === "failed",
        }),
        model === undefined
          ? null
          : button({
              icon: "target",
              text: "Find first difference",
              title: "Choose the first node of the graph that is outside of the tolerance, and show it in every pane",
              class: "oe-framed",
              disabled: model.table.first_difference < 0,
              press: () => this.choose(model.table.first_difference),
            }),
        model !== undefined && model.table.first_nonfinite >= 0
          ? button({
              icon: "target",
              text: "First NaN or ∞",
              title: "Choose the first node with a NaN or an infinity",
              class: "oe-framed",
              press: () => this.choose(model.table.first_nonfinite),
            })
          : null,
        verdict === null ? null : heatSwitch(session, ["off", "accumulated", "local"], model !== undefined),
      ),
      ...(verdict === null ? this.unchecked(summary) : this.verdict(verdict, model)),
    );
  }

  private unchecked(summary: Summary): HTMLElement[] {
    const live = this.session.connection.value === "live";
    const why =
      summary.state !== "exported"
        ? "The nodes can be checked once the export has come to its end."
        : live
          ? "Not checked yet. Every node runs once in PyTorch and twice in ONNX: as the model runs, and alone, fed with PyTorch's values. A node that differs alone introduces an error; the others pass it on."
          : "The nodes were not checked when this was saved.";
    return [el("p", { class: "oe-muted" }, why)];
  }

  private verdict(verdict: NodesVerdict, model: NodesModel | undefined): HTMLElement[] {
    const clear = verdict.culprits > 0 || verdict.passed;
    const words = !clear
      ? verdict.verdict
      : verdict.culprits === 0
        ? "Every compared node agrees"
        : `${plural(verdict.culprits, "node")} ${verdict.culprits === 1 ? "introduces" : "introduce"} a difference${
            verdict.passed ? ", by rounding only" : ""
          }${verdict.passing > 0 ? `, ${verdict.passing} pass it on` : ""}`;
    const effort = model === undefined ? "" : ` · ${model.table.inputs} · ${model.table.effort}`;
    return [
      el(
        "p",
        { class: "oe-check-verdict", title: verdict.verdict },
        el("span", { class: verdict.passed ? "oe-good" : "oe-bad" }, icon(verdict.passed ? "ok" : "bad"), " "),
        el("b", {}, words),
        el("span", { class: "oe-muted" }, ` · ${verdict.compared} of ${verdict.total} intermediates compared${effort}`),
      ),
    ];
  }

  private showRows(): void {
    const model = this.session.nodes.value;
    this.below.hidden = model === undefined;
    if (model === this.model) return;
    this.model = model;
    this.rows.take(model?.count ?? 0);
    this.catchUp(false);
  }

  private makeRows(): SortedTable {
    const text = (of: (model: NodesModel, row: number) => string) => (row: number) =>
      this.model === undefined ? "" : of(this.model, row);
    const error = (side: "accumulated" | "local") => ({
      numeric: true,
      key: (row: number) => this.model?.excess(row, side) ?? Number.NaN,
      cell: (row: number) => this.errorCell(row, side),
    });
    return new SortedTable({
      label: "Nodes",
      choose: (row) => this.choose(row),
      columns: [
        {
          title: "Status",
          key: text((model, row) => model.status(row)),
          cell: (row) => this.statusCell(row),
        },
        {
          title: "Node",
          key: (row) => this.model?.place(row) ?? 0,
          cell: (row) =>
            el(
              "button",
              { class: "oe-link", type: "button", title: "Choose it, and show it in every pane" },
              el("code", {}, this.model?.title(row) ?? ""),
            ),
        },
        { title: "Accumulated", ...error("accumulated") },
        { title: "Local", ...error("local") },
        {
          title: "Cause",
          empty: () => this.model?.table.causes.every((cause) => cause === "") !== false,
          key: text((model, row) => model.table.causes[row] ?? ""),
          cell: text((model, row) => model.table.causes[row] ?? ""),
        },
        {
          title: "NaN, ∞",
          numeric: true,
          empty: () => (this.model?.table.first_nonfinite ?? -1) < 0,
          key: (row) => {
            const [left, right] = this.model?.nonfinite(row) ?? [0, 0];
            return left + right === 0 ? Number.NaN : left + right;
          },
          cell: (row) => this.oddCell(row),
        },
        {
          title: "Module",
          class: "oe-module",
          key: text((model, row) => model.table.scopes[row] ?? ""),
          cell: (row) => el("bdi", {}, this.model?.table.scopes[row] ?? ""),
        },
        {
          title: "Source",
          class: "oe-module",
          key: text((model, row) => model.table.wheres[row] ?? ""),
          cell: (row) => {
            const where = this.model?.table.wheres[row] ?? "";
            return el("bdi", { title: where }, (where.split(" in ")[0] ?? "").split("/").at(-1) ?? "");
          },
        },
      ],
    });
  }

  private statusCell(row: number): Cell {
    const status = this.model?.status(row) ?? "not compared";
    const [symbol, look] = STATUS[status];
    const detail = this.model?.table.details[row] ?? "";
    return el("span", { class: look, title: detail }, icon(symbol), status);
  }

  private errorCell(row: number, side: "accumulated" | "local"): Cell {
    const { model } = this;
    const error = model?.error(row, side) ?? Number.NaN;
    if (model === undefined || Number.isNaN(error)) return el("span", { class: "oe-muted" }, "–");
    const excess = model.excess(row, side);
    return el(
      "span",
      {
        class: "oe-heat-chip",
        title: `${timesText(excess)} what is allowed`,
        data: { level: String(errorLevel(excess)), ramp: "error" },
      },
      errorText(error),
    );
  }

  private oddCell(row: number): Cell {
    const [left, right] = this.model?.nonfinite(row) ?? [0, 0];
    if (left === 0 && right === 0) return "";
    const look = (left === 0) === (right === 0) ? "oe-muted" : "oe-bad";
    return el("span", { class: look, title: `${left} in PyTorch, ${right} in ONNX` }, `${left} / ${right}`);
  }

  // -- choosing ---------------------------------------------------------------------------------------------------------

  private choose(row: number): void {
    const { model, session } = this;
    if (model === undefined || row < 0) return;
    this.rows.mark(row);
    this.values.take(model, row, true);
    session.select(model.threads.of(row), -1, "checks");
    session.show("checks");
  }

  /** The row of what is chosen elsewhere. */
  private catchUp(ask: boolean): void {
    const { model } = this;
    if (!this.open) return;
    const row = model?.threads.rows(this.session.selection.value.ids)[0] ?? -1;
    this.rows.mark(row);
    this.values.take(model, row, ask);
  }

  // -- the passes -------------------------------------------------------------------------------------------------------

  private passesPart(summary: Summary): (HTMLElement | null)[] {
    const found = summary.bisect ?? null;
    const failed = summary.check === "failed";
    if (found === null && !failed && !this.session.refused.value.has("bisect")) return [];
    const buttons = checkButton(this.session, summary, "bisect", {
      text: found === null ? "Which pass changed the result?" : "Run after each pass again",
      title: "Lower the model again, and run it after each ONNX pass on the captured inputs",
      first: false,
    });
    return [
      el("h4", {}, "Passes one by one"),
      el("div", { class: "oe-check-buttons" }, ...buttons),
      found === null ? null : bisected(found),
    ];
  }
}

function bisected(found: PassesVerdict): HTMLElement {
  const looks = { agrees: ["ok", "oe-good"], differs: ["bad", "oe-bad"], "not run": ["none", "oe-muted"] } as const;
  let before = "";
  const rows = found.passes
    .filter((row) => row.changed || row.name === "lowering")
    .map((row): Cell[] => {
      const [symbol, look] = looks[row.status];
      const name = el("code", {}, row.name);
      const detail = row.detail === before && row.detail !== "" ? "the same" : row.detail;
      before = row.detail;
      return [
        el("span", { class: look }, icon(symbol), row.status),
        row.name === found.culprit ? el("b", {}, name, " changed the result") : name,
        el("span", { class: "oe-prose oe-muted" }, detail),
      ];
    });
  const quiet = found.passes.length - rows.length;
  return el(
    "div",
    {},
    el("p", { class: "oe-check-verdict" }, el("b", {}, sentence(found.verdict))),
    table("Passes one by one", ["After it", "Pass", ""], rows),
    quiet > 0
      ? el("p", { class: "oe-muted oe-hint" }, `${plural(quiet, "pass", "passes")} that changed nothing left out`)
      : null,
  );
}

/** Without what stands in brackets: the table has it. */
function sentence(verdict: string): string {
  const words = verdict.split(/ \(|: '/u)[0] ?? "";
  return words.charAt(0).toUpperCase() + words.slice(1);
}

interface CheckButton {
  text: string;
  title: string;
  first: boolean;
}

/** A button that starts a check; while one runs how far it is and a way to stop it; why the last one came to nothing. */
export function checkButton(
  session: Session,
  summary: Summary,
  kind: CheckKind,
  words: CheckButton,
): (HTMLElement | null)[] {
  if (session.connection.value !== "live") return [];
  const running = session.running.value;
  const own = session.checking.value === kind;
  const start = button({
    icon: "run",
    text: words.text,
    title: words.title,
    class: words.first ? "oe-primary" : "oe-framed",
    disabled: running !== "" || summary.state !== "exported",
    press: () => void session.check(kind),
  });
  const refused = session.refused.value.get(kind);
  return [
    start,
    own
      ? el(
          "span",
          { class: "oe-running", role: "status" },
          el("span", { class: "oe-spinner", aria: { hidden: "true" } }),
          el("span", { class: "oe-check-far" }, farText(session)),
        )
      : null,
    own && !running.startsWith("Stopping")
      ? button({
          icon: "stop",
          text: "Cancel",
          title: "Stop; what was found before stays",
          class: "oe-framed",
          press: () => void session.cancel(),
        })
      : null,
    refused === undefined || own
      ? null
      : el("span", { class: "oe-refused oe-prose", role: "alert" }, icon("warn"), refused),
  ];
}

function farText(session: Session): string {
  const running = session.running.value;
  return `${running.startsWith("Stopping") ? running : session.far() || "Working"} …`;
}

/** What a drawer with check buttons depends on. Progress only rewrites its text: a press on *Cancel* must find the button. */
export function follow(session: Session, element: HTMLElement, show: () => void): (() => void)[] {
  const { summary, running, refused, connection, heatMode } = session;
  return [
    ...[summary, running, refused, connection, heatMode].map((signal) => signal.on(show)),
    session.working.on(() => {
      for (const place of element.querySelectorAll(".oe-check-far")) place.textContent = farText(session);
    }),
  ];
}

/** Rebuild, and give the focus back to the button that says the same. */
export function keepFocus(element: HTMLElement, rebuild: () => void): void {
  const focused = element.contains(document.activeElement) ? (document.activeElement?.textContent ?? "") : "";
  rebuild();
  if (focused === "" || element.contains(document.activeElement)) return;
  const again = [...element.querySelectorAll("button")].find((item) => item.textContent === focused);
  again?.focus({ preventScroll: true });
}
