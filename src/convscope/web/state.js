/** What the page shows now, and the page's address that says the same. */

/** @typedef {import("./types.js").View} View */

/** @type {View} */
const START = {
  step: null,
  channel: null,
  pixel: null,
  target: null,
  tab: "atlas",
  scale: "channel",
  sort: "contribution",
  unfolded: [],
  expanded: [],
  method: null,
  of: null,
  layer: null,
  opacity: 70,
  contours: false,
  language: "en",
  theme: "system",
};

/**
 * A value that others can watch.
 * @template {object} T
 * @param {T} start
 */
export function makeStore(start) {
  let now = start;
  /** @type {Set<(now: T) => void>} */
  const listeners = new Set();
  return {
    get: () => now,
    /** @param {Partial<T>} patch */
    set(patch) {
      const changed = Object.entries(patch).some(([key, value]) => !Object.is(/** @type {any} */ (now)[key], value));
      if (!changed) return;
      now = { ...now, ...patch };
      for (const listener of [...listeners]) listener(now);
    },
    /** @param {(now: T) => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

export const store = makeStore(START);
