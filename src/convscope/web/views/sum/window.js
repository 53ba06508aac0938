/** Pooling and other kinds that make one number of many: the window they read, the winner ringed, or the sum divided. */
import { total } from "../../arithmetic/floats.js";
import { fixed, significant } from "../../paint/numbers.js";
import { channelScale, scaleOf, stepScale } from "../../paint/scale.js";
import { html } from "../../dom.js";
import { blocksOf, readingOf, windowOf } from "./blocks.js";
import { largestOf, precise, unitFor, unitText } from "./cells.js";
import { Fraction } from "./formula.js";
import { Grid } from "./grid.js";
import { Glyph } from "./icons.js";
import { nameOf } from "./place.js";
import { TermsPicture } from "./terms.js";
import { Thumb } from "./thumb.js";

/** @typedef {import("./blocks.js").Block} Block */
/** @typedef {import("./grid.js").CellSize} CellSize */
/** @typedef {import("./parts.js").PictureProps} PictureProps */
/** @typedef {import("./parts.js").Room} Room */

const RESULT_NEEDS = 250;
const DIGITS_NEED = 38;
const DIGITS_HEIGHT = 26;
const THUMB = 112;

/**
 * The size of a cell of a window that has the picture to itself but for its thumb and the result.
 * @param {{ rows: number, columns: number }} block
 * @param {Room} room
 * @returns {CellSize}
 */
export function cellIn({ rows, columns }, room) {
  const [width, height] = [(room.width - THUMB - RESULT_NEEDS) / columns, (room.height - 70) / rows];
  if (width >= DIGITS_NEED && height >= DIGITS_HEIGHT - 4) {
    return { width: Math.min(64, Math.floor(width)), height: Math.min(34, Math.max(DIGITS_HEIGHT - 4, Math.floor(height))), digits: true };
  }
  const side = Math.max(2, Math.min(24, Math.floor(Math.min(width, height))));
  return { width: side, height: side, digits: false };
}

/** @param {PictureProps} props */
export function WindowPicture(props) {
  const { trace, step, sum, room, pointer, dark, t, onOpen } = props;
  const blocks = blocksOf(sum, trace.steps);
  const source = trace.steps[step.inputs[0]];
  if (blocks.length !== 1 || source.shape.length < 2) return html`<${TermsPicture} ...${props} />`;
  const [block] = blocks;
  const cell = cellIn(block, room);
  const channel = source.shape.length >= 3 ? block.channel : 0;
  const stats = trace.peekStats(source);
  const scale = stats ? channelScale(source.facts, stats, channel) : stepScale(source.facts);
  const name = nameOf(source.name, [channel]);
  const winner = "winner" in sum.symbols ? sum.symbols.winner : null;
  const unit = unitFor(largestOf(sum.inputs, blocks), cell.width >= 46 ? 3 : 2);
  const open = (/** @type {number} */ term) => {
    const reading = sum.padded[term] ? null : readingOf(sum, trace.steps, term);
    if (reading) onOpen(reading.step, reading.index);
  };
  return html`<div class="sum-flow">
    <figure><${Thumb} ...${{ trace, step: source, channel, window: windowOf(sum, block), size: THUMB, sum, pointer }} label=${t("thumb_of", { name })} />
      <figcaption class="number ellipsis">${name}</figcaption></figure>
    <figure><${Grid} ...${{ sum, block, cell, dark, pointer, scale, unit, values: sum.inputs }} padding=${true} paddingText=${winner === null ? "0" : "–"}
        ringed=${winner} label=${t("grid_window", { name })} onOpen=${open} />
      <figcaption>${t("window_of", { rows: block.rows, columns: block.columns })} <span class="number">${unitText(unit)}</span></figcaption></figure>
    <span class="sum-to"><${Glyph} name="arrow" /></span>
    ${winner === null ? html`<${Divided} ...${props} />` : html`<${Winner} ...${props} winner=${winner} open=${open} />`}
  </div>`;
}

/** @param {PictureProps & { winner: number, open: (term: number) => void }} props */
function Winner({ trace, sum, winner, open, t }) {
  const reading = readingOf(sum, trace.steps, winner);
  const name = reading ? nameOf(reading.step.name, reading.index) : "";
  const ties = sum.inputs.filter((value, term) => value === sum.inputs[winner] && !sum.padded[term]).length;
  return html`<div class="sum-outcome">
    <span class="quiet">${t("winner")}</span>
    <span class="sum-value number">${precise(sum.inputs[winner])}</span>
    <button class="sum-link number" title=${t("open_value", { name })} onClick=${() => open(winner)}>${name}</button>
    ${ties > 1 && html`<span class="quiet">${t("ties", { n: ties })}</span>`}
  </div>`;
}

/** @param {PictureProps} props */
function Divided({ sum, step, t }) {
  const divisor = sum.symbols.divisor ?? 1;
  const added = total(sum.inputs);
  if (step.kind === "sum") return html`<div class="sum-outcome"><span class="quiet">${t("summed", { n: sum.terms.length })}</span><span class="sum-value number">${precise(sum.result)}</span></div>`;
  return html`<div class="sum-outcome">
    <span class="quiet">${t("averaged", { n: sum.terms.length })}</span>
    <span class="sum-formula"><${Fraction} over=${significant(added, 5)} under=${fixed(divisor, Number.isInteger(divisor) ? 0 : 2)} /><span>=</span><b class="number">${precise(sum.result)}</b></span>
  </div>`;
}

/** The four (or fewer) neighbours of interpolation, each with its share. @param {PictureProps} props */
export function SharesPicture(props) {
  const { trace, step, sum, pointer, dark, room, t, onOpen } = props;
  const [block] = blocksOf(sum, trace.steps);
  const source = trace.steps[step.inputs[0]];
  const stats = trace.peekStats(source);
  const scale = stats ? channelScale(source.facts, stats, block.channel) : stepScale(source.facts);
  const name = nameOf(source.name, [block.channel]);
  const cell = { width: Math.max(48, Math.min(76, Math.floor((room.width - THUMB - 290) / 6))), height: 36, digits: true };
  const open = (/** @type {number} */ term) => {
    const reading = readingOf(sum, trace.steps, term);
    if (reading) onOpen(reading.step, reading.index);
  };
  const grid = { sum, block, cell, dark, pointer };
  const largest = largestOf(sum.terms, [block]);
  return html`<div class="sum-flow">
    <figure><${Thumb} ...${{ trace, step: source, channel: block.channel, window: windowOf(sum, block), size: THUMB, sum, pointer }} label=${t("thumb_of", { name })} />
      <figcaption class="number ellipsis">${name}</figcaption></figure>
    <figure><${Grid} ...${grid} values=${sum.inputs} scale=${scale} unit=${unitFor(largestOf(sum.inputs, [block]), 3)} label=${t("grid_window", { name })} onOpen=${open} />
      <figcaption>${t("neighbours")}</figcaption></figure>
    <span class="sum-to">×</span>
    <figure><${Grid} ...${grid} values=${sum.factors} scale=${scaleOf(0, 1)} unit=${{ exponent: 0, decimals: 4 }} label=${t("shares")} />
      <figcaption>${t("shares")}</figcaption></figure>
    <span class="sum-to">=</span>
    <figure><${Grid} ...${grid} values=${sum.terms} scale=${scaleOf(-largest, largest, stepScale(step.facts).signed)} unit=${unitFor(largest, 3)} label=${t("head_products")} />
      <figcaption>${t("head_products")}</figcaption></figure>
    <div class="sum-outcome"><span class="quiet">${t("added_up")}</span><span class="sum-value number">${precise(sum.result)}</span></div>
  </div>`;
}
