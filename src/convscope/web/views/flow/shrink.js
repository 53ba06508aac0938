/** A map with fewer numbers: each the mean of those whose place it takes. */

/**
 * @param {ArrayLike<number>} values  (height, width) in row order.
 * @param {number} height
 * @param {number} width
 * @param {number} rows  At most `height`.
 * @param {number} columns  At most `width`.
 * @returns {Float32Array} (rows, columns); means of the finite numbers, or a number that is not finite where there is no other
 */
export function shrunk(values, height, width, rows, columns) {
  const result = new Float32Array(rows * columns);
  const lefts = edges(width, columns);
  const tops = edges(height, rows);
  for (let row = 0, at = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, at += 1) {
      result[at] = mean(values, width, tops[row], tops[row + 1], lefts[column], lefts[column + 1]);
    }
  }
  return result;
}

/** Where parts of nearly the same length begin, and the end. @param {number} length @param {number} parts */
function edges(length, parts) {
  return Int32Array.from({ length: parts + 1 }, (_, part) => Math.floor((part * length) / parts));
}

/**
 * @param {ArrayLike<number>} values
 * @param {number} width
 * @param {number} top
 * @param {number} bottom
 * @param {number} left
 * @param {number} right
 */
function mean(values, width, top, bottom, left, right) {
  let sum = 0;
  let count = 0;
  for (let y = top; y < bottom; y += 1) {
    for (let at = y * width + left; at < y * width + right; at += 1) {
      if (!Number.isFinite(values[at])) continue;
      sum += values[at];
      count += 1;
    }
  }
  return count ? sum / count : values[top * width + left];
}
