/** Heat on and off, and what its colours and marks stand for, with numbers. */

import type { Heat, HeatMode } from "../model/heat";
import type { Session } from "../model/session";
import { button, Disposal, el, fill } from "../render/dom";

const WORDS: Record<HeatMode, [string, string]> = {
  off: ["Off", "No heat"],
  accumulated: ["Accumulated error", "Colour lines and nodes by their error as the model runs"],
  local: ["Local error", "Colour lines and nodes by the error of the node alone, fed with PyTorch's values"],
  time: ["Time", "Colour lines and nodes by their time in ONNX Runtime"],
};

/** Buttons of which one is pressed: heat in one of these modes. */
export function heatSwitch(session: Session, modes: readonly HeatMode[], has: boolean): HTMLElement {
  const now = session.heatMode.value;
  const items = modes.map((mode) =>
    el(
      "button",
      {
        class: "oe-switch-item",
        type: "button",
        title: WORDS[mode][1],
        disabled: !has && mode !== "off",
        aria: { pressed: String(now === mode || (mode === "off" && !modes.includes(now))) },
        data: { heat: mode },
        on: { click: () => session.setHeat(mode) },
      },
      WORDS[mode][0],
    ),
  );
  return el(
    "span",
    { class: "oe-heat-switch" },
    el("span", { class: "oe-muted" }, "Heat"),
    el("span", { class: "oe-switch", role: "group", aria: { label: "Heat" } }, ...items),
  );
}

/** A strip above the panes; there only while there is heat. */
export class HeatBar {
  readonly element = el("div", { class: "oe-heatbar", aria: { label: "What the heat stands for" } });
  private readonly disposal = new Disposal();

  constructor(private readonly session: Session) {
    this.disposal.add(session.heat.watch((heat) => this.show(heat)));
  }

  close(): void {
    this.disposal.run();
  }

  private show(heat: Heat | undefined): void {
    this.element.hidden = heat === undefined;
    if (heat === undefined) return;
    const errors = heat.mode !== "time";
    fill(
      this.element,
      el("b", {}, `Heat: ${WORDS[heat.mode][0].toLowerCase()}`),
      el(
        "span",
        { class: "oe-legend" },
        ...heat.legend.map((text, level) =>
          el("span", { class: "oe-heat-chip", data: { level: String(level), ramp: rampOf(heat.mode) } }, text),
        ),
        el("span", { class: "oe-muted" }, heat.unit),
      ),
      errors ? el("span", { class: "oe-muted" }, "✕ introduces a difference") : null,
      heat.mode === "accumulated" ? el("span", { class: "oe-muted" }, "↓ passes it on") : null,
      el("span", { class: "oe-spring" }),
      button({ icon: "close", title: "Heat off", press: () => this.session.setHeat("off") }),
    );
  }
}

/** Errors and times have colours of their own. */
export function rampOf(mode: HeatMode): "error" | "time" {
  return mode === "time" ? "time" : "error";
}
