/** Says the last of many things, and none too often. */

/**
 * @template T
 * @param {(value: T) => void} say
 * @param {number} pause  Milliseconds between two; what comes sooner waits, and gives way to what comes after it.
 */
export function paced(say, pause) {
  /** @type {{ value: T } | null} */
  let waiting = null;
  /** @type {ReturnType<typeof setTimeout> | null} Runs while nothing may be said. */
  let timer = null;

  function next() {
    timer = null;
    if (!waiting) return;
    const { value } = waiting;
    waiting = null;
    timer = setTimeout(next, pause);
    say(value);
  }

  return {
    /** @param {T} value */
    tell(value) {
      waiting = { value };
      if (timer === null) next();
    },
    /** Says at once what waits. */
    flush() {
      if (timer !== null) clearTimeout(timer);
      next();
    },
    /** Forgets what waits. */
    drop() {
      waiting = null;
    },
  };
}
