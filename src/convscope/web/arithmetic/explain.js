/** One value of a step to its `Sum`: the checks, the tolerance. The counterpart of Python's `explain_value`. */

import { total } from "./floats.js";
import { number } from "./format.js";
import { KINDS } from "./kinds.js";
import { pairOf } from "./operands.js";
import { gather } from "./reads.js";
import { misfit, NoArithmetic } from "./reasons.js";

/** @typedef {import("../types.js").Step} Step */
/** @typedef {import("../types.js").Sum} Sum */
/** @typedef {import("../types.js").Values} Values */
/** @typedef {import("./reads.js").Place} Place */
/** @typedef {import("./reads.js").Question} Question */
/** @typedef {import("./reasons.js").Reason} Reason */
/** @typedef {import("./terms.js").Terms} Terms */

/**
 * @typedef {object} Given  Arrays that are already loaded; `needs` names them.
 * @property {Step[]} steps
 * @property {(position: number) => Values | null} value  A step's value by its position in the trace; null when this
 *   file holds none of its numbers.
 * @property {(name: string) => Values | null} param  A parameter of the step that is asked about.
 *
 * @typedef {Sum & { exact: boolean }} FoundSum  `exact` is false where a number was rounded for the file (float16, uint8):
 *   then `holds` may be false although nothing is wrong.
 */

const HALF_STEP = 2 ** -24;
const LARGEST_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;
/** Relative step of what a network may compute in below float32. */
const LOWER_PRECISIONS = new Map([["bfloat16", 2 ** -7], ["float16", 2 ** -10], ["tf32", 2 ** -10]]);
const WEIGHTED = new Set(["conv2d", "conv_transpose2d", "linear", "prelu"]);
const TWO_OPERANDS = new Set(["add", "sub", "mul", "div", "maximum", "minimum"]);
const MODES = new Map([
  ["interpolate", ["nearest", "bilinear"]],
  ["pad", ["constant", "reflect", "replicate", "circular"]],
]);

/**
 * Take one value apart.
 *
 * @param {Step} step
 * @param {ArrayLike<number>} index  A full position in the step's value.
 * @param {Given} given
 * @returns {FoundSum}  `holds` says whether the terms give the recorded value.
 * @throws {NoArithmetic}  With the reason.
 */
export function sumOf(step, index, given) {
  const question = ask(step, index, given.steps);
  const kind = kindOf(step);
  let exact = true;
  /** @type {(values: Values | null) => Values | null} */
  const noted = (values) => {
    exact &&= values?.exact ?? true;
    return values;
  };
  const recorded = recordedAt(question, noted(given.value(step.index)));
  const found = kind.explain({
    ...question,
    places: kind.where(question),
    recorded,
    value: (source) => noted(given.value(positionOf(step, source, given.steps))),
    param: (name) => noted(given.param(name)),
  });
  const sum = { ...assembled(question, recorded, found), exact };
  if (exact && !sum.holds && Object.keys(step.params).length) {
    throw new NoArithmetic("stale", { value: sum.value, result: sum.result });
  }
  return sum;
}

/**
 * What has to be loaded before `sumOf`.
 *
 * @param {Step} step
 * @returns {{ inputs: number[], params: string[] }}  Positions in the trace, the step's own among them, since its
 *   recorded value is compared; and names of its parameters.
 */
export function needs(step) {
  const params = Object.keys(step.params).filter((name) => step.params[name] !== null);
  return { inputs: [...new Set([...step.inputs, step.index])], params };
}

/**
 * Why no value of a step can be taken apart, as far as it shows without its numbers.
 *
 * @param {Step} step
 * @returns {Reason | null}  null when nothing speaks against it.
 */
export function reasonAgainst(step) {
  try {
    kindOf(step);
    if (TWO_OPERANDS.has(step.kind)) pairOf(step);
  } catch (error) {
    if (error instanceof NoArithmetic) return error.reason;
    throw error;
  }
  const modes = MODES.get(step.kind);
  if (modes && !modes.includes(step.settings.mode)) return "mode";
  const missing = requiredOf(step).some((name) => !Object.hasOwn(step.params, name));
  return missing || Object.values(step.params).includes(null) ? "parameters" : null;
}

/**
 * @param {Step} step
 * @returns {string[]}  The parameters that it cannot do without.
 */
function requiredOf({ kind, settings }) {
  if (kind === "batch_norm" && !settings.training) return ["running_mean", "running_var"];
  return WEIGHTED.has(kind) ? ["weight"] : [];
}

/**
 * @param {Step} step
 * @returns {boolean}
 */
export function explainable(step) {
  return reasonAgainst(step) === null;
}

/**
 * Where one value is read from: cheap, from shapes and settings alone. Positions outside an input are padding.
 *
 * @param {Step} step
 * @param {ArrayLike<number>} index
 * @param {{ steps: Step[] }} given
 * @returns {Place[]}  Every combination of `axes` of the step's input number `source`.
 * @throws {NoArithmetic}
 */
export function readAt(step, index, given) {
  return kindOf(step).where(ask(step, index, given.steps));
}

/**
 * @param {Step} step
 * @param {ArrayLike<number>} index
 * @param {Step[]} steps
 * @returns {Question}
 */
function ask(step, index, steps) {
  const position = Array.from(index);
  const fits = position.length === step.shape.length;
  if (!fits || !position.every((at, axis) => Number.isInteger(at) && at >= 0 && at < step.shape[axis])) {
    throw new NoArithmetic("position");
  }
  return {
    step,
    index: position,
    shape: (source) => steps[positionOf(step, source, steps)].shape,
    name: (source) => steps[positionOf(step, source, steps)].name,
  };
}

/**
 * @param {Step} step
 * @param {number} source
 * @param {Step[]} steps
 * @returns {number}  In the trace.
 */
function positionOf(step, source, steps) {
  const position = step.inputs[source];
  if (position === undefined || !steps[position]) throw misfit(`input ${source}`);
  return position;
}

/**
 * @param {Step} step
 * @returns {import("./kinds.js").Kind}
 */
function kindOf(step) {
  if (step.kind === "input") throw new NoArithmetic("input");
  if (!step.batched) throw new NoArithmetic("batch");
  const kind = KINDS.get(step.kind);
  if (!kind) throw new NoArithmetic("unknown", { kind: step.kind });
  return kind;
}

/**
 * @param {Question} question
 * @param {Values | null} values
 * @returns {number}
 */
function recordedAt({ step, index }, values) {
  const { numbers, offsets } = gather(values, step.shape, index.map((at) => [at]));
  if (offsets[0] < 0) throw new NoArithmetic("absent");
  return numbers[0];
}

/**
 * @param {Question} question
 * @param {number} recorded
 * @param {Terms} found
 * @returns {Sum}
 */
function assembled({ step, index }, recorded, found) {
  const { reads, terms, bias } = found;
  if (reads.absent && reads.absent.every((gone, i) => gone || reads.padded[i])) throw new NoArithmetic("absent");
  const result = reads.absent ? recorded : total(terms) + bias;
  const allowed = tolerance(found, step.dtype);
  return {
    step: step.index,
    index,
    value: recorded,
    source: reads.source,
    rank: reads.rank,
    positions: reads.positions,
    inputs: reads.inputs,
    factors: found.factors,
    terms,
    padded: reads.padded,
    absent: reads.absent,
    bias,
    result,
    formula: `${found.how} = ${number(result)}`,
    symbols: found.symbols,
    linear: found.linear,
    tolerance: allowed,
    holds: agrees(recorded, result, allowed),
    others: found.others,
  };
}

/**
 * What rounding alone may change: `(min(n, 8 sqrt n) + 16) u S + 4 e S + smallest normal number`, as docs/arithmetic.md
 * has it (Higham and Mary, A New Approach to Probabilistic Rounding Error Analysis, 2019).
 *
 * @param {Terms} found
 * @param {string} dtype
 * @returns {number}  Infinite when the numbers added up can overflow, 0 when they are no finite numbers themselves, so
 *   that only an equal result will do.
 */
function tolerance({ reads, terms, bias, magnitude, count, spread }, dtype) {
  const known = reads.absent ? terms.filter((_, i) => !reads.absent?.[i]) : terms;
  const size = magnitude ?? total(known.map(Math.abs)) + Math.abs(bias);
  if (!Number.isFinite(size)) return 0;
  if (size >= (dtype === "float16" ? 65504 : LARGEST_FLOAT32)) return Infinity;
  const added = count ?? terms.length;
  const growth = Math.min(added, 8 * Math.sqrt(added)) + 16;
  const relative = growth * HALF_STEP + 4 * (LOWER_PRECISIONS.get(dtype) ?? 0);
  return relative * size + spread + (dtype === "float16" ? 2 ** -24 : 2 ** -126);
}

/**
 * Whether two numbers agree up to rounding. Two NaNs do, and equal infinities; with an infinite tolerance all do.
 *
 * @param {number} value
 * @param {number} result
 * @param {number} allowed
 * @returns {boolean}
 */
function agrees(value, result, allowed) {
  if (Number.isNaN(value) || Number.isNaN(result)) {
    return (Number.isNaN(value) && Number.isNaN(result)) || allowed === Infinity;
  }
  return value === result || Math.abs(result - value) <= allowed;
}
