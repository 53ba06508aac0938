/** Which term of the sum the pointer is on. Grids, thumbs and the readout follow it by hand, without making the tree again. */

/**
 * @typedef {object} PointedTerm
 * @property {number} term  Its number in the sum.
 * @property {Element} from  The element that is pointed at, for placing the readout.
 * @property {number} left  In that element, in pixels: middle of the pointed cell.
 * @property {number} top  Upper edge of the pointed cell.
 * @property {number} bottom
 */

/** @typedef {ReturnType<typeof makePointer>} Pointer */

export function makePointer() {
  /** @type {PointedTerm | null} */
  let now = null;
  /** @type {Set<(now: PointedTerm | null) => void>} */
  const listeners = new Set();
  return {
    get: () => now,
    /** @param {PointedTerm | null} next */
    set(next) {
      if (next === now || (next && now && next.term === now.term && next.from === now.from)) return;
      now = next;
      for (const listener of listeners) listener(next);
    },
    /** @param {(now: PointedTerm | null) => void} listener @returns {() => void} */
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
