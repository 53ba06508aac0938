/** One number of a row as a bar from zero, with its place or name and its digits. */
import { shade } from "../../paint/colors.js";
import { significant } from "../../paint/numbers.js";
import { hover } from "../../hover.js";
import { store } from "../../state.js";

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../paint/scale.js").Scale} Scale */
/** @typedef {import("./inks.js").Inks} Inks */
/** @typedef {{ step: Step, labels: string[] | null, scale: Scale, inks: Inks, dark: boolean, digits: number }} Source */

export const HEIGHT = 22;
const DIGIT = 7;
const VALUE = 62;
const NAME = 110;
/** Between a number and the place of the next one beside it. */
const APART = 18;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Source} source
 * @param {number} index
 * @param {number} value
 * @param {{ x: number, y: number, width: number }} cell
 */
export function drawBar(context, { step, labels, scale, inks, dark, digits }, index, value, cell) {
  const { x, y } = cell;
  const width = cell.width - APART;
  const name = labels ? NAME : digits * DIGIT + 6;
  const room = { x: x + name + 6, width: width - name - VALUE - 12 };
  const state = stateOf(step, index);
  context.font = inks.font;
  context.textBaseline = "middle";
  const middle = y + HEIGHT / 2;
  context.fillStyle = state === "plain" ? inks.quiet : inks.ink;
  context.textAlign = labels ? "left" : "right";
  context.fillText(labels ? shortened(context, labels[index], name) : String(index), labels ? x : x + name, middle);
  const zero = room.x + (scale.signed ? room.width / 2 : 0);
  const reach = ((scale.signed ? room.width / 2 : room.width) * value) / (scale.high || 1);
  if (Number.isFinite(reach)) {
    context.fillStyle = shade(value, scale, dark).background;
    context.fillRect(Math.min(zero, zero + reach), y + 5, Math.max(0.75, Math.abs(reach)), HEIGHT - 10);
  }
  context.fillStyle = inks.line;
  context.fillRect(zero - 0.5, y + 3, 1, HEIGHT - 6);
  context.fillStyle = state === "plain" ? inks.quiet : inks.ink;
  context.textAlign = "right";
  context.fillText(significant(value, 4), x + width - 2, middle + 0.5);
  context.textAlign = "left";
  if (state !== "plain") {
    context.strokeStyle = inks.accent;
    context.lineWidth = state === "chosen" ? 2 : 1.5;
    context.strokeRect(x - 3, y + 0.5, width + 5, HEIGHT - 1);
  }
}

/** @param {Step} step @param {number} index @returns {"chosen" | "pointed" | "plain"} */
function stateOf(step, index) {
  const [view, pointed] = [store.get(), hover.get()];
  if (view.channel === index && view.step === step.index) return "chosen";
  return pointed?.step === step.index && pointed.channel === index ? "pointed" : "plain";
}

/** A name with an ellipsis where it would not fit. @param {CanvasRenderingContext2D} context @param {string} text @param {number} room */
function shortened(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  const letters = Array.from(text);
  while (letters.length > 1 && context.measureText(`${letters.join("")}…`).width > room) letters.pop();
  return `${letters.join("")}…`;
}
