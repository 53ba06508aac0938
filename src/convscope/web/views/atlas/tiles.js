/** The atlas' cells where a step has maps: a small picture, its number, and quiet marks for dead and repeated channels. */
import { isDead, isDuplicate } from "../../data/order.js";
import { hover } from "../../hover.js";
import { store } from "../../state.js";

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Stats} Stats */
/** @typedef {import("./inks.js").Inks} Inks */
/** @typedef {ReturnType<typeof import("./sheet.js").makeSheet>} Sheet */

export const GAP = 8;
/** Room for a number under a tile. */
export const LABEL = 15;
/** Tiles smaller than this have no room for a number. */
const LABELLED = 30;
/** Very long maps are shown in a box of at most this shape. */
const TALLEST = 2;

/** Height of a cell of some width. @param {Step} step @param {number} cellWidth */
export function cellHeight({ shape: [, height, width] }, cellWidth) {
  const picture = Math.max(4, Math.round(cellWidth * Math.min(TALLEST, Math.max(1 / TALLEST, height / width))));
  return picture + (cellWidth >= LABELLED ? LABEL : 0);
}

/**
 * What is quietly said of a channel beside its number.
 * @param {Stats} stats
 * @param {number} channel
 */
export function markOf(stats, channel) {
  if (isDead(stats, channel)) return "∅";
  return isDuplicate(stats, channel) ? `=${stats.same[channel]}` : "";
}

/**
 * Draw one cell.
 * @param {CanvasRenderingContext2D} context
 * @param {{ step: Step, stats: Stats, sheet: Sheet, inks: Inks }} source
 * @param {number} channel
 * @param {{ x: number, y: number, width: number, height: number }} cell
 */
export function drawTile(context, { step, stats, sheet, inks }, channel, { x, y, width, height }) {
  const labelled = width >= LABELLED;
  const high = height - (labelled ? LABEL : 0);
  const box = fitted(step, x, y, width, high);
  sheet.draw(context, channel, box.x, box.y, box.width, box.height);
  outline(context, inks, stateOf(step, channel), box);
  if (!labelled) return;
  const mark = markOf(stats, channel);
  context.font = inks.font;
  context.textBaseline = "alphabetic";
  const text = String(channel);
  context.fillStyle = inks.quiet;
  context.fillText(text, x, y + height - 3);
  if (!mark) return;
  context.fillStyle = inks.faint;
  const room = width - context.measureText(`${text} `).width;
  const shown = context.measureText(mark).width <= room ? mark : mark[0];
  context.textAlign = "right";
  context.fillText(shown, x + width, y + height - 3);
  context.textAlign = "left";
}

/** Where in its box a map lies: the whole of it, except for very long ones. @param {Step} step @param {number} x @param {number} y @param {number} width @param {number} high */
function fitted({ shape: [, rows, columns] }, x, y, width, high) {
  const shape = rows / columns;
  if (shape > TALLEST) return { x: x + (width - high / shape) / 2, y, width: high / shape, height: high };
  if (shape < 1 / TALLEST) return { x, y: y + (high - width * shape) / 2, width, height: width * shape };
  return { x, y, width, height: high };
}

/** @param {Step} step @param {number} channel @returns {"chosen" | "pointed" | "plain"} */
function stateOf(step, channel) {
  const [view, pointed] = [store.get(), hover.get()];
  if (view.channel === channel && view.step === step.index) return "chosen";
  return pointed?.step === step.index && pointed.channel === channel ? "pointed" : "plain";
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Inks} inks
 * @param {"chosen" | "pointed" | "plain"} state
 * @param {{ x: number, y: number, width: number, height: number }} box
 */
function outline(context, inks, state, { x, y, width, height }) {
  if (state === "plain") {
    context.strokeStyle = inks.line;
    context.lineWidth = 1;
    context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
    return;
  }
  // A ring outside the picture, so that none of its pixels is covered.
  context.strokeStyle = inks.accent;
  context.lineWidth = state === "chosen" ? 2 : 1.5;
  const away = 2.5;
  context.strokeRect(x - away, y - away, width + 2 * away, height + 2 * away);
}
