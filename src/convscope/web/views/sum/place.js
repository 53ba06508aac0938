/** Positions in a value of any rank, as the view's channel and pixel and as places on the map that is shown. */

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").View} View */
/** @typedef {{ height: number, width: number }} Plane  What is shown of a value: a map, a table, or a row of numbers. */
/** @typedef {[number, number]} Cell  Row and column on a plane. */

/** @param {{ shape: number[] }} step @returns {Plane} */
export function planeOf({ shape }) {
  if (shape.length >= 3) return { height: shape[1], width: shape[2] };
  if (shape.length === 2) return { height: shape[0], width: shape[1] };
  return { height: 1, width: shape[0] ?? 1 };
}

/**
 * The full position of a value. A table has its rows where maps have channels; a row of numbers has only those.
 * @param {{ shape: number[] }} step
 * @param {number} channel
 * @param {Cell} cell
 * @returns {number[]}
 */
export function indexOf({ shape }, channel, [y, x]) {
  if (shape.length >= 3) return [channel, y, x, ...shape.slice(3).map(() => 0)];
  if (shape.length === 2) return [y, x];
  return shape.length === 1 ? [x] : [];
}

/** Where a position lies on its plane. @param {ArrayLike<number>} index @returns {Cell} */
export function cellOf(index) {
  if (index.length >= 3) return [index[1], index[2]];
  if (index.length === 2) return [index[0], index[1]];
  return [0, index[0] ?? 0];
}

/**
 * A position as the view keeps it.
 * @param {ArrayLike<number>} index
 * @returns {{ channel: number | null, pixel: Cell | null }}
 */
export function choiceOf(index) {
  if (index.length >= 3) return { channel: index[0], pixel: [index[1], index[2]] };
  if (index.length === 2) return { channel: index[0], pixel: [index[1], 0] };
  return { channel: index[0] ?? null, pixel: null };
}

/**
 * The position that the view shows; where nothing was chosen the middle of the likeliest map, or `fallback`.
 * @param {{ shape: number[] }} step
 * @param {number} channel
 * @param {Cell | null} pixel  As the view keeps it.
 * @param {number} [fallback]
 * @returns {number[]}
 */
export function positionOf(step, channel, pixel, fallback = 0) {
  const { shape } = step;
  if (shape.length >= 3) return indexOf(step, channel, pixel ?? [shape[1] >> 1, shape[2] >> 1]);
  if (shape.length === 2) return [channel, Math.min(pixel?.[0] ?? fallback, shape[1] - 1)];
  return shape.length === 1 ? [channel] : [];
}

/** The cell `dy` rows and `dx` columns on, or the last one before the edge. @param {Plane} plane @param {Cell} cell @param {number} dy @param {number} dx @returns {Cell} */
export function movedBy({ height, width }, [y, x], dy, dx) {
  return [clamp(y + dy, height), clamp(x + dx, width)];
}

/** The cell that is `count` on in reading order, from the last one back to the first. @param {Plane} plane @param {Cell} cell @param {number} count @returns {Cell} */
export function readOn({ height, width }, [y, x], count) {
  const size = height * width;
  const at = (((y * width + x + count) % size) + size) % size;
  return [Math.floor(at / width), at % width];
}

/** @param {number} value @param {number} count */
function clamp(value, count) {
  return Math.min(count - 1, Math.max(0, value));
}

/** A value's name: `conv_1[5, 10, 12]`. @param {string} name @param {ArrayLike<number>} index */
export function nameOf(name, index) {
  return index.length ? `${name}[${Array.from(index).join(", ")}]` : name;
}
