/** A step in two or three words: `conv 3×3`, `max pool 2`, 卷积 3×3. */
import { kindName } from "../panel/kinds.js";

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {"en" | "zh"} Language */

/** Shorter than the panel's names; columns are narrow. @type {Record<string, [string, string]>} */
const SHORT = {
  conv2d: ["conv", "卷积"],
  conv_transpose2d: ["transposed", "转置卷积"],
  max_pool2d: ["max pool", "最大池化"],
  avg_pool2d: ["mean pool", "平均池化"],
  adaptive_avg_pool2d: ["mean pool →", "平均池化 →"],
  adaptive_max_pool2d: ["max pool →", "最大池化 →"],
  local_response_norm: ["local norm", "局部归一化"],
  add: ["add", "相加"],
  sub: ["subtract", "相减"],
  mul: ["multiply", "相乘"],
  div: ["divide", "相除"],
  cat: ["join", "拼接"],
  stack: ["stack", "堆叠"],
};

/**
 * @param {Pick<Step, "kind" | "settings" | "shape">} step
 * @param {Language} language
 * @returns {string}
 */
export function shortLabel({ kind, settings, shape }, language) {
  const depthwise = kind === "conv2d" && settings.groups > 1 && settings.groups === shape[0];
  const words = Object.hasOwn(SHORT, kind) ? SHORT[kind][language === "zh" ? 1 : 0] : kindName(kind, language);
  const name = depthwise ? (language === "zh" ? "逐通道" : "depthwise") : words;
  const numbers = numbersOf(kind, settings);
  return numbers ? `${name} ${numbers}` : name;
}

/** @param {string} kind @param {Record<string, any>} settings */
function numbersOf(kind, settings) {
  if (kind.startsWith("adaptive_")) return sides(settings.output);
  if (!Array.isArray(settings.kernel)) return "";
  const pool = kind.endsWith("pool2d");
  const size = pool && isSquare(settings.kernel) ? String(settings.kernel[0]) : sides(settings.kernel);
  const stride = settings.stride;
  const usual = pool ? settings.kernel : [1, 1];
  const same = !Array.isArray(stride) || (stride[0] === usual[0] && stride[1] === usual[1]);
  return same ? size : `${size} /${isSquare(stride) ? stride[0] : sides(stride)}`;
}

/** @param {number[]} pair */
function isSquare(pair) {
  return pair[0] === pair[1];
}

/** @param {unknown} pair */
function sides(pair) {
  return Array.isArray(pair) ? pair.join("×") : "";
}

/** Height by width by channels, as people write it. @param {readonly number[]} shape */
export function shapeLabel(shape) {
  if (shape.length === 0) return "1";
  return shape.length === 3 ? `${shape[1]}×${shape[2]}×${shape[0]}` : shape.join("×");
}

/** The last parts of a long name, which tell siblings apart. @param {string} name @param {string} prefix  Of the block around. */
export function withoutPrefix(name, prefix) {
  return prefix && name.startsWith(`${prefix}.`) ? name.slice(prefix.length + 1) : name;
}

/** What is done where several values meet. @type {Record<string, string>} */
const SIGNS = { add: "+", sub: "−", mul: "×", div: "÷", maximum: "∨", minimum: "∧", cat: "≡", stack: "≡" };

/** @param {string} kind */
export function signOf(kind) {
  return Object.hasOwn(SIGNS, kind) ? SIGNS[kind] : "·";
}
