/** A window of numbers as coloured cells; large ones without digits, which are then on the pointer. */
import { colorOf, css, shade, tableFor } from "../../paint/colors.js";
import { html, useEffect, useLayoutEffect, useRef } from "../../dom.js";
import { cellText } from "./cells.js";

/** @typedef {import("../../types.js").Sum} Sum */
/** @typedef {import("../../paint/scale.js").Scale} Scale */
/** @typedef {import("./blocks.js").Block} Block */
/** @typedef {import("./cells.js").Unit} Unit */
/** @typedef {import("./pointer.js").Pointer} Pointer */
/** @typedef {{ width: number, height: number, digits: boolean, tight?: boolean }} CellSize */

/**
 * @typedef {object} GridProps
 * @property {Sum} sum
 * @property {Block} block
 * @property {ArrayLike<number>} values  One entry a term of the sum.
 * @property {Scale} scale
 * @property {Unit} unit
 * @property {CellSize} cell
 * @property {boolean} dark
 * @property {Pointer} pointer
 * @property {boolean} [padding]  Whether padding is shown as such (it is where numbers were read).
 * @property {string} [paddingText]
 * @property {number | null} [ringed]  A term that is marked, as the winner of a maximum.
 * @property {string} label
 * @property {(term: number) => void} [onOpen]
 */

/** @param {GridProps} props */
export function Grid(props) {
  const { block, cell, pointer, label, onOpen } = props;
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const lit = useRef(/** @type {HTMLElement | null} */ (null));
  const cursor = useRef(-1);
  useEffect(() => follow(pointer, block, cell, lit), [pointer, block, cell.width, cell.height]);
  /** @param {number} place */
  const point = (place) => {
    cursor.current = place;
    if (!root.current || place < 0) return pointer.set(null);
    const [row, column] = [Math.floor(place / block.columns), place % block.columns];
    const [left, top] = [(column + 0.5) * cell.width, row * cell.height];
    pointer.set({ term: block.terms[place], from: root.current, left, top, bottom: top + cell.height });
  };
  const open = () => cursor.current >= 0 && onOpen?.(block.terms[cursor.current]);
  return html`<div
    class="sum-grid ${onOpen ? "opens" : ""} ${cell.tight ? "tight" : cell.width < 38 ? "small" : ""}" role="group" tabindex="0" aria-label=${label} ref=${root}
    style=${`width:${block.columns * cell.width}px;height:${block.rows * cell.height}px`}
    onPointerMove=${(/** @type {PointerEvent} */ event) => point(placeUnder(event, block, cell))}
    onPointerLeave=${() => point(-1)}
    onFocus=${(/** @type {FocusEvent} */ event) => isKeyboardFocus(event) && point(Math.max(0, cursor.current))}
    onBlur=${() => point(-1)}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => keyed(event, block, cursor.current, point, open)}
    onClick=${open}
  >${cell.digits ? html`<${Cells} ...${props} />` : html`<${Mosaic} ...${props} />`}<i class="sum-lit" ref=${lit} hidden /></div>`;
}

/** @param {Pointer} pointer @param {Block} block @param {CellSize} cell @param {{ current: HTMLElement | null }} lit */
function follow(pointer, block, cell, lit) {
  return pointer.subscribe((now) => {
    if (!lit.current) return;
    const place = now ? block.terms.indexOf(now.term) : -1;
    lit.current.hidden = place < 0;
    if (place < 0) return;
    const [row, column] = [Math.floor(place / block.columns), place % block.columns];
    lit.current.style.cssText = `left:${column * cell.width}px;top:${row * cell.height}px;width:${cell.width}px;height:${cell.height}px`;
  });
}

/** @param {PointerEvent} event @param {Block} block @param {CellSize} cell */
function placeUnder(event, { rows, columns }, cell) {
  const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
  const column = Math.floor((event.clientX - box.left) / cell.width);
  const row = Math.floor((event.clientY - box.top) / cell.height);
  return row >= 0 && row < rows && column >= 0 && column < columns ? row * columns + column : -1;
}

/** @param {FocusEvent} event */
function isKeyboardFocus(event) {
  return event.target instanceof Element && event.target.matches(":focus-visible");
}

/** @type {Record<string, [number, number]>} */
const WAYS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * Arrow keys walk the cells, Enter opens one.
 * @param {KeyboardEvent} event
 * @param {Block} block
 * @param {number} place
 * @param {(place: number) => void} point
 * @param {() => void} open
 */
function keyed(event, { rows, columns }, place, point, open) {
  const way = WAYS[event.key];
  if (way && !event.shiftKey) {
    const row = Math.min(rows - 1, Math.max(0, Math.floor(Math.max(0, place) / columns) + way[0]));
    const column = Math.min(columns - 1, Math.max(0, (Math.max(0, place) % columns) + way[1]));
    point(row * columns + column);
  } else if (event.key === "Enter") open();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** @param {GridProps} props */
function Cells({ sum, block, values, scale, unit, cell, dark, padding, paddingText = "0", ringed }) {
  const size = `width:${cell.width}px;height:${cell.height}px;`;
  return Array.from(block.terms, (term) => {
    const ring = term === ringed ? " ringed" : "";
    if (sum.absent?.[term]) return html`<b class="gone" style=${size}>?</b>`;
    if (padding && sum.padded[term]) return html`<b class=${`pad${ring}`} style=${size}>${paddingText}</b>`;
    const { background, ink } = shade(values[term], scale, dark);
    return html`<b class=${ring} style=${`${size}background:${background};color:${ink}`}>${cellText(values[term], unit)}</b>`;
  });
}

/** Cells without digits, drawn, since there may be hundreds. @param {GridProps} props */
function Mosaic({ sum, block, values, scale, cell, dark, padding, ringed }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useLayoutEffect(() => {
    const sharp = window.devicePixelRatio || 1;
    const context = canvas.current?.getContext("2d");
    if (!canvas.current || !context) return;
    canvas.current.width = Math.round(block.columns * cell.width * sharp);
    canvas.current.height = Math.round(block.rows * cell.height * sharp);
    context.scale(sharp, sharp);
    const colors = tableFor({ signed: scale.signed, dark });
    const style = getComputedStyle(canvas.current);
    block.terms.forEach((term, i) => {
      const [left, top] = [(i % block.columns) * cell.width, Math.floor(i / block.columns) * cell.height];
      const outside = (padding && sum.padded[term]) || sum.absent?.[term];
      context.fillStyle = outside ? style.getPropertyValue("--line") : css(colorOf(values[term], scale, colors));
      context.fillRect(left, top, cell.width + 0.5, cell.height + 0.5);
      if (outside && cell.width >= 6) hatch(context, left, top, cell, style.getPropertyValue("--line-strong"));
    });
  }, [sum, block, values, scale.low, scale.high, cell.width, cell.height, dark]);
  const place = ringed === null || ringed === undefined ? -1 : block.terms.indexOf(ringed);
  const [row, column] = [Math.floor(place / block.columns), place % block.columns];
  return html`<canvas ref=${canvas} style=${`width:${block.columns * cell.width}px;height:${block.rows * cell.height}px`} aria-hidden="true" />
    ${place >= 0 && html`<i class="sum-ring" style=${`left:${column * cell.width}px;top:${row * cell.height}px;width:${cell.width}px;height:${cell.height}px`} />`}`;
}

/** @param {CanvasRenderingContext2D} context @param {number} left @param {number} top @param {CellSize} cell @param {string} color */
function hatch(context, left, top, cell, color) {
  context.strokeStyle = color;
  context.beginPath();
  context.moveTo(left, top + cell.height);
  context.lineTo(left + cell.width, top);
  context.stroke();
}
