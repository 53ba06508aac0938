/** What a kind of step hands back: the numbers that were added up, and how to write them. */

import { total } from "./floats.js";
import { number } from "./format.js";
import { ABSENT, gather, OUTSIDE, present } from "./reads.js";
import { misfit, NoArithmetic } from "./reasons.js";

/** @typedef {import("../types.js").Values} Values */
/** @typedef {import("./reads.js").Asked} Asked */
/** @typedef {import("./reads.js").Reads} Reads */

/**
 * @typedef {object} Terms  The parts of one value: the sum of `terms` and `bias` is the value.
 * @property {Reads} reads
 * @property {Float64Array} factors
 * @property {Float64Array} terms
 * @property {number} bias
 * @property {string} how  The left side of the formula.
 * @property {Record<string, number>} symbols
 * @property {boolean} linear
 * @property {number | null} magnitude  Sum of the absolute numbers added on the way; null for that of terms and bias.
 * @property {number | null} count  How many numbers were added on the way; null for the number of terms.
 * @property {number} spread  A further uncertainty of the result, as it stands.
 * @property {[number, number[]][]} others  (input, position) of values that set a factor.
 *
 * @typedef {Partial<Omit<Terms, "reads" | "factors" | "terms" | "how">>} Rest
 */

const PLAIN = { bias: 0, linear: true, magnitude: null, count: null, spread: 0, others: [] };

/**
 * Terms that are the products of inputs and factors.
 *
 * @param {Reads} reads
 * @param {Float64Array} factors
 * @param {string} how
 * @param {Rest} [rest]
 * @returns {Terms}
 */
export function products(reads, factors, how, rest = {}) {
  return { ...PLAIN, symbols: {}, reads, factors, terms: multiplied(reads, factors), how, ...rest };
}

/**
 * Each input times its factor; zero padding gives 0 whatever its factor, what is absent gives NaN.
 *
 * @param {Reads} reads
 * @param {Float64Array} factors
 * @returns {Float64Array}
 */
function multiplied({ count, inputs, padded }, factors) {
  if (factors.length !== count) throw misfit(`${factors.length} factors for ${count} values`);
  const terms = new Float64Array(count);
  for (let i = 0; i < count; i++) terms[i] = padded[i] && inputs[i] === 0 ? 0 : inputs[i] * factors[i];
  return terms;
}

/**
 * The products without those of padding, added up.
 *
 * @param {Reads} reads
 * @param {Float64Array} terms
 * @returns {number}
 */
export function subtotal({ padded }, terms) {
  return total(padded.includes(1) ? terms.filter((_, i) => !padded[i]) : terms);
}

/**
 * @param {Reads} reads
 * @returns {number}  How many of them are padding.
 */
export function paddedCount({ padded }) {
  let count = 0;
  for (let i = 0; i < padded.length; i++) count += padded[i];
  return count;
}

/**
 * A single term that is a function of its input rather than a product.
 *
 * @param {Reads} reads
 * @param {number} result
 * @param {string} how
 * @param {Rest} [rest]
 * @returns {Terms}
 */
export function computed(reads, result, how, rest = {}) {
  const terms = new Float64Array([result]);
  return { ...PLAIN, symbols: {}, reads, factors: ones(1), terms, how, linear: false, ...rest };
}

/**
 * A number that only changed its place.
 *
 * @param {Reads} reads
 * @param {string} name  Of the step it was read from.
 * @returns {Terms}
 */
export function copied(reads, name) {
  return products(present(reads), ones(1), `${name}[${Array.from(reads.positions).join(", ")}]`);
}

/**
 * The largest (or smallest) value read, the first one where several are; padding never wins. A NaN wins over every
 * number, as in PyTorch.
 *
 * @param {Reads} reads
 * @param {string} how
 * @param {boolean} [smallest]
 * @returns {Terms}
 */
export function largest(reads, how, smallest = false) {
  const { count, inputs, padded } = present(reads);
  let winner = -1;
  for (let i = 0; i < count; i++) {
    if (padded[i]) continue;
    if (winner < 0 || Number.isNaN(inputs[i])) winner = i;
    else if (smallest ? inputs[i] < inputs[winner] : inputs[i] > inputs[winner]) winner = i;
    if (Number.isNaN(inputs[winner])) break;
  }
  if (winner < 0) throw misfit("no values to compare");
  const factors = new Float64Array(count);
  factors[winner] = 1;
  const terms = new Float64Array(count);
  terms[winner] = inputs[winner];
  return { ...PLAIN, reads, factors, terms, how, symbols: { winner }, linear: false };
}

/**
 * @param {number} count
 * @returns {Float64Array}
 */
export function ones(count) {
  return new Float64Array(count).fill(1);
}

/**
 * An input as the formula shows it: `?` where it is not in this file.
 *
 * @param {Reads} reads
 * @param {number} term
 * @param {(value: number) => string} [write]
 * @returns {string}
 */
export function shown(reads, term, write = number) {
  return reads.absent?.[term] ? "?" : write(reads.inputs[term]);
}

/**
 * A parameter that the step cannot do without.
 *
 * @param {Asked} asked
 * @param {string} name
 * @returns {Values}
 */
export function parameter(asked, name) {
  const found = optional(asked, name);
  if (!found) throw new NoArithmetic("parameters", { name });
  return found;
}

/**
 * A parameter that the step may do without; one that it had and that was left out of the file is missing.
 *
 * @param {Asked} asked
 * @param {string} name
 * @returns {Values | null}
 */
export function optional(asked, name) {
  if (!Object.hasOwn(asked.step.params, name)) return null;
  const found = asked.step.params[name] && asked.param(name);
  if (!found) throw new NoArithmetic("parameters", { name });
  return found;
}

/**
 * One number of a parameter.
 *
 * @param {Values | null} values
 * @param {number[]} index
 * @param {number} [otherwise]  Where there is no such parameter.
 * @returns {number}
 */
export function entry(values, index, otherwise = 0) {
  if (!values) return otherwise;
  const { numbers, offsets } = gather(values, values.shape, index.map((at) => [at]));
  if (offsets[0] === OUTSIDE) throw misfit(`position ${index} of a parameter of shape ${values.shape}`);
  if (offsets[0] === ABSENT) throw new NoArithmetic("absent");
  return numbers[0];
}

/**
 * The weights of some reads, in their order; reads whose weight is not in this file become absent.
 *
 * @param {Reads} reads
 * @param {Values} weight
 * @param {number[][]} axes
 * @returns {Float64Array}
 */
export function weights(reads, weight, axes) {
  const { numbers, offsets } = gather(weight, weight.shape, axes);
  if (offsets.length !== reads.count || offsets.includes(OUTSIDE)) throw misfit(`weight of shape ${weight.shape}`);
  for (let i = 0; i < offsets.length; i++) {
    const nothing = reads.padded[i] && reads.inputs[i] === 0;
    if (offsets[i] === ABSENT && !nothing) (reads.absent ??= new Uint8Array(reads.count))[i] = 1;
  }
  return numbers;
}
