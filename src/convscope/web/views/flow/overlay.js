/** What is drawn by hand over the flow: rings, the lines between maps, the photo's pixel in every map. */
import { hover } from "../../hover.js";
import { store } from "../../state.js";
import { cellRect } from "./cells.js";
import { Insight } from "./insight.js";
import { nearest } from "./places.js";
import { curve } from "./wires.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./cells.js").Rect} Rect */
/** @typedef {import("./layout.js").Column} Column */
/** @typedef {import("./sources.js").Source} Source */
/** @typedef {import("../../types.js").Pointed} Pointed */

const NAMESPACE = "http://www.w3.org/2000/svg";
/** Fainter lines than this one's share say nothing and cost frames. */
const FAINTEST = 0.04;
const MOST_LINES = 48;

/** A few elements of one kind, made once and used again. */
class Pool {
  /** @param {SVGElement} parent @param {string} tag */
  constructor(parent, tag) {
    this.parent = parent;
    this.tag = tag;
    /** @type {SVGElement[]} */
    this.elements = [];
    this.used = 0;
  }

  start() {
    this.used = 0;
  }

  next() {
    if (this.used === this.elements.length) {
      const element = /** @type {SVGElement} */ (document.createElementNS(NAMESPACE, this.tag));
      this.parent.append(element);
      this.elements.push(element);
    }
    const element = this.elements[this.used];
    this.used += 1;
    element.removeAttribute("display");
    return element;
  }

  finish() {
    for (let i = this.used; i < this.elements.length; i += 1) this.elements[i].setAttribute("display", "none");
  }
}

/** One thing that is looked at (selected, or under the pointer) with where it came from. */
class Layer {
  /** @param {SVGElement} svg @param {string} name */
  constructor(svg, name) {
    this.group = /** @type {SVGElement} */ (document.createElementNS(NAMESPACE, "g"));
    this.group.setAttribute("class", name);
    svg.append(this.group);
    this.lines = new Pool(this.group, "path");
    this.rings = new Pool(this.group, "rect");
    this.key = "";
  }

  /** @param {Scene} scene @param {Pointed | null} pointed @param {readonly Source[]} sources */
  draw(scene, pointed, sources) {
    this.lines.start();
    this.rings.start();
    const column = pointed && scene.columns.get(pointed.step);
    const rect = column && pointed.channel !== null ? scene.rectOf(column, pointed.channel) : null;
    const key = pointed ? `${pointed.step} ${pointed.channel}` : "";
    // Lines draw themselves in when they are new, not at every pixel that the pointer moves.
    this.group.classList.toggle("settled", key === this.key);
    this.key = key;
    if (column && rect) {
      if (!column.folded) this.#inputs(scene, column, rect, sources);
      ring(this.rings.next(), rect, "aimed", 1, 3);
      if (pointed.y !== null && pointed.x !== null) this.#pixel(scene, pointed, rect);
    }
    this.lines.finish();
    this.rings.finish();
  }

  /** @param {Scene} scene @param {Column} column @param {Rect} rect @param {readonly Source[]} sources */
  #inputs(scene, column, rect, sources) {
    let drawn = 0;
    for (const { step, channel, share } of sources) {
      if (share < FAINTEST || drawn >= MOST_LINES) break;
      const from = scene.columns.get(step);
      const start = from && scene.rectOf(from, channel);
      if (!from || !start) continue;
      drawn += 1;
      ring(this.rings.next(), start, "input", 0.25 + 0.75 * share, 1.5);
      if (column.rank - from.rank > 1) continue;
      const line = this.lines.next();
      const a = { x: start.x + start.width + 2, y: start.y + start.height / 2 };
      line.setAttribute("d", curve(a, { x: rect.x - 4, y: rect.y + rect.height / 2 }));
      line.setAttribute("pathLength", "1");
      line.style.strokeWidth = (0.75 + 3.25 * share).toFixed(2);
      line.style.opacity = (0.25 + 0.65 * share).toFixed(2);
    }
  }

  /** @param {Scene} scene @param {Pointed} pointed @param {Rect} rect */
  #pixel(scene, pointed, rect) {
    const { shape } = scene.trace.steps[pointed.step];
    if (shape.length !== 3 || shape[1] * shape[2] === 1) return;
    const [h, w] = [rect.height / shape[1], rect.width / shape[2]];
    const [height, width] = [Math.max(5, h), Math.max(5, w)];
    const x = rect.x + (Number(pointed.x) + 0.5) * w - width / 2;
    const y = rect.y + (Number(pointed.y) + 0.5) * h - height / 2;
    ring(this.rings.next(), { x, y, width, height }, "pixel edge", 1, 0);
    ring(this.rings.next(), { x, y, width, height }, "pixel", 1, 0);
  }
}

/** @param {SVGElement} element @param {Rect} rect @param {string} name @param {number} opacity @param {number} apart */
function ring(element, rect, name, opacity, apart) {
  element.setAttribute("class", name);
  element.setAttribute("x", String(rect.x - apart));
  element.setAttribute("y", String(rect.y - apart));
  element.setAttribute("width", String(rect.width + 2 * apart));
  element.setAttribute("height", String(rect.height + 2 * apart));
  element.setAttribute("rx", String(apart ? apart + 3 : 0));
  element.style.opacity = opacity.toFixed(2);
}

/**
 * @param {SVGElement} svg  Lies over the strip, in its coordinates.
 * @param {Scene} scene
 * @param {{ from: () => { left: number, right: number }, wires: () => ArrayLike<Element> }} strip  The part in view; the wires.
 * @returns {() => void} stops drawing
 */
export function drawOver(svg, scene, strip) {
  const chosen = new Layer(svg, "chosen");
  const pointer = new Layer(svg, "pointer");
  // The light edge keeps the marks in sight on maps of any colour.
  const marks = ["marks edge", "marks"].map((name) => {
    const path = /** @type {SVGElement} */ (document.createElementNS(NAMESPACE, "path"));
    path.setAttribute("class", name);
    svg.append(path);
    return path;
  });
  let frame = 0;
  const request = () => {
    frame ||= requestAnimationFrame(draw);
  };
  const insight = new Insight(scene.trace, request);

  function draw() {
    frame = 0;
    const { step, channel, pixel } = store.get();
    const selected = step === null ? null : { step, channel, y: pixel?.[0] ?? null, x: pixel?.[1] ?? null };
    const pointed = hover.get();
    const onMap = pointed && pointed.channel !== null ? pointed : null;
    const same = onMap !== null && selected !== null && onMap.step === selected.step && onMap.channel === selected.channel;
    chosen.draw(scene, selected, selected && !same ? insight.sources(selected) : []);
    pointer.draw(scene, onMap, onMap ? insight.sources(onMap) : []);
    svg.classList.toggle("pointing", onMap !== null && !same);
    const path = pointed && pointed.channel === null && pointed.y !== null ? marksOf(scene, pointed, strip.from()) : "";
    for (const mark of marks) mark.setAttribute("d", path);
    lightWires(strip.wires(), onMap ?? selected);
  }

  const stops = [hover.subscribe(request), store.subscribe(request), scene.watch(request)];
  request();
  return () => {
    cancelAnimationFrame(frame);
    insight.stop();
    for (const stop of stops) stop();
  };
}

/** The wires by which the looked-at column gets its values. @param {ArrayLike<Element>} wires @param {Pointed | null} pointed */
function lightWires(wires, pointed) {
  const to = pointed && pointed.channel !== null ? String(pointed.step) : "";
  for (let i = 0; i < wires.length; i += 1) {
    const lit = wires[i].getAttribute("data-to") === to;
    if (wires[i].classList.contains("lit") !== lit) wires[i].classList.toggle("lit", lit);
  }
}

/**
 * The pixel of the input under the pointer, in all maps in view.
 * @param {Scene} scene
 * @param {Pointed} pointed  Of the input.
 * @param {{ left: number, right: number }} view
 */
function marksOf(scene, pointed, view) {
  let path = "";
  for (const column of scene.layout.columns) {
    if (column.look !== "maps" || column.bodyX > view.right || column.bodyX + column.bodyWidth < view.left) continue;
    const position = positionIn(scene, column, Number(pointed.y), Number(pointed.x));
    if (!position) continue;
    const [, height, width] = scene.trace.steps[column.step].shape;
    const top = scene.scrolledOf(column);
    const first = Math.floor(top / column.pitchY) * column.across;
    const last = Math.min(column.shown, (Math.ceil((top + column.bodyHeight) / column.pitchY) + 1) * column.across);
    const order = scene.order(column);
    for (let place = first; place < last; place += 1) {
      const rect = cellRect(column, place, top) && scene.rectOf(column, order[place]);
      if (rect) path += square(rect, position, height, width);
    }
  }
  return path;
}

/** @param {Rect} rect @param {[number, number]} position @param {number} height @param {number} width */
function square(rect, [y, x], height, width) {
  const [w, h] = [Math.max(5, rect.width / width), Math.max(5, rect.height / height)];
  const left = rect.x + ((x + 0.5) * rect.width) / width - w / 2;
  const top = rect.y + ((y + 0.5) * rect.height) / height - h / 2;
  return `M${left.toFixed(1)} ${top.toFixed(1)}h${w.toFixed(1)}v${h.toFixed(1)}h${(-w).toFixed(1)}z`;
}

/** @param {Scene} scene @param {Column} column @param {number} y @param {number} x @returns {[number, number] | null} */
function positionIn({ trace }, column, y, x) {
  const { shape, facts } = trace.steps[column.step];
  const middle = trace.box(column.step, shape[1] >> 1, shape[2] >> 1);
  if (!facts.field || !middle || facts.field.whole) return null;
  const row = nearest(y, shape[1], facts.field.jump[0], { start: middle.top, stop: middle.bottom });
  const across = nearest(x, shape[2], facts.field.jump[1], { start: middle.left, stop: middle.right });
  return row === null || across === null ? null : [row, across];
}
