/** The flow's two signs, drawn as lines. */
import { html } from "../../dom.js";

/** Two arrowheads, apart to unfold, together to fold. @param {{ open: boolean }} props */
export function FoldIcon({ open }) {
  const path = open ? "M2 3l3 3-3 3M10 3 7 6l3 3" : "M4 3 1 6l3 3M8 3l3 3-3 3";
  return html`<svg class="fold-icon" viewBox="0 0 12 12" width="11" height="11" aria-hidden="true"><path d=${path} /></svg>`;
}
