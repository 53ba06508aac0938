/** Kinds that slide a window over maps: convolution, its transpose, pooling; and sums of weighted values. */

import { total } from "./floats.js";
import { number, plural, signed } from "./format.js";
import { read } from "./reads.js";
import { misfit } from "./reasons.js";
import { list, quotient, real, told, whole } from "./settings.js";
import { adaptive, every, sliding, transposed } from "./taps.js";
import { entry, largest, optional, paddedCount, parameter, products, subtotal, weights } from "./terms.js";

/** @typedef {import("../types.js").Step} Step */
/** @typedef {import("./reads.js").Asked} Asked */
/** @typedef {import("./reads.js").Place} Place */
/** @typedef {import("./reads.js").Question} Question */
/** @typedef {import("./reads.js").Reads} Reads */
/** @typedef {import("./terms.js").Terms} Terms */
/** @typedef {import("./taps.js").Window} Window */

/**
 * @param {Question} question
 * @returns {[number, number, number]}  Channel, row and column.
 */
function pixel({ index }) {
  if (index.length !== 3) throw misfit("a map was expected");
  return [index[0], index[1], index[2]];
}

/**
 * Kernel, stride, padding before, and dilation along one axis (0: rows, 1: columns).
 *
 * @param {Step} step
 * @param {number} axis
 * @returns {Window}
 */
function windowOf(step, axis) {
  return {
    kernel: whole(list(step, "kernel", 2)[axis]),
    stride: whole(list(step, "stride", 2)[axis]),
    before: whole(list(step, "padding", 4)[2 * axis]),
    dilation: Object.hasOwn(step.settings, "dilation") ? whole(list(step, "dilation", 2)[axis]) : 1,
  };
}

/**
 * The input channels of the group that an output channel belongs to.
 *
 * @param {Question} question
 * @returns {number[]}
 */
function groupChannels({ step, index, shape }) {
  const groups = whole(told(step, "groups"));
  const each = quotient(shape(0)[0], groups);
  return every(each, quotient(index[0], quotient(step.shape[0], groups)) * each);
}

/**
 * @param {Question} question
 * @returns {Place[]}
 */
function slidingChannels(question) {
  const [, y, x] = pixel(question);
  const [rows, columns] = [y, x].map((at, axis) => sliding(at, windowOf(question.step, axis)));
  return [{ source: 0, axes: [groupChannels(question), rows, columns] }];
}

/**
 * `sum over c, i, j of weight[o, c, i, j] * x[c, y s - p + i d, x s - p + j d] + bias[o]`.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function conv2d(asked) {
  const weight = parameter(asked, "weight");
  const [channels, rows, columns] = asked.places[0].axes;
  const taken = [[asked.index[0]], every(channels.length), every(rows.length), every(columns.length)];
  if (weight.shape.join() !== [weight.shape[0], ...taken.slice(1).map((axis) => axis.length)].join()) {
    throw misfit(`weight of shape ${weight.shape}`);
  }
  return weightedSum(asked, weight, taken, asked.index[0]);
}

/**
 * @param {Question} question
 * @returns {[ReturnType<typeof transposed>, ReturnType<typeof transposed>]}
 */
function reaching(question) {
  const [, y, x] = pixel(question);
  const [height, width] = question.shape(0).slice(-2);
  return [transposed(y, windowOf(question.step, 0), height), transposed(x, windowOf(question.step, 1), width)];
}

/**
 * @param {Question} question
 * @returns {Place[]}
 */
function reachingChannels(question) {
  const [rows, columns] = reaching(question);
  return [{ source: 0, axes: [groupChannels(question), rows.rows, columns.rows] }];
}

/**
 * Every input value spreads `weight[c, o]` over the output; these are the spreads that meet here.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function convTranspose2d(asked) {
  const weight = parameter(asked, "weight");
  const [rows, columns] = reaching(asked);
  const out = asked.index[0] % (weight.shape[1] || 1);
  return weightedSum(asked, weight, [asked.places[0].axes[0], [out], rows.kernel, columns.kernel], asked.index[0]);
}

/**
 * Products and a bias, as convolution and dense layers have them.
 *
 * @param {Asked} asked
 * @param {import("../types.js").Values} weight
 * @param {number[][]} axes  Of the weight.
 * @param {number} out  The output channel, whose bias is added.
 * @returns {Terms}
 */
export function weightedSum(asked, weight, axes, out) {
  const reads = read(asked, asked.places[0]);
  const factors = weights(reads, weight, axes);
  const bias = entry(optional(asked, "bias"), [out]);
  const found = products(reads, factors, "", { bias });
  const padding = paddedCount(reads);
  const note = padding ? `, ${padding} of them with padding` : "";
  const sum = reads.absent ? asked.recorded - bias : subtotal(reads, found.terms);
  found.how = `${plural(reads.count, "product")}${note} (${number(sum)})`;
  if (bias !== 0) found.how += ` + bias ${signed(bias)}`;
  return found;
}

/**
 * A window of the same channel; an input without a channel axis is pooled as it is.
 *
 * @param {Question} question
 * @returns {Place[]}
 */
function slidingPool(question) {
  const ahead = question.index.slice(0, -2).map((at) => [at]);
  const [rows, columns] = question.index.slice(-2).map((at, axis) => sliding(at, windowOf(question.step, axis)));
  return [{ source: 0, axes: [...ahead, rows, columns] }];
}

/**
 * Only the rows and columns that are counted: those of the input, or of the padding too where `count_include_pad`
 * says so. A window may reach over the padding (`ceil_mode`); what lies beyond is never counted.
 *
 * @param {Question} question
 * @returns {Place[]}
 */
function countedPool(question) {
  const { step, shape } = question;
  const [{ source, axes }] = slidingPool(question);
  const padding = list(step, "padding", 4);
  const counted = told(step, "count_include_pad");
  const kept = [-2, -1].map((axis, i) => {
    const size = shape(0)[shape(0).length + axis];
    const rows = axes[axes.length + axis];
    return counted
      ? rows.filter((row) => row < size + whole(padding[2 * i + 1]))
      : rows.filter((row) => row >= 0 && row < size);
  });
  return [{ source, axes: [...axes.slice(0, -2), ...kept] }];
}

/**
 * @param {Question} question
 * @returns {Place[]}
 */
function adaptivePool({ step, index, shape }) {
  const cells = [-2, -1].map((axis) =>
    adaptive(index[index.length + axis], shape(0)[shape(0).length + axis], step.shape[step.shape.length + axis]),
  );
  return [{ source: 0, axes: [...index.slice(0, -2).map((at) => [at]), ...cells] }];
}

/**
 * `sum over i, j of x[c, y s - p + i, x s - p + j] / divisor`.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function avgPool2d(asked) {
  const divisor = told(asked.step, "divisor");
  return average(asked, divisor ? real(divisor) : null);
}

/**
 * The sum of the values read, over their number or over a given divisor.
 *
 * @param {Asked} asked
 * @param {number | null} [divisor]
 * @returns {Terms}
 */
export function average(asked, divisor = null) {
  const reads = read(asked, asked.places[0]);
  const by = divisor || reads.count;
  const sum = reads.absent ? asked.recorded * by : total(reads.inputs);
  const how = `${number(sum)} (sum of ${plural(reads.count, "value")}) / ${number(by)}`;
  const factors = new Float64Array(reads.count).fill(by ? 1 / by : 1);
  return products(reads, factors, how, { symbols: { sum, divisor: by } });
}

/**
 * The largest of the values read; padding is -inf.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
export function largestOf(asked) {
  const reads = read(asked, asked.places[0], -Infinity);
  return largest(reads, `max of ${plural(reads.count - paddedCount(reads), "value")}`);
}

/** @type {Record<string, import("./kinds.js").Kind>} */
export const WINDOWS = {
  conv2d: { where: slidingChannels, explain: conv2d },
  conv_transpose2d: { where: reachingChannels, explain: convTranspose2d },
  max_pool2d: { where: slidingPool, explain: largestOf },
  avg_pool2d: { where: countedPool, explain: avgPool2d },
  adaptive_avg_pool2d: { where: adaptivePool, explain: (asked) => average(asked) },
  adaptive_max_pool2d: { where: adaptivePool, explain: largestOf },
};
