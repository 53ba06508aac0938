/** Activations: the curve of the function, with this value on it. */
import { FUNCTIONS } from "../../arithmetic/functions.js";
import { significant } from "../../paint/numbers.js";
import { html, useMemo } from "../../dom.js";
import { ReadingCard, Result } from "./parts.js";
import { precise } from "./cells.js";

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Sum} Sum */
/** @typedef {import("./parts.js").PictureProps} PictureProps */
/** @typedef {{ low: number, high: number }} Range */

const SAMPLES = 241;

/**
 * The function of a step at many places, by the same arithmetic that its values are checked with.
 * @param {Step} step
 * @param {Sum} sum
 * @param {Float32Array} at
 * @returns {number[]}
 */
export function functionAt(step, sum, at) {
  if (step.kind === "prelu") return Array.from(at, (x) => (x > 0 ? x : sum.symbols.slope * x));
  const shape = [at.length];
  const value = { shape, data: at, take: [null], whole: true, exact: true, at: (/** @type {ArrayLike<number>} */ i) => at[i[0]], has: () => true };
  const row = { ...step, shape, inputs: [0] };
  return Array.from(at, (_, i) => {
    const asked = { step: row, index: [i], shape: () => shape, name: () => "", places: [{ source: 0, axes: [[i]] }], recorded: 0, value: () => value, param: () => null };
    return FUNCTIONS[step.kind].explain(asked).terms[0];
  });
}

/**
 * The stretch of x to draw: around zero, wide enough for the network's own values and for this one.
 * @param {number} x
 * @param {{ low: number | null, high: number | null }} facts  Of the step that is read.
 * @returns {Range}
 */
export function rangeAround(x, { low, high }) {
  const far = Math.max(3, Math.min(8, Math.max(Math.abs(low ?? 0), Math.abs(high ?? 0))));
  const here = Number.isFinite(x) ? x : 0;
  return { low: Math.min(-far, here * 1.15), high: Math.max(far, here * 1.15) };
}

/** @param {PictureProps} props */
export function CurvePicture(props) {
  const { step, sum, trace, room, t } = props;
  const x = sum.inputs[0];
  const range = rangeAround(x, trace.steps[step.inputs[0]].facts);
  const curve = useMemo(() => {
    const at = Float32Array.from({ length: SAMPLES }, (_, i) => range.low + ((range.high - range.low) * i) / (SAMPLES - 1));
    return { at, values: functionAt(step, sum, at) };
  }, [step, range.low, range.high, sum.symbols.slope]);
  const height = Math.max(150, Math.min(300, room.height - 20));
  const width = Math.max(240, Math.min(height * 1.7, room.width - 410));
  return html`<div class="sum-flow">
    <${ReadingCard} ...${props} note=${t("goes_in")} />
    <${Plot} ...${{ curve, range, x, y: sum.result, width, height }} label=${t("curve_of", { x: significant(x), y: significant(sum.result) })} />
    <div class="sum-outcome"><span class="quiet">${t("comes_out")}</span><span class="sum-value number">${precise(sum.result)}</span>
      <span class="number sum-written">${writtenOf(step, sum)}</span></div>
  </div>`;
}

/** @param {Step} step @param {Sum} sum */
function writtenOf(step, sum) {
  return step.kind === "prelu" || step.kind === "leaky_relu" ? sum.formula.replace(", else", "; ").replace(/\*/g, "×") : sum.formula.replace(/ \*\* /g, "^").replace(/\*/g, "×");
}

/**
 * @param {{ curve: { at: Float32Array, values: number[] }, range: Range, x: number, y: number, width: number, height: number, label: string }} props
 */
function Plot({ curve, range, x, y, width, height, label }) {
  const finite = curve.values.filter((value) => Math.abs(value) < 40);
  const bottom = Math.min(0, ...finite, Number.isFinite(y) ? y : 0);
  const top = Math.max(0.5, ...finite, Number.isFinite(y) ? y : 0);
  const margin = { left: 46, right: 14, top: 12, bottom: 26 };
  const across = (/** @type {number} */ at) => margin.left + ((at - range.low) / (range.high - range.low)) * (width - margin.left - margin.right);
  const up = (/** @type {number} */ at) => height - margin.bottom - ((at - bottom) / (top - bottom)) * (height - margin.top - margin.bottom);
  const drawn = Number.isFinite(x) && Number.isFinite(y);
  return html`<svg class="sum-plot" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${label}>
    ${ticks(range.low, range.high).map((at) => html`<g><line class="fine" x1=${across(at)} x2=${across(at)} y1=${up(bottom)} y2=${up(top)} /><text x=${across(at)} y=${height - 9} text-anchor="middle">${significant(at)}</text></g>`)}
    ${ticks(bottom, top).map((at) => html`<g><line class="fine" x1=${across(range.low)} x2=${across(range.high)} y1=${up(at)} y2=${up(at)} /><text x=${margin.left - 7} y=${up(at) + 4} text-anchor="end">${significant(at)}</text></g>`)}
    <line class="axis" x1=${across(range.low)} x2=${across(range.high)} y1=${up(0)} y2=${up(0)} />
    <line class="axis" x1=${across(0)} x2=${across(0)} y1=${up(bottom)} y2=${up(top)} />
    <path class="curve" d=${pathOf(curve, across, up, top)} />
    ${drawn && html`<path class="guide" d=${`M${across(x)} ${up(0)}V${up(y)}H${across(0)}`} /><circle cx=${across(x)} cy=${up(y)} r="5.5" />`}
  </svg>`;
}

/** @param {{ at: Float32Array, values: number[] }} curve @param {(at: number) => number} across @param {(at: number) => number} up @param {number} top */
function pathOf({ at, values }, across, up, top) {
  let path = "";
  let pen = false;
  for (let i = 0; i < at.length; i += 1) {
    const shown = Number.isFinite(values[i]) && Math.abs(values[i]) <= Math.abs(top) * 4 + 40;
    if (shown) path += `${pen ? "L" : "M"}${across(at[i]).toFixed(1)} ${up(values[i]).toFixed(1)}`;
    pen = shown;
  }
  return path;
}

/**
 * Round numbers between two, about five of them.
 * @param {number} low
 * @param {number} high
 * @returns {number[]}
 */
export function ticks(low, high) {
  const rough = (high - low) / 5;
  if (!(rough > 0) || !Number.isFinite(rough)) return [0];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((times) => power * times >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step || 0);
}

/** A function whose curve would say nothing. @param {PictureProps} props */
export function PlainPicture(props) {
  return html`<div class="sum-flow"><${ReadingCard} ...${props} /><span class="sum-to">=</span><${Result} ...${props} /></div>`;
}
