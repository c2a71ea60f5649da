/** Elements without markup: every text is a text node. */

type Child = Node | string | null | undefined | false;

interface Properties {
  class?: string;
  title?: string;
  role?: string;
  tabIndex?: number;
  type?: string;
  value?: string;
  placeholder?: string;
  disabled?: boolean;
  checked?: boolean;
  style?: Partial<Record<string, string>>;
  data?: Record<string, string>;
  aria?: Record<string, string>;
  on?: { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  const { class: className, role, style, data, aria, on, ...plain } = properties;
  if (className !== undefined) element.className = className;
  if (role !== undefined) element.setAttribute("role", role);
  Object.assign(element, plain);
  for (const [name, value] of Object.entries(style ?? {}))
    if (value !== undefined) element.style.setProperty(name, value);
  for (const [name, value] of Object.entries(data ?? {})) element.dataset[name] = value;
  for (const [name, value] of Object.entries(aria ?? {})) element.setAttribute(`aria-${name}`, value);
  for (const [name, handler] of Object.entries(on ?? {})) element.addEventListener(name, handler as EventListener);
  append(element, children);
  return element;
}

export function append(parent: Node, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    parent.appendChild(typeof child === "string" ? document.createTextNode(child) : child);
  }
}

/** The element with these children and no others. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  append(parent, children);
}

const ICONS = {
  back: "M10 3 5 8l5 5",
  return: "M5.5 3 2.5 6l3 3M2.5 6H10a3.5 3.5 0 0 1 0 7H6",
  step: "M4 3v10M7 3l6 5-6 5z",
  over: "M3 11a5 5 0 0 1 10 0M13 11l2-3M13 11l-3-2",
  run: "M3 3l5 5-5 5zM8 3l5 5-5 5z",
  stop: "M4 4h8v8H4z",
  target: "M8 2v3M8 11v3M2 8h3M11 8h3M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  up: "M8 13V3M4 7l4-4 4 4",
  down: "M4 6l4 4 4-4",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.5 10.5 14 14",
  graph: "M6 2h4v3H6zM2 11h4v3H2zM10 11h4v3h-4zM8 5v3M4 11V8h8v3",
  text: "M2 4h12M2 8h8M2 12h10",
  full: "M2 2h5M2 2v5M14 14H9M14 14V9M2 2l5 5M14 14l-5-5",
  columns: "M2 3h12v10H2zM8 3v10",
  grid: "M2 3h12v10H2zM8 3v10M2 8h12",
  ok: "M3 8.5 6.5 12 13 4.5",
  bad: "M4 4l8 8M12 4l-8 8",
  warn: "M8 2 15 14H1zM8 6v4M8 12v.5",
  info: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM8 7v4.5M8 4.5v.5",
  none: "M4 8h8",
} as const;

export type IconName = keyof typeof ICONS;

const SVG = "http://www.w3.org/2000/svg";

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `oe-icon oe-icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.appendChild(path);
  return svg;
}

export interface ButtonOptions {
  icon?: IconName;
  text?: string;
  title: string;
  class?: string;
  pressed?: boolean;
  disabled?: boolean;
  press: () => void;
}

export function button(options: ButtonOptions): HTMLButtonElement {
  const made = el(
    "button",
    {
      class: `oe-button ${options.class ?? ""}`,
      type: "button",
      title: options.title,
      disabled: options.disabled ?? false,
      on: { click: () => options.press() },
    },
    options.icon === undefined ? null : icon(options.icon),
    options.text === undefined ? null : el("span", {}, options.text),
  );
  if (options.text === undefined) made.setAttribute("aria-label", options.title);
  if (options.pressed !== undefined) made.setAttribute("aria-pressed", String(options.pressed));
  return made;
}

/** Milliseconds as a person reads them. */
export function duration(milliseconds: number): string {
  if (milliseconds < 0.1) return "< 0.1 ms";
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${milliseconds.toFixed(0)} ms`;
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Takes things down together. */
export class Disposal {
  private readonly tasks: (() => void)[] = [];

  add(...tasks: (() => void)[]): void {
    this.tasks.push(...tasks);
  }

  /** A listener that goes when the view goes. */
  listen<K extends keyof DocumentEventMap>(
    target: EventTarget,
    name: K,
    handler: (event: DocumentEventMap[K]) => void,
    options?: AddEventListenerOptions,
  ): void {
    target.addEventListener(name, handler as EventListener, options);
    this.tasks.push(() => target.removeEventListener(name, handler as EventListener, options));
  }

  run(): void {
    for (const task of this.tasks.splice(0).reverse()) task();
  }
}
