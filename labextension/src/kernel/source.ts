/** Where answers come from: a kernel over a comm, a saved output, or a parsed file. Views know nothing else. */

import type {
  Asset,
  CostTables,
  Done,
  Edited,
  GraphScope,
  NodeDetail,
  NodeNumbers,
  NodesTable,
  Opening,
  PaneName,
  PaneText,
  Request,
  Stage,
  SummaryAnswer,
  Working,
} from "../protocol";

export interface Answers {
  summary: SummaryAnswer;
  pane: PaneText;
  graph: GraphScope;
  node: NodeDetail;
  step: SummaryAnswer;
  continue: SummaryAnswer;
  run_to: SummaryAnswer;
  set_axes: Edited;
  audit: SummaryAnswer;
  check_nodes: SummaryAnswer;
  measure_cost: SummaryAnswer;
  bisect: SummaryAnswer;
  nodes: NodesTable;
  costs: CostTables;
  values: NodeNumbers;
  asset: Asset;
  cancel: Done;
}

export type RequestKind = keyof Answers;
export type RequestOf<K extends RequestKind> = Extract<Request, { kind: K }>;

export type Reply<A> =
  | { kind: "ok"; answer: A; buffers: readonly Int32Array[]; bytes: readonly DataView[] }
  | { kind: "busy"; message: string }
  | { kind: "failed"; code: string; message: string };

/** One pane as it is shown first; the same graph may stand twice, as text and drawn. */
export interface PaneSpec {
  pane: PaneName;
  title: string;
  view: "text" | "graph";
  /** The graph that it can be drawn as; undefined: text only. */
  stage?: Stage;
  /** Whether the reader may switch between text and graph. */
  switchable: boolean;
}

/**
 * - `live`: a kernel answers.
 * - `gone`: there was one; what was loaded can still be looked at.
 * - `saved`: stored with the notebook.
 * - `file`: a document.
 */
export type Connection = "live" | "gone" | "saved" | "file";

/** State that others share: other widgets, Python. */
export interface Shared {
  readonly selection: readonly number[];
  readonly step: number;
}

export interface Source {
  readonly connection: Connection;
  readonly panes: readonly PaneSpec[];
  ask<K extends RequestKind>(request: RequestOf<K>): Promise<Reply<Answers[K]>>;
  /** What can be painted before anything is asked, if there is something up to date. */
  opening?(): Opening | undefined;
  /** Long work that somebody began, if there is any. */
  working?(): Working | undefined;
  /** Says when `connection` or the revision may have changed, or somebody else set the shared state. */
  onChange(listener: (change: SourceChange) => void): () => void;
  shared(): Shared;
  share(state: Partial<Shared>): void;
}

export type SourceChange =
  | { kind: "connection" }
  | { kind: "revision"; revision: number }
  | { kind: "working" }
  | { kind: "shared"; shared: Shared };

export const EXPORT_PANES: readonly PaneSpec[] = [
  { pane: "source", title: "Python source", view: "text", switchable: false },
  { pane: "torch", title: "TorchScript", view: "text", stage: "torch", switchable: true },
  { pane: "dispatch", title: "Dispatch", view: "text", switchable: false },
  { pane: "onnx", title: "ONNX", view: "text", stage: "onnx", switchable: true },
];
