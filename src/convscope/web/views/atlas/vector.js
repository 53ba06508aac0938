/** The atlas of a step that gave one row of numbers: a bar for each, with the names of the classes at the output. */
import { html, useDark, useLoaded, useMemo, useState, useStore } from "../../dom.js";
import { hover } from "../../hover.js";
import { useWords } from "../../language.js";
import { count, significant } from "../../paint/numbers.js";
import { scaleOfNumbers } from "../../paint/scale.js";
import { select } from "../../select.js";
import { drawBar, HEIGHT } from "./bars.js";
import { Excerpt } from "./excerpt.js";
import { Grid } from "./grid.js";
import { inks } from "./inks.js";
import { Histogram } from "./legend.js";
import { usePointed } from "./pointed.js";
import { found } from "./search.js";
import { Order, Search } from "./toolbar.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("./grid.js").Cells} Cells */

/** With names there must be room for them; few numbers may have long bars. */
const WIDTHS = { plain: 186, few: 600, named: 320 };
const FEW = 12;

/** @param {{ trace: Trace, step: Step }} props */
export function Vector({ trace, step }) {
  const t = useWords(words);
  const { value: values, error } = useLoaded(() => trace.values(step).then((read) => ({ read })), [trace, step]);
  if (error) return html`<p class="absent" role="alert">${error.message}</p>`;
  if (!values) return html`<p class="absent" role="status">${t("loading")}</p>`;
  if (!values.read) return html`<div class="absent"><${Excerpt} trace=${trace} step=${step} /></div>`;
  return html`<${Bars} trace=${trace} step=${step} values=${values.read} />`;
}

/** @param {{ trace: Trace, step: Step, values: import("../../types.js").Values }} props */
function Bars({ trace, step, values }) {
  const t = useWords(words);
  const [text, setText] = useState("");
  const wish = useStore((view) => view.sort);
  const sort = wish === "index" ? "index" : "activation";
  const order = useMemo(() => {
    const all = trace.order(step, sort);
    return found(values.whole ? all : all.filter((index) => values.has([index])), text);
  }, [trace, step, values, sort, text]);
  const cells = useBars({ trace, step, values, order });
  const all = step.shape[0];
  return html`<div class="atlas">
    <div class="atlas-main">
      <div class="toolbar">
        <${Order} orders=${["size", "index"]} value=${sort} />
        ${all > FEW && html`<${Search} text=${text} label=${t("search_numbers")} onText=${setText} />`}
        <span class="quiet small" role="status">${order.length < all ? t("shown", { n: count(order.length), all: count(all) }) : t("count_numbers", { n: count(all) })}</span>
      </div>
      <${Grid} cells=${cells} label=${t("numbers", { name: step.name })} />
      ${order.length === 0 && html`<p class="absent">${t("nothing", { last: all - 1 })}</p>`}
    </div>
    <aside class="atlas-side" tabindex="0" aria-label=${t("about")}>
      <${NumberReadout} trace=${trace} step=${step} values=${values} />
      <${Histogram} trace=${trace} step=${step} />
      <${Excerpt} trace=${trace} step=${step} />
    </aside>
  </div>`;
}

/**
 * @param {{ trace: Trace, step: Step, values: import("../../types.js").Values, order: Int32Array }} source
 * @returns {Cells}
 */
function useBars({ trace, step, values, order }) {
  const t = useWords(words);
  const dark = useDark();
  const language = useStore((view) => view.language);
  const chosen = useStore((view) => (view.step === step.index ? view.channel : null));
  return useMemo(() => {
    const labels = labelsOf(trace, step);
    const width = step.shape[0] <= FEW ? WIDTHS.few : labels ? WIDTHS.named : WIDTHS.plain;
    const source = { step, labels, scale: scaleOfNumbers(values.data), inks: inks(), dark, digits: String(step.shape[0] - 1).length };
    const number = (/** @type {number} */ index) => values.at([index]);
    return {
      step: step.index,
      count: order.length,
      width,
      height: HEIGHT,
      gap: 4,
      chosen: chosen === null ? -1 : order.indexOf(chosen),
      draw: (context, position, x, y) => drawBar(context, source, order[position], number(order[position]), { x, y, width }),
      positionOf: (channel) => order.indexOf(channel),
      describe: (position) => said(labels, order[position], number(order[position]), t),
      point: (spot) => hover.set(spot && { step: step.index, channel: order[spot.position], y: null, x: null }),
      pick: (position) => select(trace, { step: step.index, channel: order[position], tab: "channel" }),
    };
  }, [trace, step, values, order, chosen, language, dark]);
}

/** Names of the classes, at the step that answers. @param {Trace} trace @param {Step} step */
export function labelsOf(trace, step) {
  const answers = trace.outputs.includes(step.index) || trace.answer === step.index;
  return answers ? trace.classesOf(step) : null;
}

/** @param {string[] | null} labels @param {number} index @param {number} value @param {(key: string, values?: any) => string} t */
function said(labels, index, value, t) {
  const text = significant(value, 4);
  return labels ? t("described_class", { label: labels[index], value: text }) : t("described_number", { n: index, value: text });
}

/** @param {{ trace: Trace, step: Step, values: import("../../types.js").Values }} props */
function NumberReadout({ trace, step, values }) {
  const t = useWords(words);
  const chosen = useStore((view) => (view.step === step.index ? view.channel : null));
  const index = usePointed(step.index)?.channel ?? chosen;
  if (index === null || !values.has([index])) return html`<p class="readout aside-note">${t("hint_numbers")}</p>`;
  const labels = labelsOf(trace, step);
  return html`<div class="readout">
    <h3 class="ellipsis">${t("number", { n: index })}${labels && html`<span class="quiet"> · ${labels[index]}</span>`}</h3>
    <dl class="facts number"><div><dt>${t("value")}</dt><dd>${significant(values.at([index]), 7)}</dd></div></dl>
  </div>`;
}
