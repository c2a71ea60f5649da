/** Everything about the chosen node: how it was dispatched, the symbolic function, the ONNX operator's documentation. */

import type { Session } from "../model/session";
import { tokens } from "../model/tokens";
import type { NodeDetail } from "../protocol";
import { Disposal, el, fill } from "../render/dom";

type Side = "symbolic" | "documentation";

export class Detail {
  readonly element = el("div", { class: "oe-detail" });
  private readonly disposal = new Disposal();
  private side: Side = "symbolic";
  private asked = 0;
  private open = false;

  constructor(private readonly session: Session) {
    this.disposal.add(
      session.selection.on(() => void this.load()),
      session.panes.on(() => void this.load()),
    );
  }

  close(): void {
    this.disposal.run();
  }

  setOpen(open: boolean): void {
    this.open = open;
    if (open) void this.load();
  }

  private async load(): Promise<void> {
    if (!this.open) return;
    const ids = [...this.session.selection.value.ids];
    const first = ids[0];
    this.asked += 1;
    const asked = this.asked;
    if (first === undefined) {
      fill(this.element, el("p", { class: "oe-empty" }, "Click a line or a node to see how it was dispatched."));
      return;
    }
    const found = await this.session.node(first, null);
    if (asked !== this.asked) return;
    if (typeof found === "string") fill(this.element, el("p", { class: "oe-empty" }, found));
    else this.show(found, ids);
  }

  private show(detail: NodeDetail, ids: readonly number[]): void {
    const others = ids.filter((id) => !detail.ids.includes(id)).length;
    const sides: [Side, string, string][] = [
      ["symbolic", "Symbolic function", detail.symbolic],
      [
        "documentation",
        this.session.connection.value === "file" ? "doc_string" : "ONNX documentation",
        detail.documentation,
      ],
    ];
    const available = sides.filter(([, , text]) => text !== "");
    const shown = available.find(([side]) => side === this.side) ?? available[0];
    fill(
      this.element,
      el(
        "div",
        { class: "oe-detail-left" },
        others > 0 ? el("p", { class: "oe-muted oe-hint" }, `The first of ${ids.length} nodes that are chosen.`) : null,
        block(detail.lines.join("\n"), "graph"),
      ),
      shown === undefined
        ? null
        : el(
            "div",
            { class: "oe-detail-right" },
            el(
              "div",
              { class: "oe-switch", role: "group", aria: { label: "What is shown" } },
              ...available.map(([side, title]) =>
                el(
                  "button",
                  {
                    class: "oe-switch-item",
                    type: "button",
                    aria: { pressed: String(side === shown[0]) },
                    on: {
                      click: () => {
                        this.side = side;
                        this.show(detail, ids);
                      },
                    },
                  },
                  title,
                ),
              ),
            ),
            shown[0] === "symbolic" ? block(shown[2], "python") : el("pre", { class: "oe-prose oe-block" }, shown[2]),
          ),
    );
  }
}

function block(text: string, language: "python" | "graph"): HTMLElement {
  const pre = el("pre", { class: "oe-block oe-code" });
  for (const [index, line] of text.split("\n").entries()) {
    if (index > 0) pre.append("\n");
    for (const token of tokens(line, language)) {
      if (token.kind === "plain") pre.append(token.text);
      else pre.append(el("span", { class: `oe-t-${token.kind}` }, token.text));
    }
  }
  return pre;
}
