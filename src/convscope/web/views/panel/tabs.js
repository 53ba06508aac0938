/** The panel's tabs: arrow keys move between them, as in every list of tabs. */
import { html, useRef } from "../../dom.js";

/** @typedef {import("../../types.js").View["tab"]} Tab */

/** Why is there where something explains the answer. @type {readonly Tab[]} */
export const TABS = ["atlas", "channel", "sum", "why"];

/** The ids that tie a tab to what it shows. @param {Tab} tab */
export function tabId(tab) {
  return `panel-tab-${tab}`;
}

/**
 * @param {{ tab: Tab, tabs: readonly Tab[], names: Record<Tab, string>, label: string, controls: string, onChoose: (tab: Tab) => void }} props
 */
export function Tabs({ tab, tabs, names, label, controls, onChoose }) {
  const list = useRef(/** @type {HTMLElement | null} */ (null));

  /** @param {KeyboardEvent} event */
  function press(event) {
    const next = target(event.key, tabs.indexOf(tab), tabs.length);
    if (next === null) return;
    event.preventDefault();
    onChoose(tabs[next]);
    /** @type {HTMLElement | undefined} */ (list.current?.children[next])?.focus();
  }

  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${press}>
    ${tabs.map(
      (name) => html`<button key=${name} id=${tabId(name)} class="tab" role="tab" type="button" aria-selected=${name === tab}
        aria-controls=${controls} tabindex=${name === tab ? 0 : -1} onClick=${() => onChoose(name)}>${names[name]}</button>`,
    )}
  </div>`;
}

/** @param {string} key @param {number} now @param {number} count @returns {number | null} */
function target(key, now, count) {
  if (key === "ArrowRight") return (now + 1) % count;
  if (key === "ArrowLeft") return (now + count - 1) % count;
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : null;
}
