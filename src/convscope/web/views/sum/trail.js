/** The way down: which value was opened from which, so that a breadcrumb leads back. */

/** @typedef {{ step: number, index: number[] }} Place */

const LONGEST = 12;

/**
 * The trail when `place` is shown. A step of the trail that is shown again (the way back, or another pixel of
 * the last one) cuts what comes after it; a step that is none of them was reached otherwise and starts anew.
 * @param {Place[]} trail
 * @param {Place} place
 * @returns {Place[]}
 */
export function trailAt(trail, place) {
  for (let i = trail.length - 1; i >= 0; i -= 1) {
    if (trail[i].step === place.step) return [...trail.slice(0, i), place];
  }
  return [place];
}

/**
 * The trail when a value's input is opened.
 * @param {Place[]} trail
 * @param {Place} place
 * @returns {Place[]}
 */
export function trailDown(trail, place) {
  return [...trail, place].slice(-LONGEST);
}
