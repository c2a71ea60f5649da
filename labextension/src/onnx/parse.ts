/**
 * Reads an `.onnx` file: the graph, not the weights' bytes. Field numbers are those of onnx.proto3 (IR version 3 and later).
 * A broken file is a `BrokenModel` with a sentence for a person.
 */

import { PbfReader } from "pbf";

export class BrokenModel extends Error {
  override name = "BrokenModel";
}

export interface ValueInfo {
  name: string;
  /** Such as `FLOAT[batch, 3]`; "?" if the file does not say. */
  type: string;
}

export interface Attribute {
  name: string;
  text: string;
  graphs: OnnxGraph[];
}

export interface OnnxNode {
  name: string;
  domain: string;
  op: string;
  inputs: string[];
  outputs: string[];
  attributes: Attribute[];
  doc: string;
}

export interface TensorInfo extends ValueInfo {
  bytes: number;
}

export interface OnnxGraph {
  name: string;
  doc: string;
  nodes: OnnxNode[];
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  values: ValueInfo[];
  weights: TensorInfo[];
}

export interface OnnxModel {
  irVersion: number;
  producer: string;
  doc: string;
  opsets: { domain: string; version: number }[];
  metadata: [string, string][];
  functions: number;
  graph: OnnxGraph;
}

const TYPES = [
  "UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16", "DOUBLE",
  "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2",
  "FLOAT8E5M2FNUZ", "UINT4", "INT4", "FLOAT4E2M1",
]; // biome-ignore format: a table
const BITS: Record<string, number> = {
  FLOAT: 32, UINT8: 8, INT8: 8, UINT16: 16, INT16: 16, INT32: 32, INT64: 64, BOOL: 8, FLOAT16: 16, DOUBLE: 64,
  UINT32: 32, UINT64: 64, COMPLEX64: 64, COMPLEX128: 128, BFLOAT16: 16, FLOAT8E4M3FN: 8, FLOAT8E4M3FNUZ: 8,
  FLOAT8E5M2: 8, FLOAT8E5M2FNUZ: 8, UINT4: 4, INT4: 4, FLOAT4E2M1: 4,
}; // biome-ignore format: a table
const SHOWN = 16;
const DEEPEST = 40;

/** Parse a whole file. */
export function parseModel(data: Uint8Array): OnnxModel {
  if (data.length === 0) throw new BrokenModel("The file is empty.");
  const model: OnnxModel = {
    irVersion: 0,
    producer: "",
    doc: "",
    opsets: [],
    metadata: [],
    functions: 0,
    graph: emptyGraph(),
  };
  let graphs = 0;
  try {
    const reader = new PbfReader(data);
    reader.readFields((tag, result: OnnxModel, pbf) => {
      if (tag === 1) result.irVersion = pbf.readVarint(true);
      else if (tag === 2) result.producer = `${pbf.readString()}${result.producer}`;
      else if (tag === 3) result.producer = `${result.producer} ${pbf.readString()}`;
      else if (tag === 6) result.doc = pbf.readString();
      else if (tag === 7) {
        graphs += 1;
        result.graph = message(pbf, (end) => readGraph(pbf, end, 0));
      } else if (tag === 8) result.opsets.push(message(pbf, (end) => readOpset(pbf, end)));
      else if (tag === 14) result.metadata.push(message(pbf, (end) => readPair(pbf, end)));
      else if (tag === 25) result.functions += 1;
    }, model);
    if (reader.pos !== data.length)
      throw new BrokenModel("The file ends in the middle: it was not written to its end.");
  } catch (error) {
    if (error instanceof BrokenModel) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new BrokenModel(`This is not an ONNX model, or it is damaged (${reason}).`);
  }
  if (graphs === 0 || model.irVersion === 0) {
    throw new BrokenModel("This is not an ONNX model: it has no graph or no IR version.");
  }
  return model;
}

function emptyGraph(): OnnxGraph {
  return { name: "", doc: "", nodes: [], inputs: [], outputs: [], values: [], weights: [] };
}

/** Read an embedded message, whose length comes first, and check that it lies inside the file. */
function message<T>(pbf: PbfReader, read: (end: number) => T): T {
  const end = pbf.readVarint() + pbf.pos;
  if (end > pbf.length) throw new BrokenModel("The file ends in the middle: it was not written to its end.");
  const made = read(end);
  pbf.pos = end;
  return made;
}

function readOpset(pbf: PbfReader, end: number): { domain: string; version: number } {
  return pbf.readFields(
    (tag, result, reader) => {
      if (tag === 1) result.domain = reader.readString();
      else if (tag === 2) result.version = reader.readVarint(true);
    },
    { domain: "", version: 0 },
    end,
  );
}

function readPair(pbf: PbfReader, end: number): [string, string] {
  const pair: [string, string] = ["", ""];
  pbf.readFields(
    (tag, result, reader) => {
      if (tag === 1) result[0] = reader.readString();
      else if (tag === 2) result[1] = reader.readString();
    },
    pair,
    end,
  );
  return pair;
}

function readGraph(pbf: PbfReader, end: number, depth: number): OnnxGraph {
  if (depth > DEEPEST) throw new BrokenModel("Its subgraphs are nested too deeply.");
  return pbf.readFields(
    (tag, graph, reader) => {
      if (tag === 1) graph.nodes.push(message(reader, (last) => readNode(reader, last, depth)));
      else if (tag === 2) graph.name = reader.readString();
      else if (tag === 5) graph.weights.push(message(reader, (last) => readTensor(reader, last)));
      else if (tag === 10) graph.doc = reader.readString();
      else if (tag === 11) graph.inputs.push(message(reader, (last) => readValue(reader, last)));
      else if (tag === 12) graph.outputs.push(message(reader, (last) => readValue(reader, last)));
      else if (tag === 13) graph.values.push(message(reader, (last) => readValue(reader, last)));
    },
    emptyGraph(),
    end,
  );
}

function readNode(pbf: PbfReader, end: number, depth: number): OnnxNode {
  const node: OnnxNode = { name: "", domain: "", op: "", inputs: [], outputs: [], attributes: [], doc: "" };
  return pbf.readFields(
    (tag, result, reader) => {
      if (tag === 1) result.inputs.push(reader.readString());
      else if (tag === 2) result.outputs.push(reader.readString());
      else if (tag === 3) result.name = reader.readString();
      else if (tag === 4) result.op = reader.readString();
      else if (tag === 5) result.attributes.push(message(reader, (last) => readAttribute(reader, last, depth)));
      else if (tag === 6) result.doc = reader.readString();
      else if (tag === 7) result.domain = reader.readString();
    },
    node,
    end,
  );
}

interface RawAttribute {
  name: string;
  values: string[];
  listed: boolean;
  graphs: OnnxGraph[];
}

function readAttribute(pbf: PbfReader, end: number, depth: number): Attribute {
  const raw: RawAttribute = { name: "", values: [], listed: false, graphs: [] };
  pbf.readFields(
    (tag, result, reader) => {
      const packed = reader.type === 2;
      const list = (add: () => string): void => {
        result.listed = true;
        if (!packed) result.values.push(add());
        else
          message(reader, (last) => {
            while (reader.pos < last) result.values.push(add());
          });
      };
      if (tag === 1) result.name = reader.readString();
      else if (tag === 2) result.values.push(float(reader));
      else if (tag === 3) result.values.push(String(reader.readVarint(true)));
      else if (tag === 4) result.values.push(JSON.stringify(new TextDecoder().decode(reader.readBytes())));
      else if (tag === 5) result.values.push(message(reader, (last) => readTensor(reader, last).type));
      else if (tag === 6) result.graphs.push(message(reader, (last) => readGraph(reader, last, depth + 1)));
      else if (tag === 7) list(() => float(reader));
      else if (tag === 8) list(() => String(reader.readVarint(true)));
      else if (tag === 9) {
        result.listed = true;
        result.values.push(JSON.stringify(new TextDecoder().decode(reader.readBytes())));
      } else if (tag === 11) result.graphs.push(message(reader, (last) => readGraph(reader, last, depth + 1)));
    },
    raw,
    end,
  );
  const shown = raw.values.slice(0, SHOWN).join(", ");
  const more = raw.values.length > SHOWN ? `, … ${raw.values.length - SHOWN} more` : "";
  const text = raw.listed ? `[${shown}${more}]` : raw.graphs.length > 0 ? "{…}" : shown;
  return { name: raw.name, text, graphs: raw.graphs };
}

function float(pbf: PbfReader): string {
  return String(Number(pbf.readFloat().toPrecision(7)));
}

interface RawTensor {
  name: string;
  type: number;
  dims: number[];
}

function readTensor(pbf: PbfReader, end: number): TensorInfo {
  const raw: RawTensor = { name: "", type: 0, dims: [] };
  pbf.readFields(
    (tag, result, reader) => {
      if (tag === 1) {
        if (reader.type !== 2) result.dims.push(reader.readVarint(true));
        else
          message(reader, (last) => {
            while (reader.pos < last) result.dims.push(reader.readVarint(true));
          });
      } else if (tag === 2) result.type = reader.readVarint(true);
      else if (tag === 8) result.name = reader.readString();
    },
    raw,
    end,
  );
  const type = typeName(raw.type);
  const count = raw.dims.reduce((product, dim) => product * dim, 1);
  return { name: raw.name, type: `${type}[${raw.dims.join(", ")}]`, bytes: Math.ceil((count * (BITS[type] ?? 0)) / 8) };
}

function typeName(number: number): string {
  return TYPES[number] ?? `TYPE${number}`;
}

function readValue(pbf: PbfReader, end: number): ValueInfo {
  return pbf.readFields(
    (tag, result, reader) => {
      if (tag === 1) result.name = reader.readString();
      else if (tag === 2) result.type = message(reader, (last) => readType(reader, last, 0));
    },
    { name: "", type: "?" },
    end,
  );
}

function readType(pbf: PbfReader, end: number, depth: number): string {
  if (depth > DEEPEST) return "?";
  const found = { text: "?" };
  pbf.readFields(
    (tag, result, reader) => {
      const wrap = (word: string): void => {
        result.text = message(reader, (last) => `${word}(${readElement(reader, last, depth)})`);
      };
      if (tag === 1) result.text = message(reader, (last) => readTensorType(reader, last));
      else if (tag === 4) wrap("sequence");
      else if (tag === 9) wrap("optional");
      else if (tag === 5) result.text = "map";
      else if (tag === 8) result.text = message(reader, (last) => `sparse ${readTensorType(reader, last)}`);
    },
    found,
    end,
  );
  return found.text;
}

function readElement(pbf: PbfReader, end: number, depth: number): string {
  const found = { text: "?" };
  pbf.readFields(
    (tag, result, reader) => {
      if (tag === 1) result.text = message(reader, (last) => readType(reader, last, depth + 1));
    },
    found,
    end,
  );
  return found.text;
}

function readTensorType(pbf: PbfReader, end: number): string {
  const raw: { type: number; dims: string[] | undefined } = { type: 0, dims: undefined };
  pbf.readFields(
    (tag, result, reader) => {
      if (tag === 1) result.type = reader.readVarint(true);
      else if (tag === 2) result.dims = message(reader, (last) => readShape(reader, last));
    },
    raw,
    end,
  );
  return raw.dims === undefined ? typeName(raw.type) : `${typeName(raw.type)}[${raw.dims.join(", ")}]`;
}

function readShape(pbf: PbfReader, end: number): string[] {
  return pbf.readFields<string[]>(
    (tag, dims, reader) => {
      if (tag === 1) dims.push(message(reader, (last) => readDimension(reader, last)));
    },
    [],
    end,
  );
}

function readDimension(pbf: PbfReader, end: number): string {
  return pbf.readFields(
    (tag, result, reader) => {
      if (tag === 1) result.text = String(reader.readVarint(true));
      else if (tag === 2) result.text = reader.readString() || "?";
    },
    { text: "?" },
    end,
  ).text;
}
