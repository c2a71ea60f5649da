/** Step, step over a module, continue, run to, back, and a slider over what was recorded. */

import type { Session } from "../model/session";
import { button, Disposal, el, fill } from "../render/dom";

export class StepBar {
  readonly element: HTMLElement;
  private readonly disposal = new Disposal();
  private readonly slider: HTMLInputElement;
  private readonly count: HTMLElement;
  private readonly now: HTMLButtonElement;
  private readonly back: HTMLButtonElement;
  private readonly step: HTMLButtonElement;
  private readonly over: HTMLButtonElement;
  private readonly run: HTMLButtonElement;
  private readonly target: HTMLInputElement;
  private readonly targets: HTMLDataListElement;
  private readonly cancel: HTMLButtonElement;
  private readonly progress: HTMLElement;

  constructor(private readonly session: Session) {
    const list = `oe-targets-${Math.random().toString(36).slice(2, 8)}`;
    this.back = button({ icon: "back", title: "Back: look at the step before (←)", press: () => this.look(-1) });
    this.step = button({
      icon: "step",
      text: "Step",
      title: "Lower the next operator (→)",
      press: () => this.forward(),
    });
    this.over = button({
      icon: "over",
      title: "Step over this module: run to the first operator of the next one",
      press: () => this.stepOver(),
    });
    this.run = button({
      icon: "run",
      text: "Continue",
      title: "Go on to the end, then check",
      press: () => void session.continueToEnd(),
    });
    this.targets = el("datalist", {});
    this.targets.id = list;
    this.target = el("input", {
      class: "oe-input oe-run-to",
      placeholder: "Run to …",
      title: "Run to an operator (aten::relu), a module (encoder.0) or a source line (model.py:41); Enter goes",
      aria: { label: "Run to an operator, a module or a source line" },
      on: {
        keydown: (event) => {
          event.stopPropagation();
          const what = this.target.value.trim();
          if (event.key === "Enter" && what !== "") {
            this.target.value = "";
            void session.runTo(what);
          }
        },
      },
    });
    this.target.setAttribute("list", list);
    this.slider = el("input", {
      class: "oe-slider",
      type: "range",
      title: "Look at an earlier step",
      aria: { label: "Step that is looked at" },
      on: {
        input: () => {
          session.lookAt(Number(this.slider.value));
          this.show(); // back to what was lowered, if it was drawn beyond that
        },
      },
    });
    this.count = el("span", { class: "oe-step-count" });
    this.now = button({
      text: "Now",
      title: "Back to the present",
      class: "oe-now-button",
      press: () => session.lookAt(undefined),
    });
    this.cancel = button({
      icon: "stop",
      text: "Cancel",
      title: "Stop at the next node",
      press: () => void session.cancel(),
    });
    this.progress = el("span", { class: "oe-running", role: "status" });
    this.element = el(
      "div",
      { class: "oe-stepbar", role: "toolbar", aria: { label: "Steps" } },
      this.back,
      this.step,
      this.over,
      this.run,
      this.target,
      this.targets,
      this.slider,
      this.count,
      this.now,
      this.progress,
      this.cancel,
    );
    this.disposal.add(
      session.summary.watch(() => this.show()),
      session.step.on(() => this.show()),
      session.running.on(() => this.show()),
      session.working.on(() => this.show()),
      session.connection.on(() => this.show()),
    );
  }

  close(): void {
    this.disposal.run();
  }

  /** Look one step back or forward in what was recorded. */
  look(by: number): void {
    const last = this.session.summary.value?.position ?? 0;
    this.session.lookAt((this.session.step.value ?? last) + by);
  }

  /** In the past: the next recorded step. In the present: lower one operator. */
  forward(): void {
    if (this.session.step.value !== undefined) this.look(1);
    else if (!this.step.disabled) void this.session.stepOnce();
  }

  private stepOver(): void {
    const scopes = this.session.summary.value?.scopes ?? [];
    const here = scopes[0];
    const parent = here?.includes(".") ? here.slice(0, here.lastIndexOf(".")) : here;
    const next = scopes.find((scope) => scope !== here && scope !== parent && !scope.startsWith(`${here}.`));
    if (next === undefined) void this.session.continueToEnd();
    else void this.session.runTo(next);
  }

  private show(): void {
    const { summary, step, running, connection } = this.session;
    const state = summary.value;
    const live = connection.value === "live";
    const busy = running.value !== "";
    const position = state?.position ?? 0;
    const total = state?.total ?? 0;
    const at = step.value ?? position;
    const goes = live && !busy && state !== undefined && state.state !== "exported";
    this.back.disabled = at <= 0 || busy;
    this.step.disabled = busy || !(step.value !== undefined || goes);
    this.over.disabled = !goes || step.value !== undefined;
    this.run.disabled = !goes;
    this.run.classList.toggle("oe-primary", goes && (state?.state === "paused" || state?.failure?.registered === true));
    this.target.disabled = !goes;
    this.slider.max = String(total);
    this.slider.value = String(at);
    this.slider.disabled = position === 0;
    this.slider.style.setProperty("--oe-fill", `${total > 0 ? (100 * at) / total : 0}%`);
    const counted = `${at} / ${total}`;
    this.count.textContent = step.value === undefined ? counted : `looking at ${counted}`;
    this.now.hidden = step.value === undefined;
    this.progress.hidden = !busy;
    const far = this.session.far();
    const words = `${running.value}${far === "" ? "" : `, ${far}`} …`;
    fill(this.progress, el("span", { class: "oe-spinner", aria: { hidden: "true" } }), words);
    this.cancel.hidden = !busy;
    for (const item of [this.over, this.run, this.target, this.step]) {
      item.hidden = state?.state === "exported" && !busy && item !== this.step;
    }
    const key = [...(state?.targets ?? []), ...(state?.scopes ?? [])].slice(0, 500);
    if (this.targets.childElementCount !== key.length) {
      fill(this.targets, ...key.map((value) => el("option", { value })));
    }
  }
}
