/** The overview of a trace: what Python calculated of each step, checked; its arrays are read when they are looked at. */
import { Fields, isIndex } from "./fields.js";
import { parseJson } from "./header.js";
import { Problem, short } from "./problems.js";

/** @typedef {import("../types.js").Facts} Facts */
/** @typedef {import("../types.js").Field} Field */
/** @typedef {import("./header.js").Header} Header */
/** @typedef {import("./header.js").Slot} Slot */
/** @typedef {"thumb" | "stats" | "same" | "histogram" | "rows" | "columns" | "contribution"} Kind */
/**
 * @typedef {object} Overview
 * @property {{ params: number, macs: number }} totals
 * @property {boolean} probabilities  Whether the scores came out of a softmax or a sigmoid.
 * @property {{ step: number, values: Slot } | null} scores
 * @property {Facts[]} facts  One a step.
 * @property {(kind: Kind, step: number) => Slot | null} slot  Where an array lies, if it is there.
 */

const NEWEST = 1;

/**
 * @param {Header} header
 * @param {number[][]} shapes  Of the values of the trace's steps.
 * @returns {Overview}
 * @throws {Problem} when it is no overview, or not that of this trace
 */
export function parseOverview(header, shapes) {
  const text = header.texts.get("convscope_overview");
  if (text === undefined) throw new Problem("foreign", { field: "convscope_overview" });
  const fields = new Fields(parseJson(text), "overview");
  const version = fields.number("version");
  if (version > NEWEST) throw new Problem("newer", { format: version });
  const facts = fields.children("steps").map(factsOf);
  if (facts.length !== shapes.length) throw new Problem("unlike", { overview: facts.length, trace: shapes.length });
  shapes.forEach((shape, step) => checkArrays(header, shape, step));
  return {
    totals: { params: fields.number("params"), macs: fields.number("macs") },
    probabilities: fields.truth("probabilities"),
    scores: scoresOf(fields, header, shapes.length),
    facts,
    slot: (kind, step) => header.slots.get(`${kind}/${step}`) ?? null,
  };
}

/**
 * @param {Fields} fields
 * @returns {Facts}
 */
function factsOf(fields) {
  return {
    params: fields.number("params"),
    formula: fields.text("formula"),
    macs: fields.number("macs"),
    settings: fields.text("settings"),
    low: fields.numberOrNull("low"),
    high: fields.numberOrNull("high"),
    zeros: fields.numberOrNull("zeros"),
    field: fields.get("field") === null ? null : fieldOf(fields.child("field")),
  };
}

/**
 * @param {Fields} fields
 * @returns {Field}
 */
function fieldOf(fields) {
  return { size: pair(fields, "size"), seen: pair(fields, "seen"), jump: pair(fields, "jump"), whole: fields.truth("whole") };
}

/**
 * @param {Fields} fields
 * @param {string} key
 * @returns {[number, number]}
 */
function pair(fields, key) {
  const value = fields.list(key);
  // Null stands for a number that is not finite: where paths of different jumps join, there is no one jump.
  const fits = value.length === 2 && value.every((part) => part === null || typeof part === "number");
  return fits ? [value[0] ?? NaN, value[1] ?? NaN] : fields.wrong(key);
}

/**
 * @param {Fields} fields
 * @param {Header} header
 * @param {number} count
 */
function scoresOf(fields, header, count) {
  if (fields.get("scores") === null) return null;
  const scores = fields.child("scores");
  const step = scores.get("step");
  if (!isIndex(step, count)) return scores.wrong("step");
  const tensor = scores.text("values");
  const values = header.slots.get(tensor);
  if (!values) throw new Problem("missing", { path: scores.path, tensor: short(tensor) });
  if (values.dtype !== "F32") throw mismatch(scores.path, tensor, values);
  return { step, values };
}

/**
 * @param {Header} header
 * @param {number[]} shape  Of the step's value.
 * @param {number} step
 */
function checkArrays(header, shape, step) {
  const channels = shape.length === 3 ? shape[0] : -1;
  /** @type {[Kind, string, (found: number[]) => boolean][]} */
  const rules = [
    ["thumb", "U8", (found) => found.length === 3 && found[0] === channels],
    ["stats", "F32", (found) => found.length === 2 && found[0] === channels && found[1] === 6],
    ["same", "I32", (found) => found.length === 1 && found[0] === channels],
    ["contribution", "F32", (found) => found.length === 1 && found[0] === channels],
    ["histogram", "I32", (found) => found.length === 1],
    ["rows", "I32", (found) => found.length === 2 && found[1] === 2],
    ["columns", "I32", (found) => found.length === 2 && found[1] === 2],
  ];
  for (const [kind, dtype, fits] of rules) {
    const slot = header.slots.get(`${kind}/${step}`);
    if (slot && (slot.dtype !== dtype || !fits(slot.shape))) throw mismatch(`overview.steps[${step}]`, `${kind}/${step}`, slot);
  }
}

/**
 * @param {string} path
 * @param {string} tensor
 * @param {Slot} slot
 */
function mismatch(path, tensor, slot) {
  return new Problem("mismatch", { path, tensor: short(tensor), shape: short(slot.shape) });
}
