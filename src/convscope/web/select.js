/** Choosing a step, a channel, a pixel: one place that keeps the three fitting each other. */
import { store } from "./state.js";

/** @typedef {import("./data/trace.js").Trace} Trace */
/** @typedef {import("./types.js").View} View */

/**
 * Choose something; what is left out is kept where it still fits, and dropped where it does not.
 * @param {Trace} trace
 * @param {{ step?: number, channel?: number | null, pixel?: [number, number] | null, tab?: View["tab"] }} choice
 */
export function select(trace, choice) {
  const now = store.get();
  const step = choice.step ?? now.step ?? firstStep(trace);
  const moved = step !== now.step;
  const shape = trace.steps[step].shape;
  const channel = fitted(choice.channel === undefined ? now.channel : choice.channel, shape[0] ?? 1);
  let pixel = choice.pixel === undefined ? (moved ? null : now.pixel) : choice.pixel;
  if (pixel && shape.length === 3 && !(pixel[0] < shape[1] && pixel[1] < shape[2])) pixel = null;
  const tab = choice.tab ?? now.tab;
  store.set({ step, channel: tab === "atlas" && choice.channel === undefined && moved ? null : channel, pixel, tab });
}

/** @param {number | null} value @param {number} count */
function fitted(value, count) {
  return value !== null && value >= 0 && value < count ? value : null;
}

/**
 * The step that a newcomer should look at: the first one that has maps and is not the picture itself.
 * @param {Trace} trace
 */
export function firstStep(trace) {
  const found = trace.steps.find((step) => step.kind !== "input" && step.maps);
  return found ? found.index : Math.min(1, trace.steps.length - 1);
}

/**
 * The channel to show where none was chosen: the one that matters most.
 * @param {Trace} trace
 * @param {number} step
 * @returns {number}
 */
export function chosenChannel(trace, step) {
  const channel = store.get().channel;
  const count = trace.steps[step].shape[0] ?? 1;
  if (channel !== null && channel < count) return channel;
  return (trace.peekStats(step) ? trace.leading(step)[0] : 0) ?? 0;
}

/**
 * The pixel to show where none was chosen: the middle of the map.
 * @param {Trace} trace
 * @param {number} step
 * @returns {[number, number]}
 */
export function chosenPixel(trace, step) {
  const [, height = 1, width = 1] = trace.steps[step].shape;
  const pixel = store.get().pixel;
  return pixel && pixel[0] < height && pixel[1] < width ? pixel : [height >> 1, width >> 1];
}
