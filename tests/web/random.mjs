/** Random numbers that are the same in every run. */

/** Reproducible numbers in 0..1. */
export function generator(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}
