/** What stands in the balance: the parts of a value, few enough to read, that add up to it. */
import { total } from "../../arithmetic/floats.js";
import { topShares } from "../../arithmetic/shares.js";
import { readingOf } from "./blocks.js";
import { nameOf } from "./place.js";

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Sum} Sum */

/**
 * @typedef {object} Line  One part of a value.
 * @property {"term" | "rest" | "bias"} role
 * @property {number} exact
 * @property {string} [name]  What it is called, as a name from the trace; otherwise the words for `key` name it.
 * @property {string} [key]  Into the view's words.
 * @property {Record<string, string | number>} [values]  For those words.
 * @property {boolean} [byDifference]  Not added up, but what the recorded value leaves.
 */

const WEIGHTED = new Set(["conv2d", "conv_transpose2d"]);
const AVERAGES = new Set(["avg_pool2d", "adaptive_avg_pool2d", "mean"]);
const NORMS = new Set(["batch_norm", "layer_norm", "group_norm"]);
/** Sums of no more terms than this are listed one by one. */
const FEW = 6;

/** The picture and the balance ask for the same lines. @type {WeakMap<Sum, { k: number, lines: Line[] }>} */
const known = new WeakMap();

/**
 * @param {Sum} sum
 * @param {Step[]} steps
 * @param {number} k  How many contributors to name.
 * @returns {Line[]}  Their numbers add up to `sum.result`.
 */
export function linesOf(sum, steps, k) {
  const last = known.get(sum);
  if (last?.k === k) return last.lines;
  const lines = partsOf(sum, steps, k);
  known.set(sum, { k, lines });
  return lines;
}

/** @param {Sum} sum @param {Step[]} steps @param {number} k @returns {Line[]} */
function partsOf(sum, steps, k) {
  const { kind } = steps[sum.step];
  if ("winner" in sum.symbols) return [termLine(sum, steps, sum.symbols.winner)];
  if (WEIGHTED.has(kind)) return channelLines(sum, steps, k);
  if (kind === "linear") return [...topTerms(sum, steps, k), ...biasLine(sum)];
  const count = sum.terms.length;
  if (AVERAGES.has(kind) && !sum.absent) {
    return [{ role: "term", exact: total(sum.terms), key: "line_average", values: { n: sum.symbols.divisor ?? count } }];
  }
  if (NORMS.has(kind)) return [{ role: "term", exact: total(sum.terms), key: "line_scaled" }, ...biasLine(sum, "line_shift")];
  if (kind === "log_softmax") return [termLine(sum, steps, 0), ...biasLine(sum, "line_log_sum")];
  if (!sum.linear) return [{ role: "term", exact: total(sum.terms), key: "line_function", values: { name: termName(sum, steps, 0) } }];
  if (count > FEW) return [...topTerms(sum, steps, k), ...biasLine(sum)];
  return [...Array.from(sum.terms, (_, term) => termLine(sum, steps, term)), ...biasLine(sum)];
}

/** @param {Sum} sum @param {Step[]} steps @param {number} k @returns {Line[]} */
function channelLines(sum, steps, k) {
  return topShares(sum, k, steps).map(({ kind, source, channel, sum: exact, count, byDifference }) => {
    if (kind === "bias") return { role: "bias", exact, key: "line_bias" };
    if (kind === "rest") return { role: "rest", exact, key: count === 1 ? "line_rest_one" : "line_rest", values: { n: count }, byDifference };
    return { role: "term", exact, name: nameOf(steps[steps[sum.step].inputs[source]].name, channel === null ? [] : [channel]) };
  });
}

/** @param {Sum} sum @param {string} [key] @returns {Line[]} */
function biasLine({ bias }, key = "line_bias") {
  return bias === 0 ? [] : [{ role: "bias", exact: bias, key }];
}

/** @param {Sum} sum @param {Step[]} steps @param {number} k @returns {Line[]} */
function topTerms(sum, steps, k) {
  const { listed, left } = strongest(sum, k);
  const rest = restOf(sum, listed, left);
  return [...listed.map((term) => termLine(sum, steps, term)), ...(rest ? [rest] : [])];
}

/**
 * All terms that are not listed, in one line; null where there are none.
 * @param {Sum} sum
 * @param {number[]} listed
 * @param {number[]} left
 * @returns {Line | null}
 */
export function restOf(sum, listed, left) {
  if (left.length === 0) return null;
  const byDifference = sum.absent !== null;
  const named = listed.reduce((so, term) => so + sum.terms[term], 0);
  const exact = byDifference ? sum.value - sum.bias - named : total(Float64Array.from(left, (term) => sum.terms[term]));
  const key = left.length === 1 ? "line_rest_one" : "line_rest";
  return { role: "rest", exact, key, values: { n: left.length }, byDifference };
}

/** @type {WeakMap<Sum, number[]>} */
const orders = new WeakMap();

/**
 * The `k` terms that matter most, largest first, and all others. Terms that are not in this file are among the others.
 * @param {Sum} sum
 * @param {number} k
 * @returns {{ listed: number[], left: number[] }}
 */
export function strongest(sum, k) {
  let order = orders.get(sum);
  if (!order) {
    const { terms, absent } = sum;
    const strength = (/** @type {number} */ term) => (absent?.[term] ? -1 : Number.isNaN(terms[term]) ? Infinity : Math.abs(terms[term]));
    order = Array.from(terms, (_, term) => term).sort((a, b) => strength(b) - strength(a) || a - b);
    orders.set(sum, order);
  }
  const known = sum.absent ? order.filter((term) => !sum.absent?.[term]).length : order.length;
  const named = Math.min(k, known);
  return { listed: order.slice(0, named), left: order.slice(named) };
}

/** @param {Sum} sum @param {Step[]} steps @param {number} term @returns {Line} */
function termLine(sum, steps, term) {
  if (sum.padded[term]) return { role: "term", exact: sum.terms[term], key: "line_padding" };
  if (sum.source[term] < 0) return { role: "term", exact: sum.terms[term], key: "line_constant" };
  return { role: "term", exact: sum.terms[term], name: termName(sum, steps, term) };
}

/** @param {Sum} sum @param {Step[]} steps @param {number} term */
function termName(sum, steps, term) {
  const reading = readingOf(sum, steps, term);
  return reading ? nameOf(reading.step.name, reading.index) : "";
}
