/** An array, or the part of it that a file holds, addressed by positions in the whole. */

/** @typedef {import("../types.js").Values} Values */
/** @typedef {import("../types.js").Reference} Reference */

/**
 * @param {Reference} reference
 * @param {Float32Array} data  The kept numbers.
 * @returns {Values}
 */
export function valuesOf({ shape, encoding, take: lists }, data) {
  const take = shape.map((_, axis) => (lists?.[axis] ? Int32Array.from(/** @type {number[]} */ (lists[axis])) : null));
  const kept = shape.map((size, axis) => take[axis]?.length ?? size);

  /**
   * Where the number of a full position lies in `data`; -1 when it is not there.
   * @param {ArrayLike<number>} position
   */
  function offset(position) {
    if (position.length !== shape.length) return -1;
    let found = 0;
    for (let axis = 0; axis < shape.length; axis += 1) {
      const at = placeOf(position[axis], shape[axis], take[axis]);
      if (at < 0) return -1;
      found = found * kept[axis] + at;
    }
    return found;
  }

  return {
    shape,
    data,
    take,
    whole: kept.every((size, axis) => size === shape[axis]),
    exact: encoding === "float32",
    has: (position) => offset(position) >= 0,
    at(position) {
      const found = offset(position);
      return found < 0 ? NaN : data[found];
    },
  };
}

/**
 * Place of an index among the kept ones; -1 when it is not among them.
 * @param {number} index
 * @param {number} size
 * @param {ArrayLike<number> | null} kept
 * @returns {number}
 */
export function placeOf(index, size, kept) {
  if (!kept) return index >= 0 && index < size && Number.isInteger(index) ? index : -1;
  let low = 0;
  let high = kept.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (kept[middle] === index) return middle;
    if (kept[middle] < index) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
