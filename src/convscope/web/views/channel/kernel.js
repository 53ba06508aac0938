/** A kernel as a picture; small ones with their numbers written in. */
import { html, useDark, useEffect, useRef } from "../../dom.js";
import { useWords } from "../../language.js";
import { shade } from "../../paint/colors.js";
import { drawValues } from "../../paint/maps.js";
import { significant } from "../../paint/numbers.js";
import { cellText } from "../sum/cells.js";
import { words } from "./words.js";

/** @typedef {import("./feeds.js").Kernel} Kernel */
/** @typedef {import("../../paint/scale.js").Scale} Scale */
/** @typedef {import("../sum/cells.js").Unit} Unit */

/** Kernels up to this many numbers a side have room for them. */
const WRITTEN = 3;

/**
 * @param {{ kernel: Kernel, scale: Scale, unit: Unit, label: string }} props  `scale` and `unit` are shared by all kernels of a filter.
 */
export function KernelPicture({ kernel, scale, unit, label }) {
  const written = kernel.height <= WRITTEN && kernel.width <= WRITTEN;
  return written
    ? html`<${Written} kernel=${kernel} scale=${scale} unit=${unit} label=${label} />`
    : html`<${Painted} kernel=${kernel} scale=${scale} label=${label} />`;
}

/** @param {{ kernel: Kernel, scale: Scale, unit: Unit, label: string }} props */
function Written({ kernel: { height, width, data }, scale, unit, label }) {
  const t = useWords(words);
  const dark = useDark();
  return html`<div class="kernel written number" role="img" aria-label=${`${label}: ${Array.from(data, (weight) => cellText(weight, unit)).join(" ")}`}
      style=${{ gridTemplateColumns: `repeat(${width}, 34px)`, gridTemplateRows: `repeat(${height}, 1fr)` }}>
    ${Array.from(data, (weight, i) => {
      const { background, ink } = shade(weight, scale, dark);
      const title = data.length === 1 ? t("weight_one", { value: significant(weight, 7) }) : titleOf(t, width, i, weight);
      return html`<span key=${i} style=${{ background, color: ink }} title=${title}>${cellText(weight, unit)}</span>`;
    })}
  </div>`;
}

/** @param {{ kernel: Kernel, scale: Scale, label: string }} props */
function Painted({ kernel, scale, label }) {
  const t = useWords(words);
  const dark = useDark();
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const { height, width, data } = kernel;
  useEffect(() => {
    if (canvas.current) drawValues(canvas.current, data, height, width, scale, dark);
  }, [kernel, scale.low, scale.high, dark]);

  /** @param {PointerEvent} event */
  function name(event) {
    const element = /** @type {HTMLCanvasElement} */ (event.currentTarget);
    const box = element.getBoundingClientRect();
    const x = Math.max(0, Math.min(width - 1, Math.floor(((event.clientX - box.left) / box.width) * width)));
    const y = Math.max(0, Math.min(height - 1, Math.floor(((event.clientY - box.top) / box.height) * height)));
    element.title = titleOf(t, width, y * width + x, data[y * width + x]);
  }

  return html`<canvas ref=${canvas} class="kernel painted" role="img" aria-label=${label} onPointerMove=${name}
    style=${{ aspectRatio: `${width} / ${height}` }}></canvas>`;
}

/** @param {(key: string, values?: any) => string} t @param {number} width @param {number} i @param {number} weight */
function titleOf(t, width, i, weight) {
  return t("weight_at", { y: Math.floor(i / width), x: i % width, value: significant(weight, 7) });
}
