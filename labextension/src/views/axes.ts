/** The axes drawer: inputs and dimensions to edit, what can be copied, and the audit with its causes and its repair. */

import type { Session } from "../model/session";
import type { Audit, AuditProblem, Axis, AxisState, Summary } from "../protocol";
import { button, el, type IconName, icon } from "../render/dom";
import { empty, table } from "./tables";

const AXIS: Record<AxisState, [IconName, string, string]> = {
  static: ["none", "fixed", "oe-muted"],
  proven: ["ok", "proven", "oe-good"],
  broken: ["bad", "broken", "oe-bad"],
  untested: ["warn", "not tested", "oe-warning"],
};
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/u;

/** Every edit exports again from the cached capture. The same name in two places is one symbol. */
function axesTable(summary: Summary, session: Session): HTMLElement {
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
      "A change shows its shapes at once, from the same capture; then the checks run. A new name alone runs nothing.",
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

/** The whole drawer. A saved export of an older version has no audit and nothing to copy. */
export function axesDrawer(summary: Summary, session: Session): HTMLElement {
  return el("div", {}, axesTable(summary, session), copies(summary), auditPart(summary, session));
}

function copies(summary: Summary): HTMLElement | null {
  if (!summary.axes_line) return null;
  return el(
    "div",
    { class: "oe-copies" },
    copyBox("dynamic_axes", summary.axes_text),
    copyBox("%onnx_export line", summary.axes_line),
  );
}

function copyBox(what: string, text: string): HTMLElement {
  const press = button({
    text: "Copy",
    title: `Copy ${what}`,
    press: () => {
      void copy(text, code).then((done) => {
        const word = press.querySelector("span");
        if (word !== null) word.textContent = done ? "Copied" : "Press Ctrl+C";
      });
    },
  });
  press.setAttribute("aria-label", `Copy ${what}`);
  const code = el("code", { class: "oe-copy-text" }, text);
  return el("div", { class: "oe-copy" }, press, code);
}

/** Without the right to use the clipboard, the text is selected, for a key to copy it. */
async function copy(text: string, shown: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(shown);
    return false;
  }
}

function auditPart(summary: Summary, session: Session): HTMLElement {
  const audit = summary.audit ?? null;
  const live = session.connection.value === "live";
  const busy = !live || session.running.value !== "";
  const dynamic = summary.axes.some((axis) => axis.symbol !== null);
  const buttons = el(
    "div",
    { class: "oe-audit-buttons" },
    button({
      icon: "search",
      text: audit === null ? "Audit" : "Audit again",
      title: "Capture the model at other sizes, and prove each axis or find what was baked",
      disabled: busy || !dynamic,
      press: () => void session.audit(false),
    }),
    audit?.repairable === true
      ? button({
          icon: "ok",
          text: "Repair",
          title:
            "Compute baked sizes from the inputs' shapes where they follow the sizes linearly, and prove the result",
          class: "oe-primary",
          disabled: busy,
          press: () => void session.audit(true),
        })
      : null,
  );
  if (audit === null) {
    return el("section", { class: "oe-audit", aria: { label: "Audit" } }, live ? buttons : null);
  }
  return el(
    "section",
    { class: "oe-audit", aria: { label: "Audit" } },
    buttons,
    el(
      "p",
      { class: "oe-audit-verdict" },
      el("b", {}, audit.verdict),
      el("span", { class: "oe-muted" }, ` ${audit.effort}`),
    ),
    verdicts(audit),
    ...audit.problems.map((problem) => problemCard(problem, session)),
    listed("Left the trace, and changed nothing", audit.harmless),
    listed("torch.export says", audit.torch_export),
  );
}

function verdicts(audit: Audit): HTMLElement {
  const rows = audit.axes.map((axis) => {
    const [symbol, word, look] = AXIS[axis.state];
    return [el("span", { class: look }, icon(symbol), word), el("b", {}, axis.symbol), axis.places, axis.detail];
  });
  return table("Audit", ["", "Axis", "Where", "Finding"], rows);
}

function problemCard(problem: AuditProblem, session: Session): HTMLElement {
  const look = problem.repaired ? "oe-good" : "oe-bad";
  const where = el(
    "button",
    {
      class: "oe-link",
      type: "button",
      title: "Show the nodes that carry it in every pane",
      disabled: problem.ids.length === 0,
      on: {
        click: () => {
          session.select(problem.ids, -1, "audit");
          session.show("audit");
        },
      },
    },
    problem.where,
  );
  return el(
    "article",
    { class: "oe-problem", aria: { label: problem.title } },
    el(
      "header",
      {},
      el("span", { class: look }, icon(problem.repaired ? "ok" : "bad"), problem.repaired ? "repaired" : "baked"),
      el("b", {}, problem.title),
      el("span", { class: "oe-muted" }, problem.axes.join(", ")),
    ),
    el("div", {}, where),
    problem.source === "" ? null : el("pre", { class: "oe-problem-source" }, problem.source),
    ...problem.carriers.slice(0, MOST_CARRIERS).map((line) => el("div", { class: "oe-muted" }, el("code", {}, line))),
    problem.carriers.length > MOST_CARRIERS
      ? el("div", { class: "oe-muted" }, `and ${problem.carriers.length - MOST_CARRIERS} more nodes`)
      : null,
    ...problem.also.map((line) => el("div", { class: "oe-muted" }, `or ${line}`)),
    el("div", { class: "oe-prose" }, problem.suggestion),
    problem.obstacle === "" ? null : el("div", { class: "oe-prose oe-muted" }, `not repaired: ${problem.obstacle}`),
  );
}

const MOST_CARRIERS = 4;

function listed(title: string, lines: readonly string[]): HTMLElement | null {
  if (lines.length === 0) return null;
  return el(
    "div",
    {},
    el("p", { class: "oe-hint" }, title),
    ...lines.map((line) => el("div", { class: "oe-muted" }, line)),
  );
}
