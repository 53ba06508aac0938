/** Convolution: for each input channel that matters, its window times its kernel is a grid of products. */
import { channelScale, scaleOf, stepScale } from "../../paint/scale.js";
import { decimalsFor, signed } from "../../paint/numbers.js";
import { html } from "../../dom.js";
import { blocksOf, readingOf, windowOf } from "./blocks.js";
import { largestOf, tightUnitFor, unitFor, unitText } from "./cells.js";
import { Grid } from "./grid.js";
import { Glyph } from "./icons.js";
import { linesOf } from "./lines.js";
import { Sign } from "./parts.js";
import { nameOf } from "./place.js";
import { Thumb } from "./thumb.js";

/** @typedef {import("./blocks.js").Block} Block */
/** @typedef {import("./grid.js").CellSize} CellSize */
/** @typedef {import("./parts.js").PictureProps} PictureProps */

/** Signs, gaps and the subtotal beside the thumb and the three grids, in pixels. */
const BESIDE = 190;
const DIGITS_NEED = 33;
/** Below this a cell has room for four signs: `-.12`. */
const TIGHT_NEED = 26;
const DIGITS_HEIGHT = 23;
const WIDEST = 62;
const TALLEST_MOSAIC = 132;

/**
 * The size of a cell, so that a thumb and three grids stand side by side.
 * @param {{ rows: number, columns: number }} block
 * @param {number} width  Of the whole row, in pixels.
 * @returns {{ cell: CellSize, thumb: number }}
 */
export function cellSize({ rows, columns }, width) {
  const thumbWith = (/** @type {number} */ height) => Math.max(48, Math.min(88, height));
  const room = (/** @type {number} */ thumb) => Math.floor((width - BESIDE - thumb) / (3 * columns));
  const tall = thumbWith(rows * DIGITS_HEIGHT);
  if (room(tall) >= DIGITS_NEED) return { cell: { width: Math.min(WIDEST, room(tall)), height: DIGITS_HEIGHT, digits: true }, thumb: tall };
  if (room(56) >= TIGHT_NEED && rows <= 7) return { cell: { width: room(56), height: DIGITS_HEIGHT - 2, digits: true, tight: true }, thumb: 56 };
  const side = Math.max(3, Math.min(18, room(64), Math.floor(TALLEST_MOSAIC / rows)));
  return { cell: { width: side, height: side, digits: false }, thumb: thumbWith(rows * side) };
}

/** @param {PictureProps} props */
export function ConvPicture(props) {
  const { trace, step, sum, k, room, t, onMore } = props;
  const blocks = blocksOf(sum, trace.steps);
  const shown = blocks.filter((block) => !block.absent).slice(0, k);
  if (shown.length === 0) return html`<p class="quiet">${t("nothing_reaches")}</p>`;
  const { cell, thumb } = cellSize(shown[0], room.width);
  const shared = sharedScales(props, shown, cell);
  const left = blocks.length - shown.length;
  return html`<div class="sum-rows" role="list" aria-label=${t("contributors")}>
    <div class="sum-row heads" aria-hidden="true">
      <span style=${`width:${thumb}px`}>${t("head_input")}</span>
      <span style=${`width:${shown[0].columns * cell.width}px`}>${t(step.kind === "conv2d" ? "head_window" : "head_reached")} <i>${unitText(shared.units.inputs)}</i></span><${Sign} />
      <span style=${`width:${shown[0].columns * cell.width}px`}>${t("head_kernel")} <i>${unitText(shared.units.factors)}</i></span><${Sign} />
      <span style=${`width:${shown[0].columns * cell.width}px`}>${t("head_products")} <i>${unitText(shared.units.terms)}</i></span><${Sign} /><span class="sum-subtotal" />
    </div>
    ${/* Keyed by place: the strongest channels change with every pixel, their rows are kept. */ shown.map((block, i) => html`<${Row} key=${i} ...${props} block=${block} cell=${cell} thumb=${thumb} shared=${shared} />`)}
    ${left > 0 && html`<${Others} ...${props} left=${left} />`}
    ${left === 0 && shown.length > 6 && html`<button class="button bare" onClick=${() => onMore(0)}>${t("fewer")}</button>`}
  </div>`;
}

/**
 * Units and colour scales that all rows share, so that rows can be compared.
 * @param {PictureProps} props
 * @param {Block[]} shown
 * @param {CellSize} cell
 */
function sharedScales({ sum, trace, k }, shown, { width, tight }) {
  const size = { inputs: largestOf(sum.inputs, shown), factors: largestOf(sum.factors, shown), terms: largestOf(sum.terms, shown) };
  const unit = (/** @type {number} */ largest) => (tight ? tightUnitFor(largest) : unitFor(largest, width >= 46 ? 3 : 2));
  return {
    factors: scaleOf(-size.factors, size.factors, true),
    terms: scaleOf(-size.terms, size.terms, true),
    units: { inputs: unit(size.inputs), factors: unit(size.factors), terms: unit(size.terms) },
    decimals: decimalsFor([...linesOf(sum, trace.steps, k).map((line) => line.exact), sum.result]),
  };
}

/** @param {PictureProps & { block: Block, cell: CellSize, thumb: number, shared: ReturnType<typeof sharedScales> }} props */
function Row({ trace, step, sum, block, cell, thumb, shared, pointer, dark, t, onOpen }) {
  const source = trace.steps[step.inputs[block.source]];
  const stats = trace.peekStats(source);
  const name = nameOf(source.name, [block.channel]);
  const scale = stats ? channelScale(source.facts, stats, block.channel) : stepScale(source.facts);
  const grid = { sum, block, cell, dark, pointer };
  const window = windowOf(sum, block);
  const open = (/** @type {number} */ term) => {
    const reading = sum.padded[term] ? null : readingOf(sum, trace.steps, term);
    if (reading) onOpen(reading.step, reading.index);
  };
  return html`<div class="sum-row" role="listitem" aria-label=${t("row_says", { name, value: signed(block.sum, shared.decimals) })}>
    <span class="sum-source" style=${`width:${thumb}px`}>
      <${Thumb} ...${{ trace, step: source, channel: block.channel, window, size: thumb, sum, pointer }} label=${t("thumb_of", { name })} />
      <span class="sum-channel number">${block.channel}</span>
    </span>
    <${Grid} ...${grid} values=${sum.inputs} scale=${scale} unit=${shared.units.inputs} padding=${true} label=${t("grid_window", { name })} onOpen=${open} />
    <${Sign}>×<//>
    <${Grid} ...${grid} values=${sum.factors} scale=${shared.factors} unit=${shared.units.factors} label=${t("grid_kernel", { name })} />
    <${Sign}>=<//>
    <${Grid} ...${grid} values=${sum.terms} scale=${shared.terms} unit=${shared.units.terms} padding=${true} label=${t("grid_products", { name })} />
    <${Sign} title=${t("added_up")}>Σ<//>
    <span class="sum-subtotal number" title=${String(block.sum)}>${signed(block.sum, shared.decimals)}</span>
  </div>`;
}

/** All channels that have no row of their own, in one. @param {PictureProps & { left: number }} props */
function Others({ left, k, onMore, t, sum }) {
  return html`<div class="sum-row others" role="listitem">
    <span class="quiet">${t(left === 1 ? "line_rest_one" : "line_rest", { n: left })}${sum.absent ? ` · ${t("rest_absent")}` : ""}</span>
    ${!sum.absent && html`<button class="button bare" onClick=${() => onMore(Math.min(left, 6))}><${Glyph} name="down" />${t("more", { n: Math.min(left, 6) })}</button>`}
    ${k > 6 && html`<button class="button bare" onClick=${() => onMore(0)}>${t("fewer")}</button>`}
  </div>`;
}
