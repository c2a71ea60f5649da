/** An exploration as it was stored with a notebook: what fitted under the cap; nothing can be changed. */

import {
  type CostTables,
  type GraphScope,
  type NodesTable,
  type PaneText,
  PROTOCOL_VERSION,
  type Summary,
} from "../protocol";
import {
  type Answers,
  type Connection,
  EXPORT_PANES,
  type PaneSpec,
  type Reply,
  type RequestKind,
  type RequestOf,
  type Shared,
  type Source,
} from "./source";

interface Stored<A> {
  answer: A;
  buffers: number[][];
}

/** The content of an `application/vnd.onnx-explore.v1+json` output. */
export interface SavedExploration {
  protocol: number;
  summary: Summary;
  panes: Stored<PaneText>[];
  /** What the check of every node and the measurement found; outputs of older versions have none. */
  checks?: Stored<NodesTable | CostTables>[];
  /** `asked`: the module that was asked for; the one that is shown may lie below it. */
  graphs: (Stored<GraphScope> & { asked: string })[];
  /** What was left out, for a reader; "" if nothing was. */
  omitted: string;
}

export class SavedSource implements Source {
  readonly connection: Connection = "saved";
  readonly panes: readonly PaneSpec[];
  private state: Shared = { selection: [], step: 0 };

  constructor(private readonly saved: SavedExploration) {
    const stored = new Set(saved.panes.map((item) => item.answer.pane));
    const drawn = new Set(saved.graphs.map((item) => item.answer.stage));
    this.panes = EXPORT_PANES.filter((spec) => stored.has(spec.pane)).map((spec) => ({
      ...spec,
      switchable: spec.stage !== undefined && drawn.has(spec.stage),
    }));
  }

  ask<K extends RequestKind>(request: RequestOf<K>): Promise<Reply<Answers[K]>> {
    return Promise.resolve(this.answer(request as RequestOf<RequestKind>) as Reply<Answers[K]>);
  }

  private answer(request: RequestOf<RequestKind>): Reply<Answers[RequestKind]> {
    if (request.kind === "summary") {
      return { kind: "ok", answer: { kind: "summary", summary: this.saved.summary }, buffers: [], bytes: [] };
    }
    if (request.kind === "pane") return found(this.saved.panes.find((item) => item.answer.pane === request.pane));
    if (request.kind === "nodes" || request.kind === "costs") {
      return found<NodesTable | CostTables>(this.saved.checks?.find((item) => item.answer.kind === request.kind));
    }
    if (request.kind === "graph") {
      return found(
        this.saved.graphs.find((item) => item.answer.stage === request.stage && item.asked === request.scope) ??
          this.saved.graphs.find((item) => item.answer.stage === request.stage && item.answer.scope === request.scope),
      );
    }
    return { kind: "failed", code: "NoKernel", message: "this is a saved output: run the cell to get it back to life" };
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
}

function found<A extends Answers[RequestKind]>(stored: Stored<A> | undefined): Reply<A> {
  if (stored === undefined) {
    return { kind: "failed", code: "NotStored", message: "this part was not stored with the notebook" };
  }
  return {
    kind: "ok",
    answer: stored.answer,
    buffers: stored.buffers.map((numbers) => Int32Array.from(numbers)),
    bytes: [],
  };
}

/** Whether something is a saved exploration that this version can read. */
export function isSaved(data: unknown): data is SavedExploration {
  if (typeof data !== "object" || data === null) return false;
  const saved = data as Partial<SavedExploration>;
  return (
    typeof saved.protocol === "number" &&
    saved.protocol <= PROTOCOL_VERSION &&
    typeof saved.summary === "object" &&
    Array.isArray(saved.panes) &&
    Array.isArray(saved.graphs)
  );
}
