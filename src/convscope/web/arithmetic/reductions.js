/** Kinds that make one number of many: mean, sum, largest; softmax. */

import { total } from "./floats.js";
import { number, plural, signed } from "./format.js";
import { samePlace } from "./norms.js";
import { allOf, read, readSingle } from "./reads.js";
import { misfit } from "./reasons.js";
import { axisOf, list, told } from "./settings.js";
import { every } from "./taps.js";
import { computed, ones, products } from "./terms.js";
import { average, largestOf } from "./windows.js";

/** @typedef {import("./reads.js").Asked} Asked */
/** @typedef {import("./terms.js").Terms} Terms */

/**
 * Everything along the reduced axes, at one position of the others.
 *
 * @param {import("./reads.js").Question} question
 * @returns {import("./reads.js").Place[]}
 */
function reduced({ step, index, shape }) {
  const axes = reducedAxes(step, shape(0).length);
  const keeps = told(step, "keepdim");
  let next = 0;
  const where = shape(0).map((size, axis) => {
    if (!axes.has(axis)) return [index[next++]];
    if (keeps) next++;
    return every(size);
  });
  if (next > index.length) throw misfit("axes");
  return [{ source: 0, axes: where }];
}

/**
 * The axes of the input that a reduction goes over; all of them where none are named.
 *
 * @param {import("../types.js").Step} step
 * @param {number} rank
 * @returns {Set<number>}
 */
function reducedAxes(step, rank) {
  const named = told(step, "axes") === null ? [] : list(step, "axes");
  return new Set(named.length ? named.map((axis) => axisOf(axis, rank)) : every(rank));
}

/**
 * `sum of x over the axes`.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function sum(asked) {
  const reads = read(asked, asked.places[0]);
  return products(reads, ones(reads.count), `sum of ${plural(reads.count, "value")}`);
}

/**
 * `exp(x - largest) / sum of exp(x_j - largest)`.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function softmax(asked) {
  const { reads, x, largest, weight, count } = logits(asked);
  const share = Math.exp(x - largest) / weight;
  const how = `exp(${number(x)} - ${signed(largest)}) / ${number(weight)} (sum of ${count} such numbers)`;
  const magnitude = share === 0 ? 0 : share * (1 + Math.abs(x - largest));
  return computed(reads, share, how, { symbols: { x, largest, sum: weight }, magnitude, count });
}

/**
 * `x - largest - log(sum of exp(x_j - largest))`.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function logSoftmax(asked) {
  const { reads, x, largest, weight, count } = logits(asked);
  const log = Math.log(weight);
  const how = `${number(x)} - ${signed(largest)} - log(${number(weight)} (sum of exp over ${count} numbers))`;
  return computed(reads, x, how, {
    bias: -(largest + log),
    symbols: { x, largest, sum: weight },
    magnitude: Math.abs(x) + Math.abs(largest) + log + 1,
    count,
  });
}

/**
 * The number itself, the largest along the axis, the sum of exp, how many, and where it was read.
 *
 * @param {Asked} asked
 */
function logits(asked) {
  const { step, index } = asked;
  const axis = axisOf(told(step, "axis"), asked.shape(0).length);
  const values = allOf(asked, index.map((at, i) => (i === axis ? every(asked.shape(0)[axis]) : [at])));
  if (!values.length) throw misfit("axis");
  const largest = values.reduce((most, value) => Math.max(most, value), -Infinity);
  const weight = total(values.map((value) => Math.exp(value - largest)));
  const reads = readSingle(asked);
  return { reads, x: reads.inputs[0], largest, weight, count: values.length };
}

/** @type {Record<string, import("./kinds.js").Kind>} */
export const REDUCTIONS = {
  mean: { where: reduced, explain: (asked) => average(asked) },
  sum: { where: reduced, explain: sum },
  amax: { where: reduced, explain: largestOf },
  softmax: { where: samePlace, explain: softmax },
  log_softmax: { where: samePlace, explain: logSoftmax },
};
