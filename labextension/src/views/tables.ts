/** The drawers' tables: problems, checks, axes, inputs and outputs, passes. Each rebuilds when the summary changes. */

import type { Session } from "../model/session";
import type { Axis, AxisState, Check, Severity, Summary } from "../protocol";
import { duration, el, type IconName, icon } from "../render/dom";

type Cell = Node | string;

function table(label: string, head: readonly string[], rows: readonly (readonly Cell[])[]): HTMLElement {
  return el(
    "table",
    { class: "oe-table", aria: { label } },
    el("thead", {}, el("tr", {}, ...head.map((text) => el("th", {}, text)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell))))),
  );
}

function empty(text: string): HTMLElement {
  return el("p", { class: "oe-empty" }, text);
}

const SEVERITY: Record<Severity, IconName> = { error: "bad", warning: "warn", info: "info" };

export function problemsTable(summary: Summary, session: Session): HTMLElement {
  if (summary.problems.length === 0) return empty("Nothing to note.");
  const rows = summary.problems.map((problem) => {
    const times = problem.count > 1 ? ` (${problem.count} times)` : "";
    const where: Cell =
      problem.ids.length === 0
        ? problem.where
        : el(
            "button",
            {
              class: "oe-link",
              type: "button",
              title: "Show it in every pane",
              on: {
                click: () => {
                  session.select(problem.ids, -1, "problems");
                  session.show("problems");
                },
              },
            },
            problem.where === "" ? "show" : problem.where,
          );
    return [
      el(
        "span",
        { class: `oe-severity oe-severity-${problem.severity}` },
        icon(SEVERITY[problem.severity]),
        problem.severity,
      ),
      el("code", {}, problem.code),
      el("span", { class: "oe-prose" }, `${problem.message}${times}`),
      where,
    ];
  });
  return table("Problems", ["", "Code", "What", "Where"], rows);
}

const STATUS: Record<Check["status"], [IconName, string]> = {
  passed: ["ok", "oe-good"],
  failed: ["bad", "oe-bad"],
  "not run": ["none", "oe-muted"],
  detail: ["none", "oe-muted"],
};

export function checksTable(summary: Summary): HTMLElement {
  if (summary.checks.length === 0) {
    return empty(summary.state === "exported" ? "No check has run." : "The checks run at the end of the export.");
  }
  const rows = summary.checks.map((check) => {
    if (check.status === "detail") return ["", "", el("code", { class: "oe-muted" }, check.detail)];
    const [symbol, look] = STATUS[check.status];
    return [el("span", { class: look }, icon(symbol), check.status), el("b", {}, check.subject), check.detail];
  });
  return table("Checks", ["", "Check", "Finding"], rows);
}

const AXIS: Record<AxisState, [IconName, string, string]> = {
  static: ["none", "fixed", "oe-muted"],
  proven: ["ok", "proven", "oe-good"],
  broken: ["bad", "broken", "oe-bad"],
  untested: ["warn", "not tested", "oe-warning"],
};
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/u;

/** Every edit exports again from the cached capture. The same name in two places is one symbol. */
export function axesTable(summary: Summary, session: Session): HTMLElement {
  if (summary.axes.length === 0) return empty("No input has a dimension.");
  const busy = session.connection.value !== "live" || session.running.value !== "";
  const rows = summary.axes.map((axis, index) => {
    const [symbol, word, look] = AXIS[axis.state];
    const first = summary.axes[index - 1]?.input !== axis.input;
    return [
      first ? el("code", {}, axis.input) : "",
      `${axis.axis}`,
      `${axis.size}`,
      dynamicBox(axis, summary, session, busy),
      nameBox(axis, session, busy),
      el("span", { class: look }, icon(symbol), word),
      el("span", { class: "oe-muted" }, axis.detail),
    ];
  });
  return el(
    "div",
    {},
    table("Axes", ["Input", "Axis", "Size", "Dynamic", "Name", "State", ""], rows),
    el(
      "p",
      { class: "oe-muted oe-hint" },
      "A change exports again from the same capture and runs the checks at a second size.",
    ),
  );
}

function dynamicBox(axis: Axis, summary: Summary, session: Session, busy: boolean): HTMLElement {
  const box = el("input", {
    type: "checkbox",
    checked: axis.symbol !== null,
    disabled: busy,
    aria: { label: `${axis.input}, axis ${axis.axis}: dynamic` },
    data: { axis: `${axis.input}:${axis.axis}` },
    on: {
      change: () => {
        const symbol = box.checked ? freeName(axis, summary) : null;
        void session.setAxes([{ input: axis.input, axis: axis.axis, symbol }]);
      },
    },
  });
  return box;
}

function nameBox(axis: Axis, session: Session, busy: boolean): HTMLElement {
  const field = el("input", {
    class: "oe-input oe-axis-name",
    value: axis.symbol ?? "",
    placeholder: "name",
    disabled: busy,
    aria: { label: `${axis.input}, axis ${axis.axis}: name` },
    on: {
      keydown: (event) => {
        event.stopPropagation();
        if (event.key === "Enter") field.blur();
        if (event.key === "Escape") {
          field.value = axis.symbol ?? "";
          field.blur();
        }
      },
      change: () => {
        const symbol = field.value.trim();
        const wrong = symbol !== "" && !NAME.test(symbol);
        field.classList.toggle("oe-wrong", wrong);
        field.title = wrong ? "A name is letters, digits and _; it does not begin with a digit" : "";
        if (!wrong && symbol !== (axis.symbol ?? "")) {
          void session.setAxes([{ input: axis.input, axis: axis.axis, symbol: symbol === "" ? null : symbol }]);
        }
      },
    },
  });
  return field;
}

function freeName(axis: Axis, summary: Summary): string {
  const taken = new Set(summary.axes.map((other) => other.symbol));
  if (axis.axis === 0) return "batch";
  const plain = `${axis.input.replace(/\W/gu, "_")}_${axis.axis}`;
  return taken.has(plain) ? `${plain}_` : plain;
}

export function interfaceTable(summary: Summary): HTMLElement {
  if (summary.interface.length === 0) return empty("No inputs and no outputs.");
  const rows = summary.interface.map((item) => [
    item.direction,
    el("code", {}, item.name),
    el("code", {}, item.type),
    el("code", { class: "oe-muted" }, item.path),
  ]);
  return table("Inputs and outputs", ["", "Name", "Type", "In the call of the model"], rows);
}

export function passesTable(summary: Summary, quiet: boolean): HTMLElement {
  const rows = summary.passes
    .filter((pass) => pass.changed || !quiet)
    .map((pass) => {
      const change = pass.after - pass.before;
      const words = change === 0 ? "changed" : `${change > 0 ? "+" : "−"}${Math.abs(change)}`;
      return [
        pass.stage === "torch" ? "TorchScript" : "ONNX",
        el("code", { class: pass.changed ? "" : "oe-muted" }, pass.name),
        pass.changed ? el("b", {}, words) : el("span", { class: "oe-muted" }, "nothing"),
        `${pass.after}`,
        duration(pass.milliseconds),
      ];
    });
  if (rows.length === 0) return empty("No pass has changed anything yet.");
  return table("Passes", ["Graph", "Pass", "Change", "Nodes after", "Time"], rows);
}
