/** Small pictures of channels, coloured once and kept on one canvas, from which they are copied at any size. */
import { drawThumb, drawValues } from "../../paint/maps.js";
import { chosenScale } from "../../paint/scale.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Thumbs} Thumbs */
/** @typedef {import("../../types.js").Stats} Stats */
/** @typedef {{ trace: Trace, step: Step, thumbs: Thumbs, stats: Stats, scale: "channel" | "step", dark: boolean }} Source */

/** Channels whose full map is kept, coloured, beside the small picture. */
const SHARP_KEPT = 160;

/** @param {Source} source */
export function makeSheet({ trace, step, thumbs, stats, scale, dark }) {
  const { channels, height, width } = thumbs;
  const columns = Math.max(1, Math.ceil(Math.sqrt((channels * height) / width)));
  const sheet = newCanvas(columns * width, Math.ceil(channels / columns) * height);
  const context = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d"));
  const brush = newCanvas(width, height);
  const painted = new Uint8Array(channels);
  /** @type {Map<number, HTMLCanvasElement>} */
  const sharp = new Map();
  const [, mapHeight, mapWidth] = step.shape;
  const shrunk = mapHeight > height || mapWidth > width;

  /** @param {number} channel */
  const scaleFor = (channel) => chosenScale(scale, step.facts, stats, channel);

  return {
    /** Whether the small pictures have fewer pixels than the maps. */
    shrunk,

    /**
     * Draw a channel into a rectangle.
     * @param {CanvasRenderingContext2D} target
     * @param {number} channel
     * @param {number} x
     * @param {number} y
     * @param {number} w
     * @param {number} h
     */
    draw(target, channel, x, y, w, h) {
      const full = sharp.get(channel);
      const from = full ?? sheet;
      const [left, top] = full ? [0, 0] : [(channel % columns) * width, Math.floor(channel / columns) * height];
      const [wide, high] = full ? [mapWidth, mapHeight] : [width, height];
      if (!full && !painted[channel]) {
        drawThumb(brush, thumbs, stats, channel, scaleFor(channel), dark);
        context.drawImage(brush, left, top);
        painted[channel] = 1;
      }
      // Enlarged, a map's own pixels stay sharp; a shrunken picture's pixels are not the map's and must not look as if.
      const density = target.getTransform().a;
      target.imageSmoothingEnabled = w * density < wide || (shrunk && !full);
      target.imageSmoothingQuality = "medium";
      target.drawImage(from, left, top, wide, high, x, y, w, h);
    },

    /**
     * Fetch the full maps of some channels; resolves to whether there is something new to draw.
     * @param {number[]} wanted
     * @returns {Promise<boolean>}
     */
    async sharpen(wanted) {
      const missing = wanted.filter((channel) => !sharp.has(channel) && trace.hasChannel(step, channel)).slice(0, SHARP_KEPT);
      let fresh = false;
      for (const channel of missing) {
        const values = await trace.channel(step, channel);
        if (!values) continue;
        const canvas = newCanvas(mapWidth, mapHeight);
        drawValues(canvas, values, mapHeight, mapWidth, scaleFor(channel), dark);
        if (sharp.size >= SHARP_KEPT) sharp.delete(/** @type {number} */ (sharp.keys().next().value));
        sharp.set(channel, canvas);
        fresh = true;
        await turn();
      }
      return fresh;
    },
  };
}

/** Lets the page draw a frame in between. */
function turn() {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** @param {number} width @param {number} height */
function newCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}
