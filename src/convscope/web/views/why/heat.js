/** Heat as colour: the palette of signed numbers, and no colour at all at zero, so that the photo is seen through it. */
import { table } from "../../paint/colors.js";

/** The same on both pages: the ground of the colours is the photo, not the paper. */
const TABLE = "signed";
const MIDDLE = 128;
/** Beyond, the palette darkens, and would sink into a dark photo. */
const REACH = 104;
/** Colours begin this far out: the palest ones would only make the photo milky. */
const FIRST = 0.35;
/** Below 1, what is weak is seen a little better than it weighs. */
const GAMMA = 0.8;
/** Colours from zero to either end. */
const STEPS = 512;
/** @type {Uint32Array | null} */
let ramp = null;

/**
 * The colour of a share of the scale, -1 to 1, as a pixel in the byte order of ImageData.
 * @param {number} share
 * @returns {number}
 */
export function heatOf(share) {
  const size = Math.min(1, Math.abs(share));
  const alpha = Math.round(255 * size ** GAMMA);
  const level = MIDDLE + Math.round(Math.sign(share) * REACH * (FIRST + (1 - FIRST) * size));
  return ((alpha << 24) | (table(TABLE)[level] & 0xffffff)) >>> 0;
}

/** All the colours there are, from -1 to 1. @returns {Uint32Array} */
function makeRamp() {
  return Uint32Array.from({ length: 2 * STEPS + 1 }, (_, i) => heatOf((i - STEPS) / STEPS));
}

/**
 * Draw a map, one canvas pixel a number.
 * @param {HTMLCanvasElement} canvas  Gets the map's size.
 * @param {ArrayLike<number>} values  (height, width) in row order, finite.
 * @param {number} height
 * @param {number} width
 * @param {number} peak  The number whose heat is full; larger than 0.
 */
export function drawHeat(canvas, values, height, width, peak) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context || !height || !width) return;
  ramp ??= makeRamp();
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i += 1) {
    const share = Math.max(-1, Math.min(1, values[i] / peak));
    pixels[i] = ramp[Math.round(share * STEPS) + STEPS];
  }
  context.putImageData(image, 0, 0);
}

/**
 * The scale as CSS, for the legend; `low` is -1 where there are negative numbers, else 0.
 * @param {number} low
 */
export function heatGradient(low) {
  const stops = Array.from({ length: 13 }, (_, i) => cssOf(heatOf(low + ((1 - low) * i) / 12)));
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/** @param {number} pixel */
function cssOf(pixel) {
  return `rgb(${pixel & 255} ${(pixel >> 8) & 255} ${(pixel >> 16) & 255} / ${(((pixel >>> 24) & 255) / 255).toFixed(3)})`;
}
