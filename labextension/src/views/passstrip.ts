/** The passes in one line: which changed something, by how much. */

import type { Session } from "../model/session";
import type { Pass } from "../protocol";
import { Disposal, duration, el, fill } from "../render/dom";

export class PassStrip {
  readonly element = el("div", { class: "oe-strip", aria: { label: "Passes" } });
  private readonly disposal = new Disposal();

  constructor(session: Session, open: () => void) {
    this.disposal.add(
      session.summary.watch((summary) => {
        const passes = summary?.passes ?? [];
        this.element.hidden = passes.length === 0;
        const changed = passes.filter((pass) => pass.changed);
        const idle = passes.length - changed.length;
        const stages = (["torch", "onnx"] as const).flatMap((stage) => {
          const own = changed.filter((pass) => pass.stage === stage);
          return own.length === 0
            ? []
            : [el("span", { class: "oe-strip-stage" }, stage === "torch" ? "TorchScript" : "ONNX"), ...own.map(chip)];
        });
        fill(
          this.element,
          el("span", { class: "oe-strip-title" }, "Passes"),
          ...stages,
          idle > 0
            ? el(
                "button",
                { class: "oe-link oe-muted", type: "button", title: "See all passes", on: { click: open } },
                `${idle} did nothing`,
              )
            : null,
        );
      }),
    );
  }

  close(): void {
    this.disposal.run();
  }
}

function chip(pass: Pass): HTMLElement {
  const change = pass.after - pass.before;
  const mark = change === 0 ? "~" : `${change > 0 ? "+" : "−"}${Math.abs(change)}`;
  const title = `${pass.name}: ${pass.before} → ${pass.after} nodes, ${duration(pass.milliseconds)}`;
  return el("span", { class: "oe-chip", title }, pass.name, el("b", {}, mark));
}
