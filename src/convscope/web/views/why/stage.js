/** The photo in its own size with the heat over it: opacity, contours, and the value under the pointer. */
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState, useStore } from "../../dom.js";
import { hover } from "../../hover.js";
import { useWords } from "../../language.js";
import { drawRGB } from "../../paint/maps.js";
import { percent, significant } from "../../paint/numbers.js";
import { usePointed } from "../atlas/pointed.js";
import { inputAt, onPhoto } from "../flow/places.js";
import { LEVELS, contours, pathOf } from "./contours.js";
import { drawHeat } from "./heat.js";
import { css, fitted, unseen, valueAt } from "./placing.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Picture} Picture */
/** @typedef {{ values: Float32Array, height: number, width: number, peak: number, largest: number }} Heat  A map that can be drawn; `peak` has the full colour. */

/** Part of the page's width that the photo may take. */
const WIDEST = 0.34;
const ARROWS = /** @type {Record<string, [number, number]>} */ ({ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] });

/** @param {{ trace: Trace, photo: Picture, heat: Heat | null, label: string }} props */
export function Stage({ trace, photo, heat, label }) {
  const t = useWords(words);
  const opacity = useStore((view) => view.opacity);
  const lined = useStore((view) => view.contours);
  const room = useRef(/** @type {HTMLElement | null} */ (null));
  const frame = useRef(/** @type {HTMLElement | null} */ (null));
  const size = useFitted(room, photo);
  const { placement } = trace;
  const [, rows = 1, columns = 1] = trace.steps[0].shape;

  /** @param {PointerEvent} event */
  const point = (event) => {
    const box = frame.current?.getBoundingClientRect();
    if (!box?.width) return;
    const y = ((event.clientY - box.top) / box.height) * photo.height;
    const x = ((event.clientX - box.left) / box.width) * photo.width;
    const at = inputAt(y, x, placement, [rows, columns]);
    hover.set(at ? { step: 0, channel: null, y: at[0], x: at[1] } : null);
  };
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    const by = ARROWS[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const now = hover.get();
    const here = now?.step === 0 && now.y !== null && now.x !== null ? [now.y, now.x] : [rows >> 1, columns >> 1];
    const many = event.shiftKey ? 10 : 1;
    const [y, x] = [[here[0] + by[0] * many, rows], [here[1] + by[1] * many, columns]].map(([at, most]) => Math.max(0, Math.min(most - 1, at)));
    hover.set({ step: 0, channel: null, y, x });
  };
  return html`<div class="why-stage" ref=${room}>
    <div class="why-frame" ref=${frame} role="application" tabindex="0" aria-label=${label} aria-describedby="why-here"
        style=${{ width: `${size.width}px`, height: `${size.height}px` }}
        onPointerMove=${point} onPointerLeave=${() => hover.set(null)} onKeyDown=${press} onBlur=${() => hover.set(null)}>
      <${Photo} photo=${photo} />
      ${unseen(placement, photo).map((area, i) => html`<i key=${i} class="why-unseen" title=${t("unseen")} style=${css(area, photo)}></i>`)}
      ${heat && html`<${HeatLayer} heat=${heat} area=${css(placement, photo)} opacity=${opacity} />`}
      ${heat && lined && html`<${Contours} heat=${heat} area=${css(placement, photo)} />`}
      <${Cross} trace=${trace} photo=${photo} />
    </div>
    <${Here} heat=${heat} input=${[rows, columns]} />
  </div>`;
}

/** @param {{ photo: Picture }} props */
function Photo({ photo }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useLayoutEffect(() => {
    if (canvas.current) drawRGB(canvas.current, photo);
  }, [photo]);
  return html`<canvas ref=${canvas} class="why-photo" aria-hidden="true"></canvas>`;
}

/** @param {{ heat: Heat, area: Record<string, string>, opacity: number }} props */
function HeatLayer({ heat, area, opacity }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useLayoutEffect(() => {
    if (canvas.current) drawHeat(canvas.current, heat.values, heat.height, heat.width, heat.peak);
  }, [heat]);
  return html`<canvas ref=${canvas} class="why-heat" aria-hidden="true" style=${{ ...area, opacity: String(opacity / 100) }}></canvas>`;
}

/** @param {{ heat: Heat, area: Record<string, string> }} props */
function Contours({ heat, area }) {
  const { values, height, width, peak } = heat;
  const paths = useMemo(
    () => [1, -1].flatMap((sign) => LEVELS.map((level) => ({ sign, level, path: pathOf(contours(values, height, width, sign * level * peak)) }))).filter(({ path }) => path),
    [heat],
  );
  return html`<svg class="why-contours" viewBox=${`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true" style=${area}>
    ${["under", "over"].map((part) => paths.map(({ sign, level, path }) => html`<path key=${`${part} ${sign} ${level}`} class=${`${part} ${sign < 0 ? "below" : ""}`} data-level=${sign * level} d=${path} />`))}
  </svg>`;
}

/** Where the pointer is, also on another map of the page: drawn by hand, at the pointer's pace. @param {{ trace: Trace, photo: Picture }} props */
function Cross({ trace, photo }) {
  const cross = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const [, rows = 1, columns = 1] = trace.steps[0].shape;
    let asked = 0;
    const draw = () => {
      asked = 0;
      const now = hover.get();
      const element = cross.current;
      if (!element) return;
      element.hidden = !(now?.step === 0 && now.y !== null && now.x !== null);
      if (element.hidden || !now) return;
      const [y, x] = [Number(now.y), Number(now.x)];
      const area = onPhoto({ top: y, left: x, bottom: y + 1, right: x + 1 }, trace.placement, [rows, columns]);
      Object.assign(element.style, css(area, photo));
    };
    const soon = () => {
      asked ||= requestAnimationFrame(draw);
    };
    soon();
    const quiet = hover.subscribe(soon);
    return () => {
      quiet();
      cancelAnimationFrame(asked);
    };
  }, [trace, photo]);
  return html`<i class="why-cross" ref=${cross} hidden></i>`;
}

/** The value under the pointer in words. @param {{ heat: Heat | null, input: [number, number] }} props */
function Here({ heat, input }) {
  const t = useWords(words);
  const pointed = usePointed(0);
  const at = pointed && pointed.channel === null && pointed.y !== null && pointed.x !== null ? { y: pointed.y, x: pointed.x } : null;
  if (!at || !heat) return html`<p id="why-here" class="why-here quiet">${heat ? t("point") : ""}</p>`;
  const value = valueAt(heat.values, heat, input, at.y, at.x);
  return html`<p id="why-here" class="why-here"><span class="number">${t("here", { ...at, value: significant(value, 4) })}</span>${" "}
    <span class="quiet">${t("of_peak", { share: percent(Math.abs(value) / heat.largest, 0) })}</span></p>`;
}

/** The photo's size on the screen. @param {{ current: HTMLElement | null }} room @param {Picture} photo */
function useFitted(room, photo) {
  const [height, setHeight] = useState(240);
  useLayoutEffect(() => {
    const element = room.current;
    if (!element) return;
    const measure = () => setHeight(Math.max(60, element.clientHeight - SAID));
    const watcher = new ResizeObserver(measure);
    watcher.observe(element);
    measure();
    return () => watcher.disconnect();
  }, []);
  return fitted(photo, { height, width: WIDEST * window.innerWidth });
}

/** Pixels of the line below the photo, and of the room around. */
const SAID = 50;
