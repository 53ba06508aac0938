/** Kinds in which a number only changes its place: flatten, permute, slice, pad, cat, shuffles. */

import { number } from "./format.js";
import { constantOf, sourceOf } from "./operands.js";
import { constant, read } from "./reads.js";
import { misfit, NoArithmetic } from "./reasons.js";
import { axisOf, list, modulo, quotient, real, told, whole } from "./settings.js";
import { padded, sliced } from "./taps.js";
import { copied, ones, products } from "./terms.js";

/** @typedef {import("./reads.js").Asked} Asked */
/** @typedef {import("./reads.js").Place} Place */
/** @typedef {import("./reads.js").Question} Question */
/** @typedef {import("./terms.js").Terms} Terms */

/**
 * @param {number[]} position
 * @returns {Place[]}  That position of the first input.
 */
function single(position) {
  return [{ source: 0, axes: position.map((at) => [at]) }];
}

/**
 * Row by row, the order of the numbers stays: the k-th number is the k-th number.
 *
 * @param {Question} question
 * @returns {Place[]}
 */
function reshape({ step, index, shape }) {
  const [here, there] = [step.shape, shape(0)].map((sizes) => sizes.reduce((product, size) => product * size, 1));
  if (here !== there) throw misfit(`${there} numbers became ${here}`);
  let flat = index.reduce((sum, at, axis) => sum * step.shape[axis] + at, 0);
  const position = [];
  for (const size of [...shape(0)].reverse()) {
    position.unshift(flat % size);
    flat = Math.floor(flat / size);
  }
  return single(position);
}

/**
 * Axis i of the output is axis `axes[i]` of the input.
 *
 * @param {Question} question
 * @returns {Place[]}
 */
function permute({ step, index }) {
  const position = index.map(() => 0);
  for (const [i, told] of list(step, "axes", index.length).entries()) {
    const axis = whole(told) < 0 ? whole(told) + index.length : whole(told);
    if (!(axis in position)) throw misfit("axes");
    position[axis] = index[i];
  }
  return single(position);
}

/**
 * `x[start + i * step]` along every axis; a whole number drops its axis.
 *
 * @param {Question} question
 * @returns {Place[]}
 */
function slice({ step, index, shape }) {
  const told = list(step, "index", shape(0).length);
  let next = 0;
  const position = shape(0).map((size, axis) => {
    const dropped = typeof told[axis] === "number";
    return sliced(dropped ? 0 : index[next++], size, told[axis]);
  });
  if (next > index.length) throw misfit("index");
  return single(position);
}

/**
 * The number that was moved or mirrored here, or the filling.
 *
 * @param {Question} question
 * @returns {Place[]}
 */
function padPlace({ step, index, shape }) {
  const padding = list(step, "padding", index.length);
  if (shape(0).length !== index.length) throw misfit("padding");
  const mode = told(step, "mode");
  return single(index.map((at, axis) => {
    if (!Array.isArray(padding[axis]) || padding[axis].length !== 2) throw misfit("padding");
    return padded(at, shape(0)[axis], whole(padding[axis][0]), mode);
  }));
}

/**
 * @param {Asked} asked
 * @returns {Terms}
 */
function pad(asked) {
  const fill = real(asked.step.settings.value ?? 0);
  const reads = read(asked, asked.places[0], fill);
  return reads.padded[0] ? products(reads, ones(1), `padding ${number(fill)}`) : copied(reads, asked.name(0));
}

/**
 * What was joined, in order: the inputs, unless `operands` says otherwise.
 *
 * @param {Question} question
 * @returns {any[]}
 */
function joinedParts({ step }) {
  const { operands } = step.settings;
  return Array.isArray(operands) && operands.length ? operands : step.inputs.map((_, input) => ({ input }));
}

/**
 * How much of the joined axis one part fills.
 *
 * @param {Question} question
 * @param {any} part
 * @param {number} axis
 * @returns {number}
 */
function partLength({ step, shape }, part, axis) {
  const source = sourceOf(part);
  const sizes = source === null ? paramShape(step, part.param) : shape(source);
  const rank = step.shape.length;
  const found = sizes.slice(Math.max(0, sizes.length - rank)); // a parameter may still have the batch axis
  return found.length === rank ? found[axis] : 0; // PyTorch lets empty vectors join anything
}

/**
 * @param {import("../types.js").Step} step
 * @param {any} name
 * @returns {number[]}
 */
function paramShape({ params }, name) {
  if (name === undefined) throw misfit("operands");
  const found = Object.hasOwn(params, name) ? params[name] : null;
  if (!found) throw new NoArithmetic("parameters", { name: String(name) });
  return found.shape;
}

/**
 * Which part a position lies in, and where in that part.
 *
 * @param {Question} question
 * @returns {{ part: any, position: number[] }}
 */
function partAt(question) {
  const { step, index } = question;
  const axis = axisOf(told(step, "axis"), index.length);
  if (step.kind === "stack") {
    const part = joinedParts(question)[index[axis]];
    return { part, position: index.filter((_, i) => i !== axis) };
  }
  let left = index[axis];
  for (const part of joinedParts(question)) {
    const length = partLength(question, part, axis);
    if (left < length) return { part, position: index.map((at, i) => (i === axis ? left : at)) };
    left -= length;
  }
  throw misfit("the parts are shorter than the value");
}

/**
 * @param {Question} question
 * @returns {Place[]}
 */
function partPlace(question) {
  const { part, position } = partAt(question);
  const source = sourceOf(part);
  return source === null ? [] : [{ source, axes: position.map((at) => [at]) }];
}

/**
 * Values one after the other along an axis, or one behind the other along a new one.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function join(asked) {
  const [place] = asked.places;
  if (place) return copied(read(asked, place), asked.name(place.source));
  const { part, position } = partAt(asked);
  const reads = constant(constantOf(asked, part, position), position.length);
  return products(reads, ones(1), `parameter ${part.param}[${position.join(", ")}]`);
}

/**
 * `x[c r^2 + (y mod r) r + x mod r, y // r, x // r]`. Source: Shi et al., Sub-Pixel CNN, 2016.
 *
 * @param {Question} question
 * @returns {Place[]}
 */
function pixelShuffle({ step, index }) {
  const factor = whole(told(step, "factor"));
  if (index.length < 3) throw misfit("factor");
  const [channel, y, x] = index.slice(-3);
  const source = channel * factor ** 2 + modulo(y, factor) * factor + modulo(x, factor);
  return single([...index.slice(0, -3), source, quotient(y, factor), quotient(x, factor)]);
}

/**
 * Channels dealt out like cards: `x[(o mod g) C / g + o // g]`. Source: Zhang et al., ShuffleNet, 2017.
 *
 * @param {Question} question
 * @returns {Place[]}
 */
function channelShuffle({ step, index: [out, ...rest] }) {
  const groups = whole(told(step, "groups"));
  return single([modulo(out, groups) * quotient(step.shape[0], groups) + quotient(out, groups), ...rest]);
}

/**
 * @param {Asked} asked
 * @returns {Terms}
 */
function copy(asked) {
  return copied(read(asked, asked.places[0]), asked.name(0));
}

/** @type {Record<string, import("./kinds.js").Kind>} */
export const MOVES = {
  ...Object.fromEntries(
    ["flatten", "reshape", "squeeze", "unsqueeze"].map((kind) => [kind, { where: reshape, explain: copy }]),
  ),
  permute: { where: permute, explain: copy },
  slice: { where: slice, explain: copy },
  pad: { where: padPlace, explain: pad },
  cat: { where: partPlace, explain: join },
  stack: { where: partPlace, explain: join },
  pixel_shuffle: { where: pixelShuffle, explain: copy },
  channel_shuffle: { where: channelShuffle, explain: copy },
};
