/** Draws the photo, a map over it, the value that is pointed at and what it sees. */
import { colorOf, shade, tableFor } from "../../paint/colors.js";
import { cellText } from "../sum/cells.js";
import { scaleOf, toScreen } from "./camera.js";

/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("./camera.js").Size} Size */
/** @typedef {import("../../types.js").Placement} Placement */
/** @typedef {import("../../types.js").Box} Box */
/** @typedef {import("../../paint/scale.js").Scale} Scale */
/**
 * @typedef {object} Scene
 * @property {Camera} camera
 * @property {Size} input  The network's input.
 * @property {Size} frame  In CSS pixels.
 * @property {{ canvas: HTMLCanvasElement, placement: Placement } | null} photo
 * @property {{ canvas: HTMLCanvasElement, values: Float32Array | null, size: Size, scale: Scale, exact: boolean } | null} map  `exact`: the canvas has one pixel a value.
 * @property {number} opacity  Of the map.
 * @property {{ y: number, x: number } | null} cell  The value pointed at.
 * @property {Box | null} box  What it sees of the input.
 * @property {{ y: number, x: number } | null} chosen
 * @property {string} accent
 * @property {boolean} dark
 * @property {import("../sum/cells.js").Unit} unit  For the numbers in large cells.
 * @property {string} font
 */

/** Cells at least this wide and high, on the screen, have their number written in. */
const WRITTEN = { width: 40, height: 20 };
const LEAST_MARK = 7;

/** @param {CanvasRenderingContext2D} context @param {Scene} scene */
export function drawScene(context, scene) {
  const { camera, input, frame } = scene;
  context.clearRect(0, 0, frame.width, frame.height);
  const from = toScreen(camera, input, frame, 0, 0);
  const to = toScreen(camera, input, frame, input.width, input.height);
  const area = { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y };
  context.save();
  context.beginPath();
  context.rect(area.x, area.y, area.width, area.height);
  context.clip();
  drawPhoto(context, scene, area);
  drawMap(context, scene, area);
  context.restore();
  if (scene.chosen) mark(context, scene, area, scene.chosen, 1.5);
  if (scene.box) drawBox(context, scene, scene.box);
  if (scene.cell) mark(context, scene, area, scene.cell, 2);
}

/** @typedef {{ x: number, y: number, width: number, height: number }} Area  On the screen: where the input is. */

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {Area} area */
function drawPhoto(context, { photo, input, camera, frame }, area) {
  if (!photo) return;
  const { canvas, placement } = photo;
  const across = area.width / placement.width;
  const down = area.height / placement.height;
  context.imageSmoothingEnabled = scaleOf(camera, input, frame) < 4;
  context.drawImage(canvas, area.x - placement.left * across, area.y - placement.top * down, canvas.width * across, canvas.height * down);
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {Area} area */
function drawMap(context, scene, area) {
  const { map, opacity } = scene;
  if (!map) return;
  context.globalAlpha = opacity;
  context.imageSmoothingEnabled = !map.exact || area.width < map.size.width;
  context.imageSmoothingQuality = "high";
  context.drawImage(map.canvas, area.x, area.y, area.width, area.height);
  context.globalAlpha = 1;
  if (map.values && opacity > 0.5) writeNumbers(context, scene, area);
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {Area} area */
function writeNumbers(context, { map, frame, dark, unit, font }, area) {
  if (!map?.values) return;
  const { values, size, scale } = map;
  const [wide, high] = [area.width / size.width, area.height / size.height];
  if (wide < WRITTEN.width || high < WRITTEN.height) return;
  const colors = tableFor({ signed: scale.signed, dark });
  /** @type {Map<number, string>} */
  const inks = new Map();
  context.font = font;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const [top, bottom] = range(-area.y / high, (frame.height - area.y) / high, size.height);
  const [left, right] = range(-area.x / wide, (frame.width - area.x) / wide, size.width);
  for (let y = top; y < bottom; y += 1) {
    for (let x = left; x < right; x += 1) {
      const value = values[y * size.width + x];
      const color = colorOf(value, scale, colors);
      if (!inks.has(color)) inks.set(color, shade(value, scale, dark).ink);
      context.fillStyle = /** @type {string} */ (inks.get(color));
      context.fillText(cellText(value, unit), area.x + (x + 0.5) * wide, area.y + (y + 0.5) * high);
    }
  }
}

/** Whole positions between two, within an axis. @param {number} from @param {number} to @param {number} size */
function range(from, to, size) {
  return [Math.max(0, Math.floor(from)), Math.min(size, Math.ceil(to))];
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {Area} area @param {{ y: number, x: number }} cell @param {number} line */
function mark(context, { map, accent }, area, { y, x }, line) {
  if (!map) return;
  const [wide, high] = [area.width / map.size.width, area.height / map.size.height];
  const [width, height] = [Math.max(LEAST_MARK, wide), Math.max(LEAST_MARK, high)];
  const at = { x: area.x + (x + 0.5) * wide - width / 2, y: area.y + (y + 0.5) * high - height / 2 };
  // White beneath the accent, so that the frame is seen on any colour.
  for (const [color, thick] of /** @type {[string, number][]} */ ([["rgb(255 255 255 / 85%)", line + 2], [accent, line]])) {
    context.strokeStyle = color;
    context.lineWidth = thick;
    context.strokeRect(at.x, at.y, width, height);
  }
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {Box} box */
function drawBox(context, { camera, input, frame, accent }, { top, left, bottom, right }) {
  const from = toScreen(camera, input, frame, left, top);
  const to = toScreen(camera, input, frame, right, bottom);
  const edges = /** @type {[number, number, number, number]} */ ([from.x, from.y, to.x - from.x, to.y - from.y]);
  context.lineWidth = 3;
  context.strokeStyle = "rgb(255 255 255 / 70%)";
  context.strokeRect(...edges);
  context.setLineDash([5, 4]);
  context.lineWidth = 1.5;
  context.strokeStyle = accent;
  context.strokeRect(...edges);
  context.setLineDash([]);
}
