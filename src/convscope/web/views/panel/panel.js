/** The panel below the flow: what the chosen step is, three ways to look at its numbers, and where the answer came from. */
import { html, useLayoutEffect, useRef, useStore } from "../../dom.js";
import { useWords } from "../../language.js";
import { firstStep, select } from "../../select.js";
import { Atlas } from "../atlas/atlas.js";
import { ChannelView } from "../channel/channel.js";
import { SumView } from "../sum/sum.js";
import { useHasWhy } from "../why/source.js";
import { WhyTitle } from "../why/title.js";
import { WhyView } from "../why/why.js";
import { factsOf } from "./facts.js";
import { Handle, useFrame } from "./height.js";
import { kindName } from "./kinds.js";
import { settingsText } from "./settings.js";
import { TABS, Tabs, tabId } from "./tabs.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */

const VIEWS = { atlas: Atlas, channel: ChannelView, sum: SumView, why: WhyView };
const BODY = "panel-body";

/** @param {{ trace: Trace }} props */
export function Panel({ trace }) {
  const t = useWords(words);
  const asked = useStore((view) => view.tab);
  const tabs = useHasWhy(trace) ? TABS : TABS.filter((name) => name !== "why");
  const tab = tabs.includes(asked) ? asked : TABS[0];
  const explains = tab === "why";
  const step = trace.steps[useStore((view) => view.step) ?? firstStep(trace)];
  const [frame, change] = useFrame();
  useKeptFocus(tab, step.index);
  const View = VIEWS[tab];
  const names = { atlas: t("atlas"), channel: t("channel"), sum: t("sum"), why: t("why") };
  return html`<section id="panel" class="panel" tabindex="-1" aria-label=${t("panel")}
      style=${frame.open ? { height: `${frame.height}px` } : undefined} data-open=${String(frame.open)}>
    <${Handle} frame=${frame} onChange=${change} label=${t("resize")} controls=${BODY} />
    <div class="panel-head">
      ${explains ? html`<${WhyTitle} trace=${trace} />` : html`<${Title} step=${step} trace=${trace} />`}
      <${Tabs} tab=${tab} tabs=${tabs} label=${t("tabs")} controls=${BODY} names=${names}
        onChoose=${(/** @type {typeof tab} */ next) => (select(trace, { step: step.index, tab: next }), change({ open: true }))} />
      ${!explains && html`<${Facts} step=${step} />`}
      <button class="button bare fold" type="button" aria-expanded=${frame.open} aria-controls=${BODY}
        aria-label=${t(frame.open ? "collapse" : "expand")} title=${t(frame.open ? "collapse" : "expand")}
        onClick=${() => change({ open: !frame.open })}><${Chevron} /></button>
    </div>
    <div id=${BODY} class="panel-body" role="tabpanel" aria-labelledby=${tabId(tab)} hidden=${!frame.open}>
      ${frame.open && html`<${View} key=${explains ? tab : `${tab} ${step.index}`} trace=${trace} step=${step} />`}
    </div>
  </section>`;
}

/**
 * When a view gives way to another, the focus that was in it goes to the tab of the new one; it would be nowhere.
 * @param {keyof typeof VIEWS} tab
 * @param {number} step
 */
function useKeptFocus(tab, step) {
  const inside = useRef(false);
  inside.current = document.getElementById(BODY)?.contains(document.activeElement) ?? false;
  useLayoutEffect(() => {
    if (inside.current && document.activeElement === document.body) document.getElementById(tabId(tab))?.focus();
  }, [tab, step]);
}

/** @param {{ step: Step, trace: Trace }} props */
function Title({ step, trace }) {
  const t = useWords(words);
  const language = useStore((view) => view.language);
  const channel = useStore((view) => (view.step === step.index ? view.channel : null));
  const kind = kindName(step.kind, language);
  const settings = settingsText(step, trace.steps, language);
  const said = settings ? `${kind} ${settings}` : kind;
  return html`<div class="panel-title">
    <h2 class="ellipsis" title=${step.name}><span translate="no">${step.name}</span>${
      channel !== null && html`<span class="quiet"> · ${t(step.shape.length === 1 ? "the_number" : "the_channel", { n: channel })}</span>`
    }</h2>
    <div class="ellipsis quiet small" title=${said}>${said}</div>
  </div>`;
}

/** @param {{ step: Step }} props */
function Facts({ step }) {
  const t = useWords(words);
  return html`<ul class="panel-facts number">
    ${factsOf(step, t).map(({ key, text, title }) => html`<li key=${key} title=${title}>${text}</li>`)}
  </ul>`;
}

function Chevron() {
  return html`<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.7"
    stroke-linecap="round" stroke-linejoin="round"><path d="M6 9.5l6 6 6-6" /></svg>`;
}
