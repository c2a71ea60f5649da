/** The first line: what came out. Read it and stop, if that is enough. */

import type { Session } from "../model/session";
import type { Summary } from "../protocol";
import { Disposal, el, fill, type IconName, icon } from "../render/dom";

export class Verdict {
  readonly element = el("div", { class: "oe-verdict", role: "status" });
  private readonly disposal = new Disposal();

  constructor(session: Session) {
    this.disposal.add(
      session.summary.watch((summary) => {
        if (session.connection.value === "file") this.showFile(summary);
        else this.show(summary);
      }),
    );
  }

  close(): void {
    this.disposal.run();
  }

  private showFile(summary: Summary | undefined): void {
    fill(
      this.element,
      el("span", { class: "oe-state" }, icon("graph"), "ONNX model"),
      el("span", { class: "oe-headline" }, summary?.headline ?? ""),
    );
  }

  private show(summary: Summary | undefined): void {
    if (summary === undefined) {
      fill(this.element, el("span", { class: "oe-muted" }, "Loading …"));
      return;
    }
    const [word, look, symbol] = stateOf(summary);
    this.element.dataset.state = look;
    const shown = headlineOf(summary);
    const counts = { error: 0, warning: 0, info: 0 };
    for (const problem of summary.problems) counts[problem.severity] += problem.count;
    fill(
      this.element,
      el("span", { class: `oe-state oe-state-${look}` }, icon(symbol), word),
      el("span", { class: "oe-headline", title: shown }, shown),
      summary.verdict === ""
        ? null
        : el("span", { class: `oe-verdict-check oe-check-${summary.check}`, title: summary.verdict }, summary.verdict),
      el("span", { class: "oe-spring" }),
      counts.error > 0
        ? el("span", { class: "oe-count oe-count-error" }, icon("bad"), plural(counts.error, "error"))
        : null,
      counts.warning > 0
        ? el("span", { class: "oe-count oe-count-warning" }, icon("warn"), plural(counts.warning, "warning"))
        : null,
    );
  }
}

function stateOf(summary: Summary): [string, string, IconName] {
  switch (summary.state) {
    case "exported":
      if (summary.check === "failed") return ["Not as PyTorch", "failed", "bad"];
      return summary.check === "passed"
        ? ["Exported", "exported", "ok"]
        : ["Exported, not checked", "unchecked", "warn"];
    case "failed":
      return ["Failed", "failed", "bad"];
    case "paused":
      return ["Paused", "paused", "step"];
    default:
      return summary.state satisfies never;
  }
}

/** The headline without the word that the badge says already. */
function headlineOf(summary: Summary): string {
  return summary.headline.replace(/^(paused|failed) /u, "").replace(/, not checked$/u, "");
}

export function plural(count: number, word: string, many = `${word}s`): string {
  return `${count} ${count === 1 ? word : many}`;
}
