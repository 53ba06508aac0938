/** When there is no arithmetic: why, and what to do, in one sentence each. */
import { NoArithmetic } from "../../arithmetic/reasons.js";
import { html, useLoaded } from "../../dom.js";
import { significant } from "../../paint/numbers.js";
import { select } from "../../select.js";
import { store } from "../../state.js";
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
      ${reason === "absent" && html`<${Here} trace=${trace} step=${step} t=${t} />`}
      ${step.inputs.slice(0, 3).map((source) => html`<button class="button" onClick=${() => select(trace, { step: source, tab: "sum" })}>${t("look_before", { name: nameOf(trace.steps[source].name, []) })}</button>`)}
      ${step.readers.slice(0, 2).map((reader) => html`<button class="button" onClick=${() => select(trace, { step: reader, tab: "sum" })}>${t("look_after", { name: nameOf(trace.steps[reader].name, []) })}</button>`)}
    </span>
  </div>`;
}

/**
 * The way to the most important channel whose numbers are in the file.
 * @param {{ trace: Trace, step: Step, t: (key: string, values?: Record<string, string | number>) => string }} props
 */
function Here({ trace, step, t }) {
  const { value: stats } = useLoaded(() => (step.maps ? trace.stats(step) : null), [trace, step]);
  const now = store.get().channel;
  const channel = stats && [...trace.order(step, "contribution")].find((one) => one !== now && trace.hasChannel(step, one));
  if (typeof channel !== "number") return null;
  return html`<button class="button primary" onClick=${() => select(trace, { channel, tab: "sum" })}>${t("channel_here", { n: channel })}</button>`;
}

/** @param {Record<string, string | number>} detail */
function shortened(detail) {
  return Object.fromEntries(Object.entries(detail).map(([key, value]) => [key, typeof value === "number" ? significant(value) : value]));
}
