// Generated from onnx_explore/explore/protocol.py by `python -m onnx_explore.explore.typescript`. Do not edit.

export const PROTOCOL_VERSION = 1;
export const STYLE_PLAIN = 0;
export const STYLE_HEADING = 1;
export const STYLE_QUIET = 2;
export const STYLE_ERROR = 3;
export const STYLE_INNER = 4;

/** Run the model after each ONNX pass. Answer: ``Summary``. */
export interface BisectPasses {
  kind: "bisect";
}

/** Compare every intermediate with PyTorch's. Answer: ``Summary``. */
export interface CheckNodes {
  kind: "check_nodes";
}

/** Where the time and the bytes go, by module, source line and node. */
export interface CostTables {
  milliseconds: number;
  run: number;
  beside: number | null;
  runs: number;
  parameters: string;
  bytes: string;
  note: string;
  modules: CostRows;
  lines: CostRows;
  nodes: CostRows;
  kind: "costs";
}

/** What the measurement came to; its rows are asked for. ``stamp``: another one for every report. */
export interface CostVerdict {
  stamp: number;
  verdict: string;
}

/** Asks for the rows of the last measurement: ``CostTables``. */
export interface GetCosts {
  kind: "costs";
}

/** Asks for the rows of the last check of every node: ``NodesTable``. */
export interface GetNodes {
  kind: "nodes";
}

/** Asks for the values of one row of the check of every node: ``NodeNumbers``. */
export interface GetValues {
  node: number;
  value: string;
  kind: "values";
}

/** Measure where the time goes. Answer: ``Summary``. */
export interface MeasureCost {
  kind: "measure_cost";
}

/** The values of one node, ONNX's for PyTorch's own inputs. */
export interface NodeNumbers {
  node: number;
  value: string;
  sides: Numbers[];
  largest: string;
  kind: "values";
}

/** What the check of every node found: one row per compared tensor, the culprits first. */
export interface NodesTable {
  inputs: string;
  effort: string;
  first_difference: number;
  first_nonfinite: number;
  targets: string[];
  scopes: string[];
  wheres: string[];
  values: string[];
  statuses: ("agrees" | "introduces" | "passes on" | "random" | "not compared")[];
  causes: string[];
  details: string[];
  kind: "nodes";
}

/** What the check of every node came to; its rows are asked for. */
export interface NodesVerdict {
  stamp: number;
  verdict: string;
  passed: boolean;
  culprits: number;
  passing: number;
  compared: number;
  total: number;
}

/** Which pass changed the result. ``culprit``: its name, or "". */
export interface PassesVerdict {
  verdict: string;
  culprit: string;
  passes: PassVerdict[];
}

export type PaneName = "source" | "torch" | "dispatch" | "onnx";

export type Stage = "torch" | "onnx";

export type State = "paused" | "failed" | "exported";

export type Severity = "info" | "warning" | "error";

export type CheckState = "passed" | "failed" | "none";

export type AxisState = "static" | "proven" | "broken" | "untested";

export type NodeKind = "module" | "operator" | "input" | "output" | "weight";

/** Why the export stands still. */
export interface Failure {
  code: string;
  message: string;
  target: string;
  argument: string;
  where: string;
  action: string;
  ids: number[];
  missing: string[];
  registered: boolean;
  resumable: boolean;
  snippet: string;
}

/** One row of the problems list. ``count``: how often it was noted; ``ids``: the torch nodes that are concerned. */
export interface Problem {
  severity: "info" | "warning" | "error";
  code: string;
  message: string;
  where: string;
  count: number;
  ids: number[];
}

/** One dimension of one input. */
export interface Axis {
  input: string;
  axis: number;
  size: number;
  symbol: string | null;
  state: "static" | "proven" | "broken" | "untested";
  detail: string;
}

/** The verdict on one axis, or on several that were changed together (``places`` is "together" then, ``size`` 0). */
export interface AuditAxis {
  symbol: string;
  places: string;
  size: number;
  state: "static" | "proven" | "broken" | "untested";
  detail: string;
}

/** One place that baked a size. */
export interface AuditProblem {
  title: string;
  axes: string[];
  where: string;
  source: string;
  ids: number[];
  carriers: string[];
  also: string[];
  suggestion: string;
  expression: string;
  repaired: boolean;
  obstacle: string;
}

/** What the audit of the axes found. */
export interface Audit {
  verdict: string;
  axes: AuditAxis[];
  problems: AuditProblem[];
  harmless: string[];
  torch_export: string[];
  repairable: boolean;
  effort: string;
}

/** One input or output of the ONNX graph. */
export interface Interface {
  name: string;
  direction: "input" | "output";
  path: string;
  type: string;
}

/** One pass of the pipeline. */
export interface Pass {
  stage: "torch" | "onnx";
  name: string;
  before: number;
  after: number;
  changed: boolean;
  milliseconds: number;
}

/** One line of the checks: a check (``status``), or one output that it compared (``status`` "detail"). */
export interface Check {
  status: "passed" | "failed" | "not run" | "detail";
  subject: string;
  detail: string;
}

/** The verdict line, the tables, and what the step bar shows. A step is an operator; constants and lists are none. */
export interface Summary {
  revision: number;
  content: number;
  state: "paused" | "failed" | "exported";
  headline: string;
  verdict: string;
  checks: Check[];
  check: "passed" | "failed" | "none";
  unchecked: boolean;
  opset: number;
  position: number;
  total: number;
  busy: boolean;
  more: boolean;
  next_ids: number[];
  next_target: string;
  next_where: string;
  failure: Failure | null;
  problems: Problem[];
  axes: Axis[];
  axes_text: string;
  axes_line: string;
  audit: Audit | null;
  nodes: NodesVerdict | null;
  cost: CostVerdict | null;
  bisect: PassesVerdict | null;
  interface: Interface[];
  passes: Pass[];
  targets: string[];
  scopes: string[];
}

/** Make a dimension dynamic under a name, or static (``symbol`` None). */
export interface AxisEdit {
  input: string;
  axis: number;
  symbol: string | null;
}

/** Asks for ``Summary``. */
export interface GetSummary {
  kind: "summary";
}

/** Asks for the lines of one pane: ``PaneText``. */
export interface GetPane {
  pane: "source" | "torch" | "dispatch" | "onnx";
  kind: "pane";
}

/** Asks for one module's inside as a graph: ``GraphScope``. */
export interface GetGraph {
  stage: "torch" | "onnx";
  scope: string;
  kind: "graph";
}

/** Asks for everything about one torch node, or the ONNX node of that name: ``NodeDetail``. */
export interface GetNode {
  node: number | null;
  name: string | null;
  kind: "node";
}

/** Lower one operator that emits something. Answer: ``Summary``. */
export interface Step {
  kind: "step";
}

/** Go on towards the end, for a slice of time. Answer: ``Summary``; while its ``more`` is true, ask again. */
export interface Continue {
  kind: "continue";
}

/** Go on to just before an operator, a module or a source line (as ``Exploration.run_until`` takes it). */
export interface RunTo {
  what: string;
  kind: "run_to";
}

/** Export again from the same capture with these edits of the dynamic axes. Answer: ``Edited``. */
export interface SetAxes {
  edits: AxisEdit[];
  kind: "set_axes";
}

/** Audit the dynamic axes, and with ``repair`` go on with the repaired export. Answer: ``Summary``. */
export interface RunAudit {
  repair: boolean;
  kind: "audit";
}

/** Asks for a script that is only loaded when it is needed, or for what is stored with a notebook: ``Asset``. */
export interface GetAsset {
  name: "layout" | "saved";
  kind: "asset";
}

/** Stop what is running, at the next node. Answered at once, by ``Done``. */
export interface Cancel {
  kind: "cancel";
}

/** Answers everything that changes the export, and ``GetSummary``. */
export interface SummaryAnswer {
  summary: Summary;
  kind: "summary";
}

/** Answers ``SetAxes``: the new shapes come along, so that they need no request of their own. */
export interface Edited {
  summary: Summary;
  onnx: PaneText | null;
  kind: "edited";
}

/** The lines of one pane. */
export interface PaneText {
  pane: "source" | "torch" | "dispatch" | "onnx";
  revision: number;
  lines: string[];
  notes: string[];
  labels: string[];
  names: string[];
  kind: "pane";
}

/** What is inside one module: its operators, and its submodules as one node each. */
export interface GraphScope {
  stage: "torch" | "onnx";
  scope: string;
  revision: number;
  kinds: ("module" | "operator" | "input" | "output" | "weight")[];
  titles: string[];
  subtitles: string[];
  keys: string[];
  sizes: number[];
  labels: string[];
  kind: "graph";
}

/** Everything about one node, as lines of text. */
export interface NodeDetail {
  ids: number[];
  title: string;
  lines: string[];
  symbolic: string;
  documentation: string;
  onnx: string[];
  kind: "node";
}

/** A script, or what is stored as JSON. Buffers: its UTF-8 text. */
export interface Asset {
  name: string;
  kind: "asset";
}

/** Heard. */
export interface Done {
  kind: "done";
}

/** A step is running; nothing was queued. */
export interface Busy {
  message: string;
  kind: "busy";
}

/** The request could not be served; the exploration is as it was. */
export interface Failed {
  code: string;
  message: string;
  kind: "failed";
}

/** The first lines of one pane. ``numbers``: its buffers, as lists; ``whole``: whether the pane has no more lines. */
export interface FirstLines {
  text: PaneText;
  numbers: number[][];
  whole: boolean;
}

/** What the browser paints before it has asked for anything: a trait of the widget, empty once it is out of date. */
export interface Opening {
  summary: Summary;
  panes: FirstLines[];
}

export type NodeState = "agrees" | "introduces" | "passes on" | "random" | "not compared";

export type PassState = "agrees" | "differs" | "not run";

/** The model after one pass: whether ONNX gives what PyTorch gives. */
export interface PassVerdict {
  name: string;
  changed: boolean;
  status: "agrees" | "differs" | "not run";
  detail: string;
}

/** One table of costs, in columns. */
export interface CostRows {
  titles: string[];
  notes: string[];
  names: string[];
  counts: number[];
  parameters: string[];
  bytes: string[];
}

/** PyTorch's values of a node, ONNX's, or what they differ by. */
export interface Numbers {
  name: string;
  type: string;
  size: number;
  odd: number;
  low: string;
  high: string;
  mean: string;
  std: string;
  first: string[];
  histogram: number[];
  start: string;
  end: string;
}

/** How far long work is, whoever began it: a trait of the widget. ``what`` "": none; ``total`` 0: not known. */
export interface Working {
  what: string;
  done: number;
  total: number;
}

export type Request = GetSummary | GetPane | GetGraph | GetNode | Step | Continue | RunTo | SetAxes | RunAudit | CheckNodes | MeasureCost | BisectPasses | GetNodes | GetCosts | GetValues | GetAsset | Cancel;

export type Answer = SummaryAnswer | Edited | PaneText | GraphScope | NodeDetail | NodesTable | CostTables | NodeNumbers | Asset | Done | Busy | Failed;
