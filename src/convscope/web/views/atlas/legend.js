/** What the colours and the bars mean: the colour scale with its numbers, and how often each value occurs. */
import { html, useDark, useLoaded, useStore } from "../../dom.js";
import { useWords } from "../../language.js";
import { css, gradient, tableFor } from "../../paint/colors.js";
import { percent, significant } from "../../paint/numbers.js";
import { channelScale, levelOf, stepScale } from "../../paint/scale.js";
import { withoutZeros } from "./bins.js";
import { usePointed } from "./pointed.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Stats} Stats */

/** @param {{ step: Step, stats: Stats, channel?: number }} props  `channel`: of which it speaks, instead of the one pointed at. */
export function Legend({ step, stats, channel }) {
  const t = useWords(words);
  const dark = useDark();
  const mode = useStore((view) => view.scale);
  const chosen = useStore((view) => (view.step === step.index ? view.channel : null));
  const under = usePointed(step.index)?.channel ?? chosen;
  const pointed = channel ?? under;
  const shared = stepScale(step.facts);
  const own = mode === "channel" && pointed !== null ? channelScale(step.facts, stats, pointed) : null;
  const scale = mode === "step" ? shared : own;
  const ends = scale ? [significant(scale.low, 3), significant(scale.high, 3)] : null;
  const title = mode === "step" ? t("scale_step") : own ? t("channel", { n: /** @type {number} */ (pointed) }) : t("scale_channel");
  return html`<figure class="legend">
    <figcaption><span>${t("legend")}</span><span class="quiet">${title}</span></figcaption>
    <div class="ramp" style=${{ background: gradient({ signed: shared.signed, dark }) }}></div>
    <div class="ends number quiet">${
      ends
        ? html`<span>${ends[0]}</span>${shared.signed && html`<span>0</span>`}<span>${ends[1]}</span>`
        : html`<span class="words">${t(shared.signed ? "own_signed" : "own_range")}</span>`
    }</div>
  </figure>`;
}

const [WIDE, HIGH] = [200, 46];

/** @param {{ trace: Trace, step: Step }} props */
export function Histogram({ trace, step }) {
  const t = useWords(words);
  const dark = useDark();
  const { value: histogram } = useLoaded(() => trace.histogram(step), [trace, step]);
  if (!histogram) return html`<figure class="histogram"></figure>`;
  const { zeros } = step.facts;
  if (zeros === null) return html`<figure class="histogram"><figcaption><span>${t("histogram")}</span><span class="quiet">${t("not_finite")}</span></figcaption></figure>`;
  const { low, high } = histogram;
  const { counts, apart } = withoutZeros(histogram, zeros);
  const most = Math.max(1, ...counts);
  const scale = stepScale(step.facts);
  const colors = tableFor({ signed: scale.signed, dark });
  const wide = WIDE / counts.length;
  const share = percent(zeros);
  const ends = { low: significant(low, 3), high: significant(high, 3) };
  return html`<figure class="histogram">
    <figcaption><span>${t("histogram")}</span><span class="quiet">${zeros ? t(apart ? "zeros_apart" : "zeros", { share }) : t("no_zeros")}</span></figcaption>
    <svg viewBox=${`0 0 ${WIDE} ${HIGH}`} preserveAspectRatio="none" role="img" aria-label=${t("histogram_label", { ...ends, zeros: share })}>
      ${Array.from(counts, (count, i) => {
        const tall = count ? Math.max(1, (count / most) * HIGH) : 0;
        const fill = css(colors[levelOf(low + ((i + 0.5) / counts.length) * (high - low), scale)]);
        return html`<rect key=${i} x=${i * wide + 0.4} y=${HIGH - tall} width=${wide - 0.8} height=${tall} fill=${fill} />`;
      })}
    </svg>
    <div class="ends number quiet"><span>${ends.low}</span><span>${ends.high}</span></div>
  </figure>`;
}
