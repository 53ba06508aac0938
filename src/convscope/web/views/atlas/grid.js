/**
 * A grid of many small pictures on one canvas: only the rows in sight are drawn, so that thousands scroll smoothly.
 * For readers with a screen reader or a keyboard it is a list box, whose active option is named in words.
 */
import { html, useDark, useEffect, useLayoutEffect, useRef, useState } from "../../dom.js";
import { hover } from "../../hover.js";
import { store } from "../../state.js";
import { cellAt, layoutOf, moved, placeOf, scrolledTo, visible } from "./layout.js";

/** @typedef {import("./layout.js").Layout} Layout */
/**
 * @typedef {object} Spot  What the pointer is on.
 * @property {number} position
 * @property {number} x  In the cell, CSS pixels.
 * @property {number} y
 *
 * @typedef {object} Cells  What is in the grid.
 * @property {number} step  Whose channels, or numbers, these are.
 * @property {number} count
 * @property {number} width  Of a cell, in CSS pixels.
 * @property {number} height
 * @property {number} gap
 * @property {(context: CanvasRenderingContext2D, position: number, x: number, y: number) => void} draw
 * @property {(first: number, stop: number) => void} [settled]  Called when these have been in sight for a moment.
 * @property {(channel: number) => number} positionOf  Where a channel, or a number, is; -1 when it is not there.
 * @property {(position: number) => string} describe  In words.
 * @property {(spot: Spot | null) => void} point
 * @property {(position: number) => void} pick
 * @property {number} chosen  Position of the chosen one, -1 for none.
 */

/** Empty space around the cells. */
export const EDGE = 20;
const SETTLED_AFTER = 120;
/** How far a ring reaches out of its cell. */
const RING = 4;
let made = 0;

/** @param {{ cells: Cells, label: string, onRoom?: (room: { width: number, height: number }) => void }} props */
export function Grid({ cells, label, onRoom }) {
  const frame = useRef(/** @type {HTMLElement | null} */ (null));
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [room, setRoom] = useState({ width: 0, height: 0 });
  const [active, setActive] = useState(/** @type {number | null} */ (null));
  const id = useRef(`cells-${(made += 1)}`).current;
  const dark = useDark();
  const layout = layoutOf({ ...cells, room: room.width, edge: EDGE });
  const current = Math.min(cells.count - 1, active ?? Math.max(0, cells.chosen));

  const now = useRef({ cells, layout, room });
  now.current = { cells, layout, room };
  const painter = useRef(/** @type {ReturnType<typeof makePainter> | null} */ (null));

  useLayoutEffect(() => {
    const element = /** @type {HTMLElement} */ (frame.current);
    painter.current = makePainter(/** @type {HTMLCanvasElement} */ (canvas.current), element, () => now.current);
    const measure = () => setRoom({ width: element.clientWidth, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    const repaint = () => painter.current?.askRings();
    const quiet = [hover.subscribe(repaint), store.subscribe(repaint)];
    return () => {
      observer.disconnect();
      quiet.forEach((stop) => stop());
      painter.current?.stop();
    };
  }, []);
  useEffect(() => onRoom?.(room), [room]);
  useEffect(() => painter.current?.ask(), [cells, room, dark, current]);
  useEffect(() => setActive(null), [cells.count]);

  /** @param {MouseEvent} event @returns {Spot | null} */
  function spotOf(event) {
    const element = /** @type {HTMLElement} */ (frame.current);
    const box = element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top + element.scrollTop];
    const position = cellAt(layout, x, y);
    if (position < 0) return null;
    const place = placeOf(layout, position);
    return { position, x: x - place.x, y: y - place.y };
  }

  /** @param {KeyboardEvent} event */
  function press(event) {
    if (!cells.count || event.ctrlKey || event.metaKey || event.altKey) return;
    const element = /** @type {HTMLElement} */ (frame.current);
    const page = Math.max(1, Math.floor(room.height / (cells.height + cells.gap)));
    const next = moved(layout, current, event.key, page);
    if (event.key === "Enter" || event.key === " ") cells.pick(current);
    else if (next === null) return;
    else {
      setActive(next);
      element.scrollTop = scrolledTo(layout, next, element.scrollTop, room.height);
      cells.point({ position: next, x: -1, y: -1 });
    }
    event.preventDefault();
  }

  /** @param {MouseEvent} event */
  function click(event) {
    const spot = spotOf(event);
    if (!spot) return;
    setActive(spot.position);
    cells.pick(spot.position);
  }

  return html`<div class="cells" ref=${frame} role="listbox" tabindex="0" aria-label=${label}
      aria-activedescendant=${cells.count ? id : undefined} onKeyDown=${press} onClick=${click}
      onScroll=${() => painter.current?.ask()} onPointerMove=${(/** @type {PointerEvent} */ event) => cells.point(spotOf(event))}
      onPointerLeave=${() => cells.point(null)} onBlur=${() => cells.point(null)}>
    <div class="cells-all" style=${{ height: `${layout.total}px` }} role="presentation">
      <canvas ref=${canvas} aria-hidden="true"></canvas>
    </div>
    ${cells.count > 0 &&
    html`<div class="unseen" role="option" id=${id} aria-selected=${String(current === cells.chosen)} aria-posinset=${current + 1}
      aria-setsize=${cells.count}>${cells.describe(current)}</div>`}
  </div>`;
}

/** The chosen cell and the one under the pointer, -1 where there is none. @param {Cells} cells */
function ringed({ step, positionOf }) {
  const [view, pointed] = [store.get(), hover.get()];
  const chosen = view.step === step && view.channel !== null ? positionOf(view.channel) : -1;
  return [chosen, pointed?.step === step && pointed.channel !== null ? positionOf(pointed.channel) : -1];
}

/**
 * Draws what is in sight, at most once a frame.
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLElement} frame
 * @param {() => { cells: Cells, layout: Layout, room: { width: number, height: number } }} now
 */
function makePainter(canvas, frame, now) {
  let asked = 0;
  let timer = 0;

  /** Cells to draw again; null for all. @type {Set<number> | null} */
  let some = new Set();
  /** Cells that carry a ring on the canvas now. */
  let rings = [-1, -1];

  /** @param {number[]} [positions]  Only these cells have changed. */
  function ask(positions) {
    if (!positions) some = null;
    else for (const position of positions) some?.add(position);
    if (!asked) asked = requestAnimationFrame(paint);
  }

  function paint() {
    asked = 0;
    const { cells, layout, room } = now();
    const again = some;
    some = new Set();
    const context = again ? canvas.getContext("2d") : fitted(canvas, room.width, room.height);
    if (!context || !room.width) return;
    rings = ringed(cells);
    const top = frame.scrollTop;
    const { first, stop } = visible(layout, top, room.height);
    for (let position = first; position < stop; position += 1) {
      if (again && !again.has(position)) continue;
      const { x, y } = placeOf(layout, position);
      if (again) erase(context, cells, x, y - top);
      cells.draw(context, position, x, y - top);
    }
    if (again) return;
    clearTimeout(timer);
    if (cells.settled) timer = window.setTimeout(() => now().cells.settled?.(first, stop), SETTLED_AFTER);
  }

  return {
    /** All of it. */
    ask: () => ask(),
    /** The pointer and the selection move about in all steps; only their rings in this one are drawn again. */
    askRings() {
      const next = ringed(now().cells);
      if (next.some((position, i) => position !== rings[i])) ask([...rings, ...next]);
    },
    stop() {
      cancelAnimationFrame(asked);
      clearTimeout(timer);
    },
  };
}

/** A cell with the ring around it. @param {CanvasRenderingContext2D} context @param {Cells} cells @param {number} x @param {number} y */
function erase(context, { width, height, gap }, x, y) {
  const [beside, above] = [RING, Math.min(RING, gap / 2)];
  context.clearRect(x - beside, y - above, width + 2 * beside, height + 2 * above);
}

/** The canvas, empty, as large as its frame in the pixels of the screen. @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
function fitted(canvas, width, height) {
  const context = canvas.getContext("2d");
  if (!context || !width || !height) return null;
  const density = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
