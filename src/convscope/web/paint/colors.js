/** Colours of numbers: lookup tables for maps, and text cells in the same colours. */
import { INFINITE, NOT_A_NUMBER, TABLES } from "./tables.js";
import { levelOf } from "./scale.js";

/** @typedef {import("./scale.js").Scale} Scale */
/** @typedef {"viridis" | "magma" | "grey" | "signed" | "signed_dark"} TableName */
/** @typedef {{ background: string, ink: string }} Cell  CSS colours; the ink reaches WCAG AA (4.5 : 1) on the background. */

/** @type {Map<TableName, Uint32Array>} */
const made = new Map();

/** Colours of NaN and of infinities: those of convscope's pictures, near which no table comes. */
export const ODD = { nan: packed(NOT_A_NUMBER), infinite: packed(INFINITE) };

/**
 * A table as 256 opaque RGBA pixels in the byte order of ImageData.
 * @param {TableName} name
 * @returns {Uint32Array}
 */
export function table(name) {
  let colors = made.get(name);
  if (!colors) {
    colors = Uint32Array.from({ length: 256 }, (_, level) => packed(TABLES[name].slice(6 * level, 6 * level + 6)));
    made.set(name, colors);
  }
  return colors;
}

/**
 * The table for a scale: viridis from zero up, blue to red around zero.
 * @param {{ signed: boolean, dark: boolean }} options  `dark`: zero sinks into a dark page.
 * @returns {Uint32Array}
 */
export function tableFor({ signed, dark }) {
  return table(tableName({ signed, dark }));
}

/**
 * A table as CSS, for legends.
 * @param {{ signed: boolean, dark: boolean }} options
 * @returns {string}
 */
export function gradient({ signed, dark }) {
  const colors = tableFor({ signed, dark });
  const stops = Array.from({ length: 17 }, (_, i) => css(colors[Math.max(1, Math.round((255 * i) / 16))]));
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/**
 * The colours of a cell that shows a number.
 * @param {number} value
 * @param {Scale} scale
 * @param {boolean} dark
 * @returns {Cell}
 */
export function shade(value, scale, dark) {
  const pixel = colorOf(value, scale, tableFor({ signed: scale.signed, dark }));
  return { background: css(pixel), ink: inkOn(pixel) };
}

/**
 * The colour of any number, as a pixel.
 * @param {number} value
 * @param {Scale} scale
 * @param {Uint32Array} colors
 * @returns {number}
 */
export function colorOf(value, scale, colors) {
  if (Number.isNaN(value)) return ODD.nan;
  return Number.isFinite(value) ? colors[levelOf(value, scale)] : ODD.infinite;
}

/**
 * A pixel as CSS.
 * @param {number} pixel
 * @returns {string}
 */
export function css(pixel) {
  return `rgb(${pixel & 255} ${(pixel >> 8) & 255} ${(pixel >> 16) & 255})`;
}

/**
 * Black or white, whichever is easier to read. Pure, because any softer pair misses AA on some colour between.
 * @param {number} pixel
 */
function inkOn(pixel) {
  const luminance = 0.2126 * linear(pixel & 255) + 0.7152 * linear((pixel >> 8) & 255) + 0.0722 * linear((pixel >> 16) & 255);
  return (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) ? "#000" : "#fff";
}

/** @param {number} part */
function linear(part) {
  const share = part / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

/** @param {{ signed: boolean, dark: boolean }} options @returns {TableName} */
function tableName({ signed, dark }) {
  if (!signed) return "viridis";
  return dark ? "signed_dark" : "signed";
}

/** @param {string} digits */
function packed(digits) {
  const [red, green, blue] = [0, 2, 4].map((at) => parseInt(digits.slice(at, at + 2), 16));
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
