/** Two values at the same place, side by side, and what becomes of them. */
import { significant } from "../../paint/numbers.js";
import { html } from "../../dom.js";
import { readingOf } from "./blocks.js";
import { ValueCard, Result } from "./parts.js";
import { precise } from "./cells.js";

/** @typedef {import("./parts.js").PictureProps} PictureProps */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {{ value: number, step: Step | null, index: number[] }} Operand */

/** @type {Record<string, string>} */
const SIGNS = { add: "+", sub: "−", mul: "×", div: "÷" };

/**
 * Both operands in the order in which they were written.
 * @param {PictureProps} props
 * @returns {[Operand, Operand]}
 */
export function operandsOf({ trace, step, sum }) {
  const term = (/** @type {number} */ i) => {
    const reading = readingOf(sum, trace.steps, i);
    return { value: sum.inputs[i], step: reading?.step ?? null, index: reading?.index ?? [] };
  };
  if (step.kind !== "mul" && step.kind !== "div") return [term(0), term(1)];
  const [other] = sum.others;
  const factor = {
    value: step.kind === "div" ? 1 / sum.factors[0] : sum.factors[0],
    step: other ? trace.steps[step.inputs[other[0]]] : null,
    index: other?.[1] ?? [],
  };
  // The arithmetic names the operand that comes from a step first; the formula keeps the order as it was written.
  const written = step.settings.operands?.[0];
  const swapped = step.kind === "mul" && written !== undefined && !("input" in written) && factor.step === null;
  return swapped ? [factor, term(0)] : [term(0), factor];
}

/** @param {PictureProps} props */
export function OperandsPicture(props) {
  const { step, sum, t } = props;
  const [first, second] = operandsOf(props);
  const alpha = Number(step.settings.alpha ?? 1);
  const chosen = "winner" in sum.symbols ? sum.symbols.winner : -1;
  const sign = SIGNS[step.kind];
  return html`<div class="sum-flow">
    <${One} ...${props} operand=${first} dim=${chosen === 1} />
    <span class="sum-operator">${sign ?? t(step.kind === "maximum" ? "or_larger" : "or_smaller")}</span>
    ${alpha !== 1 && html`<span class="sum-value number">${significant(alpha)} ×</span>`}
    <${One} ...${props} operand=${second} dim=${chosen === 0} />
    <span class="sum-operator">${sign ? "=" : "→"}</span>
    <${Result} ...${props} />
  </div>`;
}

/** @param {PictureProps & { operand: Operand, dim: boolean }} props */
function One({ trace, operand, dim, onOpen, t }) {
  return html`<div class=${dim ? "sum-dim" : ""}>${operand.step
    ? html`<${ValueCard} ...${{ trace, step: operand.step, index: operand.index, value: operand.value, size: 116, onOpen, t }} />`
    : html`<div class="sum-card"><div class="sum-card-text"><span class="quiet">${t("constant")}</span><span class="sum-value number">${precise(operand.value)}</span></div></div>`}</div>`;
}
