/** The page's colours for canvases, which know no CSS variables. */

/** @typedef {{ ink: string, quiet: string, faint: string, line: string, accent: string, surface: string, font: string }} Inks */

/**
 * The tokens as they are now; ask again when the theme changes.
 * @returns {Inks}
 */
export function inks() {
  const style = getComputedStyle(document.querySelector(".convscope") ?? document.documentElement);
  /** @param {string} name */
  const token = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: token("ink"),
    quiet: token("ink-quiet"),
    faint: token("ink-faint"),
    line: token("map-line"),
    accent: token("accent"),
    surface: token("surface"),
    font: `${token("tiny")} ${token("mono")}`,
  };
}
