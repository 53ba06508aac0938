/** How the network's input lies in a frame of the page: zoom and pan. Pure; all positions in input pixels unless said. */

/** @typedef {{ width: number, height: number }} Size */
/** @typedef {{ zoom: number, x: number, y: number }} Camera  `zoom` times the fitting size; `x`, `y`: the input pixel in the middle of the frame. */

/** Beyond this many screen pixels an input pixel has nothing more to show. */
const LARGEST = 96;

/** Everything in sight. @param {Size} input @returns {Camera} */
export function wholeView(input) {
  return { zoom: 1, x: input.width / 2, y: input.height / 2 };
}

/** Screen pixels of an input pixel. @param {Camera} camera @param {Size} input @param {Size} frame */
export function scaleOf({ zoom }, input, frame) {
  return zoom * Math.min(frame.width / input.width, frame.height / input.height);
}

/** Where an input position is on the screen. @param {Camera} camera @param {Size} input @param {Size} frame @param {number} x @param {number} y */
export function toScreen(camera, input, frame, x, y) {
  const scale = scaleOf(camera, input, frame);
  return { x: frame.width / 2 + (x - camera.x) * scale, y: frame.height / 2 + (y - camera.y) * scale };
}

/** Which input position is at a point of the screen. @param {Camera} camera @param {Size} input @param {Size} frame @param {number} x @param {number} y */
export function toInput(camera, input, frame, x, y) {
  const scale = scaleOf(camera, input, frame);
  return { x: camera.x + (x - frame.width / 2) / scale, y: camera.y + (y - frame.height / 2) / scale };
}

/**
 * Larger or smaller, with what is at a point of the screen staying there.
 * @param {Camera} camera
 * @param {Size} input
 * @param {Size} frame
 * @param {number} factor
 * @param {{ x: number, y: number }} [point]
 * @returns {Camera}
 */
export function zoomed(camera, input, frame, factor, point = { x: frame.width / 2, y: frame.height / 2 }) {
  const most = LARGEST / scaleOf({ ...camera, zoom: 1 }, input, frame);
  const zoom = Math.max(1, Math.min(Math.max(1, most), camera.zoom * factor));
  const fixed = toInput(camera, input, frame, point.x, point.y);
  const scale = scaleOf({ ...camera, zoom }, input, frame);
  return held({ zoom, x: fixed.x - (point.x - frame.width / 2) / scale, y: fixed.y - (point.y - frame.height / 2) / scale }, input, frame);
}

/** Moved by some screen pixels. @param {Camera} camera @param {Size} input @param {Size} frame @param {number} dx @param {number} dy @returns {Camera} */
export function panned(camera, input, frame, dx, dy) {
  const scale = scaleOf(camera, input, frame);
  return held({ ...camera, x: camera.x - dx / scale, y: camera.y - dy / scale }, input, frame);
}

/** Never further out than the input's edge. @param {Camera} camera @param {Size} input @param {Size} frame @returns {Camera} */
function held(camera, input, frame) {
  const scale = scaleOf(camera, input, frame);
  return { zoom: camera.zoom, x: within(camera.x, input.width, frame.width / scale), y: within(camera.y, input.height, frame.height / scale) };
}

/** @param {number} middle @param {number} size @param {number} room  Input pixels that fit into the frame. */
function within(middle, size, room) {
  return room >= size ? size / 2 : Math.max(room / 2, Math.min(size - room / 2, middle));
}

/**
 * The value of a map that is drawn at an input position: the map is stretched over the whole input.
 * @param {{ x: number, y: number }} at
 * @param {Size} input
 * @param {Size} map
 * @returns {{ y: number, x: number } | null} null beside the input
 */
export function cellUnder({ x, y }, input, map) {
  if (x < 0 || y < 0 || x >= input.width || y >= input.height) return null;
  return {
    y: Math.min(map.height - 1, Math.floor((y / input.height) * map.height)),
    x: Math.min(map.width - 1, Math.floor((x / input.width) * map.width)),
  };
}
