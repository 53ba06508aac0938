/** Values of other shapes: what they are, and the first of their numbers as a table. */
import { html, useLoaded } from "../../dom.js";
import { useWords } from "../../language.js";
import { significant } from "../../paint/numbers.js";
import { Excerpt } from "./excerpt.js";
import { Histogram } from "./legend.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */

const ROWS = 12;
const COLUMNS = 12;

/** @param {{ trace: Trace, step: Step }} props */
export function Plain({ trace, step }) {
  const t = useWords(words);
  const { value: loaded, error } = useLoaded(() => trace.values(step).then((values) => ({ values })), [trace, step]);
  const shape = step.shape.join("×");
  if (step.shape.includes(0)) return html`<p class="absent">${t("empty", { shape })}</p>`;
  if (error) return html`<p class="absent" role="alert">${error.message}</p>`;
  if (!loaded) return html`<p class="absent" role="status">${t("loading")}</p>`;
  const { values } = loaded;
  return html`<div class="atlas">
    <div class="atlas-main plain">
      <p class="quiet">${step.shape.length === 0 ? t("scalar") : t("shape_only", { shape })}</p>
      ${values && html`<${Table} values=${values} label=${t("first")} />`}
    </div>
    <aside class="atlas-side" tabindex="0" aria-label=${t("about")}><${Histogram} trace=${trace} step=${step} /><${Excerpt} trace=${trace} step=${step} /></aside>
  </div>`;
}

/** The first rows and columns of the last two axes, at the start of all others. @param {{ values: import("../../types.js").Values, label: string }} props */
function Table({ values, label }) {
  const { shape } = values;
  const [height, width] = [1, 1, ...shape].slice(-2);
  const rows = Array.from({ length: Math.min(ROWS, height) }, (_, y) => y);
  const columns = Array.from({ length: Math.min(COLUMNS, width) }, (_, x) => x);
  const before = shape.slice(0, -2).map(() => 0);
  const at = (/** @type {number} */ y, /** @type {number} */ x) => (shape.length === 0 ? [] : shape.length === 1 ? [x] : [...before, y, x]);
  return html`<div class="table-frame" tabindex="0" role="region" aria-label=${label}><table class="numbers number">
    <thead><tr><th></th>${columns.map((x) => html`<th key=${x} scope="col">${x}</th>`)}</tr></thead>
    <tbody>${rows.map(
      (y) => html`<tr key=${y}><th scope="row">${y}</th>${columns.map((x) => html`<td key=${x}>${values.has(at(y, x)) ? significant(values.at(at(y, x)), 4) : "–"}</td>`)}${
        width > COLUMNS && html`<td class="quiet">…</td>`
      }</tr>`,
    )}</tbody>
  </table></div>`;
}
