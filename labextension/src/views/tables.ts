/** The drawers' tables: problems, checks, inputs and outputs, passes. Each rebuilds when the summary changes. */

import type { Session } from "../model/session";
import type { Check, Severity, Summary } from "../protocol";
import { duration, el, type IconName, icon } from "../render/dom";

export type Cell = Node | string;

export function table(label: string, head: readonly string[], rows: readonly (readonly Cell[])[]): HTMLElement {
  return el(
    "table",
    { class: "oe-table", aria: { label } },
    el("thead", {}, el("tr", {}, ...head.map((text) => el("th", {}, text)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell))))),
  );
}

export function empty(text: string): HTMLElement {
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
