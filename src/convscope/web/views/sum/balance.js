/** The balance: the parts of the value in digits that really add up, the sum, and the value that was recorded. */
import { columnTexts, fixed } from "../../paint/numbers.js";
import { html, useMemo } from "../../dom.js";
import { useWords } from "../../language.js";
import { readable } from "./cells.js";
import { Glyph } from "./icons.js";
import { linesOf } from "./lines.js";
import { words } from "./words.js";

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Sum} Sum */
/** @typedef {import("./lines.js").Line} Line */

/** @param {{ sum: import("../../arithmetic/explain.js").FoundSum, steps: Step[], k: number }} props */
export function Balance({ sum, steps, k }) {
  const t = useWords(words);
  const lines = useMemo(() => linesOf(sum, steps, k), [sum, k]);
  const parts = lines.map((line) => line.exact);
  const { texts, total, rounding, decimals } = columnTexts(parts, sum.result);
  const gap = Number(rounding?.replace("\u2212", "-") ?? 0);
  return html`<table class="sum-balance" aria-label=${t("balance")}>
    <tbody>
      ${lines.map((line, i) => html`<${Row} key=${i} role=${line.role} exact=${line.exact} text=${texts[i]} label=${labelOf(line, t)}
        name=${line.name} title=${t("all_digits", { number: repr(line.exact) })} />`)}
      ${rounding && html`<${Row} role="rounding" exact=${gap} text=${rounding} label=${t("line_rounding")} title=${t("line_rounding_title")} />`}
      <${Row} role="total" exact=${sum.result} text=${total} label=${t(sum.absent ? "line_total_absent" : "line_total")} title=${t("all_digits", { number: repr(sum.result) })} />
      <${Row} role="recorded" exact=${sum.value} text=${recordedText(sum.value, decimals)} label=${t("line_recorded")} title=${t("all_digits", { number: repr(sum.value) })} />
    </tbody>
  </table>
  <${Verdict} sum=${sum} difference=${lines.some((line) => line.byDifference)} />`;
}

/** @param {number} value @param {number} decimals */
function recordedText(value, decimals) {
  const text = fixed(value, decimals);
  return value >= 0 && Number.isFinite(value) ? `+${text}` : text;
}

/** @param {{ role: string, exact: number, text: string, label: string, name?: string, title: string }} props */
function Row({ role, exact, text, label, name, title }) {
  return html`<tr class=${`is-${role}`} title=${title}>
    <th scope="row" class=${name ? "ellipsis" : "worded"} title=${name ?? label}>${label}</th>
    <td><span class="number" data-sum=${role} data-exact=${repr(exact)}>${text}</span></td>
  </tr>`;
}

/** All digits of a float64, for those who test us. @param {number} value */
export function repr(value) {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** @param {Line} line @param {(key: string, values?: Record<string, string | number>) => string} t */
function labelOf(line, t) {
  return line.name ?? t(line.key ?? "line_rest", line.values);
}

/** Whether it adds up, in one sentence. @param {{ sum: import("../../arithmetic/explain.js").FoundSum, difference: boolean }} props */
function Verdict({ sum, difference }) {
  const t = useWords(words);
  const { good, key, values } = verdictOf(sum, difference);
  return html`<p class=${`sum-verdict ${good ? "good" : "odd"}`} data-verdict=${key}>
    <${Glyph} name=${good ? "check" : "warn"} /><span>${t(key, values)}</span></p>`;
}

/**
 * @param {import("../../arithmetic/explain.js").FoundSum} sum
 * @param {boolean} difference
 * @returns {{ good: boolean, key: string, values?: Record<string, string> }}
 */
export function verdictOf(sum, difference) {
  if (difference || sum.absent) return { good: true, key: "verdict_difference" };
  if (!Number.isFinite(sum.value)) return { good: sum.holds, key: sum.holds ? "verdict_odd" : "verdict_wrong" };
  if (sum.holds && sum.value === sum.result) return { good: true, key: "verdict_exact" };
  if (sum.holds) return { good: true, key: "verdict_holds", values: { tolerance: readable(sum.tolerance, 2) } };
  if (!sum.exact) return { good: false, key: "verdict_rounded", values: { gap: readable(Math.abs(sum.value - sum.result), 2) } };
  return { good: false, key: "verdict_wrong", values: { gap: readable(Math.abs(sum.value - sum.result), 2) } };
}
