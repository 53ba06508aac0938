/** From which number to which a map's colours run, and which of the 256 colours a number gets (as in Python's draw.levels). */

/** @typedef {import("../types.js").Facts} Facts */
/** @typedef {import("../types.js").Stats} Stats */
/** @typedef {{ low: number, high: number, signed: boolean }} Scale  Signed scales have `low === -high` and zero in the middle. */

/** The colour of zero in a signed table; the others begin at 1. */
const MIDDLE = 128;

/**
 * The scale of a range of finite numbers: from 0 where nothing is negative, else around 0.
 * @param {number | null} low
 * @param {number | null} high
 * @param {boolean} [signed]  Whether to keep zero in the middle; for itself when left out.
 * @returns {Scale}
 */
export function scaleOf(low, high, signed = (low ?? 0) < 0) {
  const largest = Math.max(Math.abs(low ?? 0), Math.abs(high ?? 0));
  // Not from the smallest value: zero is the one colour that a reader must be able to rely on.
  return { low: signed ? -largest : 0, high: largest, signed };
}

/** One scale for all channels of a step. @param {Facts} facts @returns {Scale} */
export function stepScale(facts) {
  return scaleOf(facts.low, facts.high);
}

/**
 * A channel's own scale. Its kind (from zero, or around zero) is that of the step, so that colours mean the same in a column.
 * @param {Facts} facts
 * @param {Stats} stats
 * @param {number} channel
 * @returns {Scale}
 */
export function channelScale(facts, stats, channel) {
  return scaleOf(stats.low[channel], stats.high[channel], (facts.low ?? 0) < 0);
}

/**
 * The scale that the reader chose.
 * @param {"channel" | "step"} mode  `scale` of the view's state.
 * @param {Facts} facts
 * @param {Stats} stats
 * @param {number} channel
 * @returns {Scale}
 */
export function chosenScale(mode, facts, stats, channel) {
  return mode === "step" ? stepScale(facts) : channelScale(facts, stats, channel);
}

/**
 * The scale of some numbers, as of a kernel or of the patch under it.
 * @param {ArrayLike<number>} numbers
 * @param {boolean} [signed]
 * @returns {Scale}
 */
export function scaleOfNumbers(numbers, signed) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < numbers.length; i += 1) {
    if (!Number.isFinite(numbers[i])) continue;
    low = Math.min(low, numbers[i]);
    high = Math.max(high, numbers[i]);
  }
  return low <= high ? scaleOf(low, high, signed) : scaleOf(0, 0, signed);
}

/**
 * The level, 1 to 255, of a finite number: `level = trunc(offset + factor * number)`, cut off at both ends.
 * @param {Scale} scale
 * @returns {{ factor: number, offset: number }}
 */
export function lineOf({ low, high, signed }) {
  const span = high - low;
  if (!(span > 0)) return { factor: 0, offset: signed || low !== 0 ? MIDDLE + 0.5 : 1.5 };
  const factor = 254 / span;
  return { factor, offset: signed ? MIDDLE + 0.5 : 1.5 - low * factor };
}

/**
 * @param {number} value  Finite.
 * @param {Scale} scale
 * @returns {number}
 */
export function levelOf(value, scale) {
  const { factor, offset } = lineOf(scale);
  return Math.max(1, Math.min(255, Math.floor(offset + factor * value)));
}
