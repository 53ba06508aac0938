/** What a step was told, as a few words in either language, leaving out what goes without saying. */
import { say } from "../../language.js";
import { names, words } from "./setting-words.js";

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {"en" | "zh"} Language */
/** @typedef {(key: string, values?: Record<string, string | number>) => string} Say */
/** @typedef {(told: Record<string, any>, say: Say, step: Step, inputs: number[][]) => (string | false | 0)[]} Writer */

/**
 * `3×3, stride 2, depthwise`; "" where there is nothing to say.
 * @param {Step} step
 * @param {readonly { shape: number[] }[]} steps  All steps of the trace, for the shapes that this one read.
 * @param {Language} language
 * @returns {string}
 */
export function settingsText(step, steps, language) {
  const inputs = step.inputs.map((i) => steps[i].shape);
  const told = step.settings ?? {};
  /** @type {Say} */
  const inWords = (key, values) => say(words[language], key, values);
  const write = Object.hasOwn(WRITERS, step.kind) ? WRITERS[step.kind] : null;
  const parts = write ? attempt(() => write(told, inWords, step, inputs)) : null;
  return (parts ?? plainly(told, language)).filter(Boolean).join(language === "zh" ? "，" : ", ");
}

/**
 * Settings come from a file and may be anything: what does not read as the kind's own is written as it stands.
 * @param {() => (string | false | 0)[]} write
 */
function attempt(write) {
  try {
    return write();
  } catch {
    return null;
  }
}

/** @param {[number, number]} pair */
function size([height, width]) {
  return `${height}×${width}`;
}

/** One number where both directions have the same. @param {[number, number]} pair */
function both([height, width]) {
  return height === width ? String(height) : size([height, width]);
}

/** `1`, `0+1` (before and after), `1 × 2` (rows, columns). @param {number[]} sides */
function sidesText([top, bottom, left, right]) {
  const [rows, columns] = [pairText(top, bottom), pairText(left, right)];
  return rows === columns ? rows : `${rows} × ${columns}`;
}

/** @param {number} before @param {number} after */
function pairText(before, after) {
  return before === after ? String(before) : `${before}+${after}`;
}

/** @param {Record<string, any>} told @param {Say} t @param {[number, number]} usual */
function windowText(told, t, usual) {
  const { kernel, stride, padding, dilation = [1, 1] } = told;
  return [
    size(kernel),
    String(stride) !== String(usual) && t("stride", { v: both(stride) }),
    padding.some(Boolean) && t("padding", { v: sidesText(padding) }),
    String(dilation) !== "1,1" && t("dilation", { v: both(dilation) }),
  ];
}

/** @type {Writer} */
const convolution = (told, t, _, [source]) => {
  const { groups = 1, output_padding: extra = [0, 0] } = told;
  const depthwise = groups > 1 && source?.[0] === groups;
  return [
    ...windowText(told, t, [1, 1]),
    extra.some(Boolean) && t("output_padding", { v: both(extra) }),
    depthwise ? t("depthwise") : groups > 1 && t("groups", { v: groups }),
  ];
};

/** @type {Writer} */
const pooling = (told, t) => [
  ...windowText(told, t, told.kernel),
  told.ceil_mode && t("ceil"),
  told.padding.some(Boolean) && told.count_include_pad === false && t("uncounted"),
  told.divisor && t("divisor", { v: told.divisor }),
];

/** @type {Writer} */
const adaptive = (told, t) => [t("to", { v: size(told.output) })];

/** @type {Writer} */
const join = (told, t) => {
  const others = (told.operands ?? []).filter((/** @type {any} */ part) => "number" in part || "param" in part);
  return [
    "axis" in told && t("axis", { v: told.axis }),
    ...others.map((/** @type {any} */ part) => t("with", { v: "number" in part ? short(part.number) : part.param })),
    (told.alpha ?? 1) !== 1 && t("alpha", { v: short(told.alpha) }),
  ];
};

/** @type {Writer} */
const padding = (told, t) => {
  const axes = /** @type {[number, number][]} */ (told.padding);
  const flat = axes.slice(-2).flat();
  const spatial = axes.length === 3 && !axes[0].some(Boolean);
  const mode = told.mode === "constant" ? told.value && t("with", { v: short(told.value) }) : t(told.mode);
  return [spatial ? sidesText(flat) : axes.map(([before, after]) => pairText(before, after)).join(" × "), mode];
};

/** @param {number | [number, number, number]} told */
function axisText(told) {
  if (typeof told === "number") return String(told);
  const [start, stop, stride] = told;
  const span = `${start ?? ""}:${stop ?? ""}`;
  return (stride ?? 1) === 1 ? span : `${span}:${stride}`;
}

/** @type {Record<string, Writer>} */
const WRITERS = {
  conv2d: convolution,
  conv_transpose2d: convolution,
  max_pool2d: pooling,
  avg_pool2d: pooling,
  adaptive_avg_pool2d: adaptive,
  adaptive_max_pool2d: adaptive,
  add: join,
  sub: join,
  mul: join,
  div: join,
  maximum: join,
  minimum: join,
  cat: join,
  stack: join,
  pad: padding,
  linear: (_told, t, step, [source]) => [t("from_to", { from: source[source.length - 1], to: step.shape[step.shape.length - 1] })],
  batch_norm: (told, t) => [`ε ${short(told.eps)}`, told.training && t("own_mean")],
  interpolate: (told, t) => [t(told.mode), t("to", { v: size(told.size) }), told.align_corners && t("aligned")],
  slice: (told) => [`[${told.index.map(axisText).join(", ")}]`],
  dropout: (_told, t) => [t("idle")],
  identity: () => [],
};

/** Names and values as they are. @param {Record<string, any>} told @param {Language} language */
function plainly(told, language) {
  return Object.entries(told).map(([name, value]) => {
    /** @type {Record<string, string>} */
    const known = names[language];
    const word = Object.hasOwn(known, name) ? known[name] : name.replaceAll("_", " ");
    if (value === true) return word;
    return value === null || value === false ? "" : `${word} ${short(value)}`;
  });
}

/** @param {unknown} value @returns {string} */
function short(value) {
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
  if (Array.isArray(value)) return value.map(short).join(" ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
