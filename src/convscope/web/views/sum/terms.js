/** Many products added up, one line each: input, weight, and what they give as a bar around zero. */
import { fixed } from "../../paint/numbers.js";
import { shade } from "../../paint/colors.js";
import { scaleOf } from "../../paint/scale.js";
import { html } from "../../dom.js";
import { readingOf } from "./blocks.js";
import { readable } from "./cells.js";
import { Glyph } from "./icons.js";
import { restOf, strongest } from "./lines.js";
import { nameOf } from "./place.js";

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("./parts.js").PictureProps} PictureProps */

/** Bars have the red and the blue of signed maps. */
const AROUND_ZERO = scaleOf(-1, 1);
const HUE = 0.55;
const KEEPS_ORDER = new Set(["flatten", "reshape", "squeeze", "unsqueeze", "dropout", "identity"]);

/**
 * Where a number stood before it was flattened: follows steps that only reshape, up to the first map.
 * @param {Step} step
 * @param {number[]} index
 * @param {Step[]} steps
 * @returns {{ step: Step, index: number[] }}
 */
export function beforeFlattening(step, index, steps) {
  let found = { step, index };
  while (KEEPS_ORDER.has(found.step.kind) && found.step.shape.length < 3 && found.step.inputs.length === 1) {
    const before = steps[found.step.inputs[0]];
    let flat = found.index.reduce((so, at, axis) => so * found.step.shape[axis] + at, 0);
    const position = before.shape.map(() => 0);
    for (let axis = position.length - 1; axis >= 0; axis -= 1) {
      position[axis] = flat % before.shape[axis];
      flat = Math.floor(flat / before.shape[axis]);
    }
    found = { step: before, index: position };
  }
  return found.step.shape.length >= 3 ? found : { step, index };
}

/** @param {PictureProps} props */
export function TermsPicture(props) {
  const { step, sum, k, dark, t, onMore } = props;
  const { listed, left } = strongest(sum, k);
  const sizes = [...listed.map((term) => sum.terms[term]), sum.bias].map(Math.abs).filter(Number.isFinite);
  const rest = restOf(sum, listed, left);
  const largest = Math.max(...sizes, Math.abs(rest?.exact ?? 0), 1e-30);
  const weighted = step.kind === "linear";
  return html`<table class="sum-terms">
    <thead><tr><th scope="col">${t("head_input")}</th><th scope="col" class="right">${t("head_value")}</th><th /><th scope="col" class="right">${weighted ? t("head_weight") : t("head_factor")}</th><th /><th scope="col" class="right">${t("head_product")}</th><th scope="col"><span class="unseen">${t("head_bar")}</span></th></tr></thead>
    <tbody>
      ${listed.map((term) => html`<${TermRow} key=${term} ...${props} term=${term} largest=${largest} />`)}
      ${rest && html`<tr class="quiet"><th scope="row">${t(rest.key ?? "line_rest", rest.values)}${!sum.absent && html`<button class="button bare" onClick=${() => onMore(Math.min(left.length, 10))}><${Glyph} name="down" />${t("more", { n: Math.min(left.length, 10) })}</button>`}</th>
        <td /><td /><td /><td /><td class="number right">${fixed(rest.exact, decimalsFor(largest))}</td><td><${Bar} ...${{ value: rest.exact, largest, dark }} /></td></tr>`}
      ${sum.bias !== 0 && html`<tr><th scope="row">${t("line_bias")}</th><td /><td /><td /><td /><td class="number right">${fixed(sum.bias, decimalsFor(largest))}</td><td><${Bar} ...${{ value: sum.bias, largest, dark }} /></td></tr>`}
    </tbody>
  </table>`;
}

/** @param {number} largest */
function decimalsFor(largest) {
  return Math.max(0, Math.min(9, 4 - Math.floor(Math.log10(largest) + 1e-9)));
}

/** @param {PictureProps & { term: number, largest: number }} props */
function TermRow({ trace, sum, term, largest, pointer, dark, onOpen, t }) {
  const reading = readingOf(sum, trace.steps, term);
  const origin = reading && beforeFlattening(reading.step, reading.index, trace.steps);
  const name = reading ? nameOf(reading.step.name, reading.index) : t("constant");
  const further = origin && reading && origin.step !== reading.step ? nameOf(origin.step.name, origin.index) : null;
  const point = (/** @type {PointerEvent} */ event) => {
    const row = /** @type {HTMLElement} */ (event.currentTarget);
    pointer.set({ term, from: row, left: row.clientWidth / 2, top: 0, bottom: row.clientHeight });
  };
  const cells = reading ? shade(sum.inputs[term], scaleOf(reading.step.facts.low, reading.step.facts.high), dark) : null;
  return html`<tr onPointerEnter=${point} onPointerLeave=${() => pointer.set(null)}>
    <th scope="row">${reading ? html`<button class="sum-link number" title=${t("open_value", { name })} onClick=${() => onOpen(reading.step, reading.index)}>${name}</button>` : name}
      ${further && html`<span class="number quiet"> ${further}</span>`}</th>
    <td class="number right"><span class="sum-chip" style=${cells ? `background:${cells.background};color:${cells.ink}` : ""}>${readable(sum.inputs[term])}</span></td>
    <td class="quiet">×</td>
    <td class="number right">${readable(sum.factors[term])}</td>
    <td class="quiet">=</td>
    <td class="number right">${fixed(sum.terms[term], decimalsFor(largest))}</td>
    <td><${Bar} ...${{ value: sum.terms[term], largest, dark }} /></td>
  </tr>`;
}

/** @param {{ value: number, largest: number, dark: boolean }} props */
function Bar({ value, largest, dark }) {
  const share = Number.isFinite(value) ? (Math.abs(value) / largest) * 50 : 0;
  return html`<span class="sum-bar" aria-hidden="true"><i style=${`${value < 0 ? "right" : "left"}:50%;width:${share}%;background:${shade(Math.sign(value) * HUE, AROUND_ZERO, dark).background}`} /></span>`;
}
