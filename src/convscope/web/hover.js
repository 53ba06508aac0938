/** What the pointer is on. It changes sixty times a second, so views draw it by hand instead of making their tree again. */

/** @typedef {import("./types.js").Pointed} Pointed */

/** @type {Pointed | null} */
let pointed = null;
/** @type {Set<(pointed: Pointed | null) => void>} */
const listeners = new Set();

export const hover = {
  /** @returns {Pointed | null} */
  get() {
    return pointed;
  },
  /** @param {Pointed | null} next */
  set(next) {
    const same =
      pointed === next ||
      (pointed !== null &&
        next !== null &&
        pointed.step === next.step &&
        pointed.channel === next.channel &&
        pointed.y === next.y &&
        pointed.x === next.x);
    if (same) return;
    pointed = next;
    for (const listener of listeners) listener(next);
  },
  /**
   * @param {(pointed: Pointed | null) => void} listener
   * @returns {() => void} stops listening
   */
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
