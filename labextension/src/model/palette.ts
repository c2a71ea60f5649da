/** Eight hues that stay apart for colour-blind readers (after Okabe and Ito); style/explorer.css has their values. */

export const PALETTE_SIZE = 8;

/** The CSS variable of a source line's colour. */
export function hue(color: number): string {
  return color < 0 ? "transparent" : `var(--oe-hue-${color % PALETTE_SIZE})`;
}
