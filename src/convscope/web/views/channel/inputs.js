/** The inputs of a channel as cards: the input's picture, the kernel that reads it, its part in the whole. */
import { html, useDark, useEffect, useLoaded, useMemo, useRef, useState, useStore } from "../../dom.js";
import { hover } from "../../hover.js";
import { useWords } from "../../language.js";
import { drawThumb } from "../../paint/maps.js";
import { percent, signed, significant } from "../../paint/numbers.js";
import { chosenScale, scaleOfNumbers } from "../../paint/scale.js";
import { select } from "../../select.js";
import { FULL } from "../atlas/excerpt.js";
import { unitFor, unitText } from "../sum/cells.js";
import { KernelPicture } from "./kernel.js";
import { useShares } from "./shares.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("./shares.js").Ranked} Ranked */
/** @typedef {import("./shares.js").Shares} Shares */

/** Cards shown at first, and added at a time. */
const SHOWN = 12;
const MORE = 24;

/** @param {{ trace: Trace, step: Step, channel: number }} props */
export function Inputs({ trace, step, channel }) {
  const t = useWords(words);
  const { shares, state, error } = useShares(trace, step, channel);
  const [shown, setShown] = useState(SHOWN);
  if (error) return html`<p class="aside-note" role="alert">${error.message}</p>`;
  if (!shares) return html`<p class="aside-note" role="status">${t(step.kind === "input" ? "input" : state)}</p>`;
  const list = shares.feeds.slice(0, shown);
  const left = shares.feeds.length - list.length;
  return html`<div class="inputs">
    <${Head} trace=${trace} step=${step} shares=${shares} />
    <${Cards} trace=${trace} list=${list} how=${shares.how} />
    ${left > 0 && html`<button type="button" class="button" onClick=${() => setShown(shown + MORE)}>${t("more", { n: Math.min(MORE, left) })}</button>`}
  </div>`;
}

/** @param {{ trace: Trace, step: Step, shares: Shares }} props */
function Head({ trace, step, shares: { how, feeds } }) {
  const t = useWords(words);
  const here = feeds.filter((feed) => feed.kernel !== null).length;
  const absent = "weight" in step.params && here < feeds.length && step.kind !== "batch_norm" && step.kind !== "prelu";
  const title = feeds.length === 1 ? "comes_from" : how === "none" ? "feeds" : "feeds_most";
  const unit = unitText(unitOf(feeds));
  return html`<div class="inputs-head">
    <h3>${t(title)}</h3>
    ${fromOne(feeds) && html`<span class="quiet ellipsis" translate="no">${trace.steps[feeds[0].step].name}</span>`}
    ${how !== "none" && feeds.length > 1 && html`<span class=${`how ${how}`} title=${t(`${how}_title`, { n: step.shape.slice(1).join("×") })}>${t(how)}</span>`}
    ${unit && html`<span class="quiet small number">${t("times", { unit })}</span>`}
    ${absent && html`<span class="aside-note">${here ? t("params_partly", { n: here, all: feeds.length }) : t("params_absent")}<code>${FULL}</code></span>`}
  </div>`;
}

/** Whether all come from one step, whose name then need not be repeated. @param {Ranked[]} feeds */
function fromOne(feeds) {
  return feeds.every((feed) => feed.step === feeds[0].step);
}

/** One unit for the numbers in all kernels. @param {Ranked[]} feeds */
function unitOf(feeds) {
  let largest = 0;
  for (const { kernel } of feeds) for (const weight of kernel?.data ?? []) largest = Math.max(largest, Math.abs(weight) || 0);
  return feeds.some((feed) => feed.kernel && feed.kernel.height <= 3) ? unitFor(largest) : { exponent: 0, decimals: 2 };
}

/** @param {{ trace: Trace, list: Ranked[], how: Shares["how"] }} props */
function Cards({ trace, list, how }) {
  const t = useWords(words);
  const [scale, unit] = useMemo(() => [scaleOfNumbers(list.flatMap(({ kernel }) => (kernel ? Array.from(kernel.data) : [])), true), unitOf(list)], [list.length, list[0]]);
  const named = !fromOne(list);
  const most = Math.max(Number.MIN_VALUE, ...list.map((feed) => feed.share));
  return html`<ul class="cards">
    ${list.map((feed) => {
      const source = trace.steps[feed.step];
      const key = source.maps ? "open" : "open_number";
      const label = t(key, { n: feed.channel, name: source.name });
      const size = feed.kernel ? `${feed.kernel.height}×${feed.kernel.width}` : "";
      return html`<li key=${`${feed.step} ${feed.channel}`} class="card"
          onPointerEnter=${() => hover.set({ step: feed.step, channel: feed.channel, y: null, x: null })} onPointerLeave=${() => hover.set(null)}>
        <button type="button" class="source" aria-label=${label} title=${label} onClick=${() => select(trace, { step: feed.step, channel: feed.channel })}>
          ${source.maps ? html`<${Thumb} trace=${trace} step=${source} channel=${feed.channel} />` : html`<${One} trace=${trace} step=${source} index=${feed.channel} />`}
        </button>
        ${feed.kernel && html`<${KernelPicture} kernel=${feed.kernel} scale=${scale} unit=${unit} label=${t("kernel", { n: feed.channel, size })} />`}
        <div class="part number">
          ${named && html`<span class="ellipsis" title=${source.name} translate="no">${source.name}</span>`}
          <span class="quiet">${feed.channel}</span>
          ${how !== "none" && list.length > 1 && html`<i class="bar"><i style=${{ width: `${(feed.share / most) * 100}%` }}></i></i>`}
          ${how !== "none" && html`<span>${how === "signed" ? signed(feed.total, 3) : percent(feed.share)}</span>`}
        </div>
      </li>`;
    })}
  </ul>`;
}

/** @param {{ trace: Trace, step: Step, channel: number }} props */
function Thumb({ trace, step, channel }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const dark = useDark();
  const mode = useStore((view) => view.scale);
  const { value } = useLoaded(() => Promise.all([trace.thumbs(step), trace.stats(step)]), [trace, step]);
  useEffect(() => {
    if (value && canvas.current) drawThumb(canvas.current, value[0], value[1], channel, chosenScale(mode, step.facts, value[1], channel), dark);
  }, [value, channel, mode, dark]);
  const [, height, width] = step.shape;
  return html`<canvas ref=${canvas} aria-hidden="true" style=${{ aspectRatio: `${width} / ${height}` }}></canvas>`;
}

/** A number among numbers. @param {{ trace: Trace, step: Step, index: number }} props */
function One({ trace, step, index }) {
  const { value } = useLoaded(() => trace.values(step), [trace, step]);
  return html`<span class="one number">${value?.has([index]) ? significant(value.at([index]), 4) : "–"}</span>`;
}
