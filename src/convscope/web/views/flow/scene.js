/** What the hand-drawn parts of the flow share: the layout, how far columns are scrolled, which channel stands where. */
import { cellAt, cellRect, mapRect } from "./cells.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("./layout.js").Column} Column */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./layout.js").Look} Look */
/** @typedef {import("./cells.js").Rect} Rect */

/**
 * How a step's value is shown. Maps of one pixel are numbers, and read better as bars.
 * @param {Trace} trace
 * @param {Step} step
 * @returns {{ look: Look, count: number }}
 */
export function contentOf(trace, step) {
  const { shape } = step;
  const count = shape[0] ?? 0;
  if (shape.length === 1 && count > 0) return { look: trace.classesOf(step) ? "scores" : "vector", count };
  if (!step.maps || count === 0) return { look: "tile", count: 1 };
  return { look: shape[1] === 1 && shape[2] === 1 ? "vector" : "maps", count };
}

export class Scene {
  /** @type {Layout} */
  layout = { width: 0, height: 0, columns: [], wires: [], brackets: [] };
  /** @type {Map<number, Column>} */
  columns = new Map();
  /** Rows of columns that scroll by themselves, in pixels. @type {Map<number, number>} */
  scrolled = new Map();
  /** What is selected; a channel that is not among the first takes the place of the last one shown. @type {{ step: number | null, channel: number | null }} */
  chosen = { step: null, channel: null };
  /** @type {WeakMap<Int32Array, Map<string, Int32Array>>} */
  #swapped = new WeakMap();
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** Places of channels, remembered as long as their order is the same. @type {WeakMap<Int32Array, Int32Array>} */
  #places = new WeakMap();

  /** @param {Trace} trace */
  constructor(trace) {
    this.trace = trace;
  }

  /** @param {Layout} layout */
  show(layout) {
    this.layout = layout;
    this.columns = new Map(layout.columns.map((column) => [column.step, column]));
    this.changed();
  }

  /** @param {() => void} listener */
  watch(listener) {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Whatever is drawn by hand is no longer where it was. */
  changed() {
    for (const listener of this.#listeners) listener();
  }

  /** @param {number} step @param {number} top */
  scroll(step, top) {
    this.scrolled.set(step, top);
    this.changed();
  }

  /** @param {Column} column */
  scrolledOf(column) {
    return column.expanded ? (this.scrolled.get(column.step) ?? 0) : 0;
  }

  /** Channels of a column from top to bottom. @param {Column} column @returns {Int32Array} */
  order(column) {
    const order = orderOf(this.trace, column);
    const { step, channel } = this.chosen;
    const hides = step === column.step && channel !== null && !column.expanded && !column.fits && column.look !== "tile";
    return hides ? this.#swap(order, column.shown, channel) : order;
  }

  /** @param {Int32Array} order @param {number} shown @param {number} channel */
  #swap(order, shown, channel) {
    const place = order.indexOf(channel);
    if (place < shown) return order;
    const known = this.#swapped.get(order) ?? new Map();
    this.#swapped.set(order, known);
    const key = `${shown} ${channel}`;
    if (!known.has(key)) {
      const swapped = order.slice();
      [swapped[shown - 1], swapped[place]] = [channel, order[shown - 1]];
      known.set(key, swapped);
    }
    return /** @type {Int32Array} */ (known.get(key));
  }

  /** Where a channel stands in its column; -1 when it is not shown. @param {Column} column @param {number} channel */
  placeOf(column, channel) {
    const order = this.order(column);
    let places = this.#places.get(order);
    if (!places) {
      places = new Int32Array(order.length);
      for (let place = 0; place < order.length; place += 1) places[order[place]] = place;
      this.#places.set(order, places);
    }
    const place = places[channel] ?? -1;
    return place < column.shown ? place : -1;
  }

  /** The rectangle that a channel's picture or bar fills; null when it is not in view. @param {Column} column @param {number} channel @returns {Rect | null} */
  rectOf(column, channel) {
    const cell = cellRect(column, this.placeOf(column, channel), this.scrolledOf(column));
    if (!cell || column.look !== "maps") return cell;
    const [, height, width] = this.trace.steps[column.step].shape;
    const map = mapRect(column, height, width);
    return { x: cell.x + map.x, y: cell.y + map.y, width: map.width, height: map.height };
  }

  /**
   * What stands under a point of the strip.
   * @param {number} x
   * @param {number} y
   * @returns {import("../../types.js").Pointed | null}
   */
  at(x, y) {
    const found = cellAt(this.layout, x, y, (column) => this.scrolledOf(column));
    if (!found) return null;
    const { column, place } = found;
    const { shape } = this.trace.steps[column.step];
    const channel = this.order(column)[place];
    if (channel === undefined) return null;
    if (column.look !== "maps") return { step: column.step, channel, y: shape.length === 3 ? 0 : null, x: shape.length === 3 ? 0 : null };
    const map = mapRect(column, shape[1], shape[2]);
    const row = Math.floor(((found.y - map.y) / map.height) * shape[1]);
    const across = Math.floor(((found.x - map.x) / map.width) * shape[2]);
    const inside = row >= 0 && row < shape[1] && across >= 0 && across < shape[2];
    return inside ? { step: column.step, channel, y: row, x: across } : null;
  }
}

/** @type {WeakMap<Trace, Map<number, Int32Array>>} */
const descending = new WeakMap();
/** @type {Map<number, Int32Array>} */
const natural = new Map();

/**
 * What mattered most stands on top; classes stand by their scores; a vector that fits as a whole keeps its own order.
 * @param {Trace} trace
 * @param {{ step: number, look: Look, count: number, fits: boolean }} column
 * @returns {Int32Array}
 */
export function orderOf(trace, { step, look, count, fits }) {
  if (trace.steps[step].kind === "input") return inOrder(count);
  if (look === "maps") return trace.leading(step);
  if (look === "tile" || fits) return inOrder(count);
  return look === "scores" ? byValue(trace, step) : trace.order(step, "contribution");
}

/** @param {number} count */
function inOrder(count) {
  const known = natural.get(count);
  if (known) return known;
  const order = Int32Array.from({ length: count }, (_, i) => i);
  natural.set(count, order);
  return order;
}

/** @param {Trace} trace @param {number} step */
function byValue(trace, step) {
  const known = descending.get(trace) ?? new Map();
  descending.set(trace, known);
  const values = trace.peekValues(step);
  if (!values?.whole) return trace.order(step, "index");
  if (!known.has(step)) known.set(step, trace.order(step, "index").slice().sort((a, b) => values.data[b] - values.data[a] || a - b));
  return known.get(step);
}
