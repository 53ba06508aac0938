/** The atlas of a step that has maps: every channel as a tile. */
import { isDead, isDuplicate } from "../../data/order.js";
import { html, useDark, useLoaded, useMemo, useState, useStore } from "../../dom.js";
import { hover } from "../../hover.js";
import { useWords } from "../../language.js";
import { count, percent, significant } from "../../paint/numbers.js";
import { select } from "../../select.js";
import { Excerpt } from "./excerpt.js";
import { EDGE, Grid } from "./grid.js";
import { inks } from "./inks.js";
import { fittingWidth } from "./layout.js";
import { Histogram, Legend } from "./legend.js";
import { Readout } from "./readout.js";
import { found } from "./search.js";
import { makeSheet } from "./sheet.js";
import { cellHeight, drawTile, GAP, LABEL } from "./tiles.js";
import { Order, ScaleChoice, Search, TileSize } from "./toolbar.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Stats} Stats */
/** @typedef {import("../../types.js").Thumbs} Thumbs */
/** @typedef {import("./grid.js").Cells} Cells */
/** @typedef {import("./grid.js").Spot} Spot */

const SIZES = { least: 20, most: 240 };
/** Between these a first size is chosen so that all channels are in sight, if they can be. */
const FIRST = { least: 48, most: 200 };

/** The size a reader chose; it stays when the step changes. @type {number | null} */
let chosenSize = null;

/** @param {{ trace: Trace, step: Step }} props */
export function Maps({ trace, step }) {
  const t = useWords(words);
  const { value: loaded, error } = useLoaded(() => Promise.all([trace.thumbs(step), trace.stats(step)]), [trace, step]);
  if (error) return html`<p class="absent" role="alert">${error.message}</p>`;
  if (!loaded) return html`<p class="absent" role="status">${t("loading")}</p>`;
  return html`<${Loaded} trace=${trace} step=${step} thumbs=${loaded[0]} stats=${loaded[1]} />`;
}

/** @param {{ trace: Trace, step: Step, thumbs: Thumbs, stats: Stats }} props */
function Loaded({ trace, step, thumbs, stats }) {
  const t = useWords(words);
  const [text, setText] = useState("");
  const [size, setSize] = useState(chosenSize);
  const [room, setRoom] = useState({ width: 0, height: 0 });
  const wish = useStore((view) => view.sort);
  const sort = wish === "contribution" && !stats.contribution ? "activation" : wish;
  const channels = useMemo(() => found(trace.order(step, sort), text), [trace, step, sort, text]);
  const width = size ?? firstSize(step, stats.low.length, room);
  const cells = useCells({ trace, step, thumbs, stats, channels, width });
  const orders = stats.contribution ? ["contribution", "activation", "dead", "index"] : ["activation", "dead", "index"];
  const all = stats.low.length;
  return html`<div class="atlas">
    <div class="atlas-main">
      <div class="toolbar">
        <${Order} orders=${orders} value=${sort} />
        <${ScaleChoice} />
        <${Search} text=${text} label=${t("search")} onText=${setText} />
        <span class="quiet small" role="status">${channels.length < all ? t("shown", { n: count(channels.length), all: count(all) }) : t("count", { n: count(all) })}</span>
        <${TileSize} value=${width} ...${SIZES} label=${t("tile")} onSize=${(/** @type {number} */ next) => setSize((chosenSize = next))} />
      </div>
      <${Grid} cells=${cells} label=${t("maps", { name: step.name })} onRoom=${setRoom} />
      ${channels.length === 0 && html`<p class="absent">${t("nothing", { last: all - 1 })}</p>`}
    </div>
    <aside class="atlas-side" tabindex="0" aria-label=${t("about")}>
      <${Readout} trace=${trace} step=${step} stats=${stats} />
      <${Legend} step=${step} stats=${stats} />
      <${Histogram} trace=${trace} step=${step} />
      <${Marks} stats=${stats} />
      <${Excerpt} trace=${trace} step=${step} />
    </aside>
  </div>`;
}

/** @param {Step} step @param {number} count @param {{ width: number, height: number }} room */
function firstSize(step, count, room) {
  if (!room.width) return FIRST.least;
  return fittingWidth({ count, room, ...FIRST, gap: GAP, edge: EDGE }, (width) => cellHeight(step, width));
}

/**
 * @param {{ trace: Trace, step: Step, thumbs: Thumbs, stats: Stats, channels: Int32Array, width: number }} source
 * @returns {Cells}
 */
function useCells({ trace, step, thumbs, stats, channels, width }) {
  const t = useWords(words);
  const dark = useDark();
  const language = useStore((view) => view.language);
  const scale = useStore((view) => view.scale);
  const chosen = useStore((view) => (view.step === step.index ? view.channel : null));
  const [sharpened, setSharpened] = useState(0);
  const sheet = useMemo(() => makeSheet({ trace, step, thumbs, stats, scale, dark }), [trace, step, thumbs, stats, scale, dark]);
  return useMemo(() => {
    const height = cellHeight(step, width);
    const source = { step, stats, sheet, inks: inks() };
    const sharp = sheet.shrunk && width * (window.devicePixelRatio || 1) > thumbs.width;
    return {
      step: step.index,
      count: channels.length,
      width,
      height,
      gap: GAP,
      chosen: chosen === null ? -1 : channels.indexOf(chosen),
      draw: (context, position, x, y) => drawTile(context, source, channels[position], { x, y, width, height }),
      settled: sharp
        ? (first, stop) => sheet.sharpen(Array.from(channels.slice(first, stop))).then((fresh) => fresh && setSharpened((n) => n + 1), () => {})
        : undefined,
      positionOf: (channel) => channels.indexOf(channel),
      describe: (position) => described(stats, channels[position], t),
      point: (spot) => hover.set(spot && pointedAt(step, channels[spot.position], spot, width, height - LABEL)),
      pick: (position) => select(trace, { step: step.index, channel: channels[position], tab: "channel" }),
    };
  }, [trace, step, stats, sheet, channels, width, chosen, language, dark, sharpened]);
}

/** @param {Stats} stats @param {number} channel @param {(key: string, values?: any) => string} t */
function described(stats, channel, t) {
  const said = t("described", {
    n: channel,
    min: significant(stats.low[channel], 3),
    mean: significant(stats.mean[channel], 3),
    max: significant(stats.high[channel], 3),
    zeros: percent(stats.zeros[channel]),
  });
  if (isDead(stats, channel)) return `${said}, ${t("is_dead")}`;
  return isDuplicate(stats, channel) ? `${said}, ${t("same", { n: stats.same[channel] })}` : said;
}

/**
 * The value under a point of a tile; the channel alone under its label, or where a key led.
 * @param {Step} step
 * @param {number} channel
 * @param {Spot} spot
 * @param {number} width
 * @param {number} height
 */
function pointedAt({ index, shape: [, rows, columns] }, channel, { x, y }, width, height) {
  const inside = x >= 0 && y >= 0 && x < width && y < height;
  const at = (/** @type {number} */ share, /** @type {number} */ count) => Math.min(count - 1, Math.floor(share * count));
  return { step: index, channel, y: inside ? at(y / height, rows) : null, x: inside ? at(x / width, columns) : null };
}

/** How many channels carry a mark, and what the marks mean. @param {{ stats: Stats }} props */
function Marks({ stats }) {
  const t = useWords(words);
  let [dead, same] = [0, 0];
  for (let channel = 0; channel < stats.low.length; channel += 1) {
    if (isDead(stats, channel)) dead += 1;
    else if (isDuplicate(stats, channel)) same += 1;
  }
  if (!dead && !same) return null;
  return html`<ul class="marks number quiet">
    ${dead > 0 && html`<li>${t("marks_dead", { n: dead })}</li>`}
    ${same > 0 && html`<li>${t("marks_same", { n: same })}</li>`}
  </ul>`;
}
