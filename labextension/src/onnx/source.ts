/** A parsed file as a `Source`: the ONNX pane as a drawing and as text, what a node holds, inputs and outputs. */

import type { Answers, Connection, PaneSpec, Reply, RequestKind, RequestOf, Shared, Source } from "../kernel/source";
import {
  type GraphScope,
  type NodeDetail,
  type NodeKind,
  type PaneText,
  STYLE_HEADING,
  STYLE_INNER,
  STYLE_QUIET,
  type Summary,
} from "../protocol";
import type { OnnxGraph, OnnxModel, OnnxNode } from "./parse";

const PANES: readonly PaneSpec[] = [
  { pane: "onnx", title: "Graph", view: "graph", stage: "onnx", switchable: false },
  { pane: "onnx", title: "Text", view: "text", switchable: false },
];

interface Lines {
  text: string[];
  notes: string[];
  labels: string[];
  names: string[];
  ids: number[][];
  styles: number[];
}

export class FileSource implements Source {
  readonly connection: Connection = "file";
  readonly panes = PANES;
  private readonly types = new Map<string, string>();
  private readonly weights: ReadonlySet<string>;
  private readonly scopes: string[];
  private state: Shared = { selection: [], step: 0 };

  constructor(
    private readonly model: OnnxModel,
    private readonly script: string,
  ) {
    const { graph } = model;
    for (const value of [...graph.inputs, ...graph.outputs, ...graph.values, ...graph.weights]) {
      this.types.set(value.name, value.type);
    }
    this.weights = new Set(graph.weights.map((weight) => weight.name));
    this.scopes = graph.nodes.map(scopeOf);
  }

  ask<K extends RequestKind>(request: RequestOf<K>): Promise<Reply<Answers[K]>> {
    return Promise.resolve(this.answer(request as RequestOf<RequestKind>) as Reply<Answers[K]>);
  }

  onChange(): () => void {
    return () => undefined;
  }

  shared(): Shared {
    return this.state;
  }

  share(state: Partial<Shared>): void {
    this.state = { ...this.state, ...state };
  }

  private answer(request: RequestOf<RequestKind>): Reply<Answers[RequestKind]> {
    switch (request.kind) {
      case "summary":
        return { kind: "ok", answer: { kind: "summary", summary: this.summary() }, buffers: [], bytes: [] };
      case "pane":
        return this.text();
      case "graph":
        return this.graph(request.scope);
      case "node": {
        const node = request.node === null ? undefined : this.model.graph.nodes[request.node];
        if (node === undefined || request.node === null) {
          return { kind: "failed", code: "NoNode", message: "There is no such node." };
        }
        return { kind: "ok", answer: this.detail(node, request.node), buffers: [], bytes: [] };
      }
      case "asset": {
        const bytes = new DataView(new TextEncoder().encode(this.script).buffer);
        return { kind: "ok", answer: { kind: "asset", name: request.name }, buffers: [], bytes: [bytes] };
      }
      case "step":
      case "continue":
      case "run_to":
      case "set_axes":
      case "audit":
      case "check_nodes":
      case "measure_cost":
      case "bisect":
      case "nodes":
      case "costs":
      case "values":
      case "cancel":
        return { kind: "failed", code: "ReadOnly", message: "A file can only be looked at." };
      default:
        return request satisfies never;
    }
  }

  private summary(): Summary {
    const { model } = this;
    const bytes = model.graph.weights.reduce((sum, weight) => sum + weight.bytes, 0);
    const opsets = model.opsets.map(({ domain, version }) =>
      domain === "" ? `opset ${version}` : `${domain} ${version}`,
    );
    const parts = [
      ...opsets,
      `${model.graph.nodes.length} nodes`,
      `${model.graph.weights.length} weights (${size(bytes)})`,
      `IR version ${model.irVersion}`,
      ...(model.functions > 0 ? [`${model.functions} functions`] : []),
      ...(model.producer.trim() === "" ? [] : [model.producer.trim()]),
    ];
    const declared = model.graph.inputs.filter((value) => !this.weights.has(value.name));
    const rows = [
      ...declared.map((value) => ({ name: value.name, direction: "input" as const, path: "", type: value.type })),
      ...model.graph.outputs.map((value) => ({
        name: value.name,
        direction: "output" as const,
        path: "",
        type: value.type,
      })),
    ];
    const notes = [
      ...(model.doc === "" ? [] : [["doc_string", model.doc] as const]),
      ...(model.graph.doc === "" ? [] : [["graph doc_string", model.graph.doc] as const]),
      ...model.metadata,
    ];
    return {
      revision: 1,
      content: 1,
      state: "exported",
      headline: parts.join(", "),
      verdict: "",
      checks: [],
      check: "none",
      unchecked: false,
      opset: model.opsets.find(({ domain }) => domain === "")?.version ?? 0,
      position: 0,
      total: 0,
      busy: false,
      more: false,
      next_ids: [],
      next_target: "",
      next_where: "",
      failure: null,
      problems: notes.map(([code, message]) => ({ severity: "info", code, message, where: "", count: 1, ids: [] })),
      axes: [],
      axes_text: "",
      axes_line: "",
      audit: null,
      nodes: null,
      cost: null,
      bisect: null,
      interface: rows,
      passes: [],
      targets: [],
      scopes: [],
    };
  }

  private type(name: string): string {
    return this.types.get(name) ?? "";
  }

  private text(): Reply<PaneText> {
    const lines: Lines = { text: [], notes: [], labels: [], names: [], ids: [], styles: [] };
    const add = (text: string, note = "", ids: number[] = [], style = 0, name = "", label = ""): void => {
      lines.text.push(text);
      lines.notes.push(note);
      lines.labels.push(label);
      lines.names.push(name);
      lines.ids.push(ids);
      lines.styles.push(style);
    };
    const { graph } = this.model;
    for (const value of graph.inputs)
      if (!this.weights.has(value.name)) add(`input %${value.name}`, value.type, [], STYLE_QUIET);
    let scope = "";
    for (const [index, node] of graph.nodes.entries()) {
      const here = this.scopes[index] ?? "";
      if (here !== scope) {
        scope = here;
        add(scope === "" ? "model" : scope, "", [], STYLE_HEADING);
      }
      const type = node.outputs.map((name) => this.type(name)).join(", ");
      add(this.line(node), type, [index], 0, node.name, String(index));
      for (const attribute of node.attributes) {
        for (const body of attribute.graphs) this.body(attribute.name, body, index, 1, add);
      }
    }
    for (const value of graph.outputs) add(`output %${value.name}`, value.type, [], STYLE_QUIET);
    if (graph.weights.length > 0) add("weights", `${graph.weights.length}`, [], STYLE_HEADING);
    const users = new Map<string, number[]>();
    for (const [index, node] of graph.nodes.entries()) {
      for (const name of node.inputs) if (this.weights.has(name)) users.set(name, [...(users.get(name) ?? []), index]);
    }
    for (const weight of graph.weights) add(weight.name, weight.type, users.get(weight.name) ?? [], STYLE_QUIET);
    const none = new Array<number>(lines.text.length);
    const answer: PaneText = {
      kind: "pane",
      pane: "onnx",
      revision: 1,
      lines: lines.text,
      notes: lines.notes,
      labels: lines.labels,
      names: lines.names,
    };
    const buffers = [
      ...rows(lines.ids),
      Int32Array.from(none.fill(-1)),
      Int32Array.from(none.fill(0)),
      Int32Array.from(lines.styles),
    ];
    return { kind: "ok", answer, buffers, bytes: [] };
  }

  private line(node: OnnxNode): string {
    const inputs = node.inputs.map((name) => (name === "" ? "∅" : this.weights.has(name) ? name : `%${name}`));
    const attributes = node.attributes.map((attribute) => `${attribute.name}=${attribute.text}`);
    const domain = node.domain === "" || node.domain === "ai.onnx" ? "" : `${node.domain}::`;
    return `${node.outputs.map((name) => `%${name}`).join(", ")} = ${domain}${node.op}(${[...inputs, ...attributes].join(", ")})`;
  }

  private body(
    name: string,
    graph: OnnxGraph,
    index: number,
    depth: number,
    add: (text: string, note?: string, ids?: number[], style?: number) => void,
  ): void {
    const indent = "  ".repeat(depth);
    add(`${indent}${name}(${graph.inputs.map((value) => `%${value.name}`).join(", ")})`, "", [index], STYLE_INNER);
    for (const node of graph.nodes) {
      add(`${indent}  ${this.line(node)}`, "", [index], STYLE_INNER);
      for (const attribute of node.attributes) {
        for (const inner of attribute.graphs) this.body(attribute.name, inner, index, depth + 2, add);
      }
    }
    add(`${indent}  → ${graph.outputs.map((value) => `%${value.name}`).join(", ")}`, "", [index], STYLE_INNER);
  }

  private detail(node: OnnxNode, index: number): NodeDetail {
    const domain = node.domain === "" ? "" : `${node.domain}::`;
    const lines = [`#${index} ${domain}${node.op}  ${node.name}`];
    const block = (title: string, texts: readonly string[]): void => {
      for (const [row, text] of texts.entries()) lines.push(`  ${(row === 0 ? title : "").padEnd(12)}${text}`);
    };
    const typed = (name: string): string =>
      `${name === "" ? "∅" : `%${name}`}${this.type(name) === "" ? "" : ` : ${this.type(name)}`}`;
    block("inputs", node.inputs.map(typed));
    block("outputs", node.outputs.map(typed));
    block(
      "attributes",
      node.attributes.map((attribute) => `${attribute.name} = ${attribute.text}`),
    );
    return {
      kind: "node",
      ids: [index],
      title: node.op,
      lines,
      symbolic: "",
      documentation: node.doc,
      onnx: [node.name],
    };
  }

  private graph(asked: string): Reply<GraphScope> {
    let scope = asked;
    for (;;) {
      const found = this.collect(scope);
      const inside = found.kinds.flatMap((kind, index) => (kind === "module" || kind === "operator" ? [index] : []));
      const only = inside[0];
      if (inside.length !== 1 || only === undefined || found.kinds[only] !== "module") return found.reply(scope);
      scope = found.keys[only] ?? scope;
    }
  }

  /** The nodes of one module; what is in a submodule becomes one node. */
  private collect(scope: string): Collected {
    const { graph } = this.model;
    const found = new Collected();
    const home = new Map<string, number>();
    const inside = new Set<string>();
    if (scope === "") {
      for (const value of graph.inputs) {
        if (!this.weights.has(value.name))
          home.set(value.name, found.node("input", value.name, value.name, value.type));
      }
    }
    for (const [index, node] of graph.nodes.entries()) {
      const number = this.place(found, scope, index, node);
      if (number >= 0) found.count(number, index);
      const used = [...node.inputs, ...node.attributes.flatMap((attribute) => attribute.graphs.flatMap(outerNames))];
      for (const name of used) {
        if (name === "" || this.weights.has(name)) continue;
        if (number < 0) {
          if (inside.has(name))
            found.edge(home.get(name) ?? -1, found.node("output", name, name, this.type(name)), this.type(name));
          continue;
        }
        let source = home.get(name);
        if (source === undefined) {
          source = found.node("input", name, name, this.type(name));
          home.set(name, source);
        }
        found.edge(source, number, this.type(name));
      }
      if (number < 0) continue;
      for (const name of node.outputs) {
        home.set(name, number);
        inside.add(name);
      }
    }
    for (const value of graph.outputs) {
      if (inside.has(value.name)) {
        found.edge(home.get(value.name) ?? -1, found.node("output", value.name, value.name, value.type), value.type);
      }
    }
    return found;
  }

  private place(found: Collected, scope: string, index: number, node: OnnxNode): number {
    const where = this.scopes[index] ?? "";
    const prefix = scope === "" ? "" : `${scope}/`;
    if (where === scope) {
      const first = node.outputs[0];
      const type = first === undefined ? "" : this.type(first);
      return found.node("operator", String(index), node.op, type.slice(Math.max(0, type.indexOf("["))));
    }
    if (!where.startsWith(prefix)) return -1;
    const child = where.slice(prefix.length).split("/", 1)[0] ?? "";
    return found.node("module", `${prefix}${child}`, child, "");
  }
}

class Collected {
  readonly kinds: NodeKind[] = [];
  readonly keys: string[] = [];
  private readonly titles: string[] = [];
  private readonly subtitles: string[] = [];
  private readonly sizes: number[] = [];
  private readonly ids: number[][] = [];
  private readonly index = new Map<string, number>();
  private readonly edges = new Map<string, [number, number, string]>();

  node(kind: NodeKind, key: string, title: string, subtitle: string): number {
    const known = this.index.get(`${kind} ${key}`);
    if (known !== undefined) return known;
    const number = this.titles.length;
    this.index.set(`${kind} ${key}`, number);
    this.kinds.push(kind);
    this.keys.push(key);
    this.titles.push(title);
    this.subtitles.push(subtitle);
    this.sizes.push(0);
    this.ids.push([]);
    return number;
  }

  count(number: number, id: number): void {
    this.sizes[number] = (this.sizes[number] ?? 0) + 1;
    this.ids[number]?.push(id);
  }

  edge(from: number, to: number, label: string): void {
    if (from !== to && from >= 0 && to >= 0 && !this.edges.has(`${from} ${to}`)) {
      this.edges.set(`${from} ${to}`, [from, to, label]);
    }
  }

  reply(scope: string): Reply<GraphScope> {
    const edges = [...this.edges.values()];
    const answer: GraphScope = {
      kind: "graph",
      stage: "onnx",
      scope,
      revision: 1,
      kinds: this.kinds,
      titles: this.titles,
      subtitles: this.subtitles,
      keys: this.keys,
      sizes: this.sizes,
      labels: edges.map(([, , label]) => label),
    };
    const count = this.titles.length;
    const buffers = [
      Int32Array.from(edges.flatMap((edge) => edge.slice(0, 2) as [number, number])),
      ...rows(this.ids),
      new Int32Array(count).fill(-1),
      new Int32Array(count),
    ];
    return { kind: "ok", answer, buffers, bytes: [] };
  }
}

/** Names that a body takes from outside of itself. */
function outerNames(graph: OnnxGraph): string[] {
  const own = new Set([...graph.inputs, ...graph.weights].map((value) => value.name));
  for (const node of graph.nodes) for (const name of node.outputs) own.add(name);
  const used = graph.nodes.flatMap((node) => [
    ...node.inputs,
    ...node.attributes.flatMap((attribute) => attribute.graphs.flatMap(outerNames)),
  ]);
  return used.filter((name) => !own.has(name));
}

/** The module path in a node's name: `/encoder/layer.0/MatMul` (torch.onnx) and `encoder.layer.0/MatMul` (ours). */
export function scopeOf(node: OnnxNode): string {
  const parts = node.name.split("/").filter((part) => part !== "");
  const path = parts.slice(0, -1);
  return node.name.startsWith("/") ? path.join("/") : path.join("/").split(".").join("/");
}

function rows(lists: readonly (readonly number[])[]): [Int32Array, Int32Array] {
  const starts = new Int32Array(lists.length + 1);
  const flat: number[] = [];
  for (const [index, list] of lists.entries()) {
    for (const id of list) flat.push(id);
    starts[index + 1] = flat.length;
  }
  return [starts, Int32Array.from(flat)];
}

function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
