/** What the network answered: bars for the likeliest classes; the chosen one is what "mattered most" refers to. */
import { html, useStore } from "../dom.js";
import { useWords } from "../language.js";
import { percent, significant } from "../paint/numbers.js";
import { words } from "./words.js";

const SHOWN = 2;

/** @param {{ trace: import("../data/trace.js").Trace }} props */
export function Scores({ trace }) {
  const t = useWords(words);
  const target = useStore((view) => view.target);
  const { scores, probabilities } = trace;
  if (!scores.length) return null;
  const shown = scores.slice(0, SHOWN);
  const chosen = scores.find((score) => score.index === target);
  if (chosen && !shown.includes(chosen)) shown[SHOWN - 1] = chosen;
  const largest = Math.max(...scores.map((score) => Math.abs(score.value)), Number.MIN_VALUE);
  const unit = probabilities ? t("probability") : t("score");
  return html`<ul class="answers" aria-label=${t("scores")}>
    ${shown.map((score, i) => html`<li class=${`answer ${i ? "" : "best"}`} key=${score.index}
        title=${`${labelOf(trace, score)}: ${unit} ${score.value}`}>
      <span class="label ellipsis">${labelOf(trace, score)}</span>
      <span class="level"><i style=${{ width: `${width(score.value, probabilities ? 1 : largest)}%` }}></i></span>
      <span class="number">${probabilities ? percent(score.value) : significant(score.value, 4)}</span>
    </li>`)}
    ${scores.length > SHOWN && html`<li class="others quiet">${t("more_scores", { n: scores.length - SHOWN })}</li>`}
  </ul>`;
}

/** A class without a name is called by its number. @param {any} trace @param {import("../types.js").Score} score */
function labelOf(trace, score) {
  return trace.labels.length ? score.label : `#${score.index}`;
}

/** @param {number} value @param {number} full */
function width(value, full) {
  return Number.isFinite(value) ? Math.min(100, Math.max(0, (Math.abs(value) / full) * 100)) : 0;
}
