/** One JSON object of a file from outside: every field is what the format says, or the file is refused. */
import { Problem, short } from "./problems.js";

const DEEPEST = 32;
/** @type {Record<string, number>} */
const SPECIAL = { nan: NaN, inf: Infinity, "-inf": -Infinity };

export class Fields {
  /** @type {Record<string, unknown>} */
  #value;

  /**
   * @param {unknown} value  What the JSON parser gave, supposed to be an object.
   * @param {string} path  Where it stands, for messages: `steps[3]`.
   */
  constructor(value, path) {
    if (!isObject(value)) throw new Problem("field", { path, value: short(value) });
    this.#value = value;
    this.path = path;
  }

  /** @param {string} key */
  get(key) {
    return Object.hasOwn(this.#value, key) ? this.#value[key] : undefined;
  }

  /** @returns {string[]} */
  keys() {
    return Object.keys(this.#value);
  }

  /** @param {string} key @returns {string} */
  text(key) {
    const value = this.get(key);
    return typeof value === "string" ? value : this.wrong(key);
  }

  /** @param {string} key @returns {boolean} */
  truth(key) {
    const value = this.get(key);
    return typeof value === "boolean" ? value : this.wrong(key);
  }

  /** @param {string} key @returns {number} */
  number(key) {
    const value = this.get(key);
    return finite(value) ? value : this.wrong(key);
  }

  /** A number that may be null. @param {string} key @returns {number | null} */
  numberOrNull(key) {
    return this.get(key) === null ? null : this.number(key);
  }

  /** @param {string} key @param {number} count @returns {number[]} */
  numbers(key, count) {
    const value = this.list(key);
    return value.length === count && value.every(finite) ? value : this.wrong(key);
  }

  /** @param {string} key @returns {any[]} */
  list(key) {
    const value = this.get(key);
    return Array.isArray(value) ? value : this.wrong(key);
  }

  /** @param {string} key @returns {string[]} */
  texts(key) {
    const value = this.list(key);
    return value.every((part) => typeof part === "string") ? value : this.wrong(key);
  }

  /** Whole numbers from 0 up to, not including, `count`. @param {string} key @param {number} count @returns {number[]} */
  indexes(key, count) {
    const value = this.list(key);
    return value.every((part) => isIndex(part, count)) ? value : this.wrong(key);
  }

  /** Whatever a user's program put into an object, with the marks of the format undone. @param {string} key @returns {Record<string, any>} */
  free(key) {
    const value = this.get(key);
    if (!isObject(value) || Object.hasOwn(value, "$float")) return this.wrong(key);
    return restored(value, `${this.path}.${key}`, 0);
  }

  /** @param {string} key @returns {Fields} */
  child(key) {
    return new Fields(this.get(key), `${this.path}.${key}`);
  }

  /** @param {string} key @returns {Fields[]} */
  children(key) {
    return this.list(key).map((part, i) => new Fields(part, `${this.path}.${key}[${i}]`));
  }

  /** @param {string} key @returns {never} */
  wrong(key) {
    throw new Problem("field", { path: `${this.path}.${key}`, value: short(this.get(key)) });
  }
}

/** @param {unknown} value @param {number} count @returns {value is number} */
export function isIndex(value, count) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0 && /** @type {number} */ (value) < count;
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {unknown} value @returns {value is number} */
function finite(value) {
  return Number.isFinite(value);
}

/**
 * @param {any} value
 * @param {string} path
 * @param {number} depth
 * @returns {any}
 */
function restored(value, path, depth) {
  if (depth > DEEPEST) throw new Problem("field", { path, value: "nested too deeply" });
  if (Array.isArray(value)) return value.map((part) => restored(part, path, depth + 1));
  if (!isObject(value)) return value;
  if (Object.hasOwn(value, "$float")) return special(value, path);
  // Without a prototype: a key called `__proto__` or `constructor` is a key like any other.
  const result = Object.create(null);
  for (const [key, part] of Object.entries(value)) {
    if (key.startsWith("$") && !key.startsWith("$$")) throw new Problem("field", { path, value: short(key) });
    result[key.replace(/^\$/, "")] = restored(part, path, depth + 1);
  }
  return result;
}

/** @param {Record<string, unknown>} value @param {string} path */
function special(value, path) {
  const name = value.$float;
  if (typeof name !== "string" || !Object.hasOwn(SPECIAL, name)) throw new Problem("field", { path, value: short(name) });
  return SPECIAL[name];
}
