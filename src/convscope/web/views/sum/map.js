/** The output: the map (or row of numbers) whose values are taken apart, with the one that is shown now marked. */
import { drawThumb, drawValues } from "../../paint/maps.js";
import { css, colorOf, tableFor } from "../../paint/colors.js";
import { chosenScale, stepScale } from "../../paint/scale.js";
import { hover } from "../../hover.js";
import { html, useDark, useEffect, useLayoutEffect, useLoaded, useRef, useStore } from "../../dom.js";
import { useWords } from "../../language.js";
import { useThumbs } from "./thumb.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("./place.js").Cell} Cell */
/** @typedef {import("./place.js").Plane} Plane */

/**
 * @typedef {object} MapProps
 * @property {Trace} trace
 * @property {Step} step
 * @property {number} channel
 * @property {Plane} plane
 * @property {Cell} cell  The value that is shown.
 * @property {{ width: number, height: number }} room  In screen pixels.
 * @property {boolean} playing
 * @property {(cell: Cell) => void} onMove  While dragging.
 * @property {(cell: Cell) => void} onPick
 */

const BARS_HEIGHT = 150;

/** @param {MapProps} props */
export function OutputMap(props) {
  const { step, plane, cell, room, playing } = props;
  const t = useWords(words);
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const flat = plane.height === 1 && step.shape.length < 3;
  const size = flat ? { width: room.width, height: Math.min(BARS_HEIGHT, room.height) } : fitted(plane, room);
  const style = `width:${size.width}px;height:${size.height}px`;
  const drag = useDrag(props, root);
  useCrossHover(props, root, size);
  const [y, x] = cell;
  const unit = { width: size.width / plane.width, height: size.height / plane.height };
  const said = step.shape.length >= 3 ? t("at_pixel", { y, x }) : t("at_index", { i: step.shape.length === 2 ? `${y}, ${x}` : x });
  return html`<div class="sum-map" style=${style} ref=${root} tabindex="0" role="slider" aria-label=${t("map_label")}
    aria-valuemin="0" aria-valuemax=${plane.height * plane.width - 1} aria-valuenow=${y * plane.width + x} aria-valuetext=${said}
    data-cell=${`${y},${x}`} ...${drag}>
    <${flat ? Bars : Picture} ...${props} style=${style} size=${size} />
    ${playing && html`<${Veil} plane=${plane} cell=${cell} unit=${unit} />`}
    <i class=${`sum-pixel ${flat ? "tall" : ""}`} style=${markStyle(cell, unit)} />
  </div>`;
}

/** The largest size that keeps the map's shape; whole multiples where it is enlarged much. @param {Plane} plane @param {{ width: number, height: number }} room */
function fitted({ height, width }, room) {
  const scale = Math.min(room.width / width, room.height / height);
  const whole = scale >= 4 ? Math.floor(scale) : scale;
  return { width: Math.max(4, width * whole), height: Math.max(4, height * whole) };
}

/** @param {Cell} cell @param {{ width: number, height: number }} unit */
function markStyle([y, x], unit) {
  const [width, height] = [Math.max(unit.width, 7), Math.max(unit.height, 7)];
  return `left:${(x + 0.5) * unit.width - width / 2}px;top:${(y + 0.5) * unit.height - height / 2}px;width:${width}px;height:${height}px`;
}

/** Clicks and drags choose a value. @param {MapProps} props @param {{ current: HTMLElement | null }} root */
function useDrag({ plane, onMove, onPick, step, channel }, root) {
  const down = useRef(false);
  /** @param {PointerEvent} event @returns {Cell | null} */
  const under = (event) => {
    const box = root.current?.getBoundingClientRect();
    if (!box) return null;
    const y = Math.floor(((event.clientY - box.top) / box.height) * plane.height);
    const x = Math.floor(((event.clientX - box.left) / box.width) * plane.width);
    return [Math.min(plane.height - 1, Math.max(0, y)), Math.min(plane.width - 1, Math.max(0, x))];
  };
  return {
    /** @param {PointerEvent} event */
    onPointerDown(event) {
      const cell = under(event);
      if (event.button !== 0 || !cell) return;
      down.current = true;
      root.current?.setPointerCapture(event.pointerId);
      onMove(cell);
    },
    /** @param {PointerEvent} event */
    onPointerMove(event) {
      const cell = under(event);
      if (!cell) return;
      if (down.current) onMove(cell);
      if (step.shape.length === 3) hover.set({ step: step.index, channel, y: cell[0], x: cell[1] });
    },
    /** @param {PointerEvent} event */
    onPointerUp(event) {
      const cell = under(event);
      if (down.current && cell) onPick(cell);
      down.current = false;
    },
    onPointerCancel() {
      down.current = false;
    },
    onPointerLeave() {
      hover.set(null);
    },
  };
}

/** A quiet frame around the value of this map that is pointed at elsewhere. @param {MapProps} props @param {{ current: HTMLElement | null }} root @param {{ width: number, height: number }} size */
function useCrossHover({ step, channel, plane }, root, size) {
  useEffect(() => {
    const ghost = document.createElement("i");
    ghost.className = "sum-pixel ghost";
    ghost.hidden = true;
    root.current?.append(ghost);
    const stop = hover.subscribe((now) => {
      const here = now !== null && now.step === step.index && now.channel === channel && now.y !== null && now.x !== null;
      ghost.hidden = !here;
      if (here) ghost.style.cssText = markStyle([now.y ?? 0, now.x ?? 0], { width: size.width / plane.width, height: size.height / plane.height });
    });
    return () => {
      stop();
      ghost.remove();
    };
  }, [step, channel, plane.height, plane.width, size.width, size.height]);
}

/** @typedef {MapProps & { style: string, size: { width: number, height: number } }} DrawnProps */

/** A map, or a table of numbers. @param {DrawnProps} props */
function Picture({ trace, step, channel, plane, style }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const dark = useDark();
  const mode = useStore((view) => view.scale);
  const pictures = useThumbs(trace, step);
  const numbers = useNumbers(trace, step, channel);
  useLayoutEffect(() => {
    if (!canvas.current) return;
    const stats = pictures?.stats;
    const scale = stats ? chosenScale(mode, step.facts, stats, channel) : stepScale(step.facts);
    if (numbers) drawValues(canvas.current, numbers, plane.height, plane.width, scale, dark);
    else if (pictures) drawThumb(canvas.current, pictures.thumbs, pictures.stats, channel, scale, dark);
  }, [numbers, pictures?.thumbs, channel, dark, mode, step]);
  return html`<canvas ref=${canvas} style=${style} aria-hidden="true" />`;
}

/** A row of numbers, one bar each. @param {DrawnProps} props */
function Bars({ trace, step, plane, size, style }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const dark = useDark();
  const numbers = useNumbers(trace, step, 0);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!canvas.current || !context || !numbers) return;
    const sharp = window.devicePixelRatio || 1;
    canvas.current.width = Math.round(size.width * sharp);
    canvas.current.height = Math.round(size.height * sharp);
    context.scale(sharp, sharp);
    drawBars(context, numbers, plane.width, size, stepScale(step.facts), dark);
  }, [numbers, dark, size.width, size.height, step]);
  return html`<canvas ref=${canvas} class="bars" style=${style} aria-hidden="true" />`;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Float32Array} numbers
 * @param {number} count
 * @param {{ width: number, height: number }} size
 * @param {import("../../paint/scale.js").Scale} scale
 * @param {boolean} dark
 */
function drawBars(context, numbers, count, size, scale, dark) {
  const colors = tableFor({ signed: scale.signed, dark });
  const span = scale.high - scale.low || 1;
  const zero = (scale.high / span) * size.height;
  const width = size.width / count;
  const gap = width > 6 ? 1.5 : 0;
  for (let i = 0; i < count; i += 1) {
    const value = Number.isFinite(numbers[i]) ? numbers[i] : scale.high;
    const top = ((scale.high - value) / span) * size.height;
    context.fillStyle = css(colorOf(numbers[i], scale, colors));
    context.fillRect(i * width, Math.min(top, zero), Math.max(0.75, width - gap), Math.max(1, Math.abs(top - zero)));
  }
}

/** The numbers of the plane; null until they are there, or where this file does not hold them. @param {Trace} trace @param {Step} step @param {number} channel */
function useNumbers(trace, step, channel) {
  const key = `${step.index}/${channel}`;
  const maps = step.shape.length === 3;
  const known = maps ? trace.peekChannel(step, channel) : null;
  const loaded = useLoaded(async () => {
    const numbers = maps ? await trace.channel(step, channel) : await wholeOf(trace, step);
    return { key, numbers };
  }, [trace, key]);
  return known ?? (loaded.value?.key === key ? loaded.value.numbers : null);
}

/** @param {Trace} trace @param {Step} step */
async function wholeOf(trace, step) {
  const values = await trace.values(step);
  return values?.whole ? values.data : null;
}

/** What has not been swept yet lies under a veil. @param {{ plane: Plane, cell: Cell, unit: { width: number, height: number } }} props */
function Veil({ plane, cell: [y, x], unit }) {
  const below = `top:${(y + 1) * unit.height}px;left:0;right:0;bottom:0`;
  const beside = `top:${y * unit.height}px;height:${unit.height}px;left:${(x + 1) * unit.width}px;right:0`;
  return html`${x + 1 < plane.width && html`<i class="sum-veil" style=${beside} />`}<i class="sum-veil" style=${below} />`;
}
