/** Where the export stands still, what the predicate was, and what to do next. */

import type { Session } from "../model/session";
import type { Failure } from "../protocol";
import { button, Disposal, el, fill, icon } from "../render/dom";

const MISSING = 8;

export class FailureBanner {
  readonly element = el("section", {
    class: "oe-failure",
    role: "alert",
    aria: { label: "Why the export stands still" },
  });
  private readonly disposal = new Disposal();

  constructor(private readonly session: Session) {
    const show = (): void => this.show(session.summary.value?.failure ?? undefined);
    this.disposal.add(session.summary.watch(show), session.running.on(show), session.connection.on(show));
  }

  close(): void {
    this.disposal.run();
  }

  private show(failure: Failure | undefined): void {
    const { session } = this;
    this.element.hidden = failure === undefined || session.running.value !== "";
    if (failure === undefined || this.element.hidden) return;
    const live = session.connection.value === "live";
    const about = failure.argument === "" ? failure.target : `${failure.target} · ${failure.argument}`;
    this.element.classList.toggle("oe-mended", failure.registered);
    fill(
      this.element,
      el(
        "div",
        { class: "oe-failure-head" },
        icon("bad"),
        el("strong", {}, failure.code),
        about === "" ? null : el("code", {}, about),
        failure.where === "" ? null : el("span", { class: "oe-muted" }, `at ${failure.where}`),
        el("span", { class: "oe-spring" }),
        failure.ids.length > 0
          ? button({
              icon: "target",
              text: "Show the node",
              title: "Go to the node in every pane",
              press: () => {
                session.select(failure.ids, -1, "failure");
                session.show("failure");
              },
            })
          : null,
        live
          ? button({
              icon: "run",
              text: failure.resumable ? "Continue" : "Try again",
              title: "Try this node again and go on to the end",
              class: failure.registered ? "oe-primary" : "",
              press: () => void session.continueToEnd(),
            })
          : null,
      ),
      el("pre", { class: "oe-message" }, failure.message),
      failure.action === "" ? null : el("p", { class: "oe-next-action" }, el("b", {}, "Next: "), failure.action),
      this.missing(failure),
      failure.registered
        ? el(
            "p",
            { class: "oe-next-action oe-good" },
            icon("ok"),
            "A symbolic function was registered since. Continue tries this node again.",
          )
        : failure.snippet === ""
          ? null
          : el(
              "details",
              { class: "oe-snippet" },
              el("summary", {}, "How to go on from here"),
              el("p", {}, "Register a symbolic function in the next cell, then press Continue:"),
              el("pre", { class: "oe-message" }, failure.snippet),
            ),
    );
  }

  private missing(failure: Failure): HTMLElement | null {
    if (failure.missing.length < 2) return null;
    const rest = failure.missing.length - MISSING;
    return el(
      "div",
      { class: "oe-missing" },
      el("b", {}, `All ${failure.missing.length} places without a symbolic function at this opset:`),
      el(
        "ul",
        {},
        ...failure.missing.slice(0, MISSING).map((row) => el("li", {}, el("code", {}, row))),
        rest > 0 ? el("li", { class: "oe-muted" }, `… and ${rest} more`) : null,
      ),
    );
  }
}
