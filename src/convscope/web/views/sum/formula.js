/** Formulas set in HTML: fractions, roots, powers, and numbers with the letters they stand for. */
import { html } from "../../dom.js";

/** @param {{ over: any, under: any }} props */
export function Fraction({ over, under }) {
  return html`<span class="sum-fraction"><span>${over}</span><span class="unseen">/</span><span>${under}</span></span>`;
}

/** @param {{ children: any }} props */
export function Root({ children }) {
  return html`<span class="sum-root"><svg viewBox="0 0 12 24" preserveAspectRatio="none" aria-hidden="true"><path d="M0.5 14 L3.2 12.4 L6.8 22.5 L11.6 0.8" fill="none" stroke="currentColor" stroke-width="1.3" vector-effect="non-scaling-stroke" /></svg><span class="unseen">√</span><span>${children}</span></span>`;
}

/** A letter of a formula. @param {{ children: any }} props */
export function Letter({ children }) {
  return html`<i class="sum-letter">${children}</i>`;
}

/** A number under which its letter stands. @param {{ letter: string, children: any, title?: string }} props */
export function Named({ letter, children, title }) {
  return html`<span class="sum-named" title=${title}><span class="number">${children}</span><small>${letter}</small></span>`;
}
