/** The network from left to right: the photo stays in sight, the steps scroll past it. */
import { html, useDark, useEffect, useLayoutEffect, useMemo, useRef, useState, useStore } from "../../dom.js";
import { useWords } from "../../language.js";
import { Photo } from "../photo.js";
import { makeActions } from "./actions.js";
import { around, findBlocks, fold } from "./blocks.js";
import { Column } from "./column.js";
import { FoldIcon } from "./icons.js";
import { HEAD, moved, settled } from "./keys.js";
import { signOf, withoutPrefix } from "./label.js";
import { layOut, mostAcross } from "./layout.js";
import { Minimap } from "./minimap.js";
import { drawOver } from "./overlay.js";
import { usePointer } from "./pointer.js";
import { Scene, contentOf } from "./scene.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./layout.js").Column} Place */
/** @typedef {import("./keys.js").Focus} Focus */

/** Columns this far out of view are made already, in pixels; the view moves in steps of half as much. */
const AHEAD = 320;

/** @param {{ trace: Trace }} props */
export function Flow({ trace }) {
  const t = useWords(words);
  const view = useView();
  const dark = useDark();
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const over = useRef(/** @type {SVGElement | null} */ (null));
  const wires = useRef(/** @type {SVGElement | null} */ (null));
  const room = useRoom(scroller);
  const scene = useMemo(() => new Scene(trace), [trace]);
  const blocks = useMemo(() => findBlocks(trace.steps), [trace]);
  const actions = useMemo(() => makeActions(trace, blocks), [trace, blocks]);
  const layout = useLayout(trace, blocks, view, room.height, mostAcross(room.width));
  useMemo(() => scene.show(layout), [scene, layout]);
  scene.chosen = { step: view.step, channel: view.channel };
  const [from, setFrom] = useState(0);
  const [focus, setFocus] = useState(/** @type {Focus} */ ({ step: layout.columns[0].step, place: HEAD }));
  const stops = useMemo(() => layout.columns.map(stopOf), [layout]);
  const current = settled(stops, focus);
  const reach = useRef(false);

  useEffect(() => {
    if (view.step !== null) actions.reveal(view.step);
  }, [actions, view.step]);
  useLayoutEffect(() => {
    if (!over.current) return;
    return drawOver(over.current, scene, {
      from: () => ({ left: scroller.current?.scrollLeft ?? 0, right: (scroller.current?.scrollLeft ?? 0) + (scroller.current?.clientWidth ?? 0) }),
      wires: () => wires.current?.children ?? [],
    });
  }, [scene]);
  useSelectedInView(scroller, scene, view.step, layout);
  useLayoutEffect(() => {
    if (!reach.current) return;
    reach.current = false;
    focusOn(scroller.current, focus, 8);
  }, [focus]);
  const pointer = usePointer(scroller, scene);

  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const column = scene.columns.get(current.step);
    if (!column) return;
    if (event.key === "Enter") open(column, current.place);
    else if (event.key === " ") toggle(column, current.place);
    else {
      const next = moved(stops, current, event.key);
      if (!next) return;
      reach.current = true;
      bring(scroller.current, scene.columns.get(next.step), "auto");
      setFocus(next);
    }
    event.preventDefault();
  };
  /** @param {Place} column @param {number} place */
  const open = (column, place) => {
    if (place < 0) actions.head(column);
    else if (place >= column.shown) actions.expand(column);
    else if (column.look === "maps") actions.map(column, scene.order(column)[place]);
    else if (column.look === "tile") actions.head(column);
    else actions.number(column, scene.order(column)[place]);
  };
  /** @param {Place} column @param {number} place */
  const toggle = (column, place) => {
    if (place === HEAD) {
      actions.toggle(column);
      if (!column.folded) return;
      reach.current = true;
      setFocus({ step: firstShown(column.folded), place: HEAD });
    } else if (!column.fits && column.look !== "tile") actions.expand(column);
  };
  /** The Tab key comes back to where the last click or key was. @param {FocusEvent} event */
  const onFocusIn = (event) => {
    const at = event.target instanceof HTMLElement ? event.target.dataset.at?.split(".").map(Number) : null;
    if (at && (at[0] !== focus.step || at[1] !== focus.place)) setFocus({ step: at[0], place: at[1] });
  };
  const onScroll = () => {
    const left = scroller.current?.scrollLeft ?? 0;
    setFrom(Math.round(left / (AHEAD / 2)) * (AHEAD / 2));
    pointer.moved();
  };

  const seen = layout.columns.filter(({ x, width, step }) => (x < from + room.width + AHEAD && x + width > from - AHEAD) || step === current.step);
  const shared = useMemo(
    () => ({ trace, scene, actions, t, language: view.language, scale: view.scale, dark }),
    [trace, scene, actions, view.language, view.scale, dark],
  );
  const drawn = useRef(/** @type {Map<number, { keys: unknown[], tree: import("../../vendor/preact.js").Tree }>} */ (new Map()));
  /** The tree of a column that has not changed is the very same one, which costs nothing to draw again. @param {Place} place */
  const columnOf = (place) => {
    const selected = place.step === view.step;
    const props = { shared, place, selected, channel: selected ? view.channel : null, focus: place.step === current.step ? current.place : null };
    const keys = Object.values(props);
    const known = drawn.current.get(place.step);
    if (known && known.keys.every((key, i) => Object.is(key, keys[i]))) return known.tree;
    const tree = html`<${Column} key=${place.step} name=${nameOf(trace, blocks, place)} ...${props} />`;
    drawn.current.set(place.step, { keys, tree });
    return tree;
  };
  const long = layout.width > room.width + 1;
  const [first] = layout.columns;
  return html`<section class="flow" style=${{ "--middle": `${first.bodyY + first.bodyHeight / 2}px` }}>
    <${Photo} trace=${trace} />
    <div class="strip">
      <div class="scroller" ref=${scroller} onScroll=${onScroll} onKeyDown=${onKeyDown} onFocusIn=${onFocusIn} ...${pointer.handlers}>
        <div class="content" style=${{ width: `${layout.width}px`, height: `${layout.height}px` }}>
          ${useMemo(() => html`<${Wires} layout=${layout} trace=${trace} group=${wires} />`, [layout])}
          ${layout.brackets.map(({ block, x, y, width }) => html`<div class="bracket" key=${block.path} style=${{ left: `${x}px`, top: `${y}px`, width: `${width}px` }}>
            <button tabindex="-1" title=${t("fold", { name: block.path })} onClick=${() => actions.fold(block)}>
              <${FoldIcon} open=${true} />${block.name}</button>
          </div>`)}
          <div class="grid" role="grid" aria-label=${t("flow", { steps: trace.steps.length })} aria-rowcount=${layout.columns.length}>
            ${seen.map(columnOf)}
          </div>
          <svg class="over" ref=${over} width=${layout.width} height=${layout.height} aria-hidden="true"></svg>
        </div>
      </div>
      ${useMemo(() => long && html`<${Minimap} scroller=${scroller} layout=${layout} selected=${view.step} label=${t("overview")} />`, [long, layout, view.step, t("overview")])}
    </div>
  </section>`;
}

/** The parts of the view's state on which the flow depends. */
function useView() {
  return {
    step: useStore((view) => view.step),
    channel: useStore((view) => view.channel),
    unfolded: useStore((view) => view.unfolded),
    expanded: useStore((view) => view.expanded),
    scale: useStore((view) => view.scale),
    language: useStore((view) => view.language),
  };
}

/**
 * @param {Trace} trace
 * @param {readonly import("./blocks.js").Block[]} blocks
 * @param {{ unfolded: string[], expanded: number[] }} view
 * @param {number} height
 * @param {number} across
 * @returns {Layout}
 */
function useLayout(trace, blocks, { unfolded, expanded }, height, across) {
  return useMemo(() => {
    const open = new Set(unfolded);
    const nodes = fold(trace.steps, blocks, open);
    const contents = nodes.map(({ step }) => contentOf(trace, trace.steps[step]));
    const [, rows = 1, columns = 1] = trace.steps[0].shape;
    return layOut(nodes, contents, new Set(expanded), openBlocks(blocks, open), { height, aspect: columns / rows, across });
  }, [trace, blocks, unfolded, expanded, height, across]);
}

/** @param {readonly import("./blocks.js").Block[]} blocks @param {ReadonlySet<string>} open @returns {import("./blocks.js").Block[]} */
function openBlocks(blocks, open) {
  return blocks.flatMap((block) => (open.has(block.path) ? [block, ...openBlocks(block.inside, open)] : []));
}

/** The room that the strip has; a guess until it is there. @param {{ current: HTMLElement | null }} scroller */
function useRoom(scroller) {
  const [room, setRoom] = useState({ width: 1280, height: 420 });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const measure = () => setRoom((old) => {
      const [width, height] = [element.clientWidth, element.clientHeight];
      return old.width === width && old.height === height ? old : { width, height };
    });
    const watcher = new ResizeObserver(measure);
    watcher.observe(element);
    measure();
    return () => watcher.disconnect();
  }, []);
  return room;
}

/**
 * When another view selects a step, its column comes into sight.
 * @param {{ current: HTMLElement | null }} scroller
 * @param {Scene} scene
 * @param {number | null} step
 * @param {Layout} layout
 */
function useSelectedInView(scroller, scene, step, layout) {
  const count = layout.columns.length;
  useEffect(() => {
    if (step !== null) bring(scroller.current, scene.columns.get(step), "smooth");
  }, [step, count]);
}

/** @param {HTMLElement | null} scroller @param {Place | undefined} column @param {ScrollBehavior} behavior */
function bring(scroller, column, behavior) {
  if (!scroller || !column) return;
  const margin = 60;
  const { scrollLeft: left, clientWidth: width } = scroller;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : behavior;
  if (column.x - margin < left) scroller.scrollTo({ left: column.x - margin, behavior: calm });
  else if (column.x + column.width + margin > left + width) scroller.scrollTo({ left: column.x + column.width + margin - width, behavior: calm });
}

/**
 * Puts the focus on a cell, which may have to be made first: rows of long columns are made when they come into view.
 * @param {HTMLElement | null} root
 * @param {Focus} focus
 * @param {number} tries  Frames to wait for it.
 */
function focusOn(root, { step, place }, tries) {
  const cell = root?.querySelector(`[data-at="${step}.${place}"]`);
  if (cell instanceof HTMLElement) cell.focus({ preventScroll: true });
  else if (tries > 0) requestAnimationFrame(() => focusOn(root, { step, place }, tries - 1));
}

/** The step of a block's first column once it is unfolded. @param {import("./blocks.js").Block} block */
function firstShown({ first, inside }) {
  return inside[0]?.first === first ? inside[0].last : first;
}

/** @param {Place} column */
function stopOf({ step, shown, across, fits, look }) {
  return { step, shown, across, more: !fits && look !== "tile" };
}

/** Inside an open block a name need not say the block's. @param {Trace} trace @param {readonly import("./blocks.js").Block[]} blocks @param {Place} place */
function nameOf(trace, blocks, { step, folded }) {
  if (folded) return folded.name;
  return withoutPrefix(trace.steps[step].name, around(blocks, step).at(-1)?.path ?? "");
}

/** @param {{ layout: Layout, trace: Trace, group: { current: SVGElement | null } }} props */
function Wires({ layout, trace, group }) {
  const [first] = layout.columns;
  const lead = `M0 ${first.bodyY + first.bodyHeight / 2}H${first.bodyX - 5}`;
  const joints = new Map(layout.wires.flatMap(({ joint, to }) => (joint ? [[to, joint]] : [])));
  return html`<svg class="wires" width=${layout.width} height=${layout.height} aria-hidden="true">
    <path class="chain" d=${lead} />
    <g ref=${group}>${layout.wires.map(({ from, to, kind, path }) => html`<path key=${`${from} ${to}`} class=${kind} data-to=${layout.columns[to].step} d=${path} />`)}</g>
    ${[...joints].map(([to, { x, y }]) => html`<g key=${to} class="joint" transform=${`translate(${x} ${y})`}>
      <circle r="8" /><text dy="0.35em">${layout.columns[to].folded ? "·" : signOf(trace.steps[layout.columns[to].step].kind)}</text>
    </g>`)}
  </svg>`;
}
