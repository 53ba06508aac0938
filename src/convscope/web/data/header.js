/** The head of a safetensors file: where every tensor lies, and the texts kept with them. */
import { isObject } from "./fields.js";
import { Problem, short } from "./problems.js";

/** @typedef {import("../types.js").Bytes} Bytes */
/** @typedef {"F32" | "F16" | "U8" | "I32"} Dtype */
/** @typedef {{ dtype: Dtype, shape: number[], start: number, stop: number }} Slot  `start` and `stop` count from the file's first byte. */
/** @typedef {{ slots: Map<string, Slot>, texts: Map<string, string> }} Header */

const FIRST = 64 * 1024;
const HEADER_LIMIT = 16 * 2 ** 20;
const MARKS_LIMIT = 500_000;
const LARGEST_SHAPE = 2 ** 40;
const MOST_AXES = 32;

/** Bytes of a number of each type. */
export const WIDTH = { F32: 4, F16: 2, U8: 1, I32: 4 };

/**
 * Read and check the head of a file.
 * @param {Bytes} bytes
 * @returns {Promise<Header>}
 * @throws {Problem} when the bytes are no safetensors file, or damaged
 */
export async function readHeader(bytes) {
  if (bytes.size === 0) throw new Problem("empty");
  const first = await bytes.read(0, Math.min(FIRST, bytes.size));
  if (/^\s*<(!doctype|html|\?xml)/i.test(latin(first.subarray(0, 64)))) throw new Problem("webpage");
  if (bytes.size < 10) throw new Problem("cut", { needed: 10, size: bytes.size });
  const stop = 8 + headerLength(first, bytes.size);
  const all = stop <= first.length ? first : await bytes.read(0, stop);
  const table = parseJson(all.subarray(8, stop));
  return { slots: slotsOf(table, stop, bytes.size), texts: textsOf(table) };
}

/**
 * JSON from a file: an object, of no more values than a page can hold.
 * @param {Uint8Array | string} source
 * @returns {Record<string, unknown>}
 */
export function parseJson(source) {
  const bytes = typeof source === "string" ? new TextEncoder().encode(source) : source;
  let marks = 0;
  for (const byte of bytes) if (byte === 0x2c || byte === 0x5b || byte === 0x7b) marks += 1;
  if (marks > MARKS_LIMIT) throw new Problem("crowded", { marks, limit: MARKS_LIMIT });
  /** @type {unknown} */
  let value;
  try {
    value = JSON.parse(typeof source === "string" ? source : new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Problem("json");
  }
  if (!isObject(value)) throw new Problem("json");
  return value;
}

/**
 * A shape out of a file; limited, so that products of axes stay whole numbers.
 * @param {unknown} value
 * @param {string} path
 * @returns {number[]}
 */
export function shapeOf(value, path) {
  const fits = Array.isArray(value) && value.length <= MOST_AXES && value.every((axis) => Number.isSafeInteger(axis) && axis >= 0);
  // Zeros count as ones, or a shape of huge axes and one zero would pass.
  if (!fits || product(value.map((axis) => Math.max(axis, 1))) > LARGEST_SHAPE) throw new Problem("field", { path, value: short(value) });
  return value;
}

/**
 * @param {number[]} axes
 * @returns {number}
 */
export function product(axes) {
  return axes.reduce((all, axis) => all * axis, 1);
}

/**
 * @param {Uint8Array} first
 * @param {number} size
 */
function headerLength(first, size) {
  const length = Number(new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true));
  if (length > HEADER_LIMIT) throw new Problem("long", { length, limit: HEADER_LIMIT });
  if (8 + length > size) throw new Problem("cut", { needed: 8 + length, size });
  return length;
}

/**
 * @param {Record<string, unknown>} table
 * @returns {Map<string, string>}
 */
function textsOf(table) {
  const metadata = table.__metadata__;
  const entries = isObject(metadata) ? Object.entries(metadata) : [];
  return new Map(entries.filter((entry) => typeof entry[1] === "string").map(([key, text]) => [key, String(text)]));
}

/**
 * @param {Record<string, unknown>} table
 * @param {number} start  First byte after the header.
 * @param {number} size
 * @returns {Map<string, Slot>}
 */
function slotsOf(table, start, size) {
  /** @type {Map<string, Slot>} */
  const slots = new Map();
  for (const [name, entry] of Object.entries(table)) {
    if (name !== "__metadata__") slots.set(name, slotOf(short(name), entry, start, size));
  }
  return slots;
}

/**
 * @param {string} path
 * @param {unknown} entry
 * @param {number} start
 * @param {number} size
 * @returns {Slot}
 */
function slotOf(path, entry, start, size) {
  if (!isObject(entry) || typeof entry.dtype !== "string" || !Object.hasOwn(WIDTH, entry.dtype)) {
    throw new Problem("field", { path, value: short(entry) });
  }
  const dtype = /** @type {Dtype} */ (entry.dtype);
  const shape = shapeOf(entry.shape, `${path}.shape`);
  const offsets = entry.data_offsets;
  const fits =
    Array.isArray(offsets) &&
    offsets.length === 2 &&
    offsets.every((offset) => Number.isSafeInteger(offset) && offset >= 0) &&
    offsets[1] - offsets[0] === product(shape) * WIDTH[dtype];
  if (!fits) throw new Problem("field", { path: `${path}.data_offsets`, value: short(offsets) });
  if (start + offsets[1] > size) throw new Problem("cut", { needed: start + offsets[1], size });
  return { dtype, shape, start: start + offsets[0], stop: start + offsets[1] };
}

/** @param {Uint8Array} bytes */
function latin(bytes) {
  return String.fromCharCode(...bytes);
}
