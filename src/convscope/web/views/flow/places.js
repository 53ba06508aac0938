/** Between the photo and the maps: which input pixels a value saw, where those lie on the photo, and the way back. */

/** @typedef {import("../../types.js").Placement} Placement */
/** @typedef {import("../../types.js").Box} Box */
/** @typedef {{ left: number, top: number, width: number, height: number }} Area */

/**
 * Input pixels as a rectangle of the photo, in photo pixels.
 * @param {Box} box
 * @param {Placement} placement
 * @param {readonly [number, number]} size  Height and width of the network's input.
 * @returns {Area}
 */
export function onPhoto(box, placement, [height, width]) {
  const [down, right] = [placement.height / height, placement.width / width];
  return {
    left: placement.left + box.left * right,
    top: placement.top + box.top * down,
    width: (box.right - box.left) * right,
    height: (box.bottom - box.top) * down,
  };
}

/**
 * The input pixel under a point of the photo; null where the photo was cut off.
 * @param {number} y  In photo pixels.
 * @param {number} x
 * @param {Placement} placement
 * @param {readonly [number, number]} size
 * @returns {[number, number] | null}
 */
export function inputAt(y, x, placement, [height, width]) {
  const row = Math.floor(((y - placement.top) / placement.height) * height);
  const column = Math.floor(((x - placement.left) / placement.width) * width);
  return row >= 0 && row < height && column >= 0 && column < width ? [row, column] : null;
}

/**
 * The position along an axis whose field has its middle nearest to an input pixel. Reckoned from the middle of the axis,
 * since fields at the border are cut.
 * @param {number} pixel
 * @param {number} length  Of the axis.
 * @param {number} jump  Input pixels from one value to the next.
 * @param {{ start: number, stop: number } | null} middleField  Field of the value in the middle, `length >> 1`.
 * @returns {number | null} null when no value lies there
 */
export function nearest(pixel, length, jump, middleField) {
  if (!middleField || jump <= 0) return length === 1 ? 0 : null;
  const centre = (middleField.start + middleField.stop) / 2;
  const position = Math.round((length >> 1) + (pixel + 0.5 - centre) / jump);
  return position >= 0 && position < length ? position : null;
}
