/** Where we are on the map, and moving on: row and column, back, play, next, speed. */
import { html } from "../../dom.js";
import { useWords } from "../../language.js";
import { Glyph } from "./icons.js";
import { words } from "./words.js";

/** @typedef {import("./place.js").Cell} Cell */
/** @typedef {import("./place.js").Plane} Plane */

/**
 * @param {{ plane: Plane, cell: Cell, rank: number, onPick: (cell: Cell) => void }} props
 */
export function Coordinates({ plane, cell: [y, x], rank, onPick }) {
  const t = useWords(words);
  const row = html`<${Coordinate} label=${t("row")} value=${y} count=${plane.height} onPick=${(/** @type {number} */ at) => onPick([at, x])} />`;
  const column = html`<${Coordinate} label=${t(rank === 1 ? "position" : "column")} value=${x} count=${plane.width} onPick=${(/** @type {number} */ at) => onPick([y, at])} />`;
  return html`<div class="sum-coordinates">${rank > 1 && row}${rank > 0 && column}</div>`;
}

/** @param {{ label: string, value: number, count: number, onPick: (at: number) => void }} props */
function Coordinate({ label, value, count, onPick }) {
  /** @param {Event} event */
  const read = (event) => {
    const field = /** @type {HTMLInputElement} */ (event.target);
    const at = Number(field.value);
    if (field.value !== "" && Number.isInteger(at) && at >= 0 && at < count) onPick(at);
    else if (event.type === "change") field.value = String(value);
  };
  return html`<label class="sum-coordinate"><span>${label}</span>
    <input class="number" type="number" min="0" max=${count - 1} step="1" value=${value} onInput=${read} onChange=${read} /></label>`;
}

/**
 * @param {{ playing: boolean, slider: number, onToggle: () => void, onStep: (by: number) => void, onSpeed: (slider: number) => void }} props
 */
export function Transport({ playing, slider, onToggle, onStep, onSpeed }) {
  const t = useWords(words);
  return html`<div class="sum-transport" role="group" aria-label=${t("transport")}>
    <button class="button" aria-label=${t("before")} title=${t("before")} onClick=${() => onStep(-1)}><${Glyph} name="before" /></button>
    <button class="button primary sum-play" aria-pressed=${playing} title=${t("play_title")} onClick=${onToggle}>
      <${Glyph} name=${playing ? "pause" : "play"} />${t(playing ? "pause" : "play")}</button>
    <button class="button" aria-label=${t("next")} title=${t("next")} onClick=${() => onStep(1)}><${Glyph} name="next" /></button>
    <input class="sum-speed" type="range" min="0" max="1" step="0.01" value=${slider} aria-label=${t("speed")} title=${t("speed")}
      onInput=${(/** @type {Event} */ event) => onSpeed(Number(/** @type {HTMLInputElement} */ (event.target).value))} />
  </div>`;
}
