/** A trace and its overview, opened: what is known at once, and ways to ask for the numbers. */
import { Arrays } from "./arrays.js";
import { decodeF32 } from "./decode.js";
import { product, readHeader } from "./header.js";
import { inOrder, largestFirst, ranked } from "./order.js";
import { parseOverview } from "./overview.js";
import { Problem, short } from "./problems.js";
import { parseStructure } from "./structure.js";
import { Summaries } from "./summaries.js";
import { placeOf, valuesOf } from "./values.js";

/** @typedef {import("../types.js").Box} Box */
/** @typedef {import("../types.js").Bytes} Bytes */
/** @typedef {import("../types.js").Picture} Picture */
/** @typedef {import("../types.js").Placement} Placement */
/** @typedef {import("../types.js").Reference} Reference */
/** @typedef {import("../types.js").Score} Score */
/** @typedef {import("../types.js").Stats} Stats */
/** @typedef {import("../types.js").Step} Step */
/** @typedef {import("../types.js").Thumbs} Thumbs */
/** @typedef {import("../types.js").Values} Values */
/** @typedef {import("./overview.js").Overview} Overview */
/** @typedef {import("./structure.js").Structure} Structure */
/** @typedef {Step | number} Which  A step, or its position. */
/** @typedef {{ counts: Int32Array, low: number, high: number }} Histogram  Counts of finite values in equal bins from `low` to `high`. */

const NUMBERS_KEPT = 256 * 1024 * 1024;

export class Trace {
  /** @type {Arrays} */
  #arrays;
  /** @type {Summaries} */
  #summaries;
  /** @type {Structure} */
  #structure;
  /** @type {Promise<Picture> | null} */
  #picture = null;
  /** Arrays under the shapes in which steps refer to them; gone when their numbers are. @type {WeakMap<Float32Array, Map<string, Values>>} */
  #shaped = new WeakMap();
  /** @type {WeakMap<Stats, Map<string, Int32Array>>} */
  #orders = new WeakMap();
  /** @type {WeakMap<Int32Array, Int32Array>} */
  #leading = new WeakMap();

  /**
   * @param {Bytes} traceBytes
   * @param {Bytes} overviewBytes
   * @returns {Promise<Trace>}
   * @throws {Problem} when the files are no trace and its overview, or damaged
   */
  static async open(traceBytes, overviewBytes) {
    const [file, second] = await Promise.all([readHeader(traceBytes), readHeader(overviewBytes)]);
    const structure = parseStructure(file);
    const overview = parseOverview(
      second,
      structure.steps.map((step) => step.shape),
    );
    const arrays = new Arrays(traceBytes, file.slots, NUMBERS_KEPT);
    const trace = new Trace(structure, overview, arrays, new Summaries(overviewBytes, overview));
    trace.scores = await trace.#readScores(overviewBytes, overview);
    return trace;
  }

  /**
   * For `open`; there is no other way to make a trace.
   * @param {Structure} structure
   * @param {Overview} overview
   * @param {Arrays} arrays
   * @param {Summaries} summaries
   */
  constructor(structure, overview, arrays, summaries) {
    this.#structure = structure;
    this.#arrays = arrays;
    this.#summaries = summaries;
    const readers = readersOf(structure.steps);
    /** @type {Step[]} */
    this.steps = structure.steps.map((step, i) => ({
      ...step,
      readers: readers[i],
      maps: step.shape.length === 3 && summaries.hasMaps(i),
      facts: overview.facts[i],
    }));
    /** @type {Map<string, Step>} */
    this.byName = new Map(this.steps.map((step) => [step.name, step]));
    this.labels = structure.labels;
    /** Positions of the steps that the network returned. */
    this.outputs = structure.outputs;
    this.placement = structure.placement;
    this.about = structure.about;
    /** Explanations of the answer. @type {import("../types.js").HeatMap[]} */
    this.maps = structure.maps.map(({ value, ...told }) => ({ ...told, read: value && (() => arrays.whole(value)) }));
    this.totals = overview.totals;
    this.probabilities = overview.probabilities;
    /** Position of the step that holds the scores, or null. @type {number | null} */
    this.answer = overview.scores ? overview.scores.step : null;
    /** Whether one sigmoid answers for two named classes; its value is the probability of the second. */
    this.binary = this.answer !== null && this.labels.length === 2 && this.steps[this.answer].kind === "sigmoid" && product(this.steps[this.answer].shape) === 1;
    /** Largest first. @type {Score[]} */
    this.scores = [];
  }

  /** The classes that the numbers of a vector stand for, where they do. @param {Step} step @returns {string[] | null} */
  classesOf(step) {
    if (this.binary && step.index === this.answer) return [this.labels[1]];
    return step.shape.length === 1 && this.labels.length === step.shape[0] ? this.labels : null;
  }

  /** The place of the likeliest class in the step that answers. */
  get likeliest() {
    return this.binary || !this.scores.length ? 0 : this.scores[0].index;
  }

  /** The photo as a person sees it. @returns {Promise<Picture>} */
  picture() {
    this.#picture ??= this.#readPicture().catch((error) => {
      this.#picture = null; // the next one who asks tries again
      throw error;
    });
    return this.#picture;
  }

  /** A step's value; null when none of it is in this file. @param {Which} which @returns {Promise<Values | null>} */
  async values(which) {
    return this.#read(this.#step(which).value);
  }

  /** As `values`, if it has been read. @param {Which} which @returns {Values | null} */
  peekValues(which) {
    const { value } = this.#step(which);
    const data = value && this.#arrays.peekWhole(value);
    return value && data && this.#shape(value, data);
  }

  /** A parameter; null when the step has none of that name, or it is not in this file. @param {Which} which @param {string} name @returns {Promise<Values | null>} */
  async param(which, name) {
    return this.#read(this.#step(which).params[name] ?? null);
  }

  /** Whether all numbers of a channel are in this file. @param {Which} which @param {number} channel */
  hasChannel(which, channel) {
    return this.#run(this.#step(which), channel) !== null;
  }

  /**
   * One channel, (H, W) in row order; only its own bytes are read. Null when it is not, or not all of it, in this file.
   * @param {Which} which
   * @param {number} channel
   * @returns {Promise<Float32Array | null>}
   */
  async channel(which, channel) {
    const run = this.#run(this.#step(which), channel);
    return run && this.#arrays.run(run.reference, run.from, run.count);
  }

  /** As `channel`, if it has been read. @param {Which} which @param {number} channel @returns {Float32Array | null} */
  peekChannel(which, channel) {
    const run = this.#run(this.#step(which), channel);
    return run && this.#arrays.peekRun(run.reference, run.from, run.count);
  }

  /** Small pictures of all channels. @param {Which} which @returns {Promise<Thumbs>} */
  async thumbs(which) {
    return this.#summaries.askThumbs(this.#mapped(which));
  }

  /** As `thumbs`, if they have been read. @param {Which} which @returns {Thumbs | null} */
  peekThumbs(which) {
    return this.#summaries.thumbs.peek(String(this.#step(which).index));
  }

  /** Numbers about all channels. @param {Which} which @returns {Promise<Stats>} */
  async stats(which) {
    return this.#summaries.askStats(this.#mapped(which));
  }

  /** As `stats`, if they have been read. @param {Which} which @returns {Stats | null} */
  peekStats(which) {
    return this.#summaries.stats.peek(String(this.#step(which).index));
  }

  /** Counts of the step's values; `low` and `high` are 0 where no value is finite. @param {Which} which @returns {Promise<Histogram>} */
  async histogram(which) {
    const { index, facts } = this.#step(which);
    return { counts: await this.#summaries.askCounts(index), low: facts.low ?? 0, high: facts.high ?? 0 };
  }

  /** Makes `box` of a step answer. @param {Which} which @returns {Promise<void>} */
  async fields(which) {
    await this.#summaries.askSeen(this.#step(which).index);
  }

  /**
   * The input pixels that can reach a value; null when none can, there is no such value, or `fields` has not been awaited.
   * @param {Which} which
   * @param {number} y  Row; any number for values that are no maps.
   * @param {number} x
   * @returns {Box | null}
   */
  box(which, y, x) {
    const step = this.#step(which);
    const seen = this.#summaries.seen.peek(String(step.index));
    const rows = seen?.rows && pairAt(seen.rows, y);
    const columns = seen?.columns && pairAt(seen.columns, x);
    return rows && columns ? { top: rows[0], left: columns[0], bottom: rows[1] + 1, right: columns[1] + 1 } : null;
  }

  /**
   * The channels of a step, those to show first in front; in their own order as long as nothing is known of them
   * (await `stats`, or for vectors `values`, first).
   * @param {Which} which
   * @param {string} by  `contribution` (or activation, where nobody calculated it), `activation`, `dead`, `index`
   * @returns {Int32Array}  Not to be changed.
   */
  order(which, by) {
    const step = this.#step(which);
    const stats = this.peekStats(step);
    if (!stats) return this.#orderOfVector(step, by);
    const known = this.#orders.get(stats) ?? new Map();
    this.#orders.set(stats, known);
    if (!known.has(by)) known.set(by, ranked(stats, by));
    return known.get(by);
  }

  /**
   * The channels of a step by contribution, but in an excerpt those first whose numbers are in the file.
   * @param {Which} which
   * @returns {Int32Array}  Not to be changed.
   */
  leading(which) {
    const step = this.#step(which);
    const order = this.order(step, "contribution");
    if (!step.maps || !this.about.excerpt || (step.value && !step.value.take)) return order;
    const known = this.#leading.get(order);
    if (known) return known;
    const here = order.filter((channel) => this.hasChannel(step, channel));
    const found = Int32Array.from([...here, ...order.filter((channel) => !this.hasChannel(step, channel))]);
    this.#leading.set(order, found);
    return found;
  }

  /** @param {Step} step @param {string} by */
  #orderOfVector(step, by) {
    const values = step.shape.length === 1 && by !== "index" ? this.peekValues(step) : null;
    return values?.whole ? largestFirst(values.data.map(Math.abs)) : inOrder(step.shape[0] ?? 0);
  }

  /** @param {Which} which @returns {Step} */
  #step(which) {
    const step = typeof which === "number" ? this.steps[which] : which;
    if (!step) throw new RangeError(`the trace has ${this.steps.length} steps; there is no step ${which}`);
    return step;
  }

  /** @param {Which} which */
  #mapped(which) {
    const step = this.#step(which);
    if (!step.maps) throw new Problem("mapless", { name: short(step.name) });
    return step.index;
  }

  /** @param {Reference | null} reference @returns {Promise<Values | null>} */
  async #read(reference) {
    return reference && this.#shape(reference, await this.#arrays.whole(reference));
  }

  /** The same object as long as the numbers stay in memory. @param {Reference} reference @param {Float32Array} data @returns {Values} */
  #shape(reference, data) {
    const known = this.#shaped.get(data) ?? new Map();
    this.#shaped.set(data, known);
    const key = JSON.stringify([reference.shape, reference.take]);
    if (!known.has(key)) known.set(key, valuesOf(reference, data));
    return known.get(key);
  }

  /** Where the numbers of a channel lie among those of its step. @param {Step} step @param {number} channel */
  #run({ value: reference, shape }, channel) {
    if (!reference || shape.length !== 3) return null;
    const [kept, rows, columns] = reference.take ?? [null, null, null];
    const complete = (rows?.length ?? shape[1]) === shape[1] && (columns?.length ?? shape[2]) === shape[2];
    const place = placeOf(channel, shape[0], kept);
    const count = shape[1] * shape[2];
    return complete && place >= 0 ? { reference, from: place * count, count } : null;
  }

  /** @param {Bytes} bytes @param {Overview} overview @returns {Promise<Score[]>} */
  async #readScores(bytes, { scores }) {
    if (!scores) return [];
    const { labels } = this;
    const numbers = decodeF32(await bytes.read(scores.values.start, scores.values.stop));
    const values = this.binary ? Float64Array.of(1 - numbers[0], numbers[0]) : numbers;
    const named = labels.length === values.length;
    return Array.from(largestFirst(values), (index) => ({ label: named ? labels[index] : String(index), value: values[index], index }));
  }

  /** @returns {Promise<Picture>} */
  async #readPicture() {
    const { shape, start, stop } = this.#structure.picture;
    return { height: shape[0], width: shape[1], rgb: await this.#arrays.bytes.read(start, stop) };
  }
}

/** @param {{ inputs: number[] }[]} steps @returns {number[][]} */
function readersOf(steps) {
  /** @type {number[][]} */
  const readers = steps.map(() => []);
  steps.forEach(({ inputs }, i) => new Set(inputs).forEach((source) => readers[source].push(i)));
  return readers;
}

/** First and last row seen by a position; null when it sees nothing or is not there. @param {Int32Array} pairs @param {number} position */
function pairAt(pairs, position) {
  const at = pairs.length === 2 ? 0 : 2 * position;
  return pairs[at] >= 0 && pairs[at + 1] >= pairs[at] ? [pairs[at], pairs[at + 1]] : null;
}
