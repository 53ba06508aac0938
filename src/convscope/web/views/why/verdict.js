/** The verdict on a map: a word, a shape and a colour, and the reasons for it. */
import { html, useStore } from "../../dom.js";
import { useWords } from "../../language.js";
import { fixed } from "../../paint/numbers.js";
import { reasonText } from "./reasons.js";
import { words } from "./words.js";

/** @typedef {import("../../types.js").Evidence} Evidence */

/** A full, a half and a crossed disc, told apart without colour, too. */
const SHAPES = {
  trust: () => html`<circle cx="6" cy="6" r="5" fill="currentColor" />`,
  doubt: () => html`<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6" /><path d="M6 1.8a4.2 4.2 0 0 1 0 8.4Z" fill="currentColor" />`,
  no: () => html`<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6" /><path d="M3.2 8.8 8.8 3.2" stroke="currentColor" stroke-width="1.6" />`,
  none: () => html`<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.4" stroke-dasharray="2 1.6" />`,
};

/** @param {{ verdict: Evidence["verdict"] | "none" }} props */
export function VerdictMark({ verdict }) {
  return html`<svg class="verdict-mark" data-verdict=${verdict} viewBox="0 0 12 12" aria-hidden="true">${SHAPES[verdict]()}</svg>`;
}

/** @param {{ evidence: Evidence }} props */
export function Verdict({ evidence }) {
  const t = useWords(words);
  const language = useStore((view) => view.language);
  const { verdict, trust, reasons } = evidence;
  const number = fixed(trust, 2);
  return html`<div class="why-verdict" data-verdict=${verdict}>
    <h3>${t("trust_title")}</h3>
    <p class="said"><${VerdictMark} verdict=${verdict} /><strong>${t(`verdict_${verdict}`)}</strong>
      <span class="quiet" title=${t("trust_number_title")}>${t("trust_number", { trust: number })}</span></p>
    <div class="trust-scale" aria-hidden="true"><i style=${{ width: `${100 * trust}%` }}></i></div>
    ${reasons.length
      ? html`<ul class="reasons">${reasons.map((reason, i) => html`<li key=${i}>${reasonText(reason, language)}</li>`)}</ul>`
      : html`<p class="quiet">${t(`verdict_${verdict}_long`)}</p>`}
  </div>`;
}
