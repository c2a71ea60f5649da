/** The worker: a graph in, a drawing out. Sent to the browser when the first graph is opened. */

import { DAGRE_EDGES, DAGRE_NODES, type LayoutInput, type LayoutOutput } from "./graph";
import { layered } from "./layered";
import { pretty } from "./pretty";

export interface LayoutRequest extends LayoutInput {
  id: number;
}

export type LayoutResponse = ({ id: number } & LayoutOutput) | { id: number; error: string };

function run(input: LayoutInput): LayoutOutput {
  const small = input.sizes.length / 2 <= DAGRE_NODES && input.edges.length / 2 <= DAGRE_EDGES;
  return small ? pretty(input) : layered(input);
}

self.onmessage = (event: MessageEvent<LayoutRequest>): void => {
  const { id, sizes, edges } = event.data;
  let response: LayoutResponse;
  try {
    response = { id, ...run({ sizes, edges }) };
  } catch (error) {
    response = { id, error: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(response);
};
