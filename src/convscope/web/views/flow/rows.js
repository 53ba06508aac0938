/** The body of a column: where it stands, and which of its rows are in view. */
import { useEffect, useRef, useState } from "../../dom.js";
import { rowsInView } from "./cells.js";

/** @typedef {import("./layout.js").Column} Place */
/** @typedef {import("./scene.js").Scene} Scene */

/** @param {Place} place */
export function bodyStyle(place) {
  return {
    left: `${place.bodyX - place.x}px`,
    top: `${place.bodyY - place.y}px`,
    width: `${place.bodyWidth}px`,
    height: `${place.bodyHeight}px`,
  };
}

/**
 * The rows of a column that are in view; of a long one only those are made.
 * @param {Scene} scene
 * @param {Place} place
 * @param {number | null} focus  The cell that must be in view, if any.
 */
export function useRows(scene, place, focus) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const [top, setTop] = useState(0);
  const rows = Math.ceil(place.shown / place.across);
  const scrolls = place.expanded && rows * place.pitchY > place.bodyHeight + 1;
  useEffect(() => {
    if (!ref.current || !scrolls || focus === null || focus < 0 || focus >= place.shown) return;
    const at = Math.floor(focus / place.across) * place.pitchY;
    if (at < ref.current.scrollTop) ref.current.scrollTop = at;
    else if (at + place.pitchY > ref.current.scrollTop + place.bodyHeight) ref.current.scrollTop = at + place.pitchY - place.bodyHeight;
  }, [focus, scrolls]);
  useEffect(() => {
    if (!scrolls) scene.scroll(place.step, 0);
  }, [scrolls]);
  /** @param {{ currentTarget: HTMLElement }} event */
  const onScroll = ({ currentTarget }) => {
    scene.scroll(place.step, currentTarget.scrollTop);
    setTop(Math.floor(currentTarget.scrollTop / place.pitchY) * place.pitchY);
  };
  return { ref, onScroll, ...rowsInView(rows, place.pitchY, place.bodyHeight, scrolls ? top : 0) };
}
