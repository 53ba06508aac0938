/** One step as a column: its head, its most important channels, the way to the rest, its shape. */
import { html, useEffect, useLoaded } from "../../dom.js";
import { count, significant } from "../../paint/numbers.js";
import { mapRect } from "./cells.js";
import { FoldIcon } from "./icons.js";
import { HEAD, MORE } from "./keys.js";
import { shapeLabel, shortLabel } from "./label.js";
import { canvasStyle, usePicture } from "./picture.js";
import { bodyStyle, useRows } from "./rows.js";
import { Bars } from "./vector.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Stats} Stats */
/** @typedef {import("./layout.js").Column} Place */
/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./actions.js").Actions} Actions */
/** @typedef {(key: string, values?: Record<string, string | number>) => string} Say */
/**
 * @typedef {object} Shared  What all columns are given.
 * @property {Trace} trace
 * @property {Scene} scene
 * @property {Actions} actions
 * @property {Say} t
 * @property {"en" | "zh"} language
 * @property {"channel" | "step"} scale
 * @property {boolean} dark
 */

/**
 * @param {{ shared: Shared, place: Place, name: string, selected: boolean, channel: number | null, focus: number | null }} props
 *   `channel`: the selected one; `focus`: place of the cell that the Tab key reaches (see keys.js), null none of this column's.
 */
export function Column({ shared, place, name, selected, channel, focus }) {
  const { trace, t, language, actions } = shared;
  const step = trace.steps[place.step];
  const { folded } = place;
  const shape = shapeLabel(step.shape);
  const kind = folded ? t("steps", { n: folded.last - folded.first + 1 }) : shortLabel(step, language);
  const label = folded
    ? t("block_row", { name: folded.path, steps: folded.last - folded.first + 1, shape })
    : t("step_row", { name: step.name, kind, shape });
  const title = folded ? t("unfold", { name: folded.path, n: folded.last - folded.first + 1 }) : `${step.name} · ${kind} · ${shape}`;
  const hidden = place.count - place.shown;
  const expands = place.look !== "tile" && !place.fits;
  const classes = ["column", place.flat && "flat", selected && "selected", folded && "folded"].filter(Boolean).join(" ");
  return html`<div
    class=${classes} role="row"
    style=${{ left: `${place.x}px`, top: `${place.y}px`, width: `${place.width}px`, height: `${place.height}px` }}
  >
    <div
      class="head" role="rowheader" aria-label=${label} title=${title} aria-selected=${selected} aria-expanded=${folded ? "false" : undefined}
      tabindex=${focus === HEAD ? 0 : -1} data-at=${`${place.step}.${HEAD}`} onClick=${() => actions.head(place)}
    >
      <span class="name ellipsis">${name}</span>
      <span class="kind ellipsis">${folded && html`<${FoldIcon} open=${false} />`}${kind}</span>
    </div>
    <${Body} shared=${shared} place=${place} channel=${selected ? channel : null} focus=${focus} />
    <div class="foot" role="presentation">
      ${expands &&
      html`<div
        class="more" role="gridcell" tabindex=${focus === MORE ? 0 : -1} data-at=${`${place.step}.${MORE}`}
        aria-label=${t(place.expanded ? "fewer" : "more", { n: place.count })} aria-expanded=${place.expanded}
        title=${t(place.expanded ? "fewer" : "more", { n: place.count })} onClick=${() => actions.expand(place)}
      >${place.expanded ? t("less") : `+${count(hidden)}`}</div>`}
      <div class="shape number" role="presentation">${shape}</div>
    </div>
  </div>`;
}

/** @param {{ shared: Shared, place: Place, channel: number | null, focus: number | null }} props */
function Body(props) {
  if (props.place.look === "maps") return html`<${Maps} ...${props} />`;
  if (props.place.look === "tile") return html`<${Tile} ...${props} />`;
  return html`<${Bars} ...${props} />`;
}

/** @param {{ shared: Shared, place: Place, channel: number | null, focus: number | null }} props */
function Maps({ shared, place, channel, focus }) {
  const { trace, scene, t, scale, dark } = shared;
  const { value, error } = useLoaded(() => Promise.all([trace.thumbs(place.step), trace.stats(place.step), trace.fields(place.step)]), [trace, place.step]);
  useEffect(() => {
    if (value) scene.changed();
  }, [value]);
  const [thumbs, stats] = value ?? [null, null];
  const order = scene.order(place);
  const { first, last, onScroll, ref } = useRows(scene, place, focus);
  const step = trace.steps[place.step];
  const size = mapRect(place, step.shape[1], step.shape[2]);
  const canvas = usePicture({ trace, step, thumbs, stats, scale, dark, place, order, first, last, size });
  const cells = [];
  for (let i = first * place.across; i < Math.min(last * place.across, place.shown); i += 1) {
    const at = { left: (i % place.across) * place.pitchX, top: Math.floor(i / place.across) * place.pitchY };
    cells.push(
      html`<${MapCell} key=${`${i}`} shared=${shared} place=${place} at=${at} index=${i} size=${size}
        channel=${order[i]} chosen=${order[i] === channel} focused=${focus === i} stats=${stats} />`,
    );
  }
  if (error) return html`<${Notice} place=${place} text=${t("failed")} title=${error.message} />`;
  return html`<div class=${place.expanded ? "body expanded" : "body"} role="presentation" ref=${ref} onScroll=${onScroll} style=${bodyStyle(place)}>
    <div class="sheet" role="presentation" style=${{ height: `${Math.ceil(place.shown / place.across) * place.pitchY}px` }}>
      <canvas class="maps" ref=${canvas} aria-hidden="true" style=${canvasStyle(place, first, last)}></canvas>
      ${cells}
    </div>
  </div>`;
}

/**
 * The place of a map: what is read out, focused and clicked; the map itself is on the column's canvas below.
 * @param {{ shared: Shared, place: Place, at: { left: number, top: number }, index: number, size: import("./cells.js").Rect,
 *   channel: number, chosen: boolean, focused: boolean, stats: Stats | null }} props
 */
function MapCell({ shared, place, at, index, size, channel, chosen, focused, stats }) {
  const { trace, actions, t } = shared;
  const step = trace.steps[place.step];
  const label = stats
    ? t("map", { name: step.name, channel, count: place.count, low: significant(stats.low[channel], 3), high: significant(stats.high[channel], 3) })
    : t("map_plain", { name: step.name, channel, count: place.count });
  return html`<div
    class="map" role="gridcell" aria-label=${label} aria-selected=${chosen} tabindex=${focused ? 0 : -1} data-at=${`${place.step}.${index}`}
    style=${{ left: `${at.left}px`, top: `${at.top}px`, width: `${place.cellWidth}px`, height: `${place.pitchY}px` }}
    onClick=${() => actions.map(place, channel)}
  >
    <i class=${stats ? "frame" : "frame waiting"} style=${{ left: `${size.x}px`, top: `${size.y}px`, width: `${size.width}px`, height: `${size.height}px` }}></i>
    <span class="channel number" aria-hidden="true" style=${{ left: `${size.x}px`, top: `${size.y + size.height}px` }}>${channel}</span>
  </div>`;
}

/** Values that are neither maps nor a vector: what is known of them is their shape. @param {{ shared: Shared, place: Place, focus: number | null }} props */
function Tile({ shared, place, focus }) {
  const step = shared.trace.steps[place.step];
  const label = shared.t("tile", { name: step.name, shape: shapeLabel(step.shape) });
  return html`<div class="body" role="presentation" style=${bodyStyle(place)}>
    <div class="tile number" role="gridcell" tabindex=${focus === 0 ? 0 : -1} data-at=${`${place.step}.0`} aria-label=${label} title=${label}
      style=${{ width: `${place.cellWidth}px`, height: `${place.cellHeight}px` }} onClick=${() => shared.actions.head(place)}
    >${step.shape.length ? step.shape.join("×") : "1"}</div>
  </div>`;
}

/** @param {{ place: Place, text: string, title?: string }} props */
function Notice({ place, text, title }) {
  return html`<div class="body" role="presentation" style=${bodyStyle(place)}>
    <div class="tile" role="gridcell" title=${title} style=${{ width: `${place.cellWidth}px`, height: `${Math.max(40, place.cellHeight)}px` }}>${text}</div>
  </div>`;
}
