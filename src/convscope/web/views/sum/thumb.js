/** A small picture of a channel with what was read of it marked: a window, or a single value. */
import { drawThumb } from "../../paint/maps.js";
import { chosenScale } from "../../paint/scale.js";
import { html, useDark, useEffect, useLayoutEffect, useLoaded, useRef, useStore } from "../../dom.js";
import { readingOf } from "./blocks.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Sum} Sum */
/** @typedef {import("./pointer.js").Pointer} Pointer */
/** @typedef {{ rows: number[], columns: number[] }} Window  Rows and columns of a map, sorted. */

/** Smallest mark, in screen pixels: a window of 3 of 300 columns must still be found. */
const SMALLEST_MARK = 7;

/**
 * Thumbs and stats of a step, null until they are there.
 * @param {Trace} trace
 * @param {Step} step
 */
export function useThumbs(trace, step) {
  const loaded = useLoaded(async () => {
    if (!step.maps) return null;
    const [thumbs, stats] = await Promise.all([trace.thumbs(step), trace.stats(step)]);
    return { step, thumbs, stats };
  }, [trace, step]);
  const [thumbs, stats] = [trace.peekThumbs(step), trace.peekStats(step)];
  if (step.maps && thumbs && stats) return { thumbs, stats };
  return loaded.value?.step === step ? loaded.value : null;
}

/**
 * @param {{ trace: Trace, step: Step, channel: number, window: Window, size: number, sum?: Sum, pointer?: Pointer, onOpen?: () => void, label: string }} props
 *   `size`: longest side, in screen pixels.
 */
export function Thumb({ trace, step, channel, window, size, sum, pointer, onOpen, label }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const dark = useDark();
  const mode = useStore((view) => view.scale);
  const pictures = useThumbs(trace, step);
  const [, height = 1, width = 1] = step.shape;
  const scale = size / Math.max(height, width);
  useLayoutEffect(() => {
    if (!canvas.current || !pictures) return;
    drawThumb(canvas.current, pictures.thumbs, pictures.stats, channel, chosenScale(mode, step.facts, pictures.stats, channel), dark);
  }, [pictures?.thumbs, channel, dark, mode, step]);
  if (!step.maps) return null;
  const style = `width:${Math.max(3, width * scale)}px;height:${Math.max(3, height * scale)}px`;
  const frame = html`<canvas ref=${canvas} style=${style} aria-hidden="true" /><${Marks} ...${{ window, scale }} />
    ${pointer && sum && html`<${Dot} ...${{ pointer, sum, trace, step, channel, scale }} />`}`;
  return onOpen
    ? html`<button class="sum-thumb" style=${style} onClick=${onOpen} aria-label=${label} title=${label}>${frame}</button>`
    : html`<span class="sum-thumb" style=${style} role="img" aria-label=${label} title=${label}>${frame}</span>`;
}

/** The window: its outline, and its single rows and columns where there are gaps between them. @param {{ window: Window, scale: number }} props */
function Marks({ window: { rows, columns }, scale }) {
  if (rows.length === 0 || columns.length === 0) return null;
  const [top, height] = marked(rows, scale);
  const [left, width] = marked(columns, scale);
  const gaps = scale >= 2 && (hasGaps(rows) || hasGaps(columns));
  return html`<span class="sum-window ${gaps ? "loose" : ""}" style=${`top:${top}px;left:${left}px;height:${height}px;width:${width}px`} />
    ${gaps && rows.map((y) => columns.map((x) => html`<span class="sum-tap" style=${`top:${y * scale}px;left:${x * scale}px;width:${scale}px;height:${scale}px`} />`))}`;
}

/** Start and length of a mark over some rows, grown around its middle where it would be too small. @param {number[]} places @param {number} scale @returns {[number, number]} */
export function marked(places, scale) {
  const start = places[0] * scale;
  const length = (places[places.length - 1] + 1 - places[0]) * scale;
  const grown = Math.max(length, SMALLEST_MARK);
  return [start - (grown - length) / 2, grown];
}

/** @param {number[]} places */
function hasGaps(places) {
  return places.some((place, i) => i > 0 && place - places[i - 1] > 1);
}

/** The value that the pointer is on in one of the grids. @param {{ pointer: Pointer, sum: Sum, trace: Trace, step: Step, channel: number, scale: number }} props */
function Dot({ pointer, sum, trace, step, channel, scale }) {
  const dot = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(
    () =>
      pointer.subscribe((now) => {
        const reading = now && now.term < sum.terms.length ? readingOf(sum, trace.steps, now.term) : null;
        const here = reading && reading.step === step && reading.index[0] === channel;
        if (!dot.current) return;
        dot.current.hidden = !here;
        if (!here) return;
        const [, y, x] = reading.index;
        dot.current.style.transform = `translate(${(x + 0.5) * scale}px, ${(y + 0.5) * scale}px)`;
      }),
    [pointer, sum, step, channel, scale],
  );
  return html`<span ref=${dot} class="sum-dot" hidden />`;
}
