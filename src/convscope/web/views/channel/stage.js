/** A channel's map over the photo: opacity, zoom, and each value under the pointer with what it sees. */
import { html, useDark, useEffect, useLayoutEffect, useLoaded, useMemo, useRef, useState, useStore } from "../../dom.js";
import { hover } from "../../hover.js";
import { useWords } from "../../language.js";
import { drawRGB, drawThumb, drawValues } from "../../paint/maps.js";
import { significant } from "../../paint/numbers.js";
import { chosenScale } from "../../paint/scale.js";
import { select } from "../../select.js";
import { store } from "../../state.js";
import { FULL } from "../atlas/excerpt.js";
import { inks } from "../atlas/inks.js";
import { usePointed } from "../atlas/pointed.js";
import { unitFor } from "../sum/cells.js";
import { cellUnder, panned, toInput, wholeView, zoomed } from "./camera.js";
import { drawScene } from "./scene.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Stats} Stats */
/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("./camera.js").Size} Size */
/** @typedef {import("./scene.js").Scene} Scene */

/** A pointer that moved less than this, in pixels, clicked. */
const CLICK = 4;
const ZOOM = 1.5;
/** Part of the page's width that the map may take. */
const WIDEST = 0.42;
const ARROWS = /** @type {Record<string, [number, number]>} */ ({ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] });

/** The reader's choice stays from channel to channel. */
let chosenOpacity = 1;

/**
 * `children` stand between the map and the controls that belong to it.
 * @param {{ trace: Trace, step: Step, channel: number, stats: Stats, children: any }} props
 */
export function Stage({ trace, step, channel, stats, children }) {
  const t = useWords(words);
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [frame, setFrame] = useState({ width: 0, height: 0 });
  const input = inputSize(trace, step);
  const [camera, setCamera] = useState(() => wholeView(input));
  const [opacity, setOpacity] = useState(chosenOpacity);
  const dark = useDark();
  const photo = usePhoto(trace);
  const map = useMap(trace, step, channel, stats);
  const chosen = useStore((view) => (view.step === step.index ? view.pixel : null));
  const values = map?.values ?? null;
  useLoaded(() => trace.fields(step).then(() => true), [trace, step]);

  /** @type {{ current: Omit<Scene, "cell" | "box"> }} */
  const scene = useRef(/** @type {any} */ (null));
  const unit = useMemo(() => unitFor(Math.max(Math.abs(stats.low[channel]), Math.abs(stats.high[channel]))), [stats, channel]);
  const tokens = useMemo(inks, [dark]);
  scene.current = {
    camera, input, frame, photo, map, opacity, dark, unit,
    chosen: chosen && { y: chosen[0], x: chosen[1] },
    accent: tokens.accent,
    font: tokens.font,
  };
  const painter = useRef(/** @type {(() => void) | null} */ (null));

  useLayoutEffect(() => {
    const element = /** @type {HTMLCanvasElement} */ (canvas.current);
    const home = /** @type {HTMLElement} */ (element.parentElement);
    const observer = new ResizeObserver(() => setFrame({ width: home.clientWidth, height: home.clientHeight }));
    observer.observe(home);
    let asked = 0;
    painter.current = () => {
      if (!asked) asked = requestAnimationFrame(() => ((asked = 0), paint(element, scene.current, trace, step, channel)));
    };
    const quiet = hover.subscribe(painter.current);
    // Not through the tree: the wheel must be told not to scroll, which only a listener that is not passive can.
    home.addEventListener("wheel", turn, { passive: false });
    return () => {
      quiet();
      observer.disconnect();
      cancelAnimationFrame(asked);
      home.removeEventListener("wheel", turn);
    };
  }, [trace, step, channel]);
  useEffect(() => painter.current?.());

  /** @param {WheelEvent} event */
  function turn(event) {
    event.preventDefault();
    const box = /** @type {HTMLCanvasElement} */ (canvas.current).getBoundingClientRect();
    const { input: size, frame: room } = scene.current;
    const point = { x: event.clientX - box.left, y: event.clientY - box.top };
    setCamera((now) => zoomed(now, size, room, Math.exp(-event.deltaY / 240), point));
  }

  const mouse = usePointer({ canvas, scene, setCamera, trace, step, channel });

  /** @param {KeyboardEvent} event */
  function press(event) {
    const [, height, width] = step.shape;
    const now = hover.get();
    const here = now?.step === step.index && now.y !== null && now.x !== null ? [now.y, now.x] : [height >> 1, width >> 1];
    const by = ARROWS[event.key];
    if (by) {
      const many = event.shiftKey ? 10 : 1;
      const [y, x] = [[here[0] + by[0] * many, height], [here[1] + by[1] * many, width]].map(([at, size]) => Math.max(0, Math.min(size - 1, at)));
      hover.set({ step: step.index, channel, y, x });
    } else if (event.key === "Enter") select(trace, { step: step.index, channel, pixel: [here[0], here[1]], tab: "sum" });
    else if (event.key === "+" || event.key === "=") setCamera((now) => zoomed(now, input, frame, ZOOM));
    else if (event.key === "-") setCamera((now) => zoomed(now, input, frame, 1 / ZOOM));
    else if (event.key === "0") setCamera(wholeView(input));
    else return;
    event.preventDefault();
  }

  const size = step.shape.slice(1).join("×");
  return html`<div class="stage">
    <div class="stage-frame" role="application" tabindex="0" aria-label=${t("stage", { n: channel })} title=${t("stage_title", { size })} onKeyDown=${press}
        style=${{ width: `${Math.round(Math.min(frame.height * (input.width / input.height), WIDEST * window.innerWidth))}px` }} onBlur=${() => hover.set(null)} ...${mouse}>
      <canvas ref=${canvas} aria-hidden="true"></canvas>
    </div>
    <${Zoom} zoom=${camera.zoom} onZoom=${(/** @type {number} */ factor) => setCamera((now) => (factor ? zoomed(now, input, frame, factor) : wholeView(input)))} />
    <${Said} trace=${trace} step=${step} channel=${channel} values=${values} missing=${map !== null && !trace.hasChannel(step, channel)} />
  </div>
  <div class="channel-side">
    ${children}
    ${photo && html`<${Opacity} value=${opacity} onOpacity=${(/** @type {number} */ next) => setOpacity((chosenOpacity = next))} />`}
  </div>`;
}

/** @param {{ value: number, onOpacity: (opacity: number) => void }} props */
function Opacity({ value, onOpacity }) {
  const t = useWords(words);
  const slide = (/** @type {InputEvent} */ event) => onOpacity(Number(/** @type {HTMLInputElement} */ (event.target).value) / 100);
  return html`<label class="opacity"><span>${t("opacity")}</span>
    <input type="range" min="0" max="100" value=${value * 100} aria-label=${t("opacity_label")} onInput=${slide} /></label>`;
}

/** @param {{ zoom: number, onZoom: (factor: number) => void }} props  A factor of 0 shows everything. */
function Zoom({ zoom, onZoom }) {
  const t = useWords(words);
  const buttons = /** @type {[string, string, number][]} */ ([["zoom_in", "M12 5v14M5 12h14", ZOOM], ["zoom_out", "M5 12h14", 1 / ZOOM], ["fit", "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5", 0]]);
  return html`<div class="zoom">
    ${buttons.map(
      ([name, path, factor]) => html`<button key=${name} type="button" class="button bare" aria-label=${t(name)} title=${t(name)}
        disabled=${zoom === 1 && factor < 1} onClick=${() => onZoom(factor)}><svg viewBox="0 0 24 24" aria-hidden="true" fill="none"
          stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"><path d=${path} /></svg></button>`,
    )}
  </div>`;
}

/** What the map lies over; its own size where the network was not given a picture. @param {Trace} trace @param {Step} step @returns {Size} */
function inputSize(trace, step) {
  const [, height, width] = trace.steps[0].shape.length === 3 ? trace.steps[0].shape : step.shape;
  return { height, width };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Omit<Scene, "cell" | "box">} scene
 * @param {Trace} trace
 * @param {Step} step
 * @param {number} channel
 */
function paint(canvas, scene, trace, step, channel) {
  const { width, height } = scene.frame;
  const density = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== wide || canvas.height !== high) {
    [canvas.width, canvas.height] = [wide, high];
    [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
  }
  const context = canvas.getContext("2d");
  if (!context || !width || !height) return;
  context.setTransform(density, 0, 0, density, 0, 0);
  const now = hover.get();
  const here = now?.step === step.index && (now.channel === channel || now.channel === null) && now.y !== null && now.x !== null;
  const cell = here ? { y: /** @type {number} */ (now.y), x: /** @type {number} */ (now.x) } : null;
  drawScene(context, { ...scene, cell, box: cell && trace.box(step, cell.y, cell.x) });
}

/**
 * Hover names a value, a click opens its sum, a drag moves the enlarged map.
 * @param {{ canvas: { current: HTMLCanvasElement | null }, scene: { current: Omit<Scene, "cell" | "box"> }, setCamera: (change: (now: Camera) => Camera) => void, trace: Trace, step: Step, channel: number }} parts
 */
function usePointer({ canvas, scene, setCamera, trace, step, channel }) {
  const down = useRef(/** @type {{ x: number, y: number, moved: boolean } | null} */ (null));

  /** @param {PointerEvent} event */
  function under(event) {
    const box = canvas.current?.getBoundingClientRect();
    const { camera, input, frame } = scene.current;
    if (!box) return null;
    const [, height, width] = step.shape;
    return cellUnder(toInput(camera, input, frame, event.clientX - box.left, event.clientY - box.top), input, { height, width });
  }

  return {
    /** @param {PointerEvent} event */
    onPointerDown(event) {
      if (event.button === 0) down.current = { x: event.clientX, y: event.clientY, moved: false };
    },
    /** @param {PointerEvent} event */
    onPointerMove(event) {
      const held = down.current;
      if (held) {
        const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
        if (!held.moved && Math.hypot(dx, dy) < CLICK) return;
        /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
        down.current = { x: event.clientX, y: event.clientY, moved: true };
        setCamera((now) => panned(now, scene.current.input, scene.current.frame, dx, dy));
        return;
      }
      const cell = under(event);
      hover.set(cell && { step: step.index, channel, ...cell });
    },
    /** @param {PointerEvent} event */
    onPointerUp(event) {
      const cell = under(event);
      const clicked = down.current !== null && !down.current.moved;
      down.current = null;
      if (clicked && cell) select(trace, { step: step.index, channel, pixel: [cell.y, cell.x], tab: "sum" });
    },
    onPointerLeave() {
      down.current = null;
      hover.set(null);
    },
  };
}

/** @param {Trace} trace @returns {Scene["photo"]} */
function usePhoto(trace) {
  const { value: picture } = useLoaded(() => trace.picture(), [trace]);
  return useMemo(() => {
    if (!picture || trace.steps[0].shape.length !== 3) return null;
    const canvas = document.createElement("canvas");
    drawRGB(canvas, picture);
    return { canvas, placement: trace.placement };
  }, [picture]);
}

/** The whole map where it is in the file, its small picture otherwise and until then. @param {Trace} trace @param {Step} step @param {number} channel @param {Stats} stats @returns {Scene["map"]} */
function useMap(trace, step, channel, stats) {
  const dark = useDark();
  const mode = useStore((view) => view.scale);
  const { value: values } = useLoaded(() => trace.channel(step, channel), [trace, step, channel]);
  const { value: thumbs } = useLoaded(() => trace.thumbs(step), [trace, step]);
  return useMemo(() => {
    if (!values && !thumbs) return null;
    const [, height, width] = step.shape;
    const scale = chosenScale(mode, step.facts, stats, channel);
    const canvas = document.createElement("canvas");
    if (values) drawValues(canvas, values, height, width, scale, dark);
    else if (thumbs) drawThumb(canvas, thumbs, stats, channel, scale, dark);
    return { canvas, values, size: { height, width }, scale, exact: canvas.width === width && canvas.height === height };
  }, [values, thumbs, channel, mode, dark, step]);
}

/** The value under the pointer in words. @param {{ trace: Trace, step: Step, channel: number, values: Float32Array | null, missing: boolean }} props */
function Said({ trace, step, channel, values, missing }) {
  const t = useWords(words);
  const pointed = usePointed(step.index);
  const view = useStore((now) => now.pixel);
  const here = pointed?.channel === channel && pointed.y !== null && pointed.x !== null ? [pointed.y, pointed.x] : store.get().step === step.index ? view : null;
  if (!here) return html`<p class=${`stage-said aside-note ${missing ? "whole" : ""}`}>${missing ? html`${t("map_absent")}<code>${FULL}</code>` : t("point")}</p>`;
  const [y, x] = here;
  const box = trace.box(step, y, x);
  const value = values ? t("at", { y, x, value: significant(values[y * step.shape[2] + x], 6) }) : t("at_unknown", { y, x });
  const sees = box && t("sees", { top: box.top, bottom: box.bottom - 1, left: box.left, right: box.right - 1 });
  return html`<p class="stage-said number small"><span>${value}</span>${sees && html`<span class="quiet">${sees}</span>`}</p>`;
}
