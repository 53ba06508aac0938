/** Everything a step gave, at once: its maps, its numbers, or, for other shapes, the first of them. */
import { html } from "../../dom.js";
import { Maps } from "./maps.js";
import { Plain } from "./plain.js";
import { Vector } from "./vector.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */

/** @param {{ trace: Trace, step: Step }} props */
export function Atlas({ trace, step }) {
  const View = step.maps ? Maps : step.shape.length === 1 && step.shape[0] > 0 ? Vector : Plain;
  return html`<${View} trace=${trace} step=${step} />`;
}
