/** A small window below the header, in which something is chosen. */
import { html } from "../../dom.js";
import { serving } from "../../served.js";
import { Dialog } from "../dialog.js";

/** @param {{ label: string, children: unknown }} props */
export function Menu({ label, children }) {
  return html`<${Dialog} name="menu" label=${label} onClose=${() => serving.set({ menu: null })}>${children}<//>`;
}
