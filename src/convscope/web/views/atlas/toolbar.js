/** The atlas' controls: order, search, colour scale, size. */
import { html, useStore } from "../../dom.js";
import { useWords } from "../../language.js";
import { store } from "../../state.js";
import { isUnclear } from "./search.js";
import { words } from "./words.js";

/** @typedef {import("../../types.js").View} View */
/** @typedef {{ value: string, text: string, title?: string }} Choice */

/**
 * A few words of which one is chosen.
 * @param {{ name: string, label: string, value: string, choices: Choice[], onChoose: (value: string) => void }} props
 */
export function Choices({ name, label, value, choices, onChoose }) {
  return html`<fieldset class="choices"><legend>${label}</legend>
    ${choices.map(
      (choice) => html`<label key=${choice.value} title=${choice.title}>
        <input type="radio" name=${name} value=${choice.value} checked=${choice.value === value} onChange=${() => onChoose(choice.value)} />
        <span>${choice.text}</span></label>`,
    )}
  </fieldset>`;
}

/**
 * Only orders that this step can have are offered.
 * @param {{ orders: string[], value: string }} props
 */
export function Order({ orders, value }) {
  const t = useWords(words);
  const choices = orders.map((order) => ({ value: order === "size" ? "activation" : order, text: t(order), title: t(`${order}_hint`) }));
  return html`<${Choices} name="atlas-order" label=${t("sort")} value=${value} choices=${choices}
    onChoose=${(/** @type {string} */ sort) => store.set({ sort })} />`;
}

export function ScaleChoice() {
  const t = useWords(words);
  const scale = useStore((view) => view.scale);
  const choices = ["channel", "step"].map((value) => ({ value, text: t(`scale_${value}`), title: t(`scale_${value}_hint`) }));
  return html`<${Choices} name="atlas-scale" label=${t("scale")} value=${scale} choices=${choices}
    onChoose=${(/** @type {any} */ next) => store.set({ scale: next })} />`;
}

/** @param {{ text: string, label: string, onText: (text: string) => void }} props */
export function Search({ text, label, onText }) {
  const t = useWords(words);
  const unclear = isUnclear(text);
  return html`<input class="field find number" type="search" value=${text} placeholder=${t("search_hint")} aria-label=${label}
    aria-invalid=${String(unclear)} title=${unclear ? t("unclear") : label} autocomplete="off" spellcheck=${false}
    onInput=${(/** @type {InputEvent} */ event) => onText(/** @type {HTMLInputElement} */ (event.target).value)} />`;
}

/** @param {{ value: number, least: number, most: number, label: string, onSize: (size: number) => void }} props */
export function TileSize({ value, least, most, label, onSize }) {
  return html`<label class="tile-size" title=${label}><span class="unseen">${label}</span>
    <svg viewBox="0 0 10 10" aria-hidden="true"><path d="M0 0h4v4H0zM6 0h4v4H6zM0 6h4v4H0zM6 6h4v4H6z" fill="currentColor" /></svg>
    <input type="range" min=${least} max=${most} step="4" value=${value}
      onInput=${(/** @type {InputEvent} */ event) => onSize(Number(/** @type {HTMLInputElement} */ (event.target).value))} />
    <svg viewBox="0 0 10 10" aria-hidden="true"><path d="M0 0h10v10H0z" fill="currentColor" /></svg></label>`;
}
