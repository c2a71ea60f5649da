/** Hands what checks found to the notebook that holds the output, so that it is saved with it. */

import type { Session } from "../model/session";
import type { Summary } from "../protocol";

/** The event by which what is stored travels up to the output; `detail` is the content of the MIME type. */
export const STORED = "onnx-explore-stored";
/** The class of an output that takes it. */
export const OUTPUT = "oe-output";
const WAIT = 400;

/** What was found, in a word; a change of it is worth storing. */
function found(summary: Summary | undefined): string {
  const { nodes, cost, bisect, audit } = summary ?? {};
  return JSON.stringify([nodes?.stamp, cost?.stamp, bisect?.verdict, audit?.verdict]);
}

/** Look out for new results; only where an output takes them. Returns the way to stop. */
export function storeResults(session: Session, element: HTMLElement): () => void {
  let known: string | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const send = async (): Promise<void> => {
    const data = await session.stored();
    if (data !== undefined) element.dispatchEvent(new CustomEvent(STORED, { bubbles: true, detail: data }));
  };
  const stop = session.summary.watch((summary) => {
    if (summary === undefined || summary.busy || session.connection.value !== "live") return;
    const now = found(summary);
    const before = known;
    known = now;
    if (before === undefined || before === now || element.closest(`.${OUTPUT}`) === null) return;
    clearTimeout(timer);
    timer = setTimeout(() => void send(), WAIT);
  });
  return () => {
    clearTimeout(timer);
    stop();
  };
}
