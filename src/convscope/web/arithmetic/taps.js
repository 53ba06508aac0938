/**
 * Which rows of the input one row of the output reads, for every kind of step that slides or moves. Rows and columns
 * follow the same rules. A row outside `0 .. size - 1` is padding.
 */

import { misfit, NoArithmetic } from "./reasons.js";
import { modulo, quotient } from "./settings.js";

/**
 * @param {number} count
 * @param {number} [first]
 * @returns {number[]}  `first .. first + count - 1`
 */
export function every(count, first = 0) {
  return Array.from({ length: count }, (_, i) => first + i);
}

/**
 * @typedef {object} Window  A kernel along one axis.
 * @property {number} kernel
 * @property {number} stride
 * @property {number} before  Padding ahead of the first row.
 * @property {number} dilation
 */

/**
 * Convolution and pooling.
 *
 * @param {number} row
 * @param {Window} window
 * @returns {number[]}
 */
export function sliding(row, { kernel, stride, before, dilation }) {
  return every(kernel).map((k) => row * stride - before + k * dilation);
}

/**
 * Transposed convolution: input row i was spread over `i * stride + k * dilation - before`.
 *
 * @param {number} row
 * @param {Window} window
 * @param {number} size
 * @returns {{ kernel: number[], rows: number[] }}  The kernel rows that reach it, and the input rows they come from.
 */
export function transposed(row, { kernel, stride, before, dilation }, size) {
  /** @type {{ kernel: number[], rows: number[] }} */
  const found = { kernel: [], rows: [] };
  for (let k = 0; k < kernel; k++) {
    const spread = row + before - k * dilation;
    const from = quotient(spread, stride);
    if (from * stride === spread && from >= 0 && from < size) {
      found.kernel.push(k);
      found.rows.push(from);
    }
  }
  return found;
}

/**
 * Adaptive pooling: rows `floor(i * size / out)` up to `ceil((i + 1) * size / out)`.
 *
 * @param {number} row
 * @param {number} size
 * @param {number} out
 * @returns {number[]}
 */
export function adaptive(row, size, out) {
  const start = quotient(row * size, out);
  return every(-quotient(-(row + 1) * size, out) - start, start);
}

/**
 * How many input rows one output row of `interpolate` advances, in float32 as PyTorch computes it.
 *
 * @param {number} size
 * @param {number} out
 * @param {number | null} scale
 * @param {boolean} align
 * @returns {number}
 */
function sourceStep(size, out, scale, align) {
  if (align) return out > 1 ? Math.fround((size - 1) / (out - 1)) : 0;
  return Math.fround(scale ? 1 / scale : size / out);
}

/**
 * Nearest neighbour: `floor(i * step)`, at most the last row.
 *
 * @param {number} row
 * @param {number} size
 * @param {number} out
 * @param {number | null} scale
 * @returns {number}
 */
export function nearest(row, size, out, scale) {
  let found = Math.floor(Math.fround(row * sourceStep(size, out, scale, false)));
  if (size === out) found = row;
  else if (out === 2 * size) found = row >> 1;
  return Math.min(found, size - 1);
}

/**
 * Linear interpolation along one axis: the two rows around `(i + 1/2) * step - 1/2` and their shares.
 *
 * @param {number} row
 * @param {number} size
 * @param {number} out
 * @param {number | null} scale
 * @param {boolean} align
 * @returns {{ rows: [number, number], shares: [number, number] }}
 */
export function bilinear(row, size, out, scale, align) {
  if (size === out) return { rows: [row, row], shares: [1, 0] };
  const step = sourceStep(size, out, scale, align);
  const { fround } = Math;
  const at = align ? fround(row * step) : Math.max(fround(fround(step * fround(row + 0.5)) - 0.5), 0);
  const low = Math.min(Math.trunc(at), size - 1);
  const share = Math.min(Math.max(fround(at - low), 0), 1);
  return { rows: [low, Math.min(low + 1, size - 1)], shares: [1 - share, share] };
}

/**
 * Padding: the row that was copied; outside `0 .. size - 1` for the filling of `constant`.
 *
 * @param {number} row
 * @param {number} size
 * @param {number} before
 * @param {string} mode
 * @returns {number}
 */
export function padded(row, size, before, mode) {
  const moved = row - before;
  const last = size - 1;
  if (mode === "constant") return moved;
  if (mode === "replicate") return Math.min(Math.max(moved, 0), last);
  if (mode === "circular") return modulo(moved, size);
  if (mode === "reflect") return last - Math.abs(last - Math.abs(moved));
  throw new NoArithmetic("mode", { mode: String(mode) });
}

/**
 * Slicing: row `start + i * step` for `[start, stop, step]`; the one row for a whole number.
 *
 * @param {number} row
 * @param {number} size
 * @param {any} index
 * @returns {number}
 */
export function sliced(row, size, index) {
  if (typeof index === "number") return modulo(index, size);
  if (!Array.isArray(index) || index.length !== 3 || index[2] === 0) throw misfit("index");
  const [told, , step = 1] = index;
  const by = step ?? 1;
  const [least, most] = by < 0 ? [-1, size - 1] : [0, size];
  const start = told === null ? (by < 0 ? most : least) : told < 0 ? told + size : told;
  return Math.min(Math.max(start, least), most) + row * by;
}
