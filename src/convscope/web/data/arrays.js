/** The numbers of a trace file as float32: whole arrays, or a run of one without the rest. */
import { Cache } from "./cache.js";
import { decodeF16, decodeF32, decodeLevels } from "./decode.js";
import { WIDTH, product } from "./header.js";
import { Problem, short } from "./problems.js";

/** @typedef {import("../types.js").Bytes} Bytes */
/** @typedef {import("../types.js").Reference} Reference */
/** @typedef {import("./header.js").Slot} Slot */

export class Arrays {
  /** @type {Cache<Float32Array>} */
  #cache;

  /**
   * @param {Bytes} bytes
   * @param {Map<string, Slot>} slots
   * @param {number} limit  Bytes of numbers to remember.
   */
  constructor(bytes, slots, limit) {
    this.bytes = bytes;
    this.slots = slots;
    this.#cache = new Cache(limit, (numbers) => numbers.byteLength);
  }

  /**
   * All kept numbers of a reference. References to one tensor share them.
   * @param {Reference} reference
   * @returns {Promise<Float32Array>}
   */
  whole(reference) {
    return this.#cache.ask(reference.tensor, () => this.#load(reference, 0, this.#count(reference)));
  }

  /** @param {Reference} reference @returns {Float32Array | null} */
  peekWhole(reference) {
    return this.#cache.peek(reference.tensor);
  }

  /**
   * `count` of the kept numbers from position `from` on.
   * @param {Reference} reference
   * @param {number} from
   * @param {number} count
   * @returns {Promise<Float32Array>}
   */
  async run(reference, from, count) {
    const known = this.peekRun(reference, from, count);
    return known ?? this.#cache.ask(runKey(reference, from, count), () => this.#load(reference, from, count));
  }

  /** @param {Reference} reference @param {number} from @param {number} count @returns {Float32Array | null} */
  peekRun(reference, from, count) {
    const whole = this.peekWhole(reference);
    return whole ? whole.subarray(from, from + count) : this.#cache.peek(runKey(reference, from, count));
  }

  /** @param {Reference} reference @param {number} from @param {number} count */
  async #load(reference, from, count) {
    const slot = this.#slot(reference.tensor);
    const width = WIDTH[slot.dtype];
    const start = slot.start + from * width;
    const reading = this.bytes.read(start, start + count * width);
    if (reference.encoding === "float32") return decodeF32(await reading);
    if (reference.encoding === "float16") return decodeF16(await reading);
    const [codes, ranges] = await Promise.all([reading, this.#ranges(reference.tensor)]);
    return decodeLevels(codes, ranges, slot.shape[1] * slot.shape[2], from);
  }

  /** @param {string} tensor */
  #ranges(tensor) {
    const name = `${tensor}/range`;
    return this.#cache.ask(name, async () => {
      const slot = this.#slot(name);
      const ranges = decodeF32(await this.bytes.read(slot.start, slot.stop));
      for (let i = 0; i < ranges.length; i += 2) {
        const [low, high] = [ranges[i], ranges[i + 1]];
        if (!(Number.isFinite(low) && Number.isFinite(high) && low <= high)) {
          throw new Problem("field", { path: short(name), value: `${low} to ${high}` });
        }
      }
      return ranges;
    });
  }

  /** @param {Reference} reference */
  #count(reference) {
    return product(this.#slot(reference.tensor).shape);
  }

  /** @param {string} tensor */
  #slot(tensor) {
    const slot = this.slots.get(tensor);
    if (!slot) throw new Problem("missing", { path: "step", tensor: short(tensor) });
    return slot;
  }
}

/** @param {Reference} reference @param {number} from @param {number} count */
function runKey(reference, from, count) {
  return `${reference.tensor}\n${from}+${count}`;
}
