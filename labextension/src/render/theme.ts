/** Light or dark, and the colours that canvases draw with; all of them are CSS variables of style/explorer.css. */

import { LEVELS } from "../model/heat";
import { PALETTE_SIZE } from "../model/palette";

export interface Colors {
  text: string;
  quiet: string;
  back: string;
  raised: string;
  border: string;
  brand: string;
  brandSoft: string;
  warn: string;
  error: string;
  shade: string;
  hues: string[];
  /** Six levels of error, and of time; then the text colours on them. */
  heats: string[];
  times: string[];
  heatInks: string[];
  timeInks: string[];
  codeFont: string;
  uiFont: string;
}

const cache = new WeakMap<Element, Colors>();

/** The colours at an element; read once per theme. */
export function cssColors(element: Element): Colors {
  const root = element.closest(".oe-root") ?? element;
  const known = cache.get(root);
  if (known !== undefined) return known;
  const style = getComputedStyle(root);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  const ramp = (name: string): string[] => Array.from({ length: LEVELS }, (_, level) => read(`${name}-${level}`));
  const colors: Colors = {
    text: read("--oe-text"),
    quiet: read("--oe-quiet"),
    back: read("--oe-back"),
    raised: read("--oe-raised"),
    border: read("--oe-border"),
    brand: read("--oe-brand"),
    brandSoft: read("--oe-brand-soft"),
    warn: read("--oe-warn"),
    error: read("--oe-error"),
    shade: read("--oe-shade"),
    hues: Array.from({ length: PALETTE_SIZE }, (_, index) => read(`--oe-hue-${index}`)),
    heats: ramp("--oe-heat"),
    times: ramp("--oe-time"),
    heatInks: ramp("--oe-heat-ink"),
    timeInks: ramp("--oe-time-ink"),
    codeFont: read("--oe-code-font") || "monospace",
    uiFont: read("--oe-ui-font") || "sans-serif",
  };
  cache.set(root, colors);
  return colors;
}

function isDark(): boolean {
  const set = document.body.dataset.jpThemeLight;
  if (set !== undefined) return set === "false";
  const vscode = document.body.dataset.vscodeThemeKind;
  if (vscode !== undefined) return vscode.includes("dark");
  return window.matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Keep an element's `data-theme` in step with the page's theme. */
export function followTheme(root: HTMLElement, changed: () => void): () => void {
  const apply = (): void => {
    root.dataset.theme = isDark() ? "dark" : "light";
    cache.delete(root);
    changed();
  };
  apply();
  let late: ReturnType<typeof setTimeout> | undefined;
  const observer = new MutationObserver(() => {
    apply();
    clearTimeout(late);
    late = setTimeout(apply, 300); // the theme's style sheet may come after its name
  });
  observer.observe(document.body, {
    attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"],
  });
  const query = window.matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", apply);
  return () => {
    clearTimeout(late);
    observer.disconnect();
    query.removeEventListener("change", apply);
  };
}
