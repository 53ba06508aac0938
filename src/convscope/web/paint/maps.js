/**
 * Maps to canvases, one canvas pixel a number; CSS (`image-rendering: pixelated`) makes them large.
 * Each call makes one lookup table and touches each pixel once.
 */
import { ODD, tableFor } from "./colors.js";
import { lineOf } from "./scale.js";

/** @typedef {import("../types.js").Picture} Picture */
/** @typedef {import("../types.js").Thumbs} Thumbs */
/** @typedef {import("../types.js").Stats} Stats */
/** @typedef {import("./scale.js").Scale} Scale */
/** @typedef {HTMLCanvasElement | OffscreenCanvas} Canvas */

const lookup = new Uint32Array(256);

/** Pixels of the last picture drawn; most that follow have the same size. @type {{ image: ImageData, pixels: Uint32Array } | null} */
let scratch = null;

/**
 * Draw a small picture of a channel.
 * @param {Canvas} canvas  Gets the picture's size.
 * @param {Thumbs} thumbs
 * @param {Stats} stats
 * @param {number} channel
 * @param {Scale} scale
 * @param {boolean} dark
 */
export function drawThumb(canvas, thumbs, stats, channel, scale, dark) {
  const { height, width, codes } = thumbs;
  paint(canvas, height, width, (pixels) => {
    const low = stats.low[channel];
    fillLookup(low, stats.high[channel] - low, scale, dark);
    // Where a channel has no finite value at all there is nothing to show but that.
    if (stats.bad[channel] > 0 && stats.strength[channel] === 0 && stats.zeros[channel] === 0) lookup.fill(ODD.nan);
    const start = channel * height * width;
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = lookup[codes[start + i]];
  });
}

/**
 * Draw a channel's numbers as they are.
 * @param {Canvas} canvas  Gets the map's size.
 * @param {ArrayLike<number>} values  (height, width) in row order.
 * @param {number} height
 * @param {number} width
 * @param {Scale} scale
 * @param {boolean} dark
 */
export function drawValues(canvas, values, height, width, scale, dark) {
  paint(canvas, height, width, (pixels) => {
    const colors = tableFor({ signed: scale.signed, dark });
    const { factor, offset } = lineOf(scale);
    for (let i = 0; i < pixels.length; i += 1) {
      const level = offset + factor * values[i];
      if (level >= 1 && level < 256) pixels[i] = colors[level | 0];
      else pixels[i] = outside(values[i], level, colors);
    }
  });
}

/**
 * Draw the photo.
 * @param {Canvas} canvas  Gets the photo's size.
 * @param {Picture} picture
 */
export function drawRGB(canvas, { height, width, rgb }) {
  paint(canvas, height, width, (pixels) => {
    for (let i = 0, at = 0; i < pixels.length; i += 1, at += 3) {
      pixels[i] = 0xff000000 | (rgb[at + 2] << 16) | (rgb[at + 1] << 8) | rgb[at];
    }
  });
}

/**
 * The colour of each code between a channel's low and its high.
 * @param {number} low
 * @param {number} span
 * @param {Scale} scale
 * @param {boolean} dark
 */
function fillLookup(low, span, scale, dark) {
  const colors = tableFor({ signed: scale.signed, dark });
  const { factor, offset } = lineOf(scale);
  for (let code = 0; code < 256; code += 1) {
    const level = offset + factor * (low + (code / 255) * span);
    lookup[code] = colors[Math.max(1, Math.min(255, Math.floor(level)))];
  }
}

/**
 * The colour of a number beyond the scale, or of none.
 * @param {number} value
 * @param {number} level
 * @param {Uint32Array} colors
 */
function outside(value, level, colors) {
  if (Number.isNaN(value)) return ODD.nan;
  if (!Number.isFinite(value)) return ODD.infinite;
  return colors[level < 1 ? 1 : 255];
}

/**
 * @param {Canvas} canvas
 * @param {number} height
 * @param {number} width
 * @param {(pixels: Uint32Array) => void} fill
 */
function paint(canvas, height, width, fill) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = /** @type {CanvasRenderingContext2D | null} */ (canvas.getContext("2d"));
  if (!context || height === 0 || width === 0) return;
  if (!scratch || scratch.image.width !== width || scratch.image.height !== height) {
    const image = new ImageData(width, height);
    scratch = { image, pixels: new Uint32Array(image.data.buffer) };
  }
  fill(scratch.pixels);
  context.putImageData(scratch.image, 0, 0);
}
