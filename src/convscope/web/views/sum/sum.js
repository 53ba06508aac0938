/** The Arithmetic tab: one value of a step, taken apart into the numbers that made it. */
import { html, useCallback, useDark, useEffect, useMemo, useRef, useState, useStore } from "../../dom.js";
import { hover } from "../../hover.js";
import { useWords } from "../../language.js";
import { chosenChannel, select } from "../../select.js";
import { Balance } from "./balance.js";
import { useSum } from "./given.js";
import { Headline } from "./headline.js";
import { useSumKeys } from "./keys.js";
import { OutputMap } from "./map.js";
import { Nothing } from "./nothing.js";
import { useRoom } from "./parts.js";
import { pictureOf } from "./pictures.js";
import { cellOf, choiceOf, indexOf, movedBy, planeOf, positionOf, readOn } from "./place.js";
import { makePointer } from "./pointer.js";
import { Readout } from "./readout.js";
import { useSweep } from "./sweep.js";
import { useThumbs } from "./thumb.js";
import { Crumbs, useTrail } from "./trail.js";
import { Coordinates, Transport } from "./transport.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("./place.js").Cell} Cell */

/** Heights of a row of pictures and of a line of numbers, for choosing how many there are at first. */
const ROW_HEIGHT = 82;
const LINE_HEIGHT = 27;

/** @param {{ trace: Trace, step: Step }} props */
export function SumView({ trace, step }) {
  return html`<${OfStep} key=${step.index} trace=${trace} step=${step} />`;
}

/** @param {{ trace: Trace, step: Step }} props */
function OfStep({ trace, step }) {
  const t = useWords(words);
  const dark = useDark();
  const place = usePlace(trace, step);
  const { index, cell, plane, channel } = place;
  const taken = useSum(trace, step, index);
  const trail = useTrail(trace, step.index, index);
  const pointer = useMemo(makePointer, [step]);
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const side = useRoom({ width: 240, height: 200 });
  const middle = useRoom({ width: 700, height: 300 });
  const [more, setMore] = useState(0);
  const k = firstRows(step, middle.room.height) + more;
  useSumKeys(root, place);
  const onMore = (/** @type {number} */ by) => setMore(by === 0 ? 0 : more + by);
  const onOpen = (/** @type {Step} */ next, /** @type {number[]} */ at) => {
    trail.down({ step: next.index, index: at });
    select(trace, { step: next.index, ...choiceOf(at), tab: "sum" });
  };
  const Picture = pictureOf(step);
  const { sum, given, error } = taken;
  const say = useCallback(t, [useStore((view) => view.language)]);
  return html`<section class="sum" ref=${root} aria-label=${t("arithmetic")} data-step=${step.index} data-index=${index.join(",")}>
    <div class="sum-where">
      <${Coordinates} plane=${plane} cell=${cell} rank=${step.shape.length} onPick=${place.pick} />
      <div class="sum-map-room" ref=${side.ref}>
        <${OutputMap} trace=${trace} step=${step} channel=${channel} plane=${plane} cell=${cell} room=${side.room}
          playing=${place.playing} onMove=${place.move} onPick=${place.pick} />
      </div>
      <${Transport} playing=${place.playing} slider=${place.slider} onToggle=${place.toggle} onStep=${place.stepBy} onSpeed=${place.setSlider} />
    </div>
    <div class="sum-how">
      <${Crumbs} trace=${trace} trail=${trail.places} />
      ${sum && html`<${Headline} trace=${trace} step=${step} sum=${sum} t=${say} />`}
      <div class="sum-picture" ref=${middle.ref} tabindex="-1">
        ${error && html`<${Nothing} trace=${trace} step=${step} error=${error} t=${say} />`}
        ${!sum && !error && html`<p class="sum-loading quiet" role="status">${t("loading")}</p>`}
        ${sum && given && html`<${Picture} ...${{ trace, step, sum, given, pointer, dark, room: middle.room, k, onMore, onOpen, t: say }} />`}
      </div>
    </div>
    ${sum && html`<aside class="sum-account" tabindex="0" aria-label=${t("balance")}><${Balance} sum=${sum} steps=${trace.steps} k=${k} /></aside>
      <${Readout} pointer=${pointer} sum=${sum} steps=${trace.steps} t=${say} />`}
  </section>`;
}

/** How many contributors are shown at first. @param {Step} step @param {number} height */
function firstRows({ kind }, height) {
  if (kind.startsWith("conv")) return Math.max(3, Math.min(6, Math.floor((height - 60) / ROW_HEIGHT)));
  const beside = kind.endsWith("softmax") ? 170 : 90;
  return Math.max(4, Math.min(10, Math.floor((height - beside) / LINE_HEIGHT)));
}

/**
 * Which value is shown, and the ways to another. While dragging or playing it is kept here, and told to the page's
 * view at the end, so that the address is not written sixty times a second.
 * @param {Trace} trace
 * @param {Step} step
 */
function usePlace(trace, step) {
  useThumbs(trace, step); // which channel matters most is known when the stats are there
  const pixel = useStore((view) => view.pixel);
  const [moving, setMoving] = useState(/** @type {Cell | null} */ (null));
  const channel = useStore((view) => view.channel) === null ? startChannel(trace, step) : chosenChannel(trace, step.index);
  const plane = planeOf(step);
  const index = moving ? indexOf(step, channel, moving) : positionOf(step, channel, pixel);
  const cell = cellOf(index);
  const now = useRef({ cell, channel });
  now.current = { cell, channel };
  const pick = (/** @type {Cell} */ next) => {
    setMoving(null);
    select(trace, choiceOf(indexOf(step, now.current.channel, next)));
  };
  const move = (/** @type {Cell} */ next) => {
    now.current.cell = next;
    setMoving(next);
    if (step.shape.length === 3) hover.set({ step: step.index, channel: now.current.channel, y: next[0], x: next[1] });
  };
  const sweep = useSweep(plane, () => now.current.cell, move, pick);
  useEffect(() => () => hover.set(null), []);
  return {
    ...sweep,
    index,
    cell,
    plane,
    channel,
    move: (/** @type {Cell} */ next) => {
      sweep.stop();
      move(next);
    },
    pick: (/** @type {Cell} */ next) => {
      sweep.stop();
      now.current.cell = next;
      pick(next);
    },
    stepBy: (/** @type {number} */ by) => {
      sweep.stop();
      now.current.cell = readOn(plane, now.current.cell, by);
      pick(now.current.cell);
    },
    moveBy: (/** @type {number} */ dy, /** @type {number} */ dx) => {
      sweep.stop();
      now.current.cell = movedBy(plane, now.current.cell, dy, dx);
      pick(now.current.cell);
    },
  };
}

/** The channel to start with: that of the likeliest class where the value is the answer. @param {Trace} trace @param {Step} step */
function startChannel(trace, step) {
  const answer = trace.answer === null ? null : trace.steps[trace.answer];
  if (step.shape.length === 1 && answer && step.shape[0] === answer.shape[0] && trace.scores.length) return trace.likeliest;
  return chosenChannel(trace, step.index);
}
