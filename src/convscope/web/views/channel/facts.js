/** The numbers of one channel: what its values are like, and its own parameters. */
import { isDead, isDuplicate } from "../../data/order.js";
import { html, useLoaded } from "../../dom.js";
import { useWords } from "../../language.js";
import { percent, significant } from "../../paint/numbers.js";
import { select } from "../../select.js";
import { FULL } from "../atlas/excerpt.js";
import { labelsOf } from "../atlas/vector.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Stats} Stats */
/** @typedef {import("../../types.js").Values} Values */

/** Parameters of which each channel has one number, by kind, in the order in which they are used. */
const OWN = /** @type {Record<string, [string, string][]>} */ ({
  batch_norm: [["running_mean", "running_mean"], ["running_var", "running_var"], ["weight", "weight"], ["bias", "shift"]],
  group_norm: [["weight", "weight"], ["bias", "shift"]],
  conv2d: [["bias", "bias"]],
  conv_transpose2d: [["bias", "bias"]],
  linear: [["bias", "bias"]],
});

/** @param {{ trace: Trace, step: Step, channel: number, stats: Stats }} props */
export function Facts({ trace, step, channel, stats }) {
  const t = useWords(words);
  const twin = stats.same[channel];
  return html`<dl class="facts number one-column">
      <div><dt>${t("min")}</dt><dd>${significant(stats.low[channel], 4)}</dd></div>
      <div><dt>${t("max")}</dt><dd>${significant(stats.high[channel], 4)}</dd></div>
      <div><dt>${t("mean")}</dt><dd>${significant(stats.mean[channel], 4)}</dd></div>
      <div><dt>${t("strength")}</dt><dd>${significant(stats.strength[channel], 4)}</dd></div>
      <div><dt>${t("zeros")}</dt><dd>${percent(stats.zeros[channel])}</dd></div>
      ${stats.contribution && html`<div><dt>${t("contributes")}</dt><dd>${significant(stats.contribution[channel], 4)}</dd></div>`}
      ${!isDead(stats, channel) && isDuplicate(stats, channel) && html`<div><dt>${t("same")}</dt><dd><button type="button" class="link"
        onClick=${() => select(trace, { step: step.index, channel: twin })}>${t("same_button", { n: twin })}</button></dd></div>`}
    </dl>
    ${isDead(stats, channel) && html`<p class="aside-note">${t("dead")}</p>`}
    ${!isNorm(step) && html`<${Own} trace=${trace} step=${step} channel=${channel} />`}`;
}

/** Whether a channel's own numbers are what it is made with, and so belong beside its inputs. @param {Step} step */
export function isNorm(step) {
  return step.kind === "batch_norm" || step.kind === "group_norm";
}

/** @param {{ trace: Trace, step: Step, index: number, values: Values | null }} props */
export function NumberFacts({ trace, step, index, values }) {
  const t = useWords(words);
  const labels = labelsOf(trace, step);
  return html`<dl class="facts number one-column">
      ${labels && html`<div><dt>${t("class")}</dt><dd class="ellipsis" title=${labels[index]}>${labels[index]}</dd></div>`}
      <div class="large"><dt>${t("value")}</dt><dd>${values?.has([index]) ? significant(values.at([index]), 7) : "–"}</dd></div>
    </dl>
    <${Own} trace=${trace} step=${step} channel=${index} />`;
}

/** A channel's own parameters: a bias, or the four numbers of a batch norm. @param {{ trace: Trace, step: Step, channel: number }} props */
export function Own({ trace, step, channel }) {
  const t = useWords(words);
  const wanted = (Object.hasOwn(OWN, step.kind) ? OWN[step.kind] : []).filter(([name]) => name in step.params);
  const { value: read } = useLoaded(() => Promise.all(wanted.map(([name]) => trace.param(step, name))), [trace, step]);
  const convolution = step.kind === "linear" || step.kind.startsWith("conv");
  if (!wanted.length) return convolution ? html`<dl class="facts number one-column own"><div><dt>${t("bias")}</dt><dd>${t("no_bias")}</dd></div></dl>` : null;
  if (read && read.some((values) => !values?.has([channel]))) return html`<p class="aside-note">${t("params_absent")}<code>${FULL}</code></p>`;
  const norm = isNorm(step);
  return html`<dl class=${`facts number one-column ${norm ? "norm" : "own"}`}>
      ${wanted.map(([name, key], i) => html`<div key=${name}><dt>${t(key)}</dt><dd>${read ? significant(read[i]?.at([channel]) ?? NaN, 6) : ""}</dd></div>`)}
    </dl>
    ${step.kind === "batch_norm" && html`<p class="number small quiet">${t("formula")}</p>`}
    ${step.settings.training && html`<p class="aside-note">${t("own_statistics")}</p>`}`;
}
