/** Geometry of the small charts: lines in a frame, and labels at their ends that do not lie on each other. */

/** @typedef {{ left: number, right: number, top: number, bottom: number }} Frame  In pixels; `bottom` is below `top`. */

/**
 * A curve over equal steps from 0 to 1, as the path of an SVG; values run from 0 at the bottom to 1 at the top.
 * @param {readonly number[]} values
 * @param {Frame} frame
 * @param {readonly number[]} [at]  Where each value stands, 0 to 1; equal steps when left out.
 */
export function linePath(values, frame, at = values.map((_, i) => (values.length > 1 ? i / (values.length - 1) : 0))) {
  return values.map((value, i) => `${i ? "L" : "M"}${across(at[i], frame)} ${up(value, frame)}`).join("");
}

/** @param {number} share @param {Frame} frame */
export function across(share, { left, right }) {
  return tenths(left + share * (right - left));
}

/** @param {number} share @param {Frame} frame */
export function up(share, { top, bottom }) {
  return tenths(bottom - share * (bottom - top));
}

/**
 * Heights of labels, as near as can be to where they want to be, at least `apart` from each other and within the frame.
 * @param {readonly number[]} wanted
 * @param {number} apart
 * @param {number} top
 * @param {number} bottom
 * @returns {number[]} in the order of `wanted`
 */
export function spread(wanted, apart, top, bottom) {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b] || a - b);
  const placed = new Array(wanted.length).fill(0);
  let least = top;
  for (const i of order) {
    placed[i] = Math.max(least, wanted[i]);
    least = placed[i] + apart;
  }
  let most = bottom;
  for (const i of order.reverse()) {
    placed[i] = Math.min(most, placed[i]);
    most = placed[i] - apart;
  }
  return placed;
}

/** @param {number} x */
function tenths(x) {
  return Math.round(x * 10) / 10;
}
