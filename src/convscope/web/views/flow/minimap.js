/** The whole network as a thin band: what is in view, what is selected; dragging moves the view. */
import { html, useEffect, useRef } from "../../dom.js";

/** @typedef {import("./layout.js").Layout} Layout */

const HEIGHT = 12;

/** @param {{ scroller: { current: HTMLElement | null }, layout: Layout, selected: number | null, label: string }} props */
export function Minimap({ scroller, layout, selected, label }) {
  const band = useRef(/** @type {HTMLElement | null} */ (null));
  const frame = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    let width = element.clientWidth;
    let request = 0;
    const place = () => {
      request = 0;
      if (!frame.current) return;
      frame.current.style.left = `${(100 * element.scrollLeft) / layout.width}%`;
      frame.current.style.width = `${Math.min(100, (100 * width) / layout.width)}%`;
    };
    const soon = () => {
      request ||= requestAnimationFrame(place);
    };
    const watcher = new ResizeObserver(() => {
      width = element.clientWidth;
      soon();
    });
    watcher.observe(element);
    element.addEventListener("scroll", soon, { passive: true });
    return () => {
      cancelAnimationFrame(request);
      watcher.disconnect();
      element.removeEventListener("scroll", soon);
    };
  }, [layout]);
  /** @param {PointerEvent} event */
  const drag = (event) => {
    const element = scroller.current;
    if (!element || !band.current || event.buttons !== 1) return;
    if (event.type === "pointerdown") band.current.setPointerCapture(event.pointerId);
    const box = band.current.getBoundingClientRect();
    element.scrollLeft = ((event.clientX - box.left) / box.width) * layout.width - element.clientWidth / 2;
  };
  return html`<div class="minimap" ref=${band} title=${label} aria-hidden="true" onPointerDown=${drag} onPointerMove=${drag}>
    <svg viewBox=${`0 0 ${layout.width} ${HEIGHT}`} preserveAspectRatio="none" width="100%" height=${HEIGHT}>
      ${layout.columns.map((column) => mark(column, layout.height, column.step === selected))}
    </svg>
    <div class="frame" ref=${frame}></div>
  </div>`;
}

/** @param {import("./layout.js").Column} column @param {number} height @param {boolean} selected */
function mark({ step, x, y, width, height: own, folded }, height, selected) {
  const scale = (HEIGHT - 6) / height;
  const name = [selected && "selected", folded && "folded"].filter(Boolean).join(" ");
  return html`<rect key=${step} class=${name} x=${x} y=${3 + y * scale} width=${width} height=${Math.max(2, own * scale)} />`;
}
