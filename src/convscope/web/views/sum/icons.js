/** Drawings on buttons; the words beside them say the same. */
import { html } from "../../dom.js";

const SHAPES = {
  play: "M7 5.5v13l11-6.5Z",
  pause: "M7 5h3.4v14H7ZM13.6 5H17v14h-3.4Z",
  next: "M6 5.5v13l9-6.5ZM16.2 5.5h2.6v13h-2.6Z",
  before: "M18 5.5v13L9 12ZM5.2 5.5h2.6v13H5.2Z",
};

const LINES = {
  right: "M9.5 6l6 6-6 6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  arrow: "M4 12h15M13.5 6.5 19 12l-5.5 5.5",
  warn: "M12 4.5 21 19.5H3ZM12 10.5v4M12 17v.2",
  down: "M6 9.5l6 6 6-6",
};

/** @param {{ name: keyof typeof SHAPES | keyof typeof LINES }} props */
export function Glyph({ name }) {
  const solid = name in SHAPES;
  const path = solid ? SHAPES[/** @type {keyof typeof SHAPES} */ (name)] : LINES[/** @type {keyof typeof LINES} */ (name)];
  return html`<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true" fill=${solid ? "currentColor" : "none"}
    stroke=${solid ? "none" : "currentColor"} stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round"><path d=${path} /></svg>`;
}
