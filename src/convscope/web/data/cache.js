/** Remembers what was loaded last, up to a number of bytes; two who ask for the same thing share one load. */

/** @template V */
export class Cache {
  /**
   * @param {number} limit  Bytes kept at most; a single larger thing is kept until the next one comes.
   * @param {(value: V) => number} sizeOf  Bytes of a thing.
   */
  constructor(limit, sizeOf) {
    this.limit = limit;
    this.sizeOf = sizeOf;
    this.size = 0;
    /** @type {Map<string, V>} Oldest first. */
    this.kept = new Map();
    /** @type {Map<string, Promise<V>>} */
    this.coming = new Map();
  }

  /**
   * What is there already, or null.
   * @param {string} key
   * @returns {V | null}
   */
  peek(key) {
    const value = this.kept.get(key);
    if (value === undefined) return null;
    this.kept.delete(key);
    this.kept.set(key, value);
    return value;
  }

  /**
   * What is there already, or is coming, or else what `load` gives; failures are not remembered.
   * @param {string} key
   * @param {() => Promise<V>} load
   * @returns {Promise<V>}
   */
  ask(key, load) {
    const known = this.peek(key);
    if (known !== null) return Promise.resolve(known);
    const coming = this.coming.get(key);
    if (coming) return coming;
    const loading = load().then(
      (value) => {
        this.coming.delete(key);
        this.#keep(key, value);
        return value;
      },
      (error) => {
        this.coming.delete(key);
        throw error;
      },
    );
    this.coming.set(key, loading);
    return loading;
  }

  /**
   * @param {string} key
   * @param {V} value
   */
  #keep(key, value) {
    this.kept.set(key, value);
    this.size += this.sizeOf(value);
    for (const [oldest, old] of this.kept) {
      if (this.size <= this.limit || oldest === key) break;
      this.kept.delete(oldest);
      this.size -= this.sizeOf(old);
    }
  }
}
