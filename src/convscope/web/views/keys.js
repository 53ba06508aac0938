/** Keys that work everywhere, and the list of them. Keys of one view are handled in that view. */
import { html, useEffect, useRef } from "../dom.js";
import { useWords } from "../language.js";
import { chosenChannel, select } from "../select.js";
import { store } from "../state.js";
import { toggleTheme } from "../theme.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";
import { TABS } from "./panel/tabs.js";
import { canExplain } from "./why/source.js";
import { words } from "./words.js";

/** @typedef {import("../data/trace.js").Trace} Trace */

/** @type {[string, string][]} */
const LIST = [
  ["← →", "key_steps"],
  ["↑ ↓", "key_channels"],
  ["Enter", "key_open"],
  ["1 2 3 4", "key_tabs"],
  ["← → ↑ ↓", "key_pixel"],
  ["Space", "key_play"],
  ["Esc", "key_back"],
  ["T", "key_theme"],
  ["L", "key_language"],
  ["?", "key_help"],
];

/**
 * @param {Trace | null} trace
 * @param {() => void} toggleList
 */
export function useKeys(trace, toggleList) {
  const toggle = useRef(toggleList);
  toggle.current = toggleList;
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const press = (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || writes(event.target)) return;
      if (event.key === "?") toggle.current();
      else if (!pressed(trace, event)) return;
      event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [trace]);
}

/** Whether keys belong to a control in which something is typed or chosen. @param {EventTarget | null} target */
function writes(target) {
  return target instanceof HTMLElement && target.closest("input, textarea, select, dialog, [contenteditable]") !== null;
}

/**
 * @param {Trace | null} trace
 * @param {KeyboardEvent} event
 * @returns {boolean} whether the key meant something
 */
function pressed(trace, event) {
  const key = event.key.toLowerCase();
  if (key === "t") toggleTheme();
  else if (key === "l") store.set({ language: store.get().language === "zh" ? "en" : "zh" });
  else if (!trace) return false;
  else if (key === "4" && !canExplain(trace)) return false;
  else if ("1234".includes(key)) select(trace, { tab: TABS[Number(key) - 1] });
  else if (key === "escape") return back(trace);
  else if (key === "arrowleft" || key === "arrowright") return step(trace, key === "arrowright" ? 1 : -1);
  else if (key === "arrowup" || key === "arrowdown") return channel(trace, key === "arrowdown" ? 1 : -1);
  else return false;
  return true;
}

/** @param {Trace} trace */
function back(trace) {
  const { tab, channel: at } = store.get();
  if (tab === "why") select(trace, { tab: "atlas" });
  else if (tab === "sum") select(trace, { tab: "channel" });
  else if (tab === "channel") select(trace, { tab: "atlas" });
  else if (at !== null) select(trace, { channel: null });
  else return false;
  return true;
}

/** @param {Trace} trace @param {number} by */
function step(trace, by) {
  const now = store.get().step ?? 0;
  const next = Math.min(trace.steps.length - 1, Math.max(0, now + by));
  select(trace, { step: next });
  return true;
}

/** To the neighbour in the order shown, most important first. @param {Trace} trace @param {number} by */
function channel(trace, by) {
  const now = store.get();
  if (now.step === null || !trace.peekStats(now.step)) return false;
  const order = trace.order(now.step, now.sort);
  const place = order.indexOf(chosenChannel(trace, now.step));
  const next = order[Math.min(order.length - 1, Math.max(0, place + by))];
  select(trace, { channel: now.channel === null ? order[0] : next });
  return true;
}

/** @param {{ onClose: () => void }} props */
export function Keys({ onClose }) {
  const t = useWords(words);
  return html`<${Dialog} name="keys" label=${t("keys_title")} onClose=${onClose}>
    <div class="row"><h2>${t("keys_title")}</h2>
      <button class="button bare" onClick=${onClose} aria-label=${t("close")}><${Icon} name="close" /></button></div>
    <dl>${LIST.map(([keys, what]) => html`<div key=${what}><dt><kbd>${keys}</kbd></dt><dd>${t(what)}</dd></div>`)}</dl>
  <//>`;
}
