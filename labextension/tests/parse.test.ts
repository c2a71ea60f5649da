import { PbfWriter } from "pbf";
import { describe, expect, it } from "vitest";
import { BrokenModel, parseModel } from "../src/onnx/parse";
import { FileSource, scopeOf } from "../src/onnx/source";

/** A model by hand: x → /a/Relu → h → Add(h, w) → y. */
function model(): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, 8);
  pbf.writeStringField(2, "tests");
  pbf.writeMessage(
    7,
    (_, graph) => {
      graph.writeMessage(1, node("/a/Relu", "Relu", ["x"], ["h"]), undefined);
      graph.writeMessage(1, node("Add", "Add", ["h", "w"], ["y"]), undefined);
      graph.writeStringField(2, "main");
      graph.writeMessage(
        5,
        (_inner, tensor) => {
          tensor.writePackedVarint(1, [2, 3]);
          tensor.writeVarintField(2, 1);
          tensor.writeStringField(8, "w");
          tensor.writeBytesField(9, new Uint8Array(24));
        },
        undefined,
      );
      graph.writeMessage(11, value("x"), undefined);
      graph.writeMessage(12, value("y"), undefined);
    },
    undefined,
  );
  pbf.writeMessage(8, (_, opset) => opset.writeVarintField(2, 17), undefined);
  return pbf.finish();
}

type Write = (object: undefined, pbf: PbfWriter) => void;

function node(name: string, op: string, inputs: string[], outputs: string[]): Write {
  return (_, pbf) => {
    for (const input of inputs) pbf.writeStringField(1, input);
    for (const output of outputs) pbf.writeStringField(2, output);
    pbf.writeStringField(3, name);
    pbf.writeStringField(4, op);
    pbf.writeMessage(
      5,
      (_inner, attribute) => {
        attribute.writeStringField(1, "axes");
        attribute.writePackedVarint(8, [1, 2]);
      },
      undefined,
    );
  };
}

function value(name: string): Write {
  return (_, pbf) => {
    pbf.writeStringField(1, name);
    pbf.writeMessage(
      2,
      (_type, type) =>
        type.writeMessage(
          1,
          (_tensor, tensor) => {
            tensor.writeVarintField(1, 1);
            tensor.writeMessage(
              2,
              (_shape, shape) => {
                shape.writeMessage(1, (_dim, dim) => dim.writeStringField(2, "batch"), undefined);
                shape.writeMessage(1, (_dim, dim) => dim.writeVarintField(1, 3), undefined);
              },
              undefined,
            );
          },
          undefined,
        ),
      undefined,
    );
  };
}

describe("parse", () => {
  it("reads nodes, weights without their bytes, types and opsets", () => {
    const read = parseModel(model());
    expect(read.opsets).toEqual([{ domain: "", version: 17 }]);
    expect(read.graph.nodes.map((item) => item.op)).toEqual(["Relu", "Add"]);
    expect(read.graph.nodes[0]?.attributes[0]?.text).toBe("[1, 2]");
    expect(read.graph.weights).toEqual([{ name: "w", type: "FLOAT[2, 3]", bytes: 24 }]);
    expect(read.graph.inputs).toEqual([{ name: "x", type: "FLOAT[batch, 3]" }]);
  });

  it("says what is wrong with a broken file", () => {
    const whole = model();
    expect(() => parseModel(new Uint8Array())).toThrow("empty");
    for (let length = 1; length < whole.length; length++) {
      try {
        parseModel(whole.slice(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(BrokenModel);
      }
    }
    for (let seed = 1; seed < 200; seed++) {
      const noise = Uint8Array.from({ length: 300 }, (_, index) => (index * seed * 7919 + seed * 104729) % 256);
      try {
        parseModel(noise);
      } catch (error) {
        expect(error).toBeInstanceOf(BrokenModel);
      }
    }
  });
});

describe("a file as a source", () => {
  const source = new FileSource(parseModel(model()), "");

  it("has text and graph, linked by node number", async () => {
    const pane = await source.ask<"pane">({ kind: "pane", pane: "onnx" });
    const graph = await source.ask<"graph">({ kind: "graph", stage: "onnx", scope: "" });
    if (pane.kind !== "ok" || graph.kind !== "ok") throw new Error("no answer");
    expect(pane.answer.lines).toContain("%y = Add(%h, w, axes=[1, 2])");
    expect(graph.answer.titles).toEqual(["x", "a", "Add", "y"]);
    expect(graph.answer.kinds).toEqual(["input", "module", "operator", "output"]);
    expect([...(graph.buffers[0] ?? [])]).toEqual([0, 1, 1, 2, 2, 3]);
  });

  it("finds module paths in both ways of naming", () => {
    const named = (name: string): string =>
      scopeOf({ name, domain: "", op: "", inputs: [], outputs: [], attributes: [], doc: "" });
    expect(named("/encoder/layer.0/MatMul")).toBe("encoder/layer.0");
    expect(named("encoder.layer.0/MatMul")).toBe("encoder/layer/0");
    expect(named("MatMul_3")).toBe("");
  });
});
