/**
 * What each input channel adds to one value of a convolution or a dense layer. The arithmetic says the same and much more,
 * term by term; under a moving pointer there is no time for terms.
 */
import { placeOf } from "../../data/values.js";

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Values} Values */
/** @typedef {{ channel: number, sum: number }} Contribution */

/** Kinds for which there is an answer. */
export const CONTRIBUTED = new Set(["conv2d", "linear"]);

/**
 * @param {Pick<Step, "kind" | "settings">} step
 * @param {readonly number[]} position  Of the value: channel, row and column, or the number of a vector.
 * @param {Values} input
 * @param {Values} weight
 * @returns {Contribution[] | null}  Without channels that are not in this file; null where that cannot be said at all.
 */
export function contributions({ kind, settings }, position, input, weight) {
  if (kind === "conv2d" && position.length === 3 && input.shape.length === 3) return ofWindow(settings, position, input, weight);
  if (kind === "linear" && position.length === 1 && input.shape.length === 1) return ofVector(position[0], input, weight);
  return null;
}

/** @param {Record<string, any>} settings @param {readonly number[]} position @param {Values} input @param {Values} weight */
function ofWindow({ stride, padding, dilation, groups }, [channel, y, x], input, weight) {
  const [outputs, each, high, wide] = weight.shape;
  const row = placeOf(channel, outputs, weight.take[0]);
  const rows = taps(high, y * stride[0] - padding[0], dilation[0], input, 1);
  const columns = taps(wide, x * stride[1] - padding[2], dilation[1], input, 2);
  if (row < 0 || !rows || !columns || weight.take[2] || weight.take[3]) return null;
  const first = Math.floor((channel * (groups || 1)) / outputs) * each;
  const kernels = row * kept(weight, 1);
  const [mapRows, mapColumns] = [kept(input, 1), kept(input, 2)];
  /** @type {Contribution[]} */
  const found = [];
  for (let i = 0; i < each; i += 1) {
    const map = placeOf(first + i, input.shape[0], input.take[0]);
    const kernel = placeOf(i, each, weight.take[1]);
    if (map < 0 || kernel < 0) continue;
    let sum = 0;
    for (const [from, at] of rows) {
      const values = (map * mapRows + at) * mapColumns;
      const factors = ((kernels + kernel) * high + from) * wide;
      for (const [tap, column] of columns) sum += input.data[values + column] * weight.data[factors + tap];
    }
    found.push({ channel: first + i, sum });
  }
  return found;
}

/** @param {number} output @param {Values} input @param {Values} weight @returns {Contribution[] | null} */
function ofVector(output, input, weight) {
  const row = placeOf(output, weight.shape[0], weight.take[0]);
  if (row < 0) return null;
  const start = row * kept(weight, 1);
  /** @type {Contribution[]} */
  const found = [];
  for (let channel = 0; channel < weight.shape[1]; channel += 1) {
    const value = placeOf(channel, input.shape[0], input.take[0]);
    const factor = placeOf(channel, weight.shape[1], weight.take[1]);
    if (value >= 0 && factor >= 0) found.push({ channel, sum: input.data[value] * weight.data[start + factor] });
  }
  return found;
}

/**
 * Which row of a kernel meets which row of a map, without those that meet padding.
 * @param {number} count  Rows of the kernel.
 * @param {number} start  Row of the input, maybe outside of it, that the first one meets.
 * @param {number} dilation
 * @param {Values} input
 * @param {number} axis
 * @returns {[number, number][] | null} null when one of them is not in this file
 */
function taps(count, start, dilation, input, axis) {
  /** @type {[number, number][]} */
  const pairs = [];
  for (let tap = 0; tap < count; tap += 1) {
    const at = start + tap * dilation;
    if (at < 0 || at >= input.shape[axis]) continue;
    const place = placeOf(at, input.shape[axis], input.take[axis]);
    if (place < 0) return null;
    pairs.push([tap, place]);
  }
  return pairs;
}

/** How much of an axis is in this file. @param {Values} values @param {number} axis */
function kept({ shape, take }, axis) {
  return take[axis]?.length ?? shape[axis];
}
