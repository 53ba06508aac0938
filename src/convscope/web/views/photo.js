/** The photo, always in sight: what a value saw of it, and where its pixels are in the maps. */
import { html, useEffect, useLayoutEffect, useLoaded, useRef, useStore } from "../dom.js";
import { hover } from "../hover.js";
import { say, useWords } from "../language.js";
import { drawRGB } from "../paint/maps.js";
import { significant } from "../paint/numbers.js";
import { store } from "../state.js";
import { shapeLabel } from "./flow/label.js";
import { inputAt, onPhoto } from "./flow/places.js";
import { words } from "./flow/words.js";

/** @typedef {import("../data/trace.js").Trace} Trace */
/** @typedef {import("../types.js").Picture} Picture */
/** @typedef {import("../types.js").Pointed} Pointed */

/** How long the pointer rests on a channel before its numbers are fetched. */
const REST = 60;

/** @param {{ trace: Trace }} props */
export function Photo({ trace }) {
  const t = useWords(words);
  const language = useStore((view) => view.language);
  const { value: picture, error } = useLoaded(() => trace.picture(), [trace]);
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const frame = useRef(/** @type {HTMLElement | null} */ (null));
  const readout = useRef(/** @type {HTMLElement | null} */ (null));
  const [, height = 1, width = 1] = trace.steps[0].shape;

  useLayoutEffect(() => {
    if (canvas.current && picture) drawRGB(canvas.current, picture);
  }, [picture]);
  useEffect(() => {
    if (!frame.current || !readout.current || !picture) return;
    return follow(trace, picture, frame.current, readout.current);
  }, [trace, picture, language]);

  /** @param {PointerEvent} event */
  const point = (event) => {
    if (!frame.current || !picture) return;
    const box = frame.current.getBoundingClientRect();
    const y = ((event.clientY - box.top) / box.height) * picture.height;
    const x = ((event.clientX - box.left) / box.width) * picture.width;
    const at = inputAt(y, x, trace.placement, [height, width]);
    hover.set(at ? { step: 0, channel: null, y: at[0], x: at[1] } : null);
  };
  const size = picture ? `${picture.height}×${picture.width}` : "";
  const ratio = picture ? picture.width / picture.height : width / height;
  return html`<div class="photo">
    <i class="lead"></i>
    <div class="figure"><div class="picture" ref=${frame} style=${{ aspectRatio: String(ratio), "--ratio": String(ratio) }} onPointerMove=${point} onPointerLeave=${() => hover.set(null)}>
      <canvas class=${picture ? "" : "waiting"} ref=${canvas} role="img" aria-label=${t("photo_label", { size })}></canvas>
      <i class="unseen-part" data-part="field"></i><i class="unseen-part" data-part="cross"></i>
      ${error && html`<span class="missing">${t("failed")}</span>`}
    </div>
    <div class="captions">
      <div class="caption"><span>${t("photo")}</span><span class="number">${size}</span></div>
      <div class="caption"><span>${t("input")}</span><span class="number">${shapeLabel(trace.steps[0].shape)}</span></div>
    </div></div>
    <div class="readout" ref=${readout} aria-live="off"><p class="hint">${t("hint")}</p></div>
  </div>`;
}

/**
 * Draws by hand what the pointer is on, or else what is selected.
 * @param {Trace} trace
 * @param {Picture} picture
 * @param {HTMLElement} frame
 * @param {HTMLElement} readout
 * @returns {() => void} stops
 */
function follow(trace, picture, frame, readout) {
  const field = /** @type {HTMLElement} */ (frame.querySelector('[data-part="field"]'));
  const cross = /** @type {HTMLElement} */ (frame.querySelector('[data-part="cross"]'));
  const lines = makeLines(readout);
  const dictionary = words[store.get().language];
  let request = 0;
  let timer = 0;
  let asked = "";

  const draw = () => {
    request = 0;
    const pointed = hover.get() ?? chosen();
    const step = pointed ? trace.steps[pointed.step] : null;
    const onPicture = pointed !== null && pointed.channel === null && pointed.y !== null;
    const box = pointed && !onPicture && step ? trace.box(step, pointed.y ?? 0, pointed.x ?? 0) : null;
    const point = onPicture ? { top: Number(pointed.y), left: Number(pointed.x), bottom: Number(pointed.y) + 1, right: Number(pointed.x) + 1 } : null;
    put(field, box);
    put(cross, point);
    field.classList.toggle("resting", hover.get() === null);
    lines.show(pointed, textsOf(pointed));
    if (pointed && pointed.channel !== null && step?.shape.length === 3) ask(pointed.step, pointed.channel);
  };
  const soon = () => {
    request ||= requestAnimationFrame(draw);
  };

  /** @param {HTMLElement} element @param {import("../types.js").Box | null} box */
  function put(element, box) {
    element.hidden = box === null;
    if (!box) return;
    const [, height = 1, width = 1] = trace.steps[0].shape;
    const area = onPhoto(box, trace.placement, [height, width]);
    element.style.left = `${(100 * area.left) / picture.width}%`;
    element.style.top = `${(100 * area.top) / picture.height}%`;
    element.style.width = `${(100 * area.width) / picture.width}%`;
    element.style.height = `${(100 * area.height) / picture.height}%`;
  }

  /** @param {number} step @param {number} channel */
  function ask(step, channel) {
    const key = `${step} ${channel}`;
    if (key === asked || trace.peekChannel(step, channel)) return;
    asked = key;
    clearTimeout(timer);
    timer = window.setTimeout(() => trace.channel(step, channel).then(soon, () => {}), REST);
  }

  /** @param {Pointed | null} pointed */
  function textsOf(pointed) {
    if (!pointed) return null;
    const step = trace.steps[pointed.step];
    if (pointed.channel === null) return { name: say(dictionary, "photo"), value: `y ${pointed.y}  x ${pointed.x}`, at: "", sees: "" };
    const onMap = step.shape.length === 3 && pointed.y !== null && pointed.x !== null;
    const channel = trace.classesOf(step)?.[pointed.channel] ?? String(pointed.channel);
    return { name: `${step.name} · ${channel}`, at: onMap ? `y ${pointed.y}  x ${pointed.x}` : "", value: valueOf(pointed, step), sees: seesOf(step) };
  }

  /** @param {Pointed} pointed @param {import("../types.js").Step} step */
  function valueOf({ channel, y, x }, step) {
    if (channel === null) return "";
    const numbers = step.shape.length === 3 && y !== null && x !== null ? trace.peekChannel(step, channel) : null;
    if (numbers) return significant(numbers[Number(y) * step.shape[2] + Number(x)], 5);
    const values = step.shape.length === 1 ? trace.peekValues(step) : null;
    return values?.has([channel]) ? significant(values.at([channel]), 5) : "";
  }

  /** @param {import("../types.js").Step} step */
  function seesOf({ facts: { field } }) {
    if (!field) return "";
    return field.whole ? say(dictionary, "sees_all") : say(dictionary, "sees", { size: `${field.size[0]}×${field.size[1]}` });
  }

  const stops = [hover.subscribe(soon), store.subscribe(soon)];
  soon();
  return () => {
    cancelAnimationFrame(request);
    clearTimeout(timer);
    for (const stop of stops) stop();
    lines.remove();
  };
}

/** The selected pixel, as if the pointer rested on it. @returns {Pointed | null} */
function chosen() {
  const { step, channel, pixel } = store.get();
  return step !== null && channel !== null && pixel !== null ? { step, channel, y: pixel[0], x: pixel[1] } : null;
}

/** The lines of the readout, made once: they change at the pointer's pace. @param {HTMLElement} readout */
function makeLines(readout) {
  const hint = /** @type {HTMLElement | null} */ (readout.querySelector(".hint"));
  const [name, value, at, sees] = ["name ellipsis", "value number", "at number", "sees"].map((className) => {
    const line = document.createElement("p");
    line.className = className;
    readout.append(line);
    return line;
  });
  return {
    /** @param {Pointed | null} pointed @param {{ name: string, at: string, value: string, sees: string } | null} texts */
    show(pointed, texts) {
      if (hint) hint.hidden = pointed !== null;
      for (const [line, text] of /** @type {[HTMLElement, string | undefined][]} */ ([[name, texts?.name], [value, texts?.value], [at, texts?.at], [sees, texts?.sees]])) {
        if (line.textContent !== (text ?? "")) line.textContent = text ?? "";
      }
    },
    remove() {
      for (const line of [name, value, at, sees]) line.remove();
      if (hint) hint.hidden = false;
    },
  };
}
