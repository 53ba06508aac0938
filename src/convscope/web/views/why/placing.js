/** Where a heat map lies on the photo. All in photo pixels; the map covers exactly what became the network's input. */

/** @typedef {import("../../types.js").Placement} Placement */
/** @typedef {import("../flow/places.js").Area} Area */
/** @typedef {{ height: number, width: number }} Size */

/**
 * The parts of the photo that were cut off: the network never saw them.
 * @param {Placement} placement
 * @param {Size} photo
 * @returns {Area[]} none where the whole photo became the input
 */
export function unseen({ top, left, height, width }, photo) {
  const [first, last] = [held(top, photo.height), held(top + height, photo.height)];
  const [start, stop] = [held(left, photo.width), held(left + width, photo.width)];
  return [
    { left: 0, top: 0, width: photo.width, height: first },
    { left: 0, top: last, width: photo.width, height: photo.height - last },
    { left: 0, top: first, width: start, height: last - first },
    { left: stop, top: first, width: photo.width - stop, height: last - first },
  ].filter((area) => area.width > 0 && area.height > 0);
}

/** A rectangle of the photo as CSS. @param {Area} area @param {Size} photo */
export function css({ left, top, width, height }, photo) {
  return {
    left: `${(100 * left) / photo.width}%`,
    top: `${(100 * top) / photo.height}%`,
    width: `${(100 * width) / photo.width}%`,
    height: `${(100 * height) / photo.height}%`,
  };
}

/**
 * The value of a map at a pixel of the network's input; the two have the same extent, whatever their sizes.
 * @param {ArrayLike<number>} values
 * @param {Size} map
 * @param {readonly [number, number]} input  Height and width.
 * @param {number} y  Input pixel.
 * @param {number} x
 */
export function valueAt(values, map, [height, width], y, x) {
  const row = Math.min(map.height - 1, Math.floor(((y + 0.5) / height) * map.height));
  const column = Math.min(map.width - 1, Math.floor(((x + 0.5) / width) * map.width));
  return values[row * map.width + column];
}

/**
 * The photo's size on the screen within some room.
 * @param {Size} photo
 * @param {Size} room
 * @returns {Size}
 */
export function fitted(photo, room) {
  const scale = Math.max(0, Math.min(room.height / photo.height, room.width / photo.width));
  return { height: Math.round(photo.height * scale), width: Math.round(photo.width * scale) };
}

/** @param {number} value @param {number} most */
function held(value, most) {
  return Math.min(most, Math.max(0, value));
}
