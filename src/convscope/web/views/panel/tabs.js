/** The panel's tabs: arrow keys move between them, as in every list of tabs. */
import { html, useRef } from "../../dom.js";

/** @typedef {import("../../types.js").View["tab"]} Tab */

/** @type {readonly Tab[]} */
export const TABS = ["atlas", "channel", "sum"];

/** The ids that tie a tab to what it shows. @param {Tab} tab */
export function tabId(tab) {
  return `panel-tab-${tab}`;
}

/**
 * @param {{ tab: Tab, names: Record<Tab, string>, label: string, controls: string, onChoose: (tab: Tab) => void }} props
 */
export function Tabs({ tab, names, label, controls, onChoose }) {
  const list = useRef(/** @type {HTMLElement | null} */ (null));

  /** @param {KeyboardEvent} event */
  function press(event) {
    const next = target(event.key, TABS.indexOf(tab));
    if (next === null) return;
    event.preventDefault();
    onChoose(TABS[next]);
    /** @type {HTMLElement | undefined} */ (list.current?.children[next])?.focus();
  }

  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${press}>
    ${TABS.map(
      (name) => html`<button key=${name} id=${tabId(name)} class="tab" role="tab" type="button" aria-selected=${name === tab}
        aria-controls=${controls} tabindex=${name === tab ? 0 : -1} onClick=${() => onChoose(name)}>${names[name]}</button>`,
    )}
  </div>`;
}

/** @param {string} key @param {number} now @returns {number | null} */
function target(key, now) {
  if (key === "ArrowRight") return (now + 1) % TABS.length;
  if (key === "ArrowLeft") return (now + TABS.length - 1) % TABS.length;
  if (key === "Home") return 0;
  return key === "End" ? TABS.length - 1 : null;
}
