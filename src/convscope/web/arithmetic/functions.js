/** Activations and other functions of one number. */

import { erf, logAddExp, nextUp, power } from "./floats.js";
import { number } from "./format.js";
import { samePlace } from "./norms.js";
import { readSingle } from "./reads.js";
import { misfit } from "./reasons.js";
import { real, told } from "./settings.js";
import { computed, copied, entry, parameter } from "./terms.js";

/** @typedef {import("../types.js").Step} Step */
/** @typedef {import("./reads.js").Asked} Asked */
/** @typedef {import("./terms.js").Terms} Terms */

/**
 * @typedef {object} Call  One function.
 * @property {(x: number, step: Step) => number} apply  The value at x in float64.
 * @property {string} text  How it is written; `{x}` and the settings' names are filled with numbers.
 * @property {(x: number, step: Step) => number} [cancels]  Size of the numbers that a framework may subtract on the
 *   way, such as the 1 in `exp(x) - 1`; rounding errors are in proportion to it.
 */

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;
const TANH_GELU = Math.sqrt(2 / Math.PI);
const GELU_TANH = "0.5 * {x} * (1 + tanh(0.7979 * ({x} + 0.04472 * ({x}) ** 3)))";

const { abs, exp, expm1, log, log1p, max, min, sqrt, tanh } = Math;

/** @param {number} x */
const sigmoid = (x) => 1 / (1 + exp(-x));

/** @param {number} x */
const hardSigmoid = (x) => min(max(x + 3, 0), 6) / 6;

/**
 * @param {number} x
 * @param {number} alpha
 * @param {number} [width]
 */
const exponential = (x, alpha, width = 1) => (x > 0 ? x : alpha * expm1(x / width));

/**
 * @param {Step} step
 * @param {string} name
 */
const setting = (step, name) => real(told(step, name));

/** @type {(x: number, step: Step) => number} */
const asInput = (x) => abs(x);

/** @type {(x: number, step: Step) => number} */
const alphaSize = (_x, step) => abs(setting(step, "alpha"));

/** @type {(x: number, step: Step) => number} */
function gelu(x, step) {
  if (told(step, "approximate") === "tanh") return 0.5 * x * (1 + tanh(TANH_GELU * (x + 0.044715 * x ** 3)));
  return 0.5 * x * (1 + erf(x / Math.SQRT2));
}

/** @type {(x: number, step: Step) => number} */
function softplus(x, step) {
  const beta = setting(step, "beta");
  return x * beta > setting(step, "threshold") ? x : log1p(exp(x * beta)) / beta;
}

/** @type {Call} */
const CLAMP = {
  apply: (x, step) => {
    const [low, high] = [told(step, "min"), told(step, "max")];
    const raised = low === null ? x : max(x, real(low));
    return high === null ? raised : min(raised, real(high));
  },
  text: "{x} kept within {min} .. {max}",
};

/** @type {Record<string, Call>} */
const CALLS = {
  relu: { apply: (x) => max(x, 0), text: "max(0, {x})" },
  relu6: { apply: (x) => min(max(x, 0), 6), text: "min(max(0, {x}), 6)" },
  selu: {
    apply: (x) => SELU_SCALE * exponential(x, SELU_ALPHA),
    text: "1.051 * ({x} if {x} > 0, else 1.673 * (exp({x}) - 1))",
    cancels: () => 2,
  },
  // exp(-x) leaves float32 a little before the quotient vanishes.
  silu: { apply: (x) => x * sigmoid(x), text: "{x} / (1 + exp(-({x})))", cancels: (x) => abs(x) * 2 ** -100 },
  mish: { apply: (x) => x * tanh(logAddExp(0, x)), text: "{x} * tanh(log(1 + exp({x})))", cancels: asInput },
  sigmoid: { apply: sigmoid, text: "1 / (1 + exp(-({x})))" },
  tanh: { apply: (x) => tanh(x), text: "tanh({x})" },
  hardsigmoid: { apply: hardSigmoid, text: "min(max(0, {x} + 3), 6) / 6", cancels: () => 0.5 },
  hardswish: { apply: (x) => x * hardSigmoid(x), text: "{x} * min(max(0, {x} + 3), 6) / 6", cancels: asInput },
  softsign: { apply: (x) => x / (1 + abs(x)), text: "{x} / (1 + |{x}|)" },
  logsigmoid: { apply: (x) => -logAddExp(0, -x), text: "log(1 / (1 + exp(-({x}))))" },
  exp: { apply: (x) => exp(x), text: "exp({x})" },
  log: { apply: (x) => log(x), text: "log({x})" },
  sqrt: { apply: (x) => sqrt(x), text: "sqrt({x})" },
  rsqrt: { apply: (x) => 1 / sqrt(x), text: "1 / sqrt({x})" },
  abs: { apply: (x) => abs(x), text: "|{x}|" },
  neg: { apply: (x) => -x, text: "-({x})" },
  square: { apply: (x) => x * x, text: "({x}) ** 2" },
  sin: { apply: (x) => Math.sin(x), text: "sin({x})" },
  cos: { apply: (x) => Math.cos(x), text: "cos({x})" },
  reciprocal: { apply: (x) => 1 / x, text: "1 / ({x})" },
  leaky_relu: {
    apply: (x, step) => (x > 0 ? x : x * setting(step, "negative_slope")),
    text: "{x} if {x} > 0, else {negative_slope} * ({x})",
  },
  elu: {
    apply: (x, step) => exponential(x, setting(step, "alpha")),
    text: "{x} if {x} > 0, else {alpha} * (exp({x}) - 1)",
    cancels: alphaSize,
  },
  celu: {
    apply: (x, step) => exponential(x, setting(step, "alpha"), setting(step, "alpha")),
    text: "{x} if {x} > 0, else {alpha} * (exp({x} / {alpha}) - 1)",
    cancels: alphaSize,
  },
  gelu: { apply: gelu, text: "0.5 * {x} * (1 + erf({x} / sqrt(2)))", cancels: asInput },
  softplus: { apply: softplus, text: "log(1 + exp({beta} * {x})) / {beta}, or {x} where {beta} * {x} > {threshold}" },
  hardtanh: CLAMP,
  clamp: CLAMP,
  pow: { apply: (x, step) => power(x, setting(step, "exponent")), text: "({x}) ** {exponent}" },
};

/**
 * A function of the one input value at the same position.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function pointwise(asked) {
  const { step } = asked;
  const { apply, text, cancels } = CALLS[step.kind];
  const reads = readSingle(asked);
  const x = reads.inputs[0];
  const result = apply(x, step);
  const moved = abs(apply(nextUp(x), step) - result);
  const numbers = Object.entries(step.settings).filter(([, value]) => typeof value === "number");
  return computed(reads, result, filled(step.settings.approximate === "tanh" ? GELU_TANH : text, x, step), {
    symbols: { x, ...Object.fromEntries(numbers) },
    magnitude: abs(result) + (cancels ? cancels(x, step) : 0),
    spread: Number.isFinite(moved) ? moved : 0, // when the input is one float32 step away
  });
}

/**
 * @param {string} text
 * @param {number} x
 * @param {Step} step
 * @returns {string}
 */
function filled(text, x, step) {
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    if (name === "x") return number(x);
    const value = told(step, name);
    return typeof value === "number" ? number(value) : "no limit";
  });
}

/**
 * `x if x > 0, else weight[channel] * x`. Source: He et al., Delving Deep into Rectifiers, 2015.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function prelu(asked) {
  const weight = parameter(asked, "weight");
  const size = weight.shape.reduce((product, length) => product * length, 1);
  const flat = weight.shape.length === 1 || !weight.whole ? weight : { ...weight, shape: [size], take: [null] };
  const slope = entry(flat, [size > 1 ? asked.index[0] : 0]);
  const reads = readSingle(asked);
  const x = reads.inputs[0];
  const how = `${number(x)} if ${number(x)} > 0, else ${number(slope)} * (${number(x)})`;
  return computed(reads, x > 0 ? x : slope * x, how, { symbols: { x, slope } });
}

/**
 * Dropout and identity: the value passes as it is.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function trainingOnly(asked) {
  if (asked.shape(0).join() !== asked.step.shape.join()) throw misfit("the shape changed");
  return copied(readSingle(asked), asked.name(0));
}

/** @type {Record<string, import("./kinds.js").Kind>} */
export const FUNCTIONS = {
  ...Object.fromEntries(Object.keys(CALLS).map((kind) => [kind, { where: samePlace, explain: pointwise }])),
  prelu: { where: samePlace, explain: prelu },
  dropout: { where: samePlace, explain: trainingOnly },
  identity: { where: samePlace, explain: trainingOnly },
};
