/** When there is no arithmetic: why, and what to do, in one sentence each. */
import { NoArithmetic } from "../../arithmetic/reasons.js";
import { html } from "../../dom.js";
import { significant } from "../../paint/numbers.js";
import { select } from "../../select.js";
import { nameOf } from "./place.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */

const KNOWN = new Set(["input", "batch", "unknown", "mode", "operands", "parameters", "settings", "absent", "stale", "position"]);

/** @param {{ trace: Trace, step: Step, error: Error, t: (key: string, values?: Record<string, string | number>) => string }} props */
export function Nothing({ trace, step, error, t }) {
  const reason = error instanceof NoArithmetic && KNOWN.has(error.reason) ? error.reason : "failed";
  /** @type {Record<string, string | number>} */
  const detail = error instanceof NoArithmetic ? shortened(error.detail) : { message: error.message };
  const values = { step: step.name, kind: step.kind, ...detail };
  return html`<div class="sum-nothing" role="status" data-reason=${reason}>
    <strong>${t(`no_${reason}`, values)}</strong>
    <span>${t(`do_${reason}`, values)}</span>
    <span class="sum-nothing-links">
      ${step.inputs.slice(0, 3).map((source) => html`<button class="button" onClick=${() => select(trace, { step: source, tab: "sum" })}>${t("look_before", { name: nameOf(trace.steps[source].name, []) })}</button>`)}
      ${step.readers.slice(0, 2).map((reader) => html`<button class="button" onClick=${() => select(trace, { step: reader, tab: "sum" })}>${t("look_after", { name: nameOf(trace.steps[reader].name, []) })}</button>`)}
    </span>
  </div>`;
}

/** @param {Record<string, string | number>} detail */
function shortened(detail) {
  return Object.fromEntries(Object.entries(detail).map(([key, value]) => [key, typeof value === "number" ? significant(value) : value]));
}
