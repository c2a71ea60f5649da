/** A table that is sorted by a click on a head, as long as it is; only some rows are built until more are asked for. */

import { button, el, fill } from "../render/dom";
import type { Cell } from "./tables";

const FIRST_ROWS = 100;
const MORE_ROWS = 500;

export interface Column {
  title: string;
  /** Numbers stand at the right, and are sorted from the largest. */
  numeric?: boolean;
  /** Sorted from the largest, though it does not stand at the right. */
  largestFirst?: boolean;
  class?: string;
  /** Whether there is nothing to say in it. */
  empty?(): boolean;
  key(row: number): number | string;
  cell(row: number): Cell;
}

export interface TableOptions {
  label: string;
  columns: readonly Column[];
  choose(row: number): void;
}

export class SortedTable {
  readonly element = el("div", { class: "oe-sorted" });
  private readonly body = el("tbody");
  private readonly head = el("tr");
  private readonly more = el("div", { class: "oe-more" });
  private count = 0;
  private shown = FIRST_ROWS;
  private order: number[] = [];
  private columns: readonly Column[] = [];
  /** Column and direction; undefined: as the rows came. */
  private by: { column: Column; down: boolean } | undefined;
  private chosen = -1;

  constructor(private readonly options: TableOptions) {
    this.element.append(
      el("table", { class: "oe-table", aria: { label: options.label } }, el("thead", {}, this.head), this.body),
      this.more,
    );
    this.body.addEventListener("click", (event) => {
      const row = event.target instanceof Element ? event.target.closest<HTMLElement>("tr[data-row]") : null;
      if (row !== null) options.choose(Number(row.dataset.row));
    });
  }

  /** Show that many rows. */
  take(count: number): void {
    this.count = count;
    this.sort();
  }

  /** Mark a row, built or not yet. */
  mark(row: number): void {
    this.chosen = row;
    for (const element of this.body.children) {
      const own = element instanceof HTMLElement && Number(element.dataset.row) === row;
      element.classList.toggle("oe-row-chosen", own);
      if (own) element.setAttribute("aria-current", "true");
      else element.removeAttribute("aria-current");
    }
  }

  private sort(): void {
    this.order = Array.from({ length: this.count }, (_, row) => row);
    const { by } = this;
    if (by !== undefined) {
      const keys = this.order.map((row) => by.column.key(row));
      const sign = by.down ? -1 : 1;
      this.order.sort((left, right) => compare(keys[left] ?? "", keys[right] ?? "", sign) || left - right);
    }
    this.show();
  }

  private show(): void {
    this.columns = this.options.columns.filter((column) => column.empty?.() !== true);
    fill(this.head, ...this.columns.map((column) => this.headCell(column)));
    fill(this.body, ...this.order.slice(0, this.shown).map((row) => this.build(row)));
    this.mark(this.chosen);
    const left = this.count - this.shown;
    fill(
      this.more,
      left > 0
        ? button({
            text: `Show ${Math.min(MORE_ROWS, left)} more of ${left}`,
            title: "More rows",
            class: "oe-framed",
            press: () => {
              this.shown += MORE_ROWS;
              this.show();
            },
          })
        : null,
    );
  }

  private headCell(column: Column): HTMLElement {
    const own = this.by?.column === column;
    const arrow = own ? (this.by?.down ? " ↓" : " ↑") : "";
    const press = el(
      "button",
      {
        class: "oe-sort",
        type: "button",
        title: `Sort by ${column.title.toLowerCase()}`,
        on: {
          click: () => {
            this.turn(column);
            this.head.querySelectorAll("button")[this.columns.indexOf(column)]?.focus({ preventScroll: true });
          },
        },
      },
      column.title,
      el("span", { aria: { hidden: "true" } }, arrow),
    );
    const sorted = own ? (this.by?.down ? "descending" : "ascending") : "none";
    return el("th", { class: column.numeric ? "oe-number" : "", aria: { sort: sorted } }, press);
  }

  /** First the telling way round, then the other one, then as the rows came. */
  private turn(column: Column): void {
    const first = column.largestFirst ?? column.numeric === true;
    if (this.by?.column !== column) this.by = { column, down: first };
    else if (this.by.down === first) this.by = { column, down: !first };
    else this.by = undefined;
    this.sort();
  }

  private build(row: number): HTMLElement {
    return el(
      "tr",
      { data: { row: String(row) } },
      ...this.columns.map((column) =>
        el("td", { class: `${column.numeric ? "oe-number" : ""} ${column.class ?? ""}` }, column.cell(row)),
      ),
    );
  }
}

/** What is not known (NaN, "") comes last, whichever way round. */
export function compare(left: number | string, right: number | string, sign: number): number {
  const blank = (key: number | string): boolean => key === "" || Number.isNaN(key);
  if (blank(left) || blank(right)) return Number(blank(left)) - Number(blank(right));
  if (typeof left === "number" && typeof right === "number") return left === right ? 0 : sign * (left < right ? -1 : 1);
  return sign * String(left).localeCompare(String(right), undefined, { numeric: true });
}
