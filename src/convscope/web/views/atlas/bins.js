/** A histogram in which the exact zeros of a ReLU do not dwarf everything else. */

/** @typedef {import("../../data/trace.js").Histogram} Histogram */

/** Below this share, zeros dwarf nothing and stay in their bar. */
const MANY = 0.02;

/**
 * The counts of values other than zero, where zeros are many; they are said in words instead.
 * @param {Histogram} histogram
 * @param {number} zeros  Share of the values that are exactly zero.
 * @returns {{ counts: Float64Array, apart: boolean }}
 */
export function withoutZeros({ counts, low, high }, zeros) {
  const rest = Float64Array.from(counts);
  if (zeros < MANY || zeros === 1 || low > 0 || high < 0) return { counts: rest, apart: false };
  let left = Math.round(zeros * counts.reduce((all, count) => all + count, 0));
  const at = Math.min(counts.length - 1, Math.floor(((0 - low) / (high - low)) * counts.length));
  // Where zero lies on an edge, rounding may have put it on either side.
  for (const bin of [at, at - 1, at + 1]) {
    if (bin < 0 || bin >= rest.length) continue;
    const taken = Math.min(left, rest[bin]);
    rest[bin] -= taken;
    left -= taken;
  }
  return { counts: rest, apart: true };
}
