/**
 * The state that all views of one exploration share. One event each for hover, selection and step: every view emits it and
 * hears it, so that another view costs nothing.
 */

import type { Answers, Connection, Reply, RequestKind, RequestOf, Source } from "../kernel/source";
import type { AxisEdit, GraphScope, NodeDetail, NodeNumbers, PaneName, Stage, Summary, Working } from "../protocol";
import { asFloats, CostsModel, NodesModel } from "./checks";
import { type Heat, type HeatMode, heatOf } from "./heat";
import { History, type Place } from "./history";
import { PaneModel } from "./pane";
import { Signal } from "./signal";

export interface Mark {
  ids: ReadonlySet<number>;
  /** Colour of what was pointed at, or -1: lines of the same colour are the nearest relatives. */
  color: number;
  /** The view that it comes from; that one does not move. */
  sender: string;
}

export interface Reveal {
  ids: ReadonlySet<number>;
  /** One pane, or all but the sender. */
  pane: string | undefined;
  sender: string;
}

export interface Drawing {
  message: GraphScope;
  buffers: readonly Int32Array[];
}

/** The values of a node, and some of them from both sides, to be drawn. */
export interface Values {
  message: NodeNumbers;
  expected: Float32Array;
  actual: Float32Array;
}

export type CheckKind = "check_nodes" | "measure_cost" | "bisect";

const WORDS: Record<CheckKind, string> = {
  check_nodes: "Checking every node",
  measure_cost: "Measuring time in ONNX Runtime and PyTorch",
  bisect: "Running the model after each pass",
};

export const NOTHING: Mark = { ids: new Set(), color: -1, sender: "" };
const RETRY = 400;
/** Milliseconds without an answer after which that is said. */
const SLOW = 2000;
const ELSEWHERE = "A cell is going on with this export";

export class Session {
  readonly summary = new Signal<Summary | undefined>(undefined);
  readonly panes = new Signal<ReadonlyMap<PaneName, PaneModel>>(new Map());
  readonly hover = new Signal<Mark>(NOTHING);
  readonly selection = new Signal<Mark>(NOTHING);
  readonly reveal = new Signal<Reveal | undefined>(undefined);
  /** The step that is looked at; undefined: as it is now. */
  readonly step = new Signal<number | undefined>(undefined);
  readonly connection: Signal<Connection>;
  /** What is running, as a sentence; "" if nothing. */
  readonly running = new Signal("");
  /** What went wrong with the last request; "" if nothing. */
  readonly trouble = new Signal("");
  /** Whether what is shown is being asked for again. */
  readonly loading = new Signal(false);
  /** How many requests have been without an answer for long. */
  readonly slow = new Signal(0);
  readonly search = new Signal("");
  readonly history = new History();
  /** How far what is running is, whoever began it. */
  readonly working = new Signal<Working | undefined>(undefined);
  /** The rows of the check of every node; undefined: none, or nobody has asked for them yet. */
  readonly nodes = new Signal<NodesModel | undefined>(undefined);
  readonly costs = new Signal<CostsModel | undefined>(undefined);
  readonly heatMode = new Signal<HeatMode>("off");
  readonly heat = new Signal<Heat | undefined>(undefined);
  /** Which check was begun here, and runs. */
  readonly checking = new Signal<CheckKind | undefined>(undefined);
  /** Why the last check of each kind came to nothing. */
  readonly refused = new Signal<ReadonlyMap<CheckKind, string>>(new Map());
  readonly jumped = new Signal<Place | undefined>(undefined);
  private stopping = false;
  private stale = false;
  /** Which reports the rows are of; "": of none. */
  private stamps = { nodes: "", costs: "" };
  /** Panes that came along with another answer: nobody has to ask for them. */
  private whole: ReadonlySet<PaneName> = new Set();
  /** Panes of which only the first lines came along. */
  private part = new Set<PaneName>();
  private readonly wanted = new Set<"nodes" | "costs">();
  private readonly stopListening: () => void;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly source: Source) {
    this.connection = new Signal(source.connection);
    this.stopListening = source.onChange((change) => {
      switch (change.kind) {
        case "connection":
          this.connection.value = source.connection;
          this.running.value = "";
          break;
        case "revision":
          if (this.running.value === "" || this.running.value === ELSEWHERE) void this.refresh();
          else this.stale = true;
          break;
        case "shared":
          this.takeShared();
          break;
        case "working":
          this.takeWorking();
          break;
        default:
          change satisfies never;
      }
    });
  }

  close(): void {
    clearTimeout(this.retry);
    this.stopListening();
  }

  private async ask<K extends RequestKind>(request: RequestOf<K>): Promise<Reply<Answers[K]>> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.slow.value += 1;
    }, SLOW);
    try {
      return await this.source.ask<K>(request);
    } finally {
      clearTimeout(timer);
      if (late) this.slow.value -= 1;
    }
  }

  // -- looking ------------------------------------------------------------------------------------------------------

  /** What came along is painted at once; then everything that is missing is asked for. */
  async open(): Promise<void> {
    const opening = this.source.opening?.();
    if (opening !== undefined) {
      this.summary.value = opening.summary;
      this.panes.value = new Map(
        opening.panes.map(({ text, numbers }) => [text.pane, new PaneModel(text, numbers.map(asColumn))]),
      );
      this.part = new Set(opening.panes.filter((pane) => !pane.whole).map((pane) => pane.text.pane));
      this.whole = new Set(opening.panes.filter((pane) => pane.whole).map((pane) => pane.text.pane));
    }
    await this.refresh();
  }

  /** Everything again; the summary is not asked for if it came just now, one pane may come before the others. */
  async refresh(fresh = false, first?: PaneName): Promise<void> {
    if (this.loading.value) {
      this.stale = true;
      return;
    }
    this.loading.value = true;
    let known = fresh;
    try {
      do {
        this.stale = false;
        const { whole } = this;
        this.whole = new Set();
        const all = new Set(this.source.panes.map((spec) => spec.pane));
        const ordered = first !== undefined && all.has(first) ? new Set([first, ...all]) : all;
        const names = [...ordered].filter((name) => !whole.has(name));
        const summary = known ? undefined : this.ask<"summary">({ kind: "summary" });
        known = false;
        // While a cell goes on with the export, the panes would only be old ones.
        if (this.running.value === ELSEWHERE && summary !== undefined) {
          this.takeSummary(await summary);
          if (this.running.value === ELSEWHERE) continue;
        }
        const missing = names.filter((name) => !this.panes.value.has(name) || this.part.has(name));
        const panes = missing.map((pane) => [pane, this.ask<"pane">({ kind: "pane", pane })] as const);
        if (summary !== undefined) this.takeSummary(await summary);
        // Whether the others are old, the summary knows.
        const old = names.filter((name) => !missing.includes(name) && this.isOld(name));
        panes.push(...old.map((pane) => [pane, this.ask<"pane">({ kind: "pane", pane })] as const));
        for (const [name, asked] of panes) {
          const reply = await asked;
          // Each as it comes: the first lines are there while the last pane is still on its way.
          if (reply.kind === "ok") {
            this.part.delete(name);
            this.panes.value = new Map(this.panes.value).set(name, new PaneModel(reply.answer, reply.buffers));
          } else this.note(reply);
        }
      } while (this.stale);
    } finally {
      this.loading.value = false;
    }
    this.takeShared();
    this.takeWorking();
    await this.loadRows();
  }

  /** Whether what a pane shows may have changed since it came. Kernels of an older version do not say. */
  private isOld(name: PaneName): boolean {
    const content = this.summary.value?.content;
    const pane = this.panes.value.get(name);
    return content === undefined || pane === undefined || pane.text.revision < content;
  }

  async graph(stage: Stage, scope: string): Promise<Drawing | string> {
    const reply = await this.ask<"graph">({ kind: "graph", stage, scope });
    if (reply.kind === "ok") return { message: reply.answer, buffers: reply.buffers };
    return reply.message;
  }

  async node(node: number | null, name: string | null): Promise<NodeDetail | string> {
    const reply = await this.ask<"node">({ kind: "node", node, name });
    return reply.kind === "ok" ? reply.answer : reply.message;
  }

  /** The values of one row of the check of every node. */
  async values(node: number, value: string): Promise<Values | string> {
    const reply = await this.ask<"values">({ kind: "values", node, value });
    if (reply.kind !== "ok") return reply.message;
    const [expected, actual] = reply.buffers;
    return { message: reply.answer, expected: asFloats(expected), actual: asFloats(actual) };
  }

  async layoutScript(): Promise<string> {
    const reply = await this.ask<"asset">({ kind: "asset", name: "layout" });
    const bytes = reply.kind === "ok" ? reply.bytes[0] : undefined;
    if (bytes === undefined || bytes.byteLength === 0) throw new Error("the layout script did not come");
    return new TextDecoder().decode(bytes);
  }

  /** What is stored with a notebook, as it is now. */
  async stored(): Promise<unknown> {
    const reply = await this.ask<"asset">({ kind: "asset", name: "saved" });
    const bytes = reply.kind === "ok" ? reply.bytes[0] : undefined;
    return bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes));
  }

  // -- pointing -----------------------------------------------------------------------------------------------------

  point(ids: Iterable<number>, color: number, sender: string): void {
    const set = new Set(ids);
    this.hover.value = set.size === 0 ? NOTHING : { ids: set, color, sender };
  }

  select(ids: Iterable<number>, color: number, sender: string): void {
    const set = new Set(ids);
    this.selection.value = set.size === 0 ? NOTHING : { ids: set, color, sender };
    this.source.share({ selection: [...set] });
  }

  /** Scroll to what is selected; only ever because somebody asked for it. */
  show(sender: string, pane?: string): void {
    if (this.selection.value.ids.size > 0) this.reveal.value = { ids: this.selection.value.ids, pane, sender };
  }

  back(): void {
    this.jumped.value = this.history.pop();
  }

  /** Look at a recorded step; the last one is "now" when nothing was left out. */
  lookAt(step: number | undefined): void {
    const last = this.summary.value?.position ?? 0;
    const wanted = step === undefined || step >= last ? undefined : Math.max(0, step);
    this.step.value = wanted;
    this.source.share({ step: wanted ?? last });
  }

  // -- going on -----------------------------------------------------------------------------------------------------

  stepOnce(): Promise<void> {
    return this.drive("Lowering the next operator", () => this.ask<"step">({ kind: "step" }));
  }

  runTo(what: string): Promise<void> {
    return this.drive(`Running to ${what}`, () => this.ask<"run_to">({ kind: "run_to", what }));
  }

  /** The new shapes first; what they prove afterwards. A new name alone is painted at once, and confirmed by the answer. */
  async setAxes(edits: AxisEdit[]): Promise<void> {
    const rename = this.renameOf(edits);
    if (rename !== undefined) {
      const [old, name] = rename;
      this.panes.value = new Map([...this.panes.value].map(([pane, model]) => [pane, model.renamed(old, name)]));
    }
    await this.drive(
      "Exporting again with these axes",
      () => this.ask<"set_axes">({ kind: "set_axes", edits }),
      () => false,
      "onnx",
    );
    if (this.summary.value?.unchecked === true) await this.continueToEnd();
  }

  /** Old and new name, if an edit gives a size that has one name in one place another name that nothing has. */
  private renameOf(edits: readonly AxisEdit[]): [string, string] | undefined {
    const [edit] = edits;
    const axes = this.summary.value?.axes ?? [];
    const row = axes.find((axis) => axis.input === edit?.input && axis.axis === edit.axis);
    if (edits.length !== 1 || edit?.symbol == null || row?.symbol == null) return undefined;
    const taken = axes.some((axis) => axis.symbol === edit.symbol || (axis !== row && axis.symbol === row.symbol));
    return taken ? undefined : [row.symbol, edit.symbol];
  }

  audit(repair: boolean): Promise<void> {
    const sentence = repair ? "Repairing, and proving the result" : "Auditing the axes: capturing at other sizes";
    return this.drive(sentence, () => this.ask<"audit">({ kind: "audit", repair }));
  }

  /** What a check finds is in the summary, and its rows are asked for; the panes stay as they are. */
  async check(kind: CheckKind): Promise<void> {
    this.refused.value = new Map([...this.refused.value].filter(([other]) => other !== kind));
    this.checking.value = kind;
    await this.drive(
      WORDS[kind],
      () => this.ask<CheckKind>({ kind }),
      () => false,
      undefined,
      (reply) => {
        this.checking.value = undefined;
        const stopped = reply.kind === "failed" && reply.code === "Cancelled";
        const why = stopped ? "Stopped. What was found before still stands." : reply.message;
        this.refused.value = new Map(this.refused.value).set(kind, why);
        if (reply.kind === "busy") this.lookLater();
      },
    );
  }

  /** Rows are loaded from now on, whenever there are new ones. */
  want(kind: "nodes" | "costs"): void {
    this.wanted.add(kind);
    void this.loadRows();
  }

  /** `12 of 340`; "" where it is not known. */
  far(): string {
    const working = this.working.value;
    return working === undefined || working.total === 0 ? "" : `${working.done} of ${working.total}`;
  }

  setHeat(mode: HeatMode): void {
    this.heatMode.value = mode;
    if (mode !== "off") this.want(mode === "time" ? "costs" : "nodes");
    this.showHeat();
  }

  private showHeat(): void {
    this.heat.value = heatOf(this.heatMode.value, this.nodes.value, this.costs.value);
  }

  private async loadRows(): Promise<void> {
    const summary = this.summary.value;
    if (summary === undefined) return;
    const loads: Promise<void>[] = [];
    const nodes = String(summary.nodes?.stamp ?? "");
    if (this.wanted.has("nodes") && nodes !== this.stamps.nodes) loads.push(this.loadNodes(nodes));
    const costs = String(summary.cost?.stamp ?? "");
    if (this.wanted.has("costs") && costs !== this.stamps.costs) loads.push(this.loadCosts(costs));
    await Promise.all(loads);
  }

  private async loadNodes(stamp: string): Promise<void> {
    this.stamps.nodes = stamp;
    const reply = stamp === "" ? undefined : await this.ask<"nodes">({ kind: "nodes" });
    if (this.stamps.nodes !== stamp) return;
    if (reply?.kind !== "ok") this.stamps.nodes = "";
    this.nodes.value = reply?.kind === "ok" ? new NodesModel(reply.answer, reply.buffers) : undefined;
    this.showHeat();
  }

  private async loadCosts(stamp: string): Promise<void> {
    this.stamps.costs = stamp;
    const reply = stamp === "" ? undefined : await this.ask<"costs">({ kind: "costs" });
    if (this.stamps.costs !== stamp) return;
    if (reply?.kind !== "ok") this.stamps.costs = "";
    this.costs.value = reply?.kind === "ok" ? new CostsModel(reply.answer, reply.buffers) : undefined;
    this.showHeat();
  }

  /** To the end, slice by slice: a cancel gets through between two slices in every kind of kernel. */
  async continueToEnd(): Promise<void> {
    this.stopping = false;
    let more = true;
    const asked = async (): Promise<Reply<Answers["continue"]>> => {
      const reply = await this.ask<"continue">({ kind: "continue" });
      more = reply.kind === "ok" && reply.answer.summary.more;
      return reply;
    };
    while (more && !this.stopping) {
      const left = this.summary.value;
      const finishing = left !== undefined && left.position >= left.total;
      await this.drive(
        finishing ? "Running the ONNX passes and the checks" : "Lowering",
        asked,
        () => more && !this.stopping,
      );
    }
    if (this.stopping) await this.refresh();
  }

  async cancel(): Promise<void> {
    this.stopping = true;
    this.running.value = "Stopping at the next node";
    await this.ask<"cancel">({ kind: "cancel" });
    this.running.value = "";
    await this.refresh();
  }

  private async drive<K extends RequestKind>(
    sentence: string,
    ask: () => Promise<Reply<Answers[K]>>,
    again: () => boolean = () => false,
    first?: PaneName,
    refused: (reply: Exclude<Reply<never>, { kind: "ok" }>) => void = (reply) => this.note(reply),
  ): Promise<void> {
    this.running.value = sentence;
    this.trouble.value = "";
    this.step.value = undefined;
    const reply = await ask();
    let fresh = false;
    if (reply.kind === "ok") {
      const { answer } = reply;
      fresh = answer.kind === "summary" || answer.kind === "edited";
      if (answer.kind === "summary" || answer.kind === "edited") this.accept(answer.summary);
      if (answer.kind === "edited" && answer.onnx !== null) {
        this.panes.value = new Map(this.panes.value).set("onnx", new PaneModel(answer.onnx, reply.buffers));
        this.whole = new Set<PaneName>(["onnx"]);
      }
    } else refused(reply);
    this.checking.value = undefined;
    if (again()) return;
    this.running.value = "";
    await this.refresh(fresh, first);
  }

  /** What was found of an older export goes before the panes of the new one come. */
  private accept(summary: Summary): void {
    const old = this.summary.value?.content;
    this.summary.value = summary;
    if (summary.content !== old && this.refused.value.size > 0) this.refused.value = new Map();
    void this.loadRows();
  }

  private takeSummary(reply: Reply<Answers["summary"]>): void {
    if (reply.kind === "ok") {
      const { summary } = reply.answer;
      this.accept(summary);
      if (summary.busy) {
        this.running.value = ELSEWHERE;
        this.lookLater();
        return;
      }
      if (this.running.value === ELSEWHERE) this.running.value = "";
      if (this.trouble.value.startsWith("Busy")) this.trouble.value = "";
    } else this.note(reply);
  }

  private note(reply: Exclude<Reply<never>, { kind: "ok" }>): void {
    if (reply.kind === "busy") {
      this.trouble.value = `Busy: ${reply.message}. Nothing was queued.`;
      this.lookLater();
    } else if (reply.code !== "NoKernel") this.trouble.value = reply.message;
  }

  private lookLater(): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.refresh(), RETRY);
  }

  /** Work that somebody else began is told like work of one's own. */
  private takeWorking(): void {
    const working = this.source.working?.();
    this.working.value = working;
    if (working !== undefined && this.running.value === "" && this.connection.value === "live") {
      this.running.value = ELSEWHERE;
    }
  }

  private takeShared(): void {
    const shared = this.source.shared();
    const known = this.selection.value.ids;
    if (shared.selection.length !== known.size || shared.selection.some((id) => !known.has(id))) {
      this.selection.value =
        shared.selection.length === 0 ? NOTHING : { ids: new Set(shared.selection), color: -1, sender: "kernel" };
    }
  }
}

function asColumn(numbers: readonly number[]): Int32Array {
  return Int32Array.from(numbers);
}
