/** The pointer's label: the exact numbers of the term that is pointed at, and the page told where it was read. */
import { hover } from "../../hover.js";
import { html, useEffect, useRef } from "../../dom.js";
import { readingOf } from "./blocks.js";
import { precise } from "./cells.js";
import { nameOf } from "./place.js";

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Sum} Sum */
/** @typedef {import("./pointer.js").Pointer} Pointer */
/** @typedef {(key: string, values?: Record<string, string | number>) => string} Say */

/** @param {{ pointer: Pointer, sum: Sum, steps: Step[], t: Say }} props */
export function Readout({ pointer, sum, steps, t }) {
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const stop = pointer.subscribe((now) => {
      const known = now !== null && now.term < sum.terms.length;
      const reading = known ? readingOf(sum, steps, now.term) : null;
      tell(sum, known ? now.term : -1, reading);
      if (!root.current) return;
      root.current.hidden = !known;
      if (!known) return;
      const [name, said] = root.current.children;
      name.textContent = reading ? nameOf(reading.step.name, reading.index) : t("constant");
      said.textContent = readoutText(sum, now.term, t);
      place(root.current, now);
    });
    return () => {
      stop();
      pointer.set(null);
    };
  }, [pointer, sum, steps, t]);
  return html`<div class="sum-readout" role="status" ref=${root} hidden><span /><b class="number" /></div>`;
}

/** @param {Sum} sum @param {number} term @param {{ step: Step, index: number[] } | null} reading */
function tell(sum, term, reading) {
  const { index, step } = reading ?? { index: [], step: null };
  if (term < 0 || !step || sum.padded[term]) return hover.set(null);
  const [channel = null, y = null, x = null] = index;
  hover.set({ step: step.index, channel, y: index.length === 3 ? y : null, x: index.length === 3 ? x : null });
}

/**
 * @param {Sum} sum
 * @param {number} term
 * @param {Say} t
 */
export function readoutText(sum, term, t) {
  if (sum.absent?.[term]) return t("not_here");
  const [input, factor, product] = [sum.inputs[term], sum.factors[term], sum.terms[term]].map(precise);
  if ("winner" in sum.symbols) return sum.padded[term] ? t("padding_never") : term === sum.symbols.winner ? t("wins", { input }) : input;
  const said = sum.linear ? `${input} × ${sum.factors[term] < 0 ? `(${factor})` : factor} = ${product}` : `${input} → ${product}`;
  return sum.padded[term] ? t("padding_says", { said }) : said;
}

/** Below the pointed cell, or above it where there is no room. @param {HTMLElement} root @param {import("./pointer.js").PointedTerm} now */
function place(root, { from, left, top, bottom }) {
  const box = from.getBoundingClientRect();
  const [width, height] = [root.offsetWidth, root.offsetHeight];
  const x = Math.min(window.innerWidth - width - 8, Math.max(8, box.left + left - width / 2));
  const below = box.top + bottom + 8;
  const y = below + height > window.innerHeight - 4 ? box.top + top - height - 8 : below;
  root.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
}
