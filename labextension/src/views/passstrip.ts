/** The passes in one line: which changed something, by how much. */

import type { Session } from "../model/session";
import type { Pass, Summary } from "../protocol";
import { Disposal, duration, el, fill, icon } from "../render/dom";

export class PassStrip {
  readonly element = el("div", { class: "oe-strip", aria: { label: "Passes" } });
  private readonly disposal = new Disposal();

  constructor(
    private readonly session: Session,
    private readonly open: () => void,
    private readonly bisect: () => void,
  ) {
    this.disposal.add(
      session.summary.watch((summary) => this.show(summary)),
      session.running.on(() => {
        if (session.summary.value?.check === "failed") this.show(session.summary.value);
      }),
    );
  }

  close(): void {
    this.disposal.run();
  }

  private show(summary: Summary | undefined): void {
    const passes = summary?.passes ?? [];
    this.element.hidden = passes.length === 0;
    const changed = passes.filter((pass) => pass.changed);
    const idle = passes.length - changed.length;
    const culprit = summary?.bisect?.culprit ?? "";
    const stages = (["torch", "onnx"] as const).flatMap((stage) => {
      const own = changed.filter((pass) => pass.stage === stage);
      return own.length === 0
        ? []
        : [
            el("span", { class: "oe-strip-stage" }, stage === "torch" ? "TorchScript" : "ONNX"),
            ...own.map((pass) => chip(pass, stage === "onnx" && pass.name === culprit)),
          ];
    });
    fill(
      this.element,
      el("span", { class: "oe-strip-title" }, "Passes"),
      ...stages,
      idle > 0
        ? el(
            "button",
            { class: "oe-link oe-muted", type: "button", title: "See all passes", on: { click: this.open } },
            `${idle} did nothing`,
          )
        : null,
      this.question(summary),
    );
  }

  /** When the result is wrong, a pass may be to blame. */
  private question(summary: Summary | undefined): HTMLElement | null {
    const { session } = this;
    if (summary?.check !== "failed" || summary.bisect || session.connection.value !== "live") return null;
    return el(
      "button",
      {
        class: "oe-link",
        type: "button",
        title: "Run the model after each ONNX pass on the captured inputs",
        disabled: session.running.value !== "" || summary.state !== "exported",
        on: { click: this.bisect },
      },
      "Which pass changed the result?",
    );
  }
}

function chip(pass: Pass, guilty: boolean): HTMLElement {
  const change = pass.after - pass.before;
  const mark = change === 0 ? "~" : `${change > 0 ? "+" : "−"}${Math.abs(change)}`;
  const title = `${pass.name}: ${pass.before} → ${pass.after} nodes, ${duration(pass.milliseconds)}`;
  return el(
    "span",
    { class: `oe-chip ${guilty ? "oe-chip-bad" : ""}`, title: guilty ? `${title}; it changed the result` : title },
    guilty ? icon("bad") : null,
    pass.name,
    el("b", {}, mark),
  );
}
