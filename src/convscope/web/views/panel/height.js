/** How high the panel is; remembered as long as the page is open, never longer. */
import { html, useRef } from "../../dom.js";
import { makeStore } from "../../state.js";
import { useSession } from "../following.js";

/** @typedef {{ height: number, open: boolean }} Frame */

const LEAST = 160;
/** Left for the flow above, which must stay visible however high the panel gets. */
const ABOVE = 180;
const STEP = 24;

/** Made when the page is there to be measured. @type {ReturnType<typeof makeStore<Frame>> | null} */
let remembered = null;

function frames() {
  remembered ??= makeStore({ height: comfortable(), open: true });
  return remembered;
}

/** Show the panel, if it was folded away. */
export function unfoldPanel() {
  frames().set({ open: true });
}

/**
 * The panel's frame, and a way to change it.
 * @returns {[Frame, (patch: Partial<Frame>) => void]}
 */
export function useFrame() {
  const store = frames();
  return [useSession(store), store.set];
}

/** A first height that leaves the flow the larger part. */
function comfortable() {
  return Math.round(Math.min(460, Math.max(260, window.innerHeight * 0.39)));
}

/**
 * The edge that can be dragged, or moved with the arrow keys.
 * @param {{ frame: Frame, onChange: (patch: Partial<Frame>) => void, label: string, controls: string }} props
 */
export function Handle({ frame, onChange, label, controls }) {
  const start = useRef(/** @type {{ y: number, height: number, most: number } | null} */ (null));

  /** @param {PointerEvent} event */
  function grab(event) {
    const handle = /** @type {HTMLElement} */ (event.currentTarget);
    handle.setPointerCapture(event.pointerId);
    start.current = { y: event.clientY, height: frame.open ? frame.height : LEAST, most: most(handle) };
  }

  /** @param {PointerEvent} event */
  function drag(event) {
    if (!start.current) return;
    const { y, height, most: limit } = start.current;
    const moved = y - event.clientY;
    if (frame.open || Math.abs(moved) > 4) onChange({ open: true, height: within(height + moved, limit) });
  }

  /** @param {KeyboardEvent} event */
  function press(event) {
    const limit = most(/** @type {HTMLElement} */ (event.currentTarget));
    const height = { ArrowUp: frame.height + STEP, ArrowDown: frame.height - STEP, Home: LEAST, End: limit }[event.key];
    if (event.key === "Enter") onChange({ open: !frame.open });
    else if (height !== undefined) onChange({ open: true, height: within(height, limit) });
    else return;
    event.preventDefault();
  }

  return html`<div class="handle" role="separator" aria-orientation="horizontal" aria-label=${label} aria-controls=${controls}
    aria-valuemin=${LEAST} aria-valuemax=${Math.max(window.innerHeight, frame.height)} aria-valuenow=${frame.open ? frame.height : LEAST} tabindex="0"
    onPointerDown=${grab} onPointerMove=${drag} onPointerUp=${() => (start.current = null)}
    onPointerCancel=${() => (start.current = null)} onKeyDown=${press}></div>`;
}

/** The height at which the flow above would vanish. @param {HTMLElement} handle */
function most(handle) {
  const room = handle.closest(".main")?.clientHeight ?? window.innerHeight;
  return Math.max(LEAST, room - ABOVE);
}

/** @param {number} height @param {number} limit */
function within(height, limit) {
  return Math.round(Math.min(limit, Math.max(LEAST, height)));
}
