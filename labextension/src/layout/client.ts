/** Lays out graphs in a worker, with a deadline; without a worker (or after the deadline) in linear time right here. */

import type { LayoutInput, LayoutOutput } from "./graph";
import { layered } from "./layered";
import type { LayoutRequest, LayoutResponse } from "./worker";

const DEADLINE = 6000;

/** One worker for all widgets of a page: its script is fetched once. */
interface Shared {
  worker: Worker | undefined;
  next: number;
  waiting: Map<number, (response: LayoutResponse | undefined) => void>;
}

const KEY = Symbol.for("onnx-explore.layout.v1");

function shared(): Shared {
  const page = globalThis as { [KEY]?: Shared };
  page[KEY] ??= { worker: undefined, next: 1, waiting: new Map() };
  return page[KEY];
}

/**
 * Lay out one graph.
 *
 * @param script Gives the worker's source; asked once per page.
 */
export async function layOut(input: LayoutInput, script: () => Promise<string>): Promise<LayoutOutput> {
  const state = shared();
  try {
    state.worker ??= start(await script(), state);
    const response = await request(state, state.worker, input);
    if (response !== undefined && !("error" in response)) return response;
    if (response === undefined) stop(state);
  } catch {
    stop(state);
  }
  return layered(input);
}

function start(source: string, state: Shared): Worker {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module", name: "onnx-explore layout" });
  worker.onmessage = (event: MessageEvent<LayoutResponse>): void => {
    state.waiting.get(event.data.id)?.(event.data);
    state.waiting.delete(event.data.id);
  };
  worker.onerror = (): void => stop(state);
  return worker;
}

function stop(state: Shared): void {
  state.worker?.terminate();
  state.worker = undefined;
  for (const answer of state.waiting.values()) answer(undefined);
  state.waiting.clear();
}

function request(state: Shared, worker: Worker, input: LayoutInput): Promise<LayoutResponse | undefined> {
  const id = state.next++;
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), DEADLINE);
    state.waiting.set(id, (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    const message: LayoutRequest = { id, sizes: input.sizes, edges: input.edges };
    worker.postMessage(message);
  });
}
