/** What the pictures of all kinds share. */
import { html, useLayoutEffect, useRef, useState } from "../../dom.js";
import { readingOf } from "./blocks.js";
import { precise } from "./cells.js";
import { nameOf } from "./place.js";
import { Thumb } from "./thumb.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../arithmetic/explain.js").FoundSum} FoundSum */
/** @typedef {import("../../arithmetic/explain.js").Given} Given */
/** @typedef {import("./pointer.js").Pointer} Pointer */
/** @typedef {{ width: number, height: number }} Room */

/**
 * @typedef {object} PictureProps  What a picture of a kind is given.
 * @property {Trace} trace
 * @property {Step} step
 * @property {FoundSum} sum
 * @property {Given} given
 * @property {Pointer} pointer
 * @property {boolean} dark
 * @property {Room} room  Of the picture, in screen pixels.
 * @property {number} k  How many contributors to show.
 * @property {(more: number) => void} onMore
 * @property {(step: Step, index: number[]) => void} onOpen  Go to the arithmetic of another value.
 * @property {(key: string, values?: Record<string, string | number>) => string} t
 */

/**
 * The size of an element, followed.
 * @param {Room} start
 * @returns {{ ref: { current: HTMLElement | null }, room: Room }}
 */
export function useRoom(start) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const [room, setRoom] = useState(start);
  useLayoutEffect(() => {
    if (!ref.current) return undefined;
    const watcher = new ResizeObserver(([{ contentRect: box }]) => {
      const next = { width: Math.floor(box.width), height: Math.floor(box.height) };
      setRoom((now) => (now.width === next.width && now.height === next.height ? now : next));
    });
    watcher.observe(ref.current);
    return () => watcher.disconnect();
  }, []);
  return { ref, room };
}

/**
 * A value of the network that leads to its own arithmetic: its thumb with the value marked, its name, its number.
 * @param {{ trace: Trace, step: Step, index: number[], value: number, size?: number, note?: string, onOpen: (step: Step, index: number[]) => void, t: PictureProps["t"] }} props
 */
export function ValueCard({ trace, step, index, value, size = 88, note, onOpen, t }) {
  const name = nameOf(step.name, index);
  return html`<div class="sum-card">
    ${step.maps && html`<${Thumb} trace=${trace} step=${step} channel=${index[0]} window=${{ rows: [index[1]], columns: [index[2]] }} size=${size}
      label=${t("thumb_of", { name: nameOf(step.name, [index[0]]) })} />`}
    <div class="sum-card-text">
      <button class="sum-link number ellipsis" title=${t("open_value", { name })} onClick=${() => onOpen(step, index)}>${name}</button>
      <span class="sum-value number" title=${String(value)}>${precise(value)}</span>
      ${note && html`<span class="quiet">${note}</span>`}
    </div>
  </div>`;
}

/** The value that is taken apart, at the end of a picture. @param {PictureProps} props */
export function Result({ step, sum }) {
  return html`<div class="sum-card result"><div class="sum-card-text">
    <span class="number ellipsis">${nameOf(step.name, sum.index)}</span>
    <span class="sum-value number">${precise(sum.result)}</span></div></div>`;
}

/** A sign between two parts. @param {{ children: any, title?: string }} props */
export function Sign({ children, title }) {
  return html`<span class="sum-sign" title=${title}>${children}</span>`;
}

/** The first reading of a sum, as a card. @param {PictureProps & { term?: number, note?: string }} props */
export function ReadingCard({ trace, sum, term = 0, note, onOpen, t }) {
  const reading = readingOf(sum, trace.steps, term);
  if (!reading) return html`<div class="sum-card"><div class="sum-card-text"><span class="quiet">${note ?? t("constant")}</span>
    <span class="sum-value number">${precise(sum.inputs[term])}</span></div></div>`;
  return html`<${ValueCard} ...${{ trace, step: reading.step, index: reading.index, value: sum.inputs[term], note, onOpen, t }} />`;
}
