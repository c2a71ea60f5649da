/** The values of one node: numbers of both sides beside each other, and two small plots. */

import type { NodesModel } from "../model/checks";
import type { Session, Values } from "../model/session";
import type { Numbers } from "../protocol";
import { button, el, fill } from "../render/dom";
import { differences, scatter } from "./plot";

export class ValuesPanel {
  readonly element = el("aside", { class: "oe-values", aria: { label: "Values of the chosen node" } });
  private model: NodesModel | undefined;
  private row = -1;
  private shown: Values | string | undefined;
  /** The row whose values are on their way. */
  private asking = -1;

  constructor(private readonly session: Session) {}

  /** Look at a row; its values are asked for at once, or only when somebody presses the button. */
  take(model: NodesModel | undefined, row: number, ask: boolean): void {
    if (model !== this.model || row !== this.row) {
      this.shown = undefined;
      this.asking = -1;
    }
    this.model = model;
    this.row = row;
    if (ask && this.shown === undefined) void this.ask();
    else this.show();
  }

  private async ask(): Promise<void> {
    const { model, row } = this;
    const value = model?.table.values[row] ?? "";
    if (model === undefined || value === "" || this.session.connection.value !== "live") {
      this.show();
      return;
    }
    this.asking = row;
    this.show();
    const found = await this.session.values(model.node(row), value);
    if (model !== this.model || row !== this.row) return;
    this.asking = -1;
    this.shown = found;
    this.show();
  }

  private show(): void {
    const { model, row } = this;
    this.element.hidden = model === undefined || row < 0;
    if (model === undefined || row < 0) return;
    const where = model.table.wheres[row] ?? "";
    const detail = model.table.details[row] ?? "";
    fill(
      this.element,
      el("h4", {}, model.title(row)),
      el(
        "p",
        { class: "oe-muted" },
        [model.table.scopes[row] ?? "", where === "" ? "" : `at ${where}`, model.table.values[row] ?? ""]
          .filter((part) => part !== "")
          .join(" · "),
      ),
      detail === "" ? null : el("p", { class: "oe-prose" }, detail),
      this.content(model, row),
    );
  }

  private content(model: NodesModel, row: number): HTMLElement {
    const { shown } = this;
    if ((model.table.values[row] ?? "") === "") return el("p", { class: "oe-muted" }, "No ONNX value is left of it.");
    if (this.session.connection.value !== "live") {
      return el("p", { class: "oe-muted" }, "The values themselves need the kernel: run the cell again.");
    }
    if (this.asking === row) {
      return el("p", { class: "oe-running" }, el("span", { class: "oe-spinner" }), "Computing the values …");
    }
    if (shown === undefined) {
      return button({
        text: "Show its values",
        title: "PyTorch's values, and what ONNX gives for the same inputs",
        class: "oe-framed",
        press: () => void this.ask(),
      });
    }
    if (typeof shown === "string") return el("p", { class: "oe-bad oe-prose" }, shown);
    return drawn(shown);
  }
}

function drawn(values: Values): HTMLElement {
  const { sides, largest } = values.message;
  const third = sides[2];
  const types = [...new Set(sides.slice(0, 2).map((side) => side.type))];
  const names: [string, (side: Numbers) => string][] = [
    ["min", (side) => side.low],
    ["max", (side) => side.high],
    ["mean", (side) => side.mean],
    ["std", (side) => side.std],
    ["NaN, ∞", (side) => String(side.odd)],
    ...(sides[0]?.first ?? []).map((_, index): [string, (side: Numbers) => string] => [
      `[${index}]`,
      (side) => side.first[index] ?? "",
    ]),
  ];
  return el(
    "div",
    {},
    el(
      "p",
      {},
      el("code", {}, types.length === 1 ? (types[0] ?? "") : `PyTorch ${types[0] ?? ""}, ONNX ${types[1] ?? ""}`),
      el("span", { class: "oe-muted" }, ` · in Python ex.values(${values.message.node})`),
    ),
    el(
      "table",
      { class: "oe-table oe-numbers", aria: { label: "Values" } },
      el("thead", {}, el("tr", {}, el("th"), ...sides.map((side) => el("th", { class: "oe-number" }, side.name)))),
      el(
        "tbody",
        {},
        ...names.map(([name, of]) =>
          el(
            "tr",
            {},
            el("th", {}, name),
            ...sides.map((side) => el("td", { class: "oe-number" }, el("code", {}, of(side)))),
          ),
        ),
      ),
    ),
    largest === ""
      ? el("p", {}, "The shapes differ, so the values cannot be compared.")
      : el("p", {}, el("b", {}, "Largest difference "), largest),
    third === undefined
      ? null
      : el(
          "div",
          { class: "oe-figures" },
          scatter(values.expected, values.actual),
          differences(third.histogram, third.start, third.end),
        ),
  );
}
