/** Keys of the Arithmetic tab: arrows move the value, Shift makes it ten, Space plays and pauses. */
import { useEffect, useRef } from "../../dom.js";

/** @typedef {{ moveBy: (dy: number, dx: number) => void, toggle: () => void }} Moves */

/** @type {Record<string, [number, number]>} */
const WAYS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const FAR = 10;

/**
 * Listens while nothing else of the page has the focus. Earlier than the page's own keys, which skip what was handled.
 * @param {{ current: HTMLElement | null }} root
 * @param {Moves} moves
 */
export function useSumKeys(root, moves) {
  const now = useRef(moves);
  now.current = moves;
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const press = (event) => {
      const target = event.target instanceof Element ? event.target : null;
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !isOurs(root.current, target)) return;
      if (pressed(event, target, now.current)) event.preventDefault();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

/** @param {HTMLElement | null} root @param {Element | null} target */
function isOurs(root, target) {
  if (!root || !target) return false;
  if (target.closest("dialog, select, textarea, input")) return false;
  return target === document.body || root.contains(target) || target.contains(root);
}

/** @param {KeyboardEvent} event @param {Element | null} target @param {Moves} moves @returns {boolean} */
function pressed(event, target, moves) {
  const way = WAYS[event.key];
  const far = event.shiftKey ? FAR : 1;
  if (way) moves.moveBy(way[0] * far, way[1] * far);
  else if (event.key === " " && !target?.closest("button, a")) moves.toggle();
  else return false;
  return true;
}
