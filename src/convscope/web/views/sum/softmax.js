/** Softmax: every score's exponential as a bar, the sum of all, and the share of this one. */
import { total } from "../../arithmetic/floats.js";
import { percent } from "../../paint/numbers.js";
import { html, useMemo } from "../../dom.js";
import { bracketed, precise, readable } from "./cells.js";
import { Fraction } from "./formula.js";

/** @typedef {import("./parts.js").PictureProps} PictureProps */

/**
 * @typedef {object} Exponential
 * @property {number} at  Place along the axis.
 * @property {number} score
 * @property {number} weight  exp(score - largest)
 */

/**
 * The scores along the axis as exponentials, largest first; null where this file does not hold them all.
 * @param {PictureProps} props
 * @returns {Exponential[] | null}
 */
export function exponentialsOf({ step, sum, given }) {
  const values = given.value(step.inputs[0]);
  if (!values) return null;
  const axis = (Number(step.settings.axis) + sum.index.length) % sum.index.length;
  const found = Array.from({ length: values.shape[axis] }, (_, at) => {
    const score = values.at(sum.index.map((own, i) => (i === axis ? at : own)));
    return { at, score, weight: Math.exp(score - sum.symbols.largest) };
  });
  if (found.some(({ score }) => Number.isNaN(score))) return null;
  return found.sort((a, b) => b.weight - a.weight || a.at - b.at);
}

/** @param {PictureProps} props */
export function SoftmaxPicture(props) {
  const { trace, step, sum, given, k, t, onOpen, onMore } = props;
  const all = useMemo(() => exponentialsOf(props), [given, sum.index.join()]);
  if (!all) return html`<p class="quiet">${t("do_absent")}</p>`;
  const axis = (Number(step.settings.axis) + sum.index.length) % sum.index.length;
  const own = sum.index[axis];
  const top = all.slice(0, k);
  const listed = top.some(({ at }) => at === own) ? top : [...top.slice(0, -1), ...all.filter(({ at }) => at === own)];
  const rest = all.filter((one) => !listed.includes(one));
  const { x, largest, sum: weight } = sum.symbols;
  const source = trace.steps[step.inputs[0]];
  const labels = trace.labels.length === all.length ? trace.labels : null;
  const nameAt = (/** @type {number} */ at) => (labels ? labels[at] : String(at));
  return html`<div class="sum-softmax">
    <p class="sum-formula">${step.kind === "softmax"
      ? html`<${Fraction} over=${html`exp(<b class="number">${readable(x)}</b> − <span class="number">${bracketed(largest)}</span>)`} under=${html`<span class="number">${readable(weight)}</span>`} /><span>=</span><b class="number">${precise(sum.result)}</b>`
      : html`<span class="number">${readable(x)} − ${bracketed(largest)}</span> − log <span class="number">${readable(weight)}</span> <span>=</span> <b class="number">${precise(sum.result)}</b>`}</p>
    <table class="sum-terms">
      <thead><tr><th scope="col">${t("head_class")}</th><th scope="col" class="right">${t("head_score")}</th><th scope="col" class="right">${t("head_exp")}</th><th scope="col" class="right">${t("head_share")}</th><th><span class="unseen">${t("head_bar")}</span></th></tr></thead>
      <tbody>
        ${listed.map(({ at, score, weight: one }) => html`<tr key=${at} class=${at === own ? "own" : ""}>
          <th scope="row"><button class="sum-link ellipsis" title=${nameAt(at)} onClick=${() => onOpen(source, sum.index.map((place, i) => (i === axis ? at : place)))}>${nameAt(at)}</button></th>
          <td class="number right">${readable(score)}</td><td class="number right">${readable(one)}</td><td class="number right">${percent(one / weight)}</td>
          <td><span class="sum-bar whole" aria-hidden="true"><i class=${at === own ? "own" : ""} style=${`left:0;width:${(100 * one) / weight}%`} /></span></td></tr>`)}
        ${rest.length > 0 && html`<${Rest} ...${{ rest, weight, t, onMore }} />`}
        <tr class="is-sum"><th scope="row">${t("line_total")}</th><td /><td class="number right">${readable(weight)}</td><td class="number right">${percent(1)}</td><td /></tr>
      </tbody>
    </table></div>`;
}

/** @param {{ rest: Exponential[], weight: number, t: PictureProps["t"], onMore: PictureProps["onMore"] }} props */
function Rest({ rest, weight, t, onMore }) {
  const together = total(Float64Array.from(rest, (one) => one.weight));
  return html`<tr class="quiet"><th scope="row">${t(rest.length === 1 ? "line_rest_one" : "line_rest", { n: rest.length })} <button class="button bare" onClick=${() => onMore(Math.min(10, rest.length))}>${t("more", { n: Math.min(10, rest.length) })}</button></th><td />
    <td class="number right">${readable(together)}</td><td class="number right">${percent(together / weight)}</td>
    <td><span class="sum-bar whole" aria-hidden="true"><i class="rest" style=${`left:0;width:${(100 * together) / weight}%`} /></span></td></tr>`;
}
