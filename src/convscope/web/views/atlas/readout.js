/** The numbers of the channel under the pointer; of the chosen one while the pointer is elsewhere. */
import { isDead, isDuplicate } from "../../data/order.js";
import { html, useEffect, useState, useStore } from "../../dom.js";
import { useWords } from "../../language.js";
import { percent, significant, signed } from "../../paint/numbers.js";
import { usePointed } from "./pointed.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Stats} Stats */

/** How long the pointer rests on a channel before its numbers are fetched. */
const REST = 90;

/** @param {{ trace: Trace, step: Step, stats: Stats }} props */
export function Readout({ trace, step, stats }) {
  const t = useWords(words);
  const pointed = usePointed(step.index);
  const chosen = useStore((view) => (view.step === step.index ? view.channel : null));
  const channel = pointed?.channel ?? chosen;
  if (channel === null || channel >= step.shape[0]) return html`<p class="readout aside-note">${t("hint")}</p>`;
  return html`<div class="readout">
    <h3>${t("channel", { n: channel })}<span class="quiet">${remark(stats, channel, t)}</span></h3>
    <dl class="facts number">
      <div><dt>${t("min")}</dt><dd>${significant(stats.low[channel], 4)}</dd></div>
      <div><dt>${t("mean")}</dt><dd>${significant(stats.mean[channel], 4)}</dd></div>
      <div><dt>${t("max")}</dt><dd>${significant(stats.high[channel], 4)}</dd></div>
      <div><dt>${t("zero")}</dt><dd>${percent(stats.zeros[channel])}</dd></div>
      ${stats.contribution && html`<div><dt>${t("contributes")}</dt><dd>${signed(stats.contribution[channel], 3)}</dd></div>`}
      <${ValueAt} trace=${trace} step=${step} channel=${channel} y=${pointed?.y ?? null} x=${pointed?.x ?? null} />
    </dl>
  </div>`;
}

/** @param {Stats} stats @param {number} channel @param {(key: string, values?: any) => string} t */
export function remark(stats, channel, t) {
  if (stats.bad[channel]) return ` · ${t("bad", { n: stats.bad[channel] })}`;
  if (isDead(stats, channel)) return ` · ${t("is_dead")}`;
  return isDuplicate(stats, channel) ? ` · ${t("same", { n: stats.same[channel] })}` : "";
}

/** @param {{ trace: Trace, step: Step, channel: number, y: number | null, x: number | null }} props */
function ValueAt({ trace, step, channel, y, x }) {
  const t = useWords(words);
  const [, loaded] = useState(0);
  const known = trace.peekChannel(step, channel);
  const there = trace.hasChannel(step, channel);
  useEffect(() => {
    if (known || !there || y === null) return;
    const timer = setTimeout(() => trace.channel(step, channel).then(() => loaded((n) => n + 1), () => {}), REST);
    return () => clearTimeout(timer);
  }, [step, channel, y === null, known]);
  if (y === null || x === null) return html`<div><dt class="quiet">${t("value")}</dt><dd class="quiet">–</dd></div>`;
  const text = known ? significant(known[y * step.shape[2] + x], 5) : t(there ? "reading" : "not_here");
  return html`<div><dt>${t("value_at", { y, x })}</dt><dd>${text}</dd></div>`;
}
