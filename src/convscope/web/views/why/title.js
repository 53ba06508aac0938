/** The head of the panel while the Why tab is open: which answer is explained, and how. */
import { html } from "../../dom.js";
import { useWords } from "../../language.js";
import { percent, significant } from "../../paint/numbers.js";
import { methodTitle } from "./methods.js";
import { classNames, useWhy } from "./source.js";
import { contrastOf } from "./target.js";
import { words } from "./words.js";

/** @param {{ trace: import("../../data/trace.js").Trace }} props */
export function WhyTitle({ trace }) {
  const t = useWords(words);
  const why = useWhy(trace);
  if (!why) return null;
  const { target, method, map } = why.choice;
  const score = map?.score ?? trace.scores.find(({ label }) => label === target)?.value;
  const number = score === undefined ? "" : trace.probabilities ? percent(score) : significant(score, 4);
  const pair = contrastOf(target, classNames(trace));
  const title = pair ? t("why_rather", { a: pair[0], b: pair[1] }) : t("why", { target });
  return html`<div class="panel-title">
    <h2 class="ellipsis" title=${title}>${title}</h2>
    <div class="ellipsis quiet small">${methodTitle(method)}${number && html` · <span class="number">${number}</span>`}</div>
  </div>`;
}
