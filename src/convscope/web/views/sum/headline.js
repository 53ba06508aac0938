/** One sentence above the picture: how this kind of step makes a number, with the counts of this one. */
import { html } from "../../dom.js";
import { significant } from "../../paint/numbers.js";
import { paddedCount } from "./blocks.js";
import { nameOf } from "./place.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Sum} Sum */
/** @typedef {(key: string, values?: Record<string, string | number>) => string} Say */
/** @typedef {{ key: string, values?: Record<string, string | number> }} Sentence */

const POOLS = new Set(["max_pool2d", "adaptive_max_pool2d", "amax"]);
const AVERAGES = new Set(["avg_pool2d", "adaptive_avg_pool2d", "mean"]);
const MOVES = new Set(["squeeze", "unsqueeze", "reshape", "identity", "dropout", "stack", "permute", "slice", "cat", "flatten", "pixel_shuffle", "channel_shuffle"]);

/** @param {{ trace: Trace, step: Step, sum: Sum, t: Say }} props */
export function Headline({ trace, step, sum, t }) {
  const sentences = sentencesOf(sum, trace.steps).map(({ key, values }) => t(key, values));
  return html`<header class="sum-headline">
    <h3><span class="number">${nameOf(step.name, sum.index)}</span> <span class="number sum-equals">= ${significant(sum.value, 5)}</span></h3>
    <p>${sentences.join(t("sentence_space"))}</p>
  </header>`;
}

/**
 * @param {Sum} sum
 * @param {Step[]} steps
 * @returns {Sentence[]}
 */
export function sentencesOf(sum, steps) {
  const step = steps[sum.step];
  const { kind } = step;
  const n = sum.terms.length;
  if (kind === "conv2d" || kind === "conv_transpose2d") return weighted(sum, step, steps);
  if (kind === "linear") return [{ key: sum.bias === 0 ? "said_linear_bare" : "said_linear", values: { n } }];
  if (POOLS.has(kind)) return [{ key: "said_max", values: { n: n - paddedCount(sum) } }, ...(paddedCount(sum) ? [{ key: "said_max_padding" }] : [])];
  if (AVERAGES.has(kind)) return [{ key: "said_average", values: { n, by: significant(sum.symbols.divisor ?? n) } }];
  if (kind === "sum") return [{ key: "said_sum", values: { n } }];
  if (kind === "batch_norm") return [{ key: step.settings.training ? "said_batch_norm_training" : "said_batch_norm", values: { c: sum.index[0] ?? 0 } }];
  if (kind === "interpolate") return [{ key: step.settings.mode === "bilinear" ? "said_bilinear" : "said_nearest" }];
  if (kind === "pad") return [{ key: sum.padded[0] ? "said_pad_filling" : "said_pad" }];
  if (MOVES.has(kind) || OTHERS.has(kind)) return [{ key: `said_${kind}` }];
  if (DESCRIBED.has(kind)) return [{ key: `said_${kind}`, values: { slope: significant(sum.symbols.slope ?? sum.symbols.negative_slope ?? 0) } }];
  return sum.linear ? [{ key: "said_terms", values: { n } }] : [{ key: "said_function" }];
}

const OTHERS = new Set(["layer_norm", "group_norm", "local_response_norm", "softmax", "log_softmax", "add", "sub", "mul", "div", "maximum", "minimum"]);

const DESCRIBED = new Set(["relu", "relu6", "leaky_relu", "prelu", "sigmoid", "tanh", "gelu", "silu"]);

/** @param {Sum} sum @param {Step} step @param {Step[]} steps @returns {Sentence[]} */
function weighted(sum, step, steps) {
  const transposed = step.kind === "conv_transpose2d";
  const n = sum.terms.length;
  const groups = Number(step.settings.groups ?? 1);
  const reads = (steps[step.inputs[0]].shape[0] ?? 0) / groups;
  if (n === 0) return [{ key: "said_transposed_none" }];
  const each = n / reads;
  const values = { channels: reads, each, n };
  const kind = transposed ? "transposed" : reads === 1 ? "conv_single" : "conv";
  /** @type {Sentence[]} */
  const said = [{ key: `said_${kind}${sum.bias === 0 ? "_bare" : ""}`, values }];
  if (groups > 1) {
    const group = Math.floor(sum.index[0] / (step.shape[0] / groups));
    const from = group * reads;
    said.push(reads === 1 ? { key: "said_depthwise", values: { c: from } } : { key: "said_group", values: { group, groups, from, to: from + reads - 1 } });
  }
  const padded = paddedCount(sum);
  if (padded) said.push({ key: padded === 1 ? "said_padding_one" : "said_padding", values: { n: padded } });
  return said;
}
