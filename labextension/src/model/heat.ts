/**
 * Heat: how wrong or how costly what a line or a drawn node is about is, as one of six levels, with the number that it stands
 * for. Levels are colours in style/explorer.css; a number stands beside every one of them, so that no colour is alone.
 */

import { STYLE_HEADING, STYLE_INNER, STYLE_QUIET } from "../protocol";
import { type CostsModel, errorText, type NodesModel, timesText } from "./checks";
import type { PaneModel } from "./pane";

export type HeatMode = "off" | "accumulated" | "local" | "time";

export const LEVELS = 6;

export interface HeatCell {
  /** 0 … 5, or -1: not known. */
  level: number;
  /** What stands in the gutter. */
  text: string;
  /** All of it, in a sentence; made when somebody points at it. */
  title(): string;
  /** `✕` introduces a difference, `↓` passes it on. */
  mark: "" | "✕" | "↓";
}

export interface Heat {
  readonly mode: HeatMode;
  /** Of what is about these torch nodes; `name`: of an ONNX node, where it is one. */
  of(ids: Iterable<number>, name: string): HeatCell | undefined;
  /** What each level stands for. */
  readonly legend: readonly string[];
  readonly unit: string;
}

const ERROR_STEPS = [0, 0.1, 1, 10, 100];
const TIME_STEPS = [0.01, 0.02, 0.05, 0.1, 0.25];

/** Errors by multiples of what is allowed: up to level 2 ONNX agrees. */
export function errorLevel(excess: number): number {
  if (Number.isNaN(excess)) return -1;
  const level = ERROR_STEPS.findIndex((most) => excess <= most);
  return level < 0 ? LEVELS - 1 : level;
}

export function timeLevel(share: number): number {
  const level = TIME_STEPS.findIndex((most) => share < most);
  return level < 0 ? LEVELS - 1 : level;
}

class ErrorHeat implements Heat {
  readonly legend = ["0", "≤ 0.1", "≤ 1", "≤ 10", "≤ 100", "> 100"];
  readonly unit = "times what is allowed";

  constructor(
    private readonly nodes: NodesModel,
    readonly mode: "accumulated" | "local",
  ) {}

  of(ids: Iterable<number>): HeatCell | undefined {
    const rows = this.nodes.threads.rows(ids);
    let worst = -1;
    for (const row of rows) if (worst < 0 || this.worse(row, worst)) worst = row;
    if (worst < 0) return undefined;
    const { nodes, mode } = this;
    const status = nodes.status(worst);
    const error = nodes.error(worst, mode);
    const about = rows.length > 1 ? `, the largest of ${rows.length}` : "";
    if (Number.isNaN(error)) {
      // It could not be run alone, and that is its fault: as bad as can be.
      const guilty = status === "introduces";
      return {
        level: guilty ? LEVELS - 1 : -1,
        text: guilty ? "✕" : "–",
        mark: "",
        title: () => `${nodes.title(worst)}: ${status}`,
      };
    }
    const mark = status === "introduces" ? "✕" : status === "passes on" && mode === "accumulated" ? "↓" : "";
    const excess = nodes.excess(worst, mode);
    return {
      level: errorLevel(excess),
      text: errorText(error),
      mark,
      title: () =>
        `${nodes.title(worst)}: ${status}; ${mode} error ${errorText(error)}, ${timesText(excess)} what is allowed${about}`,
    };
  }

  private worse(row: number, than: number): boolean {
    const own = this.weight(row);
    const other = this.weight(than);
    return own !== other ? own > other : this.nodes.error(row, this.mode) > this.nodes.error(than, this.mode);
  }

  private weight(row: number): number {
    const excess = this.nodes.excess(row, this.mode);
    if (Number.isNaN(excess)) return this.nodes.status(row) === "introduces" ? Number.POSITIVE_INFINITY : -1;
    return excess;
  }
}

class TimeHeat implements Heat {
  readonly mode = "time";
  readonly legend = ["< 1 %", "< 2 %", "< 5 %", "< 10 %", "< 25 %", "more"];
  readonly unit = "of ONNX Runtime's time";
  private readonly total: number;
  private readonly named = new Map<string, number[]>();

  constructor(private readonly costs: CostsModel) {
    this.total = costs.tables.milliseconds / 1000;
    for (const [row, name] of costs.tables.nodes.names.entries()) {
      if (name === "") continue;
      const rows = this.named.get(name);
      if (rows === undefined) this.named.set(name, [row]);
      else rows.push(row);
    }
  }

  /** An ONNX node has its own time; anything else that of all the nodes that it became, each once. */
  of(ids: Iterable<number>, name: string): HeatCell | undefined {
    const { nodes } = this.costs;
    const rows = name === "" ? nodes.threads.rows(ids) : (this.named.get(name) ?? []);
    if (rows.length === 0 || this.total <= 0) return undefined;
    const seconds = rows.reduce((sum, row) => sum + nodes.seconds(row), 0);
    const share = seconds / this.total;
    const what = rows.length === 1 ? (nodes.rows.notes[rows[0] ?? 0] ?? "") : `${rows.length} nodes`;
    const percent = share >= 0.1 ? (100 * share).toFixed(0) : (100 * share).toFixed(1);
    return {
      level: timeLevel(share),
      text: `${percent} %`,
      mark: "",
      title: () => `${what}: ${milliseconds(seconds)} in ONNX Runtime, ${percent} %`,
    };
  }
}

/** Heat of a line: of what it says, not of what it stands under. */
export function heatOfLine(heat: Heat, pane: PaneModel, row: number): HeatCell | undefined {
  const style = pane.style(row);
  const name = pane.name(row);
  if (style === STYLE_QUIET || style === STYLE_HEADING) return undefined;
  // Under its operator, an emitted node says what is its own: its time.
  if (pane.text.pane === "dispatch" && style === STYLE_INNER && (name === "" || heat.mode !== "time")) return undefined;
  const ids = pane.threads.of(row);
  return ids.length === 0 ? undefined : heat.of(ids, name);
}

export function milliseconds(seconds: number): string {
  return Number.isNaN(seconds) ? "" : `${(1000 * seconds).toFixed(seconds < 0.1 ? 3 : 1)} ms`;
}

/** Heat in a mode, if there is something to show. */
export function heatOf(mode: HeatMode, nodes: NodesModel | undefined, costs: CostsModel | undefined): Heat | undefined {
  switch (mode) {
    case "off":
      return undefined;
    case "time":
      return costs === undefined ? undefined : new TimeHeat(costs);
    case "accumulated":
    case "local":
      return nodes === undefined ? undefined : new ErrorHeat(nodes, mode);
    default:
      return mode satisfies never;
  }
}
