import { describe, expect, it } from "vitest";
import { crumbs } from "../src/model/drawing";
import { History } from "../src/model/history";
import { hue, PALETTE_SIZE } from "../src/model/palette";
import { PaneModel } from "../src/model/pane";
import { Signal } from "../src/model/signal";
import { Threads } from "../src/model/threads";
import { tokens } from "../src/model/tokens";

const threads = new Threads(Int32Array.from([0, 2, 2, 3, 5]), Int32Array.from([7, 8, 9, 7, 9]));

describe("threads", () => {
  it("links rows that share a node, in both directions", () => {
    expect(threads.count).toBe(4);
    expect([...threads.of(0)]).toEqual([7, 8]);
    expect([...threads.of(1)]).toEqual([]);
    expect(threads.rows([7])).toEqual([0, 3]);
    expect(threads.rows([9, 8])).toEqual([0, 2, 3]);
    expect(threads.rows([42])).toEqual([]);
    expect(threads.touches(3, new Set([9]))).toBe(true);
    expect(threads.touches(1, new Set([9]))).toBe(false);
  });
});

describe("pane", () => {
  const pane = new PaneModel(
    {
      kind: "pane",
      pane: "onnx",
      revision: 1,
      lines: ["head", "%a = Relu(%x)", "%b = Conv(%a)"],
      notes: ["", "FLOAT[2]", ""],
      labels: ["", "1", "2"],
      names: ["", "block/Relu", ""],
    },
    [
      Int32Array.from([0, 0, 1, 2]),
      Int32Array.from([4, 5]),
      Int32Array.from([-1, 0, 1]),
      Int32Array.from([0, 1, 2]),
      Int32Array.from([1, 0, 0]),
    ],
  );

  it("knows colours, steps and the heading above", () => {
    expect(pane.color(0)).toBe(-1);
    expect(pane.step(2)).toBe(2);
    expect(pane.heading(2)).toBe(0);
    expect(pane.width).toBe("%a = Relu(%x)".length + "FLOAT[2]".length + 3);
  });

  it("searches text, types and names, whatever their case", () => {
    expect(pane.search("RELU")).toEqual([1]);
    expect(pane.search("float")).toEqual([1]);
    expect(pane.search("block/")).toEqual([1]);
    expect(pane.search("")).toEqual([]);
  });

  it("renames a size in its types, as a word and nowhere else", () => {
    const typed = new PaneModel(
      { ...pane.text, lines: ["batch", "", ""], notes: ["FLOAT[batch, 2*batch + 1, batches]", "x", ""] },
      [],
    );
    const after = typed.renamed("batch", "$n");
    expect(after.note(0)).toBe("FLOAT[$n, 2*$n + 1, batches]");
    expect(after.line(0)).toBe("batch");
    expect(typed.note(0)).toBe("FLOAT[batch, 2*batch + 1, batches]");
    expect(pane.renamed("batch", "n").threads.of(2)).toEqual(pane.threads.of(2));
  });
});

describe("tokens", () => {
  it.each([
    ["python", "        y = self.features(x)  # a 'comment'"],
    ["python", 'return "un<b>closed'],
    ["graph", '%35 = aten::conv2d(%x, weight, stride=[4, -1], name="a, b")'],
    ["graph", "%a/b:0 = my.domain::Op(∅)"],
  ] as const)("%s words are the line: %s", (language, line) => {
    expect(
      tokens(line, language)
        .map((token) => token.text)
        .join(""),
    ).toBe(line);
  });

  it("names kinds", () => {
    expect(tokens("%3 = aten::relu(%1)", "graph").map((token) => token.kind)).toEqual([
      "value",
      "plain",
      "operator",
      "plain",
      "value",
      "plain",
    ]);
  });

  it("leaves a very long line alone", () => {
    expect(tokens("x".repeat(100_000), "graph")).toHaveLength(1);
  });
});

describe("small things", () => {
  it("breadcrumbs", () => {
    expect(crumbs("")).toEqual([]);
    expect(crumbs("encoder.layer.0").map((crumb) => crumb.path)).toEqual([
      "encoder",
      "encoder.layer",
      "encoder.layer.0",
    ]);
    expect(crumbs("encoder/layer.0").map((crumb) => crumb.name)).toEqual(["encoder", "layer.0"]);
  });

  it("history goes back, without doubles", () => {
    const history = new History();
    history.push({ pane: "onnx", row: 1 });
    history.push({ pane: "onnx", row: 1 });
    history.push({ pane: "torch", row: 2 });
    expect(history.size).toBe(2);
    expect(history.pop()).toEqual({ pane: "torch", row: 2 });
  });

  it("colours repeat after the palette", () => {
    expect(hue(-1)).toBe("transparent");
    expect(hue(PALETTE_SIZE + 1)).toBe(hue(1));
  });

  it("a signal tells once per change", () => {
    const heard: number[] = [];
    const signal = new Signal(1);
    const stop = signal.watch((value) => heard.push(value));
    signal.value = 1;
    signal.value = 2;
    stop();
    signal.value = 3;
    expect(heard).toEqual([1, 2]);
  });
});
