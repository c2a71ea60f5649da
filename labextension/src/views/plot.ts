/** Two small plots of a node's values, as SVG: ONNX against PyTorch, and what they differ by. */

import { el } from "../render/dom";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 230;
const HEIGHT = 150;
const LEFT = 46;
const BOTTOM = 30;
const TOP = 8;
const RIGHT = 8;

function svg(tag: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text !== "") made.textContent = text;
  return made;
}

function frame(label: string): SVGElement {
  const made = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, class: "oe-plot" });
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", label);
  made.append(
    svg("title", {}, label),
    svg("path", { d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}`, class: "oe-plot-axis" }),
  );
  return made;
}

function below(made: SVGElement, low: string, high: string, title: string): void {
  const y = HEIGHT - BOTTOM + 12;
  made.append(
    svg("text", { x: LEFT, y, class: "oe-plot-text" }, low),
    svg("text", { x: WIDTH - RIGHT, y, "text-anchor": "end", class: "oe-plot-text" }, high),
    svg("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: y + 13, "text-anchor": "middle", class: "oe-plot-title" }, title),
  );
}

function beside(made: SVGElement, low: string, high: string): void {
  made.append(
    svg("text", { x: LEFT - 4, y: HEIGHT - BOTTOM, "text-anchor": "end", class: "oe-plot-text" }, low),
    svg("text", { x: LEFT - 4, y: TOP + 8, "text-anchor": "end", class: "oe-plot-text" }, high),
  );
}

/** Each point an element: on the diagonal, ONNX gives what PyTorch gives. */
export function scatter(expected: Float32Array, actual: Float32Array): HTMLElement {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of [...expected, ...actual]) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = [0, 0];
  if (low === high) [low, high] = [low - 1, high + 1];
  const span = high - low;
  const x = (value: number): number => LEFT + ((value - low) / span) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => HEIGHT - BOTTOM - ((value - low) / span) * (HEIGHT - TOP - BOTTOM);
  const made = frame(`ONNX against PyTorch, ${expected.length} elements from ${short(low)} to ${short(high)}`);
  made.append(
    svg("path", { d: `M${x(low)} ${y(low)}L${x(high)} ${y(high)}`, class: "oe-plot-diagonal" }),
    ...Array.from(expected, (value, index) => [value, actual[index] ?? Number.NaN] as const)
      .filter(([left, right]) => Number.isFinite(left) && Number.isFinite(right))
      .map(([left, right]) =>
        svg("circle", { cx: x(left).toFixed(1), cy: y(right).toFixed(1), r: 1.8, class: "oe-plot-point" }),
      ),
  );
  below(made, short(low), short(high), "PyTorch");
  beside(made, short(low), short(high));
  return el("figure", { class: "oe-figure" }, made, el("figcaption", {}, "ONNX against PyTorch"));
}

/** How many elements differ by how much; the count is drawn as its logarithm, so that one element shows. */
export function differences(counts: readonly number[], start: string, end: string): HTMLElement {
  const most = Math.max(1, ...counts);
  const wide = (WIDTH - LEFT - RIGHT) / Math.max(1, counts.length);
  const tall = HEIGHT - TOP - BOTTOM;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const made = frame(`${total} differences from ${start} to ${end}, the most in one part ${most}`);
  const same = start === end;
  for (const [index, count] of counts.entries()) {
    if (count === 0) continue;
    const height = Math.max(2, (tall * Math.log1p(count)) / Math.log1p(most));
    const left = same ? (LEFT + WIDTH - RIGHT - wide) / 2 : LEFT + index * wide;
    const bar = svg("rect", {
      x: left.toFixed(1),
      y: (HEIGHT - BOTTOM - height).toFixed(1),
      width: Math.max(1, wide - 0.8).toFixed(1),
      height: height.toFixed(1),
      class: "oe-plot-bar",
    });
    bar.append(svg("title", {}, `${count} elements`));
    made.append(bar);
  }
  below(made, same ? "" : start, same ? "" : end, same ? start : "ONNX − PyTorch");
  beside(made, "0", String(most));
  return el("figure", { class: "oe-figure" }, made, el("figcaption", {}, "Differences, count as logarithm"));
}

function short(value: number): string {
  return value === 0
    ? "0"
    : Math.abs(value) >= 1e4 || Math.abs(value) < 1e-2
      ? value.toExponential(1)
      : value.toPrecision(3);
}
