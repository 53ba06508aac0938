/** Playing: the window sweeps over the map row by row. Pure timing here, the clock of the browser in `useSweep`. */
import { useEffect, useRef, useState } from "../../dom.js";
import { readOn } from "./place.js";

/** @typedef {import("./place.js").Plane} Plane */
/** @typedef {import("./place.js").Cell} Cell */

const SLOWEST = 2;
/** A whole map takes no less than this many seconds at the fastest. */
const SHORTEST = 4;
const FASTEST_AT_LEAST = 30;
/** Longest time that a frame may count for, so that a page which was asleep does not jump. */
const LONGEST_FRAME = 0.1;
const REDUCED_STEP = 500;

/**
 * Pixels a second at a position of the speed slider; equal ways on the slider are equal factors.
 * @param {number} slider  0..1
 * @param {Plane} plane
 */
export function speedAt(slider, { height, width }) {
  const fastest = Math.max(FASTEST_AT_LEAST, (height * width) / SHORTEST);
  return SLOWEST * (fastest / SLOWEST) ** slider;
}

/**
 * How many whole pixels to go on after `seconds`, and what is left over.
 * @param {number} owed  Part of a pixel left over from before.
 * @param {number} seconds
 * @param {number} speed
 * @returns {{ steps: number, owed: number }}
 */
export function advance(owed, seconds, speed) {
  const due = owed + Math.min(seconds, LONGEST_FRAME) * speed;
  const steps = Math.floor(due);
  return { steps, owed: due - steps };
}

/**
 * The cell after `steps` more, held at the last one of the map.
 * @param {Plane} plane
 * @param {Cell} cell
 * @param {number} steps
 * @returns {{ cell: Cell, ended: boolean }}
 */
export function swept(plane, cell, steps) {
  const left = plane.height * plane.width - 1 - (cell[0] * plane.width + cell[1]);
  return { cell: readOn(plane, cell, Math.min(steps, left)), ended: steps >= left };
}

/**
 * Playing and pausing. `move` is called with every new cell; the page's view is told when it stops (`settle`).
 * @param {Plane} plane
 * @param {() => Cell} where
 * @param {(cell: Cell) => void} move
 * @param {(cell: Cell) => void} settle
 */
export function useSweep(plane, where, move, settle) {
  const [playing, setPlaying] = useState(false);
  const [slider, setSlider] = useState(0.45);
  const now = useRef({ where, move, settle, slider });
  now.current = { where, move, settle, slider };
  useEffect(() => {
    if (!playing) return undefined;
    const run = reducedMotion() ? stepping : gliding;
    const stop = run(plane, now, () => setPlaying(false));
    const hide = () => document.hidden && setPlaying(false);
    document.addEventListener("visibilitychange", hide);
    return () => {
      document.removeEventListener("visibilitychange", hide);
      stop();
      now.current.settle(now.current.where());
    };
  }, [playing, plane.height, plane.width]);
  const toggle = () => {
    const [y, x] = where();
    if (!playing && y === plane.height - 1 && x === plane.width - 1) move([0, 0]);
    setPlaying(!playing);
  };
  return { playing, toggle, stop: () => setPlaying(false), slider, setSlider };
}

/** @typedef {{ current: { where: () => Cell, move: (cell: Cell) => void, slider: number } }} Now */

/** @param {Plane} plane @param {Now} now @param {() => void} end */
function gliding(plane, now, end) {
  let before = performance.now();
  let owed = 0;
  let frame = requestAnimationFrame(function tick(time) {
    const due = advance(owed, (time - before) / 1000, speedAt(now.current.slider, plane));
    before = time;
    owed = due.owed;
    if (due.steps > 0 && go(plane, now, due.steps)) return end();
    frame = requestAnimationFrame(tick);
  });
  return () => cancelAnimationFrame(frame);
}

/** One pixel now and then, for those who want no motion. @param {Plane} plane @param {Now} now @param {() => void} end */
function stepping(plane, now, end) {
  const timer = setInterval(() => go(plane, now, 1) && end(), REDUCED_STEP);
  return () => clearInterval(timer);
}

/** @param {Plane} plane @param {Now} now @param {number} steps @returns {boolean} whether the map's end is reached */
function go(plane, now, steps) {
  const { cell, ended } = swept(plane, now.current.where(), steps);
  now.current.move(cell);
  return ended;
}

function reducedMotion() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
