/** What the pointer is on, found from the layout alone: no element is asked where it is while the pointer moves. */
import { useEffect, useMemo } from "../../dom.js";
import { hover } from "../../hover.js";

/** @typedef {import("./scene.js").Scene} Scene */

/**
 * @param {{ current: HTMLElement | null }} scroller
 * @param {Scene} scene
 */
export function usePointer(scroller, scene) {
  const pointer = useMemo(() => new Pointer(scroller, scene), [scene]);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    // Preact's wheel listeners are passive; this one turns the wheel into a way along the network.
    const onWheel = (/** @type {WheelEvent} */ event) => pointer.wheel(event);
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => {
      element.removeEventListener("wheel", onWheel);
      pointer.leave();
    };
  }, [pointer]);
  return pointer;
}

class Pointer {
  /** @type {DOMRect | null} */
  #box = null;
  /** @type {{ x: number, y: number } | null} */
  #last = null;
  /** Whether what is under the pointer was put there by this view. */
  #own = false;

  /** @param {{ current: HTMLElement | null }} scroller @param {Scene} scene */
  constructor(scroller, scene) {
    this.scroller = scroller;
    this.scene = scene;
    this.handlers = {
      onPointerEnter: () => this.#measure(),
      onPointerDown: (/** @type {PointerEvent} */ event) => {
        this.#measure();
        this.#point(event);
      },
      onPointerMove: (/** @type {PointerEvent} */ event) => this.#point(event),
      onPointerLeave: () => this.leave(),
      onPointerCancel: () => this.leave(),
    };
  }

  /** The strip has moved under a pointer that rests. */
  moved() {
    if (this.#last) this.#say();
  }

  leave() {
    this.#last = null;
    this.#box = null;
    if (this.#own) hover.set(null);
    this.#own = false;
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    const element = this.scroller.current;
    if (!element || event.ctrlKey || event.shiftKey || Math.abs(event.deltaX) >= Math.abs(event.deltaY)) return;
    if (event.target instanceof Element && event.target.closest(".expanded")) return;
    if (element.scrollHeight > element.clientHeight + 1 || element.scrollWidth <= element.clientWidth) return;
    event.preventDefault();
    element.scrollLeft += event.deltaMode === 1 ? event.deltaY * 24 : event.deltaY;
  }

  #measure() {
    this.#box = this.scroller.current?.getBoundingClientRect() ?? null;
  }

  /** @param {PointerEvent} event */
  #point(event) {
    this.#last = { x: event.clientX, y: event.clientY };
    this.#say();
  }

  #say() {
    const element = this.scroller.current;
    if (!this.#box) this.#measure();
    if (!element || !this.#box || !this.#last) return;
    const found = this.scene.at(this.#last.x - this.#box.left + element.scrollLeft, this.#last.y - this.#box.top + element.scrollTop);
    if (found || this.#own) hover.set(found);
    this.#own = found !== null;
  }
}
