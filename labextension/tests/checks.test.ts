import { describe, expect, it } from "vitest";
import { SavedSource } from "../src/kernel/saved";
import { EXPORT_PANES, type Reply, type Source, type SourceChange } from "../src/kernel/source";
import { CostsModel, errorText, NodesModel, timesText } from "../src/model/checks";
import { errorLevel, heatOf, heatOfLine, timeLevel } from "../src/model/heat";
import { PaneModel } from "../src/model/pane";
import { Session } from "../src/model/session";
import {
  type CostRows,
  type CostTables,
  type NodesTable,
  type PaneText,
  STYLE_QUIET,
  type Summary,
  type Working,
} from "../src/protocol";
import { sizeOf } from "../src/views/costs";
import { compare } from "../src/views/sortedtable";

/** Float32 numbers as the bits that travel. */
function bits(...numbers: number[]): Int32Array {
  return new Int32Array(Float32Array.from(numbers).buffer);
}

const { NaN: unknown, POSITIVE_INFINITY: infinite } = Number;

const table: NodesTable = {
  kind: "nodes",
  inputs: "the captured inputs",
  effort: "",
  first_difference: 0,
  first_nonfinite: -1,
  targets: ["aten::relu", "aten::mul", "aten::conv2d", "aten::nms"],
  scopes: ["", "", "", ""],
  wheres: ["", "", "", ""],
  values: ["a", "b", "c", ""],
  statuses: ["introduces", "passes on", "agrees", "not compared"],
  causes: ["wrong symbolic function", "", "", ""],
  details: ["", "", "", ""],
};
const tableBuffers = [
  Int32Array.from([7, 8, 5, 9]),
  Int32Array.from([0, 1, 2, 3, 4]),
  Int32Array.from([17, 18, 15, 19]),
  Int32Array.from([1, 2, 0, 3]),
  bits(2, 1.5, 1e-7, unknown),
  bits(2, 0, 1e-7, unknown),
  bits(400, 50, 0.2, unknown),
  bits(infinite, 0, 0.05, unknown),
  Int32Array.from([0, 0, 0, 0]),
  Int32Array.from([3, 0, 0, 0]),
];
const nodes = new NodesModel(table, tableBuffers);

const noRows: CostRows = { titles: [], notes: [], names: [], counts: [], parameters: [], bytes: [] };
const tables: CostTables = {
  kind: "costs",
  milliseconds: 10,
  run: 12,
  beside: null,
  runs: 10,
  parameters: "1",
  bytes: "4 B",
  note: "",
  modules: noRows,
  lines: noRows,
  nodes: { ...noRows, titles: ["fused", "Mul"], notes: ["FusedConv", "Mul"], names: ["Conv", "Mul"] },
};
const costs = new CostsModel(tables, [
  ...Array.from({ length: 8 }, () => new Int32Array(0)),
  bits(0.008, 0.002),
  bits(unknown, unknown),
  Int32Array.from([0, 2, 3]),
  Int32Array.from([15, 17, 18]),
]);

describe("rows of the check of every node", () => {
  it("come with their numbers, floats by their bits", () => {
    expect(nodes.count).toBe(4);
    expect(nodes.node(0)).toBe(7);
    expect(nodes.title(0)).toBe("#17 aten::relu");
    expect(nodes.error(1, "accumulated")).toBe(1.5);
    expect(nodes.excess(0, "local")).toBe(infinite);
    expect(nodes.error(3, "local")).toBeNaN();
    expect(nodes.nonfinite(0)).toEqual([0, 3]);
    expect(nodes.place(2)).toBe(0);
  });

  it("are written short", () => {
    expect([0, 3.21e-5, 0.0271, 1.93, 210, 2.5e6, infinite, unknown].map(errorText)).toEqual([
      "0",
      "3.2e-5",
      "0.027",
      "1.9",
      "210",
      "2.5e+6",
      "∞",
      "",
    ]);
    expect([0, 0.001, 0.2, 400, 3e7, infinite, unknown].map(timesText)).toEqual([
      "0",
      "< 0.01 ×",
      "0.2 ×",
      "400 ×",
      "3e+7 ×",
      "∞",
      "",
    ]);
  });
});

describe("heat", () => {
  it("stays cool within the tolerance, whatever the size of the numbers", () => {
    expect([0, 0.1, 1, 1.01, 11, 101, infinite, unknown].map(errorLevel)).toEqual([0, 1, 2, 3, 4, 5, 5, -1]);
    expect([0, 0.019, 0.05, 0.2, 0.9].map(timeLevel)).toEqual([0, 1, 3, 4, 5]);
  });

  it("shows the worst of what a line is about, with a number and a mark", () => {
    const accumulated = heatOf("accumulated", nodes, undefined);
    expect(accumulated?.of([15], "")).toMatchObject({ level: 2, text: "1.0e-7", mark: "" });
    expect(accumulated?.of([18], "")).toMatchObject({ level: 4, text: "1.5", mark: "↓" });
    expect(accumulated?.of([15, 17, 18], "")).toMatchObject({ level: 5, text: "2", mark: "✕" });
    expect(accumulated?.of([15, 17, 18], "")?.title()).toContain("the largest of 3");
    expect(accumulated?.of([99], "")).toBeUndefined();
    const local = heatOf("local", nodes, undefined);
    expect(local?.of([18], "")).toMatchObject({ level: 0, text: "0", mark: "" });
    expect(local?.of([19], "")).toMatchObject({ level: -1, text: "–" });
    expect(heatOf("off", nodes, costs)).toBeUndefined();
    expect(heatOf("local", undefined, costs)).toBeUndefined();
  });

  it("counts a node's time once, and an ONNX node's own where it has a name", () => {
    const time = heatOf("time", undefined, costs);
    expect(time?.of([15, 17], "")).toMatchObject({ level: 5, text: "80 %" });
    expect(time?.of([15, 18], "")).toMatchObject({ text: "100 %" });
    expect(time?.of([15, 17], "Mul")).toMatchObject({ level: 4, text: "20 %" });
    expect(time?.of([15, 17], "fused away")).toBeUndefined();
  });

  it("is not shown at declarations and weights", () => {
    const text = { kind: "pane", pane: "onnx", revision: 1, notes: [], labels: [], names: ["Conv", ""] } as const;
    const pane = new PaneModel({ ...text, lines: ["Conv(%x)", "weight"], notes: [], labels: [], names: ["Conv", ""] }, [
      Int32Array.from([0, 1, 2]),
      Int32Array.from([17, 17]),
      Int32Array.from([0, -1]),
      Int32Array.from([1, 0]),
      Int32Array.from([0, STYLE_QUIET]),
    ]);
    const heat = heatOf("local", nodes, undefined);
    if (heat === undefined) throw new Error("no heat");
    expect(heatOfLine(heat, pane, 0)?.mark).toBe("✕");
    expect(heatOfLine(heat, pane, 1)).toBeUndefined();
  });
});

describe("sorting", () => {
  it("puts what is not known last, whichever way round", () => {
    const keys = [2, unknown, 10, infinite, 0];
    expect(keys.toSorted((a, b) => compare(a, b, 1))).toEqual([0, 2, 10, infinite, unknown]);
    expect(keys.toSorted((a, b) => compare(a, b, -1))).toEqual([infinite, 10, 2, 0, unknown]);
    expect(["b10", "", "b9"].toSorted((a, b) => compare(a, b, 1))).toEqual(["b9", "b10", ""]);
  });
});

// -- the session ---------------------------------------------------------------------------------------------------------

class Kernel implements Source {
  readonly connection = "live";
  readonly panes = EXPORT_PANES;
  readonly asked: string[] = [];
  summary = { revision: 3, content: 3, state: "exported", busy: false, nodes: null, cost: null } as unknown as Summary;
  failing: Reply<never> | undefined;
  told: Working | undefined;
  private listener: (change: SourceChange) => void = () => undefined;

  ask(request: { kind: string; pane?: string }): Promise<Reply<never>> {
    this.asked.push(request.pane ?? request.kind);
    if (request.kind === "check_nodes") {
      if (this.failing !== undefined) return Promise.resolve(this.failing);
      const verdict = { stamp: 1, verdict: "", passed: false, culprits: 1, passing: 1, compared: 3, total: 4 };
      this.summary = { ...this.summary, revision: this.summary.revision + 1, nodes: verdict };
    }
    const pane = { kind: "pane", pane: request.pane, revision: this.summary.content } as PaneText;
    const rest = { lines: [], notes: [], labels: [], names: [] };
    const answer =
      request.kind === "pane"
        ? { ...pane, ...rest }
        : request.kind === "nodes"
          ? table
          : { kind: "summary", summary: this.summary };
    const buffers = request.kind === "nodes" ? tableBuffers : [];
    return Promise.resolve({ kind: "ok", answer: answer as never, buffers, bytes: [] });
  }

  working(): Working | undefined {
    return this.told;
  }

  tell(change: SourceChange): void {
    this.listener(change);
  }

  onChange(listener: (change: SourceChange) => void): () => void {
    this.listener = listener;
    return () => undefined;
  }

  shared(): { selection: number[]; step: number } {
    return { selection: [], step: 0 };
  }

  share(): void {}
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

describe("a check in the session", () => {
  it("asks for no pane again, and for rows only where somebody looks", async () => {
    const kernel = new Kernel();
    const session = new Session(kernel as Source);
    await session.open();
    kernel.asked.length = 0;
    const checked = session.check("check_nodes");
    expect(session.running.value).toBe("Checking every node");
    expect(session.checking.value).toBe("check_nodes");
    await checked;
    expect(session.running.value).toBe("");
    expect(kernel.asked).toEqual(["check_nodes"]);
    expect(session.nodes.value).toBeUndefined();
    session.setHeat("local");
    await settled();
    expect(kernel.asked).toEqual(["check_nodes", "nodes"]);
    expect(session.heat.value?.of([17], "")?.mark).toBe("✕");
    session.setHeat("accumulated");
    await settled();
    expect(kernel.asked).toEqual(["check_nodes", "nodes"]);
    // An edit makes the export again: nothing is left of the check, and the panes are old.
    kernel.summary = { ...kernel.summary, revision: 9, content: 9, nodes: null };
    kernel.tell({ kind: "revision", revision: 9 });
    await settled();
    expect(session.heat.value).toBeUndefined();
    expect(kernel.asked.slice(2)).toEqual(["summary", "source", "torch", "dispatch", "onnx"]);
  });

  it("says in its place why it came to nothing", async () => {
    const kernel = new Kernel();
    const session = new Session(kernel as Source);
    await session.open();
    kernel.failing = { kind: "failed", code: "RuntimeMismatch", message: "ONNX Runtime stopped" };
    await session.check("check_nodes");
    expect(session.refused.value.get("check_nodes")).toBe("ONNX Runtime stopped");
    expect([session.trouble.value, session.running.value, session.checking.value]).toEqual(["", "", undefined]);
    kernel.failing = { kind: "failed", code: "Cancelled", message: "stopped while the nodes were checked" };
    await session.check("check_nodes");
    expect(session.refused.value.get("check_nodes")).toContain("Stopped");
    kernel.failing = undefined;
    await session.check("check_nodes");
    expect(session.refused.value.size).toBe(0);
    session.close();
  });

  it("tells work that a cell began, and how far it is", async () => {
    const kernel = new Kernel();
    const session = new Session(kernel as Source);
    await session.open();
    kernel.told = { what: "Checking every node", done: 0, total: 0 };
    kernel.tell({ kind: "working" });
    expect(session.running.value).not.toBe("");
    expect(session.far()).toBe("");
    kernel.told = { what: "Checking every node", done: 12, total: 340 };
    kernel.tell({ kind: "working" });
    expect(session.far()).toBe("12 of 340");
    kernel.told = undefined;
    kernel.tell({ kind: "working" });
    kernel.tell({ kind: "revision", revision: 4 });
    await settled();
    expect(session.running.value).toBe("");
  });
});

describe("a saved output", () => {
  it("has the rows that were stored", async () => {
    const summary = { revision: 0, nodes: { stamp: 1 }, cost: null } as unknown as Summary;
    const stored = [{ answer: table, buffers: tableBuffers.map((column) => [...column]) }];
    const whole = { protocol: 1, summary, panes: [], graphs: [], omitted: "", checks: stored };
    const session = new Session(new SavedSource(whole));
    await session.open();
    session.setHeat("accumulated");
    await settled();
    expect(session.nodes.value?.error(1, "accumulated")).toBe(1.5);
    const { checks: _, ...older } = whole;
    const old = new Session(new SavedSource(older));
    await old.open();
    old.setHeat("accumulated");
    await settled();
    expect(old.heat.value).toBeUndefined();
  });
});

describe("RV", () => {
  it("stale refusal after an edit", async () => {
    const kernel = new Kernel();
    const session = new Session(kernel as Source);
    await session.open();
    kernel.failing = { kind: "failed", code: "Cancelled", message: "x" };
    await session.check("check_nodes");
    kernel.summary = { ...kernel.summary, revision: 9, content: 9, nodes: null };
    kernel.tell({ kind: "revision", revision: 9 });
    await settled();
    expect(session.refused.value.size).toBe(0);
  });
  it("rows come after a busy answer", async () => {
    const kernel = new Kernel();
    const real = kernel.ask.bind(kernel);
    let busy = true;
    kernel.ask = (r: { kind: string; pane?: string }) =>
      r.kind === "nodes" && busy ? Promise.resolve({ kind: "busy", message: "b" } as never) : real(r);
    const session = new Session(kernel as Source);
    await session.open();
    await session.check("check_nodes");
    session.setHeat("local");
    await settled();
    expect(session.nodes.value).toBeUndefined();
    busy = false;
    session.setHeat("off");
    session.setHeat("local");
    await session.refresh();
    await settled();
    expect(session.nodes.value).toBeDefined();
  });
  it("no old heat while the new panes come", async () => {
    const kernel = new Kernel();
    const session = new Session(kernel as Source);
    await session.open();
    await session.check("check_nodes");
    session.setHeat("local");
    await settled();
    kernel.summary = { ...kernel.summary, revision: 9, content: 9, nodes: null };
    const seen: boolean[] = [];
    session.panes.on((panes) => {
      if ([...panes.values()].some((pane) => pane.text.revision === 9)) seen.push(session.heat.value !== undefined);
    });
    kernel.tell({ kind: "revision", revision: 9 });
    await settled();
    expect(seen).toEqual([false, false, false, false]);
  });
});

describe("sizes", () => {
  it("are sorted as bytes, and nothing has none", () => {
    expect([sizeOf("896 B"), sizeOf("28.7 kB"), sizeOf("244.4 MB")]).toEqual([896, 28700, 244.4e6]);
    expect(sizeOf("")).toBeNaN();
  });
});
