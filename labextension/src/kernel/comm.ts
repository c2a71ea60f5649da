/** The kernel over an anywidget comm: requests by id, answers with buffers, and the traits that others share. */

import type { Answer, Opening, Request, Working } from "../protocol";
import {
  type Answers,
  type Connection,
  EXPORT_PANES,
  type Reply,
  type RequestKind,
  type RequestOf,
  type Shared,
  type Source,
  type SourceChange,
} from "./source";

/** What this needs of anywidget's model. */
export interface WidgetModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  on(event: string, callback: (...args: unknown[]) => void): void;
  off(event: string, callback?: (...args: unknown[]) => void): void;
}

interface Waiting {
  resolve(reply: Reply<never>): void;
}

export class CommSource implements Source {
  readonly panes = EXPORT_PANES;
  connection: Connection = "live";
  private readonly waiting = new Map<string, Waiting>();
  private readonly listeners = new Set<(change: SourceChange) => void>();
  private readonly prefix = Math.random().toString(36).slice(2, 8);
  private count = 0;

  constructor(private readonly model: WidgetModel) {
    model.on("msg:custom", this.received);
    model.on("change:revision", this.touched);
    model.on("change:selection", this.sharedChanged);
    model.on("change:step", this.sharedChanged);
    model.on("change:progress", this.gotOn);
    model.on("comm_live_update", this.commLost);
    model.on("destroy", this.commLost);
  }

  close(): void {
    this.model.off("msg:custom", this.received);
    this.model.off("change:revision", this.touched);
    this.model.off("change:selection", this.sharedChanged);
    this.model.off("change:step", this.sharedChanged);
    this.model.off("change:progress", this.gotOn);
    this.model.off("comm_live_update", this.commLost);
    this.model.off("destroy", this.commLost);
    this.dropAll("closed");
    this.listeners.clear();
  }

  ask<K extends RequestKind>(request: RequestOf<K>): Promise<Reply<Answers[K]>> {
    return this.transmit(request as Request) as Promise<Reply<Answers[K]>>;
  }

  opening(): Opening | undefined {
    const opening = this.model.get("opening") as Partial<Opening> | undefined;
    return opening?.summary?.revision === this.model.get("revision") ? (opening as Opening) : undefined;
  }

  working(): Working | undefined {
    const working = this.model.get("progress") as Partial<Working> | undefined;
    return working?.what ? { what: working.what, done: working.done ?? 0, total: working.total ?? 0 } : undefined;
  }

  shared(): Shared {
    const selection = this.model.get("selection");
    const step = this.model.get("step");
    return {
      selection: Array.isArray(selection) ? selection.filter((item) => typeof item === "number") : [],
      step: typeof step === "number" ? step : 0,
    };
  }

  share(state: Partial<Shared>): void {
    if (this.connection !== "live") return;
    for (const [name, value] of Object.entries(state)) this.model.set(name, value);
    this.model.save_changes();
  }

  onChange(listener: (change: SourceChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private transmit(request: Request): Promise<Reply<never>> {
    if (this.connection !== "live") {
      return Promise.resolve({ kind: "failed", code: "NoKernel", message: "the kernel is gone" });
    }
    this.count += 1;
    const id = `${this.prefix}-${this.count}`;
    return new Promise((resolve) => {
      this.waiting.set(id, { resolve });
      this.model.send({ id, ...request });
    });
  }

  private readonly received = (content: unknown, buffers: unknown): void => {
    const message = content as { reply?: string } & Answer;
    const waiting = message.reply === undefined ? undefined : this.waiting.get(message.reply);
    if (message.reply === undefined || waiting === undefined) return;
    this.waiting.delete(message.reply);
    if (message.kind === "busy") waiting.resolve({ kind: "busy", message: message.message });
    else if (message.kind === "failed")
      waiting.resolve({ kind: "failed", code: message.code, message: message.message });
    else {
      const bytes = Array.isArray(buffers) ? buffers.map(asView) : [];
      const ints = message.kind === "asset" ? [] : bytes.map(asInts);
      waiting.resolve({ kind: "ok", answer: message as never, buffers: ints, bytes });
    }
  };

  private readonly touched = (): void => {
    this.tell({ kind: "revision", revision: Number(this.model.get("revision")) });
  };

  private readonly gotOn = (): void => {
    this.tell({ kind: "working" });
  };

  private readonly sharedChanged = (): void => {
    this.tell({ kind: "shared", shared: this.shared() });
  };

  private readonly commLost = (): void => {
    this.connection = "gone";
    this.dropAll("the kernel is gone");
    this.tell({ kind: "connection" });
  };

  private dropAll(message: string): void {
    for (const waiting of this.waiting.values()) waiting.resolve({ kind: "failed", code: "NoKernel", message });
    this.waiting.clear();
  }

  private tell(change: SourceChange): void {
    for (const listener of this.listeners) listener(change);
  }
}

function asView(buffer: unknown): DataView {
  if (buffer instanceof DataView) return buffer;
  if (buffer instanceof ArrayBuffer) return new DataView(buffer);
  if (ArrayBuffer.isView(buffer)) return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  throw new TypeError("a buffer of an answer is not binary");
}

function asInts(view: DataView): Int32Array {
  const length = view.byteLength >> 2;
  if (view.byteOffset % 4 === 0) return new Int32Array(view.buffer, view.byteOffset, length);
  return new Int32Array(view.buffer.slice(view.byteOffset, view.byteOffset + 4 * length));
}
