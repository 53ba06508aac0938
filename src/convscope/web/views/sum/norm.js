/** Normalisation as a formula: first in letters, then with this value's numbers, then step by step. */
import { html } from "../../dom.js";
import { bracketed, precise, readable } from "./cells.js";
import { Fraction, Letter, Named, Root } from "./formula.js";
import { ReadingCard } from "./parts.js";

/** @typedef {import("./parts.js").PictureProps} PictureProps */

/** @param {PictureProps} props */
export function NormPicture(props) {
  const { step, sum, t } = props;
  const { x, mean, var: variance, eps, gamma, beta } = sum.symbols;
  const [scaled, shifted] = ["weight", "bias"].map((name) => Object.hasOwn(step.params, name));
  const spread = Math.sqrt(variance + eps);
  const centred = x - mean;
  const quotient = centred / spread;
  const whose = t(`mean_of_${step.kind}${step.settings.training ? "_training" : ""}`);
  return html`<div class="sum-norm">
    <${ReadingCard} ...${props} note="x" />
    <div class="sum-formulas">
      <p class="sum-formula letters"><${Letter}>y<//> = <${Fraction} over=${html`<${Letter}>x<//> − <${Letter}>μ<//>`} under=${html`<${Root}><${Letter}>σ<//>² + <${Letter}>ε<//><//>`} />
        ${scaled && html`· <${Letter}>γ<//>`} ${shifted && html`+ <${Letter}>β<//>`}</p>
      <p class="sum-formula">=
        <${Fraction} over=${html`<${Named} letter="x" title=${precise(x)}>${readable(x)}<//> − <${Named} letter="μ" title=${precise(mean)}>${bracketed(mean)}<//>`}
          under=${html`<${Root}><${Named} letter="σ²" title=${precise(variance)}>${readable(variance)}<//> + <${Named} letter="ε">${readable(eps)}<//><//>`} />
        <span class="sum-tail">${scaled && html`· <${Named} letter="γ" title=${precise(gamma)}>${bracketed(gamma)}<//>`} ${shifted && html` + <${Named} letter="β" title=${precise(beta)}>${bracketed(beta)}<//>`}</span></p>
      <ol class="sum-steps">
        <${Stage} text=${t("norm_centre", { mean: whose })} value=${centred} />
        <${Stage} text=${t("norm_spread")} by=${`÷ ${readable(spread, 5)}`} value=${quotient} />
        ${scaled && html`<${Stage} text=${t("norm_scale")} by=${`× ${bracketed(gamma)}`} value=${quotient * gamma} />`}
        ${shifted && html`<${Stage} text=${t("norm_shift")} by=${`+ ${bracketed(beta)}`} value=${quotient * (scaled ? gamma : 1) + beta} />`}
      </ol>
    </div>
  </div>`;
}

/** @param {{ text: string, by?: string, value: number }} props */
function Stage({ text, by, value }) {
  return html`<li><span>${text}</span><span class="number quiet">${by}</span><b class="number">${precise(value)}</b></li>`;
}

/** Local response: divided by a power of the neighbours' mean square. @param {PictureProps} props */
export function LocalPicture(props) {
  const { sum, t } = props;
  const { mean_of_squares: mean, k, alpha, beta, size } = sum.symbols;
  const x = sum.inputs[0];
  const base = k + alpha * mean;
  const divisor = base ** beta;
  return html`<div class="sum-norm">
    <${ReadingCard} ...${props} note="x" />
    <div class="sum-formulas">
      <p class="sum-formula letters"><${Letter}>y<//> = <${Fraction} over=${html`<${Letter}>x<//>`} under=${html`( <${Letter}>k<//> + <${Letter}>α<//> · <${Letter}>m<//> )<sup><${Letter}>β<//></sup>`} /></p>
      <p class="sum-formula">= <${Fraction} over=${html`<${Named} letter="x" title=${precise(x)}>${readable(x)}<//>`}
        under=${html`( <${Named} letter="k">${readable(k)}<//> + <${Named} letter="α">${readable(alpha)}<//> · <${Named} letter="m">${readable(mean)}<//> )<sup class="number">${readable(beta)}</sup>`} /></p>
      <ol class="sum-steps">
        <${Stage} text=${t("local_mean", { n: size })} value=${mean} />
        <${Stage} text=${t("local_base")} value=${base} />
        <${Stage} text=${t("local_power")} by=${`^ ${readable(beta)}`} value=${divisor} />
        <${Stage} text=${t("local_divide")} by=${`${readable(x)} ÷`} value=${x / divisor} />
      </ol>
    </div>
  </div>`;
}
