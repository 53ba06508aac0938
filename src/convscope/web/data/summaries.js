/** The arrays of an overview, read when they are looked at. */
import { Cache } from "./cache.js";
import { decodeF32, decodeI32 } from "./decode.js";

/** @typedef {import("../types.js").Bytes} Bytes */
/** @typedef {import("../types.js").Stats} Stats */
/** @typedef {import("../types.js").Thumbs} Thumbs */
/** @typedef {import("./header.js").Slot} Slot */
/** @typedef {import("./overview.js").Overview} Overview */
/** @typedef {import("./overview.js").Kind} Kind */
/** @typedef {{ rows: Int32Array | null, columns: Int32Array | null }} Seen  (n, 2): first and last input row seen by each. */

const THUMBS_KEPT = 128 * 1024 * 1024;
const STATS_KEPT = 16 * 1024 * 1024;
const FIELDS_KEPT = 16 * 1024 * 1024;
const EMPTY = new Uint8Array(0);

export class Summaries {
  /**
   * @param {Bytes} bytes
   * @param {Overview} overview
   */
  constructor(bytes, overview) {
    this.bytes = bytes;
    this.overview = overview;
    /** @type {Cache<Thumbs>} */
    this.thumbs = new Cache(THUMBS_KEPT, ({ codes }) => codes.length);
    /** @type {Cache<Stats>} */
    this.stats = new Cache(STATS_KEPT, ({ low }) => 8 * low.byteLength);
    /** @type {Cache<Seen>} */
    this.seen = new Cache(FIELDS_KEPT, ({ rows, columns }) => (rows?.byteLength ?? 0) + (columns?.byteLength ?? 0));
    /** @type {Cache<Int32Array>} */
    this.counts = new Cache(STATS_KEPT, (counts) => counts.byteLength);
  }

  /** Whether a step has pictures and statistics of its channels. @param {number} step */
  hasMaps(step) {
    return this.overview.slot("thumb", step) !== null && this.overview.slot("stats", step) !== null;
  }

  /** @param {number} step @returns {Promise<Thumbs>} */
  askThumbs(step) {
    return this.thumbs.ask(String(step), async () => {
      const [channels, height, width] = this.overview.slot("thumb", step)?.shape ?? [0, 0, 0];
      return { channels, height, width, codes: await this.#read("thumb", step) };
    });
  }

  /** @param {number} step @returns {Promise<Stats>} */
  askStats(step) {
    return this.stats.ask(String(step), async () => {
      const [table, same, contribution] = await Promise.all([
        this.#read("stats", step),
        this.#read("same", step),
        this.overview.slot("contribution", step) && this.#read("contribution", step),
      ]);
      return statsOf(decodeF32(table), decodeI32(same), contribution && decodeF32(contribution));
    });
  }

  /** @param {number} step @returns {Promise<Seen>} */
  askSeen(step) {
    return this.seen.ask(String(step), async () => {
      const [rows, columns] = await Promise.all([this.#read("rows", step), this.#read("columns", step)]);
      return {
        rows: this.overview.slot("rows", step) && decodeI32(rows),
        columns: this.overview.slot("columns", step) && decodeI32(columns),
      };
    });
  }

  /** @param {number} step @returns {Promise<Int32Array>} */
  askCounts(step) {
    return this.counts.ask(String(step), async () => decodeI32(await this.#read("histogram", step)));
  }

  /** @param {Kind} kind @param {number} step */
  async #read(kind, step) {
    const slot = this.overview.slot(kind, step);
    return slot ? this.bytes.read(slot.start, slot.stop) : EMPTY;
  }
}

/**
 * @param {Float32Array} table  (channels, 6)
 * @param {Int32Array} same  Empty where nobody looked for duplicates.
 * @param {Float32Array | null} contribution
 * @returns {Stats}
 */
function statsOf(table, same, contribution) {
  const channels = table.length / 6;
  /** @param {number} column */
  const column = (column) => Float32Array.from({ length: channels }, (_, channel) => table[6 * channel + column]);
  return {
    low: column(0),
    high: column(1),
    mean: column(2),
    strength: column(3),
    zeros: column(4),
    bad: column(5),
    // A damaged entry must not lead a view to a channel that is not there.
    same: Int32Array.from({ length: channels }, (_, channel) => (same[channel] >= 0 && same[channel] < channels ? same[channel] : channel)),
    contribution,
  };
}
