/** Normalisation: batch, layer, group, and local response. */

import { power, total } from "./floats.js";
import { number, signed } from "./format.js";
import { allOf, readSingle } from "./reads.js";
import { misfit } from "./reasons.js";
import { axisOf, list, modulo, quotient, real, told, whole } from "./settings.js";
import { every } from "./taps.js";
import { entry, optional, parameter, products } from "./terms.js";

/** @typedef {import("./reads.js").Asked} Asked */
/** @typedef {import("./terms.js").Terms} Terms */

/**
 * @typedef {object} Statistics
 * @property {number} mean
 * @property {number} variance  Over n, not n - 1.
 * @property {number} count  The number of values they were computed from.
 */

/**
 * @param {Float64Array} values
 * @returns {Statistics}
 */
function statisticsOf(values) {
  const count = values.length;
  const mean = total(values) / count;
  const squares = values.map((value) => (value - mean) * (value - mean));
  return { mean, variance: total(squares) / count, count };
}

/**
 * `(x - mean) / sqrt(var + eps) * gamma + beta`, a channel at a time.
 *
 * Source: Ioffe and Szegedy, Batch Normalization, 2015. When used, mean and variance are those that training left;
 * with `training` they are the picture's own.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function batchNorm(asked) {
  const [channel] = asked.index;
  if (told(asked.step, "training")) {
    const [, ...rest] = asked.shape(0);
    const known = statisticsOf(allOf(asked, [[channel], ...rest.map((size) => every(size))]));
    return normalised(asked, known, [channel]);
  }
  const [mean, variance] = ["running_mean", "running_var"].map((name) => entry(parameter(asked, name), [channel]));
  return normalised(asked, { mean, variance, count: 1 }, [channel]);
}

/**
 * Mean and variance over the normalised axes. Source: Ba, Kiros and Hinton, Layer Normalization, 2016.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function layerNorm(asked) {
  const { step, index } = asked;
  const axes = new Set(list(step, "axes").map((axis) => axisOf(axis, index.length)));
  const among = index.map((at, axis) => (axes.has(axis) ? every(asked.shape(0)[axis]) : [at]));
  const inner = index.filter((_, axis) => axes.has(axis));
  return normalised(asked, statisticsOf(allOf(asked, among)), inner);
}

/**
 * Mean and variance over a group of channels. Source: Wu and He, Group Normalization, 2018.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function groupNorm(asked) {
  const { step, index } = asked;
  const [channel] = index;
  const size = quotient(step.shape[0], whole(told(step, "groups")));
  const [, ...rest] = asked.shape(0);
  const group = every(size, channel - modulo(channel, size));
  return normalised(asked, statisticsOf(allOf(asked, [group, ...rest.map((count) => every(count))])), [channel]);
}

/**
 * `x / (k + alpha * mean of squares) ** beta`, over `size` channels around this one.
 *
 * Source: Krizhevsky et al., ImageNet Classification, 2012; the mean is over `size` numbers also at the first and last
 * channels, where some of them do not exist, as in PyTorch.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function localResponseNorm(asked) {
  const { step, index } = asked;
  const size = whole(told(step, "size"));
  if (size === 0) throw misfit("size");
  const [alpha, beta, k] = ["alpha", "beta", "k"].map((name) => real(told(step, name)));
  const [channel, ...rest] = index;
  const low = Math.max(0, channel - quotient(size, 2));
  const high = Math.min(channel + quotient(size - 1, 2) + 1, asked.shape(0)[0]);
  const near = allOf(asked, [every(high - low, low), ...rest.map((at) => [at])]);
  const mean = total(near.map((value) => value * value)) / size;
  const divisor = raised(k + alpha * mean, beta);
  const reads = readSingle(asked);
  const x = reads.inputs[0];
  const how = `${number(x)} / (${number(k)} + ${number(alpha)} * ${number(mean)}) ** ${number(beta)}`;
  const symbols = { mean_of_squares: mean, k, alpha, beta, size };
  // Four rounded intermediate results, each amplified by the power.
  const magnitude = (4 + Math.abs(beta)) * Math.abs(x / divisor);
  return products(reads, new Float64Array([1 / divisor]), how, { symbols, magnitude, count: near.length });
}

/**
 * A power by which one can divide.
 *
 * @param {number} base
 * @param {number} exponent
 * @returns {number}
 */
function raised(base, exponent) {
  const found = power(base, exponent);
  const finite = Number.isFinite(base) && Number.isFinite(exponent);
  if (found === 0 || (finite && !Number.isFinite(found))) throw misfit(`${base} ** ${exponent}`);
  return found;
}

/**
 * The common formula as one product and a bias: `x * factor + (beta - mean * factor)`.
 *
 * @param {Asked} asked
 * @param {Statistics} known
 * @param {number[]} at  The position in the step's own `weight` and `bias`.
 * @returns {Terms}
 */
function normalised(asked, { mean, variance, count }, at) {
  const weight = optional(asked, "weight");
  const shift = optional(asked, "bias");
  const [gamma, beta] = [entry(weight, at, 1), entry(shift, at)];
  const eps = real(told(asked.step, "eps"));
  const deviation = Math.sqrt(variance + eps);
  const factor = deviation === 0 ? NaN : gamma / deviation;
  const reads = readSingle(asked);
  const x = reads.inputs[0];
  let how = `(${number(x)} - ${signed(mean)}) / sqrt(${number(variance)} + ${number(eps)})`;
  if (weight) how += ` * ${signed(gamma)}`;
  if (shift) how += ` + ${signed(beta)}`;
  return products(reads, new Float64Array([factor]), how, {
    bias: beta - mean * factor,
    symbols: { x, mean, var: variance, eps, gamma, beta },
    magnitude: 2 * (Math.abs(x) + Math.abs(mean)) * Math.abs(factor) + Math.abs(beta),
    count,
  });
}

/**
 * @param {import("./reads.js").Question} question
 * @returns {import("./reads.js").Place[]}  The one value that is normalised; those of its mean are not terms.
 */
export function samePlace({ index }) {
  return [{ source: 0, axes: index.map((at) => [at]) }];
}

/** @type {Record<string, import("./kinds.js").Kind>} */
export const NORMS = {
  batch_norm: { where: samePlace, explain: batchNorm },
  layer_norm: { where: samePlace, explain: layerNorm },
  group_norm: { where: samePlace, explain: groupNorm },
  local_response_norm: { where: samePlace, explain: localResponseNorm },
};
