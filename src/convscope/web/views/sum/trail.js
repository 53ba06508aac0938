/** The way down: which value was opened from which, so that a breadcrumb leads back. */
import { html } from "../../dom.js";
import { useWords } from "../../language.js";
import { select } from "../../select.js";
import { Glyph } from "./icons.js";
import { choiceOf, nameOf } from "./place.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {{ step: number, index: number[] }} Place */

const LONGEST = 12;

/**
 * The trail when `place` is shown. A step of the trail that is shown again (the way back, or another pixel of the
 * last one) cuts what comes after it; a step that is none of them was reached otherwise and starts anew.
 * @param {Place[]} trail
 * @param {Place} place
 * @returns {Place[]}
 */
export function trailAt(trail, place) {
  const found = trail.findLastIndex((one) => one.step === place.step);
  return found < 0 ? [place] : [...trail.slice(0, found), place];
}

/**
 * The trail when an input of its last value is opened.
 * @param {Place[]} trail
 * @param {Place} place
 * @returns {Place[]}
 */
export function trailDown(trail, place) {
  return [...trail, place].slice(-LONGEST);
}

/** It outlives the view, which is made anew for every step. @type {WeakMap<Trace, Place[]>} */
const trails = new WeakMap();

/** @param {Trace} trace @param {number} step @param {number[]} index */
export function useTrail(trace, step, index) {
  const places = trailAt(trails.get(trace) ?? [], { step, index });
  trails.set(trace, places);
  return {
    places,
    /** @param {Place} place */
    down: (place) => trails.set(trace, trailDown(places, place)),
  };
}

/** @param {{ trace: Trace, trail: Place[] }} props */
export function Crumbs({ trace, trail }) {
  const t = useWords(words);
  if (trail.length < 2) return null;
  const back = (/** @type {Place} */ { step, index }) => select(trace, { step, ...choiceOf(index), tab: "sum" });
  return html`<nav class="sum-crumbs" aria-label=${t("crumbs")}><ol>
    ${trail.map((place, i) => {
      const name = nameOf(trace.steps[place.step].name, place.index);
      const last = i === trail.length - 1;
      return html`<li>${i > 0 && html`<${Glyph} name="right" />`}${last
        ? html`<span class="number ellipsis" aria-current="true" title=${name}>${name}</span>`
        : html`<button class="sum-link number ellipsis" title=${t("back_to", { name })} onClick=${() => back(place)}>${name}</button>`}</li>`;
    })}
  </ol></nav>`;
}
