/** The cost drawer: where time and bytes go, by module, source line and node; measured when asked. */

import type { CostModel, CostsModel } from "../model/checks";
import { milliseconds } from "../model/heat";
import type { Session } from "../model/session";
import type { Summary } from "../protocol";
import { Disposal, el, fill } from "../render/dom";
import { checkButton, follow, keepFocus } from "./checks";
import { heatSwitch } from "./heatbar";
import { type Column, SortedTable } from "./sortedtable";

type Part = "modules" | "lines" | "nodes";

const PARTS: readonly [Part, string][] = [
  ["modules", "Modules"],
  ["lines", "Source lines"],
  ["nodes", "Nodes"],
];

export class CostsView {
  readonly element = el("div", { class: "oe-costs" });
  private readonly head = el("div");
  private readonly holder = el("div");
  private readonly disposal = new Disposal();
  private part: Part = "modules";
  private model: CostsModel | undefined;
  private rows: SortedTable | undefined;
  private open = false;

  constructor(private readonly session: Session) {
    this.element.append(this.head, this.holder);
    this.disposal.add(
      ...follow(session, this.element, () => this.show()),
      session.costs.on(() => this.show()),
      session.selection.on((mark) => {
        if (mark.sender !== "costs") this.rows?.mark(-1);
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
    this.session.want("costs");
    this.show();
  }

  private show(): void {
    const summary = this.session.summary.value;
    if (!this.open || summary === undefined) return;
    const model = this.session.costs.value;
    keepFocus(this.element, () => fill(this.head, this.buttons(summary, model), this.words(summary, model)));
    if (model === this.model) return;
    this.model = model;
    this.showRows();
  }

  private buttons(summary: Summary, model: CostsModel | undefined): HTMLElement {
    const { session } = this;
    const measured = (summary.cost ?? null) !== null;
    return el(
      "div",
      { class: "oe-check-buttons" },
      ...checkButton(session, summary, "measure_cost", {
        text: measured ? "Measure again" : "Measure",
        title: "Run the model ten times in ONNX Runtime with its profiler on, and in PyTorch",
        first: false,
      }),
      model === undefined ? null : this.switcher(),
      measured ? heatSwitch(session, ["off", "time"], model !== undefined) : null,
    );
  }

  private words(summary: Summary, model: CostsModel | undefined): HTMLElement | null {
    if (model === undefined) {
      const live = this.session.connection.value === "live";
      const why =
        summary.state !== "exported"
          ? "The cost can be measured once the export has come to its end."
          : live
            ? "Not measured yet. ONNX Runtime profiles itself on the captured inputs; PyTorch's time stands beside it, by module, source line and node."
            : "The cost was not measured when this was saved, or did not fit into it.";
      return el("p", { class: "oe-muted" }, why);
    }
    const { tables } = model;
    const beside = tables.beside === null ? "" : `, PyTorch's ${milliseconds(tables.beside / 1000)}`;
    return el(
      "p",
      { class: "oe-check-verdict" },
      el("b", {}, `ONNX Runtime's nodes take ${milliseconds(tables.milliseconds / 1000)}${beside}`),
      el(
        "span",
        { class: "oe-muted" },
        ` · a whole run ${milliseconds(tables.run / 1000)} · median of ${tables.runs} · ${tables.parameters} parameters, ${tables.bytes}`,
        tables.note === "" ? "" : ` · ${tables.note}`,
      ),
    );
  }

  private switcher(): HTMLElement {
    return el(
      "span",
      { class: "oe-switch", role: "group", aria: { label: "By" } },
      ...PARTS.map(([part, title]) =>
        el(
          "button",
          {
            class: "oe-switch-item",
            type: "button",
            aria: { pressed: String(part === this.part) },
            data: { part },
            on: {
              click: () => {
                this.part = part;
                this.showRows();
                this.show();
              },
            },
          },
          title,
        ),
      ),
    );
  }

  private showRows(): void {
    const { model } = this;
    if (model === undefined) {
      this.rows = undefined;
      fill(this.holder);
      return;
    }
    const costs = model[this.part];
    const rows = new SortedTable({
      label: "Costs",
      columns: columns(this.part, costs, model.tables.milliseconds / 1000),
      choose: (row) => {
        rows.mark(row);
        this.session.select(costs.threads.of(row), -1, "costs");
        this.session.show("costs");
      },
    });
    rows.take(costs.count);
    this.rows = rows;
    fill(this.holder, rows.element);
  }
}

function columns(part: Part, costs: CostModel, total: number): Column[] {
  const { titles, notes, names, counts, parameters, bytes } = costs.rows;
  const share = (row: number): number => (total > 0 ? costs.seconds(row) / total : 0);
  const time: Column[] = [
    {
      title: "ONNX Runtime",
      numeric: true,
      key: (row) => costs.seconds(row),
      cell: (row) => milliseconds(costs.seconds(row)),
    },
    {
      title: "Share",
      largestFirst: true,
      key: share,
      cell: (row) =>
        el(
          "span",
          { class: "oe-share", title: `${(100 * share(row)).toFixed(1)} %` },
          el("span", {
            class: "oe-share-bar",
            style: { width: `${Math.max(1, Math.round(60 * Math.min(1, share(row))))}px` },
          }),
          el("span", {}, `${(100 * share(row)).toFixed(share(row) < 0.1 ? 1 : 0)} %`),
        ),
    },
    {
      title: "PyTorch",
      numeric: true,
      key: (row) => costs.beside(row),
      cell: (row) => milliseconds(costs.beside(row)) || el("span", { class: "oe-muted" }, "–"),
    },
  ];
  const name = (title: string): Column => ({
    title,
    key: (row) => (part === "modules" ? row : (titles[row] ?? "")),
    cell: (row) => titleCell(part, titles[row] ?? "", notes[row] ?? ""),
  });
  const count: Column = {
    title: "Nodes",
    numeric: true,
    key: (row) => counts[row] ?? 0,
    cell: (row) => String(counts[row] ?? ""),
  };
  if (part === "modules") {
    return [
      name("Module"),
      ...time,
      count,
      {
        title: "Parameters",
        numeric: true,
        key: (row) => Number((parameters[row] ?? "").replaceAll(",", "")),
        cell: (row) => parameters[row] ?? "",
      },
      {
        title: "Size",
        numeric: true,
        key: (row) => sizeOf(bytes[row] ?? ""),
        cell: (row) => bytes[row] ?? "",
      },
    ];
  }
  if (part === "lines") return [name("Source line"), ...time, count];
  return [
    name("Node"),
    { title: "Operator", key: (row) => notes[row] ?? "", cell: (row) => notes[row] ?? "" },
    ...time,
    {
      title: "Stands for",
      class: "oe-module",
      key: (row) => names[row] ?? "",
      cell: (row) => el("bdi", {}, names[row] === titles[row] ? "" : (names[row] ?? "")),
    },
  ];
}

/** The bytes of `244.4 MB`; NaN of nothing. */
export function sizeOf(text: string): number {
  const [size, unit = ""] = text.split(" ");
  return Number(size || Number.NaN) * 1000 ** ["B", "kB", "MB", "GB", "TB"].indexOf(unit);
}

function titleCell(part: Part, title: string, note: string): HTMLElement {
  const words = title === "" ? (part === "modules" ? "(model)" : "(no line)") : title;
  const depth = part === "modules" && title !== "" && !title.includes(" ") ? title.split(".").length : 0;
  return el(
    "span",
    { class: "oe-cost-title", style: { "padding-left": `${12 * Math.min(depth, 10)}px` } },
    el(
      "button",
      { class: "oe-link", type: "button", title: "Choose it, and show it in every pane" },
      el("code", {}, words),
    ),
    part === "modules" && note !== "" ? el("span", { class: "oe-muted" }, ` ${note}`) : null,
  );
}
