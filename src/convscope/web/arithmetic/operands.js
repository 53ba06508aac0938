/** Kinds that join two values (add, mul ...), and dense layers. */

import { number, signed } from "./format.js";
import { ABSENT, constant, gather, joined, OUTSIDE, present, read } from "./reads.js";
import { misfit, NoArithmetic } from "./reasons.js";
import { real, whole } from "./settings.js";
import { every } from "./taps.js";
import { largest, parameter, products, shown } from "./terms.js";
import { weightedSum } from "./windows.js";

/** @typedef {import("./reads.js").Asked} Asked */
/** @typedef {import("./reads.js").Place} Place */
/** @typedef {import("./reads.js").Question} Question */
/** @typedef {import("./reads.js").Reads} Reads */
/** @typedef {import("./terms.js").Terms} Terms */

/**
 * @param {Question} question
 * @returns {Place[]}
 */
function lastAxis({ index, shape }) {
  const width = shape(0)[shape(0).length - 1];
  return [{ source: 0, axes: [...index.slice(0, -1).map((at) => [at]), every(width)] }];
}

/**
 * `sum over i of weight[o, i] * x[..., i] + bias[o]`.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function linear(asked) {
  const weight = parameter(asked, "weight");
  const width = asked.shape(0)[asked.shape(0).length - 1];
  if (weight.shape[1] !== width) throw misfit(`weight of shape ${weight.shape}`);
  const out = asked.index[asked.index.length - 1];
  return weightedSum(asked, weight, [[out], every(width)], out);
}

/**
 * The position in an operand that meets a position of the result, as broadcasting has it.
 *
 * @param {number[]} index
 * @param {number[]} shape
 * @returns {number[]}
 */
function broadcast(index, shape) {
  if (shape.length > index.length) throw misfit(`operand of shape ${shape}`);
  const ahead = index.length - shape.length;
  return shape.map((size, axis) => (size === 1 ? 0 : index[ahead + axis]));
}

/**
 * Which input an operand is, if any.
 *
 * @param {any} told
 * @returns {number | null}
 */
export function sourceOf(told) {
  if (!told || typeof told !== "object") throw misfit("operands");
  if ("number" in told || "param" in told) return null;
  if (!("input" in told)) throw misfit("operands");
  return whole(told.input);
}

/**
 * The number of an operand that is no step.
 *
 * @param {Asked} asked
 * @param {any} told
 * @param {number[]} index
 * @returns {number}
 */
export function constantOf(asked, told, index) {
  if ("number" in told) return real(told.number);
  const values = parameter(asked, String(told.param));
  let ahead = 0; // a parameter may still have the batch axis
  while (values.shape.length - ahead > index.length && values.shape[ahead] === 1) ahead++;
  const at = broadcast(index, values.shape.slice(ahead));
  const { numbers, offsets } = gather(values, values.shape, [...every(ahead).map(() => [0]), ...at.map((i) => [i])]);
  if (offsets[0] === OUTSIDE) throw misfit(`operand of shape ${values.shape}`);
  if (offsets[0] === ABSENT) throw new NoArithmetic("absent");
  return numbers[0];
}

/**
 * What was joined: the two operands as they were recorded.
 *
 * @param {import("../types.js").Step} step
 * @returns {any[]}
 */
export function pairOf(step) {
  const told = step.settings.operands;
  if (!Array.isArray(told) || told.length !== 2) throw new NoArithmetic("operands");
  return told;
}

/**
 * @param {Question} question
 * @param {any} told
 * @returns {Place | null}
 */
function placeOf({ index, shape }, told) {
  const source = sourceOf(told);
  if (source === null) return null;
  return { source, axes: broadcast(index, shape(source)).map((at) => [at]) };
}

/**
 * @param {Question} question
 * @returns {Place[]}
 */
function bothPlaces(question) {
  return pairOf(question.step).flatMap((told) => placeOf(question, told) ?? []);
}

/**
 * Both operands, each as the read of a single number.
 *
 * @param {Asked} asked
 * @returns {[Reads, Reads]}
 */
function operands(asked) {
  const [first, second] = pairOf(asked.step).map((told) => {
    const place = placeOf(asked, told);
    if (!place) return constant(constantOf(asked, told, asked.index));
    const reads = read(asked, place);
    if (reads.padded[0]) throw misfit(`operand of shape ${asked.shape(place.source)}`);
    return reads;
  });
  return [first, second];
}

/**
 * `a + alpha * b`, or `a - alpha * b`.
 *
 * @param {Asked} asked
 * @param {1 | -1} sign
 * @returns {Terms}
 */
function sum(asked, sign) {
  const reads = joined(...operands(asked));
  const { alpha = 1 } = asked.step.settings;
  const scale = sign * real(alpha);
  const second = shown(reads, 1, signed);
  const scaled = Math.abs(scale) === 1 ? second : `${number(Math.abs(scale))} * ${second}`;
  const how = `${shown(reads, 0)} ${scale > 0 ? "+" : "-"} ${scaled}`;
  return products(reads, new Float64Array([1, scale]), how);
}

/**
 * `a * b`; the term is the operand that comes from a step, the other one is its factor.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function mul(asked) {
  const [first, second] = operands(asked).map(present);
  const how = `${number(first.inputs[0])} * ${signed(second.inputs[0])}`;
  const swapped = first.source[0] < 0 && second.source[0] >= 0;
  const [term, factor] = swapped ? [second, first] : [first, second];
  return products(term, factor.inputs, how, { others: otherOf(factor) });
}

/**
 * `a / b`; the term is a, its factor `1 / b`.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function div(asked) {
  const [first, second] = operands(asked).map(present);
  const how = `${number(first.inputs[0])} / ${signed(second.inputs[0])}`;
  return products(first, new Float64Array([1 / second.inputs[0]]), how, { others: otherOf(second) });
}

/**
 * @param {Reads} reads
 * @returns {[number, number[]][]}
 */
function otherOf(reads) {
  return reads.source[0] < 0 ? [] : [[reads.source[0], Array.from(reads.positions)]];
}

/**
 * `max(a, b)`, or `min(a, b)`.
 *
 * @param {Asked} asked
 * @param {boolean} smallest
 * @returns {Terms}
 */
function chosen(asked, smallest) {
  const reads = joined(...operands(asked));
  const how = `${smallest ? "min" : "max"}(${number(reads.inputs[0])}, ${number(reads.inputs[1])})`;
  return largest(reads, how, smallest);
}

/** @type {Record<string, import("./kinds.js").Kind>} */
export const OPERANDS = {
  linear: { where: lastAxis, explain: linear },
  add: { where: bothPlaces, explain: (asked) => sum(asked, 1) },
  sub: { where: bothPlaces, explain: (asked) => sum(asked, -1) },
  mul: { where: bothPlaces, explain: mul },
  div: { where: bothPlaces, explain: div },
  maximum: { where: bothPlaces, explain: (asked) => chosen(asked, false) },
  minimum: { where: bothPlaces, explain: (asked) => chosen(asked, true) },
};
