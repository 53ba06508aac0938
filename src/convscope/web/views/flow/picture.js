/**
 * The maps of a column, all on one canvas: a browser puts a few large canvases together sooner than many small ones.
 * First come the small pictures; where they have fewer pixels than their place on the screen, the exact numbers follow
 * in idle time, if they are in this file.
 */
import { useEffect, useLayoutEffect, useRef } from "../../dom.js";
import { drawThumb, drawValues } from "../../paint/maps.js";
import { chosenScale } from "../../paint/scale.js";
import { idle } from "./idle.js";
import { shrunk } from "./shrink.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Thumbs} Thumbs */
/** @typedef {import("../../types.js").Stats} Stats */
/** @typedef {import("./cells.js").Rect} Rect */
/** @typedef {import("./layout.js").Column} Place */
/**
 * @typedef {object} Subject  What is on the canvas.
 * @property {Trace} trace
 * @property {Step} step
 * @property {Thumbs | null} thumbs
 * @property {Stats | null} stats
 * @property {"channel" | "step"} scale
 * @property {boolean} dark
 * @property {Place} place
 * @property {Int32Array} order  Channels from the first place on.
 * @property {number} first  Rows on the canvas; `last` is not among them.
 * @property {number} last
 * @property {Rect} size  The part of a cell that a map fills.
 */

const ROUND = 4;
/** The strip rests so long before exact numbers are read for what is in sight. */
const REST = 250;
/** Maps of more numbers than this stay small pictures: they would be read for the few pixels of a cell. */
const LARGEST = 1 << 19;
/** Exact maps that a column keeps, each as large as its place on the screen. */
const KEPT = 240;

/** Coloured here at their own size, then copied to their place. */
const brush = document.createElement("canvas");

/** @param {Subject} subject @returns {{ current: HTMLCanvasElement | null }} for the canvas */
export function usePicture(subject) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const sharp = useRef(/** @type {Map<number, HTMLCanvasElement>} */ (new Map()));
  const { trace, step, thumbs, stats, scale, dark, place, order, first, last } = subject;
  const looks = [trace, step, thumbs, stats, scale, dark, place.cellWidth, place.cellHeight];
  useLayoutEffect(() => sharp.current.clear(), looks);
  const seen = [...looks, order, first, last, place];
  useLayoutEffect(() => {
    if (canvas.current) paint(canvas.current, subject, sharp.current);
  }, seen);
  useEffect(() => {
    let stopped = false;
    const timer = setTimeout(() => sharpen(subject, sharp.current, () => stopped, redraw).catch(() => {}), REST);
    /** @param {number} index */
    const redraw = (index) => canvas.current && paintOne(canvas.current, subject, sharp.current, index);
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, seen);
  return canvas;
}

/** Where the canvas lies in the sheet of cells. @param {Place} place @param {number} first @param {number} last */
export function canvasStyle({ across, pitchX, pitchY, cellWidth }, first, last) {
  const width = (across - 1) * pitchX + cellWidth;
  return { top: `${first * pitchY}px`, width: `${width}px`, height: `${Math.max(1, last - first) * pitchY}px` };
}

/** The places on the canvas. @param {Subject} subject */
function span({ place, first, last }) {
  return { from: first * place.across, stop: Math.min(last * place.across, place.shown) };
}

/**
 * All maps anew. How many there are then stands in `data-painted`.
 * @param {HTMLCanvasElement} canvas
 * @param {Subject} subject
 * @param {Map<number, HTMLCanvasElement>} sharp
 */
function paint(canvas, subject, sharp) {
  const { place, thumbs, stats, first, last } = subject;
  const density = window.devicePixelRatio || 1;
  canvas.width = Math.round(((place.across - 1) * place.pitchX + place.cellWidth) * density);
  canvas.height = Math.round(Math.max(1, last - first) * place.pitchY * density);
  const context = canvas.getContext("2d");
  const { from, stop } = span(subject);
  canvas.dataset.painted = "0";
  if (!context || !thumbs || !stats) return;
  context.beginPath();
  for (let index = from; index < stop; index += 1) corners(context, subject, index, density);
  context.clip();
  for (let index = from; index < stop; index += 1) draw(context, subject, sharp, index, density);
  canvas.dataset.painted = String(stop - from);
}

/** One map again. @param {HTMLCanvasElement} canvas @param {Subject} subject @param {Map<number, HTMLCanvasElement>} sharp @param {number} index */
function paintOne(canvas, subject, sharp, index) {
  const context = canvas.getContext("2d");
  if (context) draw(context, subject, sharp, index, window.devicePixelRatio || 1); // still cut to the corners of all
}

/** @param {CanvasRenderingContext2D} context @param {Subject} subject @param {number} index @param {number} density */
function corners(context, subject, index, density) {
  const { x, y, width, height } = boxOf(subject, index, density);
  context.roundRect(x, y, width, height, Math.min(ROUND * density, width / 2, height / 2));
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Subject} subject
 * @param {Map<number, HTMLCanvasElement>} sharp
 * @param {number} index
 * @param {number} density
 */
function draw(context, subject, sharp, index, density) {
  const { step, thumbs, stats, order, dark } = subject;
  if (!thumbs || !stats) return;
  const channel = order[index];
  const box = boxOf(subject, index, density);
  const exact = sharp.get(channel);
  if (!exact) drawThumb(brush, thumbs, stats, channel, scaleOf(subject, stats, channel), dark);
  const source = exact ?? brush;
  // A map's own pixels stay sharp when they are enlarged; those of a smaller picture are not the map's, and must not look so.
  const own = exact !== undefined || !isReduced(step, thumbs);
  context.imageSmoothingEnabled = !own || box.width < source.width;
  context.drawImage(source, box.x, box.y, box.width, box.height);
}

/** @param {Subject} subject @param {number} index @param {number} density @returns {Rect} in pixels of the canvas, all whole */
function boxOf({ place, size, first }, index, density) {
  const left = (index % place.across) * place.pitchX + size.x;
  const top = (Math.floor(index / place.across) - first) * place.pitchY + size.y;
  return {
    x: Math.round(left * density),
    y: Math.round(top * density),
    width: Math.round(size.width * density),
    height: Math.round(size.height * density),
  };
}

/** @param {Subject} subject @param {Stats} stats @param {number} channel */
function scaleOf({ scale, step }, stats, channel) {
  return chosenScale(scale, step.facts, stats, channel);
}

/** Whether the small pictures have fewer pixels than the maps. @param {Step} step @param {Thumbs} thumbs */
function isReduced({ shape }, thumbs) {
  return thumbs.height < shape[1] || thumbs.width < shape[2];
}

/**
 * Puts exact maps in the place of small pictures that are smaller than their place, one at a time.
 * @param {Subject} subject
 * @param {Map<number, HTMLCanvasElement>} sharp  Gets them.
 * @param {() => boolean} stopped
 * @param {(index: number) => void} redraw
 */
async function sharpen(subject, sharp, stopped, redraw) {
  const { trace, step, thumbs, stats, order, dark } = subject;
  const [, height, width] = step.shape;
  if (!thumbs || !stats || !isReduced(step, thumbs) || height * width > LARGEST) return;
  const density = window.devicePixelRatio || 1;
  const { from, stop } = span(subject);
  for (let index = from; index < stop; index += 1) {
    const channel = order[index];
    const box = boxOf(subject, index, density);
    if (sharp.has(channel) || (box.width <= thumbs.width && box.height <= thumbs.height) || !trace.hasChannel(step, channel)) continue;
    await idle();
    if (stopped()) return;
    const values = await trace.channel(step, channel);
    await idle();
    if (stopped()) return;
    if (!values) continue;
    const [rows, columns] = [Math.min(height, box.height), Math.min(width, box.width)];
    const fitting = rows < height || columns < width ? shrunk(values, height, width, rows, columns) : values;
    const canvas = document.createElement("canvas");
    drawValues(canvas, fitting, rows, columns, scaleOf(subject, stats, channel), dark);
    if (sharp.size >= KEPT) sharp.delete(/** @type {number} */ (sharp.keys().next().value));
    sharp.set(channel, canvas);
    redraw(index);
  }
}
