/** One channel. */
import { html } from "../../dom.js";
/** @param {{ trace: import("../../data/trace.js").Trace, step: import("../../types.js").Step }} props */
export function ChannelView({ trace, step }) {
  return html`<p>${step.name} ${trace.steps.length}</p>`;
}
