/** Channels of a step in the order in which a reader wants to see them. */

/** @typedef {import("../types.js").Stats} Stats */

/** Whether a channel is zero everywhere. @param {Stats} stats @param {number} channel */
export function isDead(stats, channel) {
  return stats.low[channel] === 0 && stats.high[channel] === 0 && stats.bad[channel] === 0;
}

/** Whether an earlier channel has exactly the same values. @param {Stats} stats @param {number} channel */
export function isDuplicate(stats, channel) {
  return stats.same[channel] !== channel;
}

/**
 * @param {Stats} stats
 * @param {string} by  `contribution`, `activation`, `dead`, `index`
 * @returns {Int32Array} all channels, those to show first in front
 */
export function ranked(stats, by) {
  const { strength, contribution } = stats;
  if (by === "contribution") return largestFirst((contribution ?? strength).map(Math.abs));
  if (by === "activation") return largestFirst(strength);
  if (by === "dead") return largestFirst(Float64Array.from(strength, (size, channel) => idleness(stats, channel, size)));
  return inOrder(strength.length);
}

/**
 * Positions of numbers, the largest first, NaN last, equals in their own order.
 * @param {ArrayLike<number>} numbers
 * @returns {Int32Array}
 */
export function largestFirst(numbers) {
  return inOrder(numbers.length).sort((a, b) => {
    const [left, right] = [numbers[a], numbers[b]];
    if (left === right) return a - b;
    if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right)) || a - b;
    return left > right ? -1 : 1;
  });
}

/** @param {number} length @returns {Int32Array} */
export function inOrder(length) {
  return Int32Array.from({ length }, (_, channel) => channel);
}

/**
 * Dead channels above all, then repeated ones, then the weakest.
 * @param {Stats} stats
 * @param {number} channel
 * @param {number} size
 */
function idleness(stats, channel, size) {
  if (isDead(stats, channel)) return Infinity;
  return isDuplicate(stats, channel) ? Number.MAX_VALUE : -size;
}
