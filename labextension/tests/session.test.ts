import { describe, expect, it } from "vitest";
import { EXPORT_PANES, type Reply, type Source } from "../src/kernel/source";
import { Session } from "../src/model/session";
import type { Opening, PaneName, PaneText, Summary } from "../src/protocol";

const summary = { revision: 3, state: "exported", busy: false } as Summary;

function lines(pane: PaneName, count: number): PaneText {
  const columns = Array.from({ length: count }, (_, row) => `${pane} ${row}`);
  return { kind: "pane", pane, revision: 3, lines: columns, notes: columns, labels: columns, names: [] };
}

const opening: Opening = {
  summary,
  panes: [
    { text: lines("source", 2), numbers: [[0, 1, 1], [7], [0, -1], [1, 0], [0, 0]], whole: true },
    { text: lines("onnx", 2), numbers: [[0, 0, 0], [], [-1, -1], [0, 0], [0, 0]], whole: false },
  ],
};

function source(given: Opening | undefined, asked: string[]): Source {
  return {
    connection: "live",
    panes: EXPORT_PANES,
    ask: (request) => {
      asked.push("pane" in request ? request.pane : request.kind);
      const answer = "pane" in request ? lines(request.pane, 5) : { kind: "summary", summary };
      return Promise.resolve<Reply<never>>({ kind: "ok", answer: answer as never, buffers: [], bytes: [] });
    },
    opening: () => given,
    onChange: () => () => undefined,
    shared: () => ({ selection: [], step: 0 }),
    share: () => undefined,
  };
}

describe("session", () => {
  it("paints what came along, and asks only for what is missing", async () => {
    const asked: string[] = [];
    const session = new Session(source(opening, asked));
    const opened = session.open();
    expect(session.summary.value).toEqual(summary);
    expect(session.panes.value.get("source")?.line(1)).toBe("source 1");
    expect(session.panes.value.get("source")?.color(0)).toBe(0);
    expect(session.panes.value.get("onnx")?.count).toBe(2);
    expect(session.loading.value).toBe(true);
    await opened;
    expect(asked).toEqual(["summary", "torch", "dispatch", "onnx"]);
    expect(session.panes.value.get("onnx")?.count).toBe(5);
    expect(session.loading.value).toBe(false);
    await session.refresh();
    expect(asked.slice(4)).toEqual(["summary", "source", "torch", "dispatch", "onnx"]);
  });

  it("asks for everything where nothing came along", async () => {
    const asked: string[] = [];
    await new Session(source(undefined, asked)).open();
    expect(asked).toEqual(["summary", "source", "torch", "dispatch", "onnx"]);
  });
});
