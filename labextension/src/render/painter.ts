/** Draws a laid-out graph on a canvas: what is in sight only, with less detail from afar. */

import type { GraphModel } from "../model/drawing";
import type { HeatCell } from "../model/heat";
import { PALETTE_SIZE } from "../model/palette";
import type { Colors } from "./theme";

export interface View {
  scale: number;
  left: number;
  top: number;
}

export interface Emphasis {
  hovered: number;
  focused: number;
  lit: ReadonlySet<number>;
  chosen: ReadonlySet<number>;
  found: ReadonlySet<number>;
  /** Steps after this one are not made yet; undefined: all are. */
  step: number | undefined;
  /** Nodes that the next step lowers. */
  next: ReadonlySet<number>;
  /** Heat per node; undefined: none is shown. */
  heat: { cells: readonly (HeatCell | undefined)[]; ramp: "error" | "time" } | undefined;
}

const TEXT_FROM = 0.42;
const LABEL_HEIGHT = 12;
/** Above so many nodes nobody looks for labels behind nodes: it costs one look at each. */
const MANY = 400;
const LABEL_FROM = 0.85;
const RADIUS = 5;

export function paint(
  context: CanvasRenderingContext2D,
  size: { width: number; height: number; pixels: number },
  model: GraphModel,
  view: View,
  emphasis: Emphasis,
  colors: Colors,
): number {
  context.setTransform(size.pixels, 0, 0, size.pixels, 0, 0);
  context.fillStyle = colors.back;
  context.fillRect(0, 0, size.width, size.height);
  const layout = model.layout;
  if (layout === undefined) return 0;
  context.setTransform(
    size.pixels * view.scale,
    0,
    0,
    size.pixels * view.scale,
    size.pixels * view.left,
    size.pixels * view.top,
  );
  const box = {
    left: -view.left / view.scale,
    top: -view.top / view.scale,
    right: (size.width - view.left) / view.scale,
    bottom: (size.height - view.top) / view.scale,
  };
  paintEdges(context, model, box, view, emphasis, colors);
  let drawn = 0;
  for (let node = 0; node < model.count; node++) {
    const x = model.x(node) - model.width(node) / 2;
    const y = model.y(node) - model.height(node) / 2;
    if (x > box.right || y > box.bottom || x + model.width(node) < box.left || y + model.height(node) < box.top)
      continue;
    paintNode(context, model, node, x, y, view, emphasis, colors);
    drawn += 1;
  }
  return drawn;
}

function paintEdges(
  context: CanvasRenderingContext2D,
  model: GraphModel,
  box: { left: number; top: number; right: number; bottom: number },
  view: View,
  emphasis: Emphasis,
  colors: Colors,
): void {
  const layout = model.layout;
  if (layout === undefined) return;
  const { starts, points } = layout;
  const plain = new Path2D();
  const near = new Path2D();
  const heads: [number, number, number, boolean][] = [];
  const labels: [string, number, number][] = [];
  for (let edge = 0; edge < starts.length - 1; edge++) {
    const first = starts[edge] ?? 0;
    const last = (starts[edge + 1] ?? 0) - 1;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    let west = Number.POSITIVE_INFINITY;
    let east = Number.NEGATIVE_INFINITY;
    for (let point = first; point <= last; point++) {
      const x = points[2 * point] ?? 0;
      const y = points[2 * point + 1] ?? 0;
      low = Math.min(low, y);
      high = Math.max(high, y);
      west = Math.min(west, x);
      east = Math.max(east, x);
    }
    if (low > box.bottom || high < box.top || west > box.right || east < box.left) continue;
    const from = model.edges[2 * edge] ?? -1;
    const to = model.edges[2 * edge + 1] ?? -1;
    const close =
      from === emphasis.hovered || to === emphasis.hovered || from === emphasis.focused || to === emphasis.focused;
    curve(close ? near : plain, points, first, last);
    const endX = points[2 * last] ?? 0;
    const endY = points[2 * last + 1] ?? 0;
    const angle = Math.atan2(endY - (points[2 * last - 1] ?? endY - 1), 0.35 * (endX - (points[2 * last - 2] ?? endX)));
    if (view.scale > 0.25) heads.push([endX, endY, angle, close]);
    const label = model.message.labels[edge] ?? "";
    // An operator says its shape itself.
    if (label !== "" && view.scale >= LABEL_FROM && model.kind(from) !== "operator") {
      const middle = (first + last) / 2;
      const left = Math.floor(middle);
      const right = Math.ceil(middle);
      labels.push([
        label,
        ((points[2 * left] ?? 0) + (points[2 * right] ?? 0)) / 2,
        ((points[2 * left + 1] ?? 0) + (points[2 * right + 1] ?? 0)) / 2,
      ]);
    }
  }
  context.lineWidth = Math.max(1.2, 0.8 / view.scale);
  context.strokeStyle = colors.quiet;
  context.globalAlpha = 0.6;
  context.stroke(plain);
  context.globalAlpha = 1;
  context.strokeStyle = colors.brand;
  context.lineWidth = Math.max(2, 1.2 / view.scale);
  context.stroke(near);
  for (const [x, y, angle, close] of heads) {
    context.fillStyle = close ? colors.brand : colors.quiet;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x - 7 * Math.cos(angle - 0.42), y - 7 * Math.sin(angle - 0.42));
    context.lineTo(x - 7 * Math.cos(angle + 0.42), y - 7 * Math.sin(angle + 0.42));
    context.fill();
  }
  context.font = `10px ${colors.codeFont}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const drawn: [number, number, number][] = [];
  for (const [label, x, y] of labels) {
    const width = context.measureText(label).width;
    if (drawn.some(([left, top, wide]) => Math.abs(left - x) < (wide + width) / 2 + 6 && Math.abs(top - y) < 14))
      continue;
    if (model.count <= MANY && covered(model, x, y, width)) continue;
    drawn.push([x, y, width]);
    context.fillStyle = colors.back;
    context.globalAlpha = 0.85;
    context.fillRect(x - width / 2 - 2, y - 7, width + 4, 14);
    context.globalAlpha = 1;
    context.fillStyle = colors.quiet;
    context.fillText(label, x, y);
  }
}

/** Whether a node would hide a part of a label. */
function covered(model: GraphModel, x: number, y: number, width: number): boolean {
  for (let node = 0; node < model.count; node++) {
    if (
      Math.abs(model.x(node) - x) < (model.width(node) + width) / 2 &&
      Math.abs(model.y(node) - y) < (model.height(node) + LABEL_HEIGHT) / 2
    ) {
      return true;
    }
  }
  return false;
}

/** Smooth through the points, vertical at both ends. */
function curve(path: Path2D, points: Float32Array, first: number, last: number): void {
  const x = (point: number): number => points[2 * point] ?? 0;
  const y = (point: number): number => points[2 * point + 1] ?? 0;
  path.moveTo(x(first), y(first));
  if (last - first < 2) {
    const middle = (y(first) + y(last)) / 2;
    path.bezierCurveTo(x(first), middle, x(last), middle, x(last), y(last));
    return;
  }
  for (let point = first + 1; point < last; point++) {
    const nextX = point === last - 1 ? x(last) : (x(point) + x(point + 1)) / 2;
    const nextY = point === last - 1 ? y(last) : (y(point) + y(point + 1)) / 2;
    path.quadraticCurveTo(x(point), y(point), nextX, nextY);
  }
}

function paintNode(
  context: CanvasRenderingContext2D,
  model: GraphModel,
  node: number,
  x: number,
  y: number,
  view: View,
  emphasis: Emphasis,
  colors: Colors,
): void {
  const width = model.width(node);
  const height = model.height(node);
  const kind = model.kind(node);
  const made = model.step(node);
  const later = emphasis.step !== undefined && made > emphasis.step;
  const radius = model.isPill(node) ? height / 2 : RADIUS;
  const chosen = emphasis.chosen.has(node);
  const color = model.color(node);
  context.globalAlpha = later ? 0.35 : 1;
  if (kind === "module") {
    context.fillStyle = colors.raised;
    context.strokeStyle = colors.border;
    context.lineWidth = 1;
    rounded(context, x + 4, y + 4, width, height, radius);
    context.fill();
    context.stroke();
  }
  rounded(context, x, y, width, height, radius);
  context.fillStyle = colors.raised;
  context.fill();
  if (color >= 0) {
    context.save();
    context.clip();
    context.fillStyle = colors.hues[color % PALETTE_SIZE] ?? colors.quiet;
    if (emphasis.heat === undefined) {
      context.globalAlpha = later ? 0.05 : 0.14;
      context.fillRect(x, y, width, height);
    }
    context.globalAlpha = later ? 0.35 : 1;
    context.fillRect(x, y, 5, height);
    context.restore();
  }
  if (emphasis.lit.has(node) || chosen) {
    context.fillStyle = colors.brandSoft;
    context.globalAlpha = 0.35;
    context.fill();
    context.globalAlpha = later ? 0.35 : 1;
  }
  context.strokeStyle = colors.border;
  context.lineWidth = 1;
  if (emphasis.found.has(node) || emphasis.next.has(node)) {
    context.strokeStyle = colors.warn;
    context.lineWidth = 2;
  }
  if (chosen || node === emphasis.focused || emphasis.lit.has(node)) {
    context.strokeStyle = colors.brand;
    context.lineWidth = chosen || node === emphasis.focused ? 2.5 : 1.5;
  }
  context.stroke();
  if (node === emphasis.focused) {
    context.setLineDash([3, 3]);
    context.lineWidth = 1;
    rounded(context, x - 4, y - 4, width + 8, height + 8, radius + 4);
    context.stroke();
    context.setLineDash([]);
  }
  const cell = emphasis.heat?.cells[node];
  if (cell !== undefined) paintHeat(context, cell, emphasis.heat?.ramp ?? "error", x, y, width, height, view, colors);
  if (view.scale >= TEXT_FROM) paintText(context, model, node, x, y, colors);
  context.globalAlpha = 1;
}

/** A tab at the right above the node with its number; from afar, where no number can be read, the whole node. */
function paintHeat(
  context: CanvasRenderingContext2D,
  cell: HeatCell,
  ramp: "error" | "time",
  x: number,
  y: number,
  width: number,
  height: number,
  view: View,
  colors: Colors,
): void {
  const back = (ramp === "time" ? colors.times : colors.heats)[cell.level] ?? colors.raised;
  const ink = (ramp === "time" ? colors.timeInks : colors.heatInks)[cell.level] ?? colors.quiet;
  if (view.scale < TEXT_FROM) {
    rounded(context, x, y, width, height, RADIUS);
    context.fillStyle = back;
    context.fill();
    return;
  }
  const text = `${cell.mark}${cell.text}`;
  context.font = `600 10.5px ${colors.uiFont}`;
  const wide = context.measureText(text).width + 12;
  const left = x + width - wide - 6;
  const top = y - 12;
  context.beginPath();
  context.roundRect(left, top, wide, 16, 8);
  context.fillStyle = back;
  context.fill();
  context.strokeStyle = colors.border;
  context.lineWidth = 1;
  context.stroke();
  context.fillStyle = ink;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, left + wide / 2, top + 8.5);
}

function paintText(
  context: CanvasRenderingContext2D,
  model: GraphModel,
  node: number,
  x: number,
  y: number,
  colors: Colors,
): void {
  const width = model.width(node);
  const height = model.height(node);
  const subtitle = model.subtitle(node);
  const middle = x + width / 2;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = colors.text;
  context.font = titleFont(colors, !model.isPill(node));
  context.fillText(
    fitted(context, model.title(node), width - 16),
    middle,
    subtitle === "" ? y + height / 2 : y + height * 0.34,
  );
  if (subtitle === "") return;
  context.fillStyle = colors.quiet;
  context.font = subtitleFont(colors);
  context.fillText(fitted(context, subtitle, width - 14), middle, y + height * 0.72);
}

export function titleFont(colors: Colors, bold: boolean): string {
  return `${bold ? "600 " : ""}12px ${colors.uiFont}`;
}

export function subtitleFont(colors: Colors): string {
  return `10.5px ${colors.codeFont}`;
}

/** The text, cut in its middle where it is too long: names differ at their ends. */
function fitted(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let low = 1;
  let high = text.length - 1;
  const cut = (length: number): string => {
    const head = Math.ceil(length / 2);
    return `${text.slice(0, head)}…${text.slice(text.length - (length - head))}`;
  };
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (context.measureText(cut(middle)).width <= width) low = middle;
    else high = middle - 1;
  }
  return cut(low);
}

function rounded(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  radius: number,
): void {
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
}
