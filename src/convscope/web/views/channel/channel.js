/** One channel of a step: its map over the photo, its numbers, and what it is made from. */
import { html, useEffect, useLoaded, useStore } from "../../dom.js";
import { useWords } from "../../language.js";
import { chosenChannel, select } from "../../select.js";
import { Excerpt } from "../atlas/excerpt.js";
import { Legend } from "../atlas/legend.js";
import { Facts, NumberFacts, Own, isNorm } from "./facts.js";
import { Inputs } from "./inputs.js";
import { Stage } from "./stage.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */

/** @param {{ trace: Trace, step: Step }} props */
export function ChannelView({ trace, step }) {
  const t = useWords(words);
  if (step.maps) return html`<${MapChannel} trace=${trace} step=${step} />`;
  if (step.shape.length === 1 && step.shape[0] > 0) return html`<${NumberChannel} trace=${trace} step=${step} />`;
  return html`<p class="absent">${t("other", { shape: step.shape.join("×") || "()" })}</p>`;
}

/** @param {{ trace: Trace, step: Step }} props */
function MapChannel({ trace, step }) {
  const t = useWords(words);
  useStore((view) => view.channel);
  const { value: stats, error } = useLoaded(() => trace.stats(step), [trace, step]);
  if (error) return html`<p class="absent" role="alert">${error.message}</p>`;
  if (!stats) return html`<p class="absent" role="status">${t("reading")}</p>`;
  const channel = chosenChannel(trace, step.index);
  return html`<div class="channel">
    <${Stage} key=${step.index} trace=${trace} step=${step} channel=${channel} stats=${stats}>
      <${Turner} trace=${trace} step=${step} channel=${channel} title="channel" />
      <${Facts} trace=${trace} step=${step} channel=${channel} stats=${stats} />
      <${Legend} step=${step} stats=${stats} channel=${channel} />
    <//>
    <div class="channel-inputs">
      <${Inputs} key=${channel} trace=${trace} step=${step} channel=${channel} />
      ${isNorm(step) && html`<${Own} trace=${trace} step=${step} channel=${channel} />`}
    </div>
  </div>`;
}

/** @param {{ trace: Trace, step: Step }} props */
function NumberChannel({ trace, step }) {
  const t = useWords(words);
  useStore((view) => view.channel);
  const { value: loaded, error } = useLoaded(() => trace.values(step).then((values) => ({ values })), [trace, step]);
  if (error) return html`<p class="absent" role="alert">${error.message}</p>`;
  if (!loaded) return html`<p class="absent" role="status">${t("reading")}</p>`;
  const channel = chosenChannel(trace, step.index);
  return html`<div class="channel">
    <div class="channel-side first">
      <${Turner} trace=${trace} step=${step} channel=${channel} title="number" />
      <${NumberFacts} trace=${trace} step=${step} index=${channel} values=${loaded.values} />
      <${Excerpt} trace=${trace} step=${step} />
    </div>
    <div class="channel-inputs"><${Inputs} key=${channel} trace=${trace} step=${step} channel=${channel} /></div>
  </div>`;
}

/** To the neighbours, in the order that the reader chose in the atlas. @param {{ trace: Trace, step: Step, channel: number, title: "channel" | "number" }} props */
function Turner({ trace, step, channel, title }) {
  const t = useWords(words);
  const sort = useStore((view) => view.sort);
  const order = trace.order(step, sort);
  const place = order.indexOf(channel);
  const go = (/** @type {number} */ by) => select(trace, { step: step.index, channel: order[place + by] });
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const press = (event) => {
      const by = { "[": -1, "]": 1 }[event.key];
      const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select");
      if (by === undefined || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (order[place + by] !== undefined) go(by);
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [order, place]);
  return html`<div class="turner">
    <h3>${t(title, { n: channel })}</h3>
    <span class="quiet small number">${t("place", { i: place + 1, all: order.length })}</span>
    <span class="turns">
      <button type="button" class="button bare" aria-label=${t("previous")} title=${`${t("previous")} [`} disabled=${place <= 0} onClick=${() => go(-1)}>‹</button>
      <button type="button" class="button bare" aria-label=${t("next")} title=${`${t("next")} ]`} disabled=${place >= order.length - 1} onClick=${() => go(1)}>›</button>
    </span>
  </div>`;
}
