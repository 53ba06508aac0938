/** What of a step is not in this file, and how to get it. */
import { html, useMemo } from "../../dom.js";
import { useWords } from "../../language.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */

/** The command that puts everything into a file. */
export const FULL = "convscope export --full";

/**
 * How many of a step's channels (of a vector: numbers) are in the file with every number.
 * @param {Trace} trace
 * @param {Step} step
 */
export function keptOf(trace, step) {
  const all = step.shape[0] ?? 1;
  if (!step.value) return { kept: 0, all };
  if (step.shape.length !== 3) return { kept: step.value.take?.[0]?.length ?? all, all };
  let kept = 0;
  for (let channel = 0; channel < all; channel += 1) kept += Number(trace.hasChannel(step, channel));
  return { kept, all };
}

/** Nothing where nothing is missing. @param {{ trace: Trace, step: Step }} props */
export function Excerpt({ trace, step }) {
  const t = useWords(words);
  const { kept, all } = useMemo(() => keptOf(trace, step), [trace, step]);
  if (kept === all) return null;
  const text = kept === 0 ? t("excerpt_values") : t(step.maps ? "excerpt" : "excerpt_numbers", { n: kept, all });
  return html`<p class="aside-note">${text}<code>${FULL}</code></p>`;
}
