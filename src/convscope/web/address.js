/** The page's address says what is shown, so that a teacher can link to a pixel. Steps are named, not numbered. */

/** @typedef {import("./types.js").View} View */
/** @typedef {{ name: string, index: number, shape: number[] }} NamedStep */

/** Tab names as they stand in the address. */
const TABS = /** @type {const} */ (["atlas", "channel", "sum", "why"]);
/** As in state.js: what the address leaves out. */
const OPACITY = 70;
const LONGEST = 400;

/**
 * @param {View} view
 * @param {readonly NamedStep[]} steps
 * @returns {string} what follows `#`
 */
export function toHash(view, steps) {
  const parts = new URLSearchParams();
  if (view.step !== null && steps[view.step]) {
    parts.set("step", steps[view.step].name);
    if (view.channel !== null) parts.set("channel", String(view.channel));
    if (view.pixel !== null) parts.set("pixel", view.pixel.join(","));
    if (view.tab !== "atlas") parts.set("tab", view.tab);
  }
  if (view.tab === "why") heatTo(parts, view);
  if (view.target !== null) parts.set("class", String(view.target));
  if (view.scale !== "channel") parts.set("scale", view.scale);
  if (view.language !== "en") parts.set("lang", view.language);
  if (view.theme !== "system") parts.set("theme", view.theme);
  return parts.toString();
}

/**
 * What an address asks for; whatever does not fit this trace is left out.
 * @param {string} hash  with or without `#`
 * @param {readonly NamedStep[]} steps
 * @returns {Partial<View>}
 */
export function fromHash(hash, steps) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  /** @type {Partial<View>} */
  const view = manners(parts);
  const tab = TABS.find((name) => name === parts.get("tab"));
  if (tab === "why") Object.assign(view, { tab }, heatFrom(parts));
  const step = steps.find((one) => one.name === parts.get("step"));
  if (!step) return view;
  view.step = step.index;
  const channel = whole(parts.get("channel"), step.shape[0] ?? 1);
  view.channel = channel;
  const [y, x] = (parts.get("pixel") ?? "").split(",");
  const row = whole(y, step.shape[1] ?? 1);
  const column = whole(x, step.shape[2] ?? 1);
  view.pixel = row !== null && column !== null ? [row, column] : null;
  view.tab = tab ?? "atlas";
  return view;
}

/** Which heat map, and how it lies over the photo. @param {URLSearchParams} parts @param {View} view */
function heatTo(parts, view) {
  if (view.method !== null) parts.set("method", view.method);
  if (view.of !== null) parts.set("of", view.of);
  if (view.layer !== null) parts.set("layer", view.layer);
  if (view.opacity !== OPACITY) parts.set("opacity", String(view.opacity));
  if (view.contours) parts.set("contours", "1");
}

/** Names are any text; whether there is such a map shows when it is looked for. @param {URLSearchParams} parts @returns {Partial<View>} */
function heatFrom(parts) {
  const [method, of, layer] = ["method", "of", "layer"].map((key) => {
    const name = parts.get(key);
    return name !== null && name.length <= LONGEST ? name : null;
  });
  return { method, of, layer, opacity: whole(parts.get("opacity"), 101) ?? OPACITY, contours: parts.get("contours") === "1" };
}

/**
 * Language and theme, which need no trace.
 * @param {URLSearchParams} parts
 * @returns {Partial<View>}
 */
export function manners(parts) {
  /** @type {Partial<View>} */
  const view = {};
  const language = parts.get("lang");
  if (language === "en" || language === "zh") view.language = language;
  const theme = parts.get("theme");
  if (theme === "light" || theme === "dark") view.theme = theme;
  if (parts.get("scale") === "step") view.scale = "step";
  const target = whole(parts.get("class"), 1e9);
  if (target !== null) view.target = target;
  return view;
}

/** @param {string | null | undefined} text @param {number} count */
function whole(text, count) {
  if (!text || !/^\d{1,9}$/.test(text)) return null;
  const number = Number(text);
  return number < count ? number : null;
}
