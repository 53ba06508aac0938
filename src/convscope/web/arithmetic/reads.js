/**
 * Where values are read, and reading them. A place names every combination of positions along the axes of one input;
 * what an excerpt lacks is marked absent, what lies outside the input is padding.
 */

import { misfit, NoArithmetic } from "./reasons.js";

/** @typedef {import("../types.js").Step} Step */
/** @typedef {import("../types.js").Values} Values */

/**
 * @typedef {object} Question  A position of a step, before anything is read.
 * @property {Step} step
 * @property {number[]} index
 * @property {(source: number) => number[]} shape  Of an input's value.
 * @property {(source: number) => string} name  Of an input.
 *
 * @typedef {object} Place  Every combination of the positions along each axis of one input.
 * @property {number} source  Index into the step's inputs.
 * @property {number[][]} axes
 *
 * @typedef {object} Numbers  What an asked question adds: the numbers of this file.
 * @property {Place[]} places  Where the step reads for this value.
 * @property {number} recorded  The value itself.
 * @property {(source: number) => Values | null} value  An input's numbers; null when none are in this file.
 * @property {(name: string) => Values | null} param
 *
 * @typedef {Question & Numbers} Asked
 *
 * @typedef {object} Reads  As in Python, one entry a term.
 * @property {number} count
 * @property {Int32Array} source
 * @property {number} rank
 * @property {Int32Array} positions  (count, rank)
 * @property {Float64Array} inputs
 * @property {Uint8Array} padded
 * @property {Uint8Array | null} absent
 *
 * @typedef {object} Gathered
 * @property {Float64Array} numbers  NaN where absent, `fill` where outside.
 * @property {Int32Array} offsets  In the kept numbers; `OUTSIDE` or `ABSENT`.
 */

export const OUTSIDE = -1;
export const ABSENT = -2;

/**
 * Read an array at every combination of the positions along its axes.
 *
 * @param {Values | null} values  null when this file has none of them.
 * @param {number[]} shape
 * @param {number[][]} axes
 * @param {number} [fill]
 * @returns {Gathered}
 */
export function gather(values, shape, axes, fill = 0) {
  if (axes.length !== shape.length) throw misfit(`${axes.length} axes of shape ${shape}`);
  const offsets = offsetsOf(values, shape, axes);
  const numbers = new Float64Array(offsets.length);
  for (let i = 0; i < offsets.length; i++) {
    const at = offsets[i];
    numbers[i] = values && at >= 0 ? values.data[at] : at === OUTSIDE ? fill : NaN;
  }
  return { numbers, offsets };
}

/**
 * @param {Values | null} values
 * @param {number[]} shape
 * @param {number[][]} axes
 * @returns {Int32Array}
 */
function offsetsOf(values, shape, axes) {
  const takes = shape.map((_, axis) => values?.take[axis] ?? null);
  const sizes = shape.map((size, axis) => takes[axis]?.length ?? size);
  /** @type {Int32Array} */
  let found = new Int32Array(1);
  for (const [axis, positions] of axes.entries()) {
    const stride = sizes.slice(axis + 1).reduce((product, size) => product * size, 1);
    found = crossed(found, positions.map((at) => {
      if (at < 0 || at >= shape[axis]) return OUTSIDE;
      const kept = values ? keptAt(takes[axis], at) : ABSENT;
      return kept < 0 ? ABSENT : kept * stride;
    }));
  }
  return found;
}

/**
 * Each start with each step; outside on one axis is outside, otherwise absent on one axis is absent.
 *
 * @param {Int32Array} starts
 * @param {number[]} steps
 * @returns {Int32Array}
 */
function crossed(starts, steps) {
  const found = new Int32Array(starts.length * steps.length);
  let next = 0;
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i];
    for (let j = 0; j < steps.length; j++) {
      const step = steps[j];
      if (start >= 0 && step >= 0) found[next++] = start + step;
      else found[next++] = start === OUTSIDE || step === OUTSIDE ? OUTSIDE : ABSENT;
    }
  }
  return found;
}

/**
 * @param {Int32Array | null} take  Sorted.
 * @param {number} position
 * @returns {number}  Which of the kept ones it is; negative if it is none.
 */
function keptAt(take, position) {
  if (take === null) return position;
  let low = 0;
  let high = take.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (take[middle] === position) return middle;
    if (take[middle] < position) low = middle + 1;
    else high = middle - 1;
  }
  return ABSENT;
}

/**
 * Read one input of the step; outside it, `fill`.
 *
 * @param {Asked} asked
 * @param {Place} place
 * @param {number} [fill]
 * @returns {Reads}
 */
export function read(asked, place, fill = 0) {
  const { numbers, offsets } = gather(asked.value(place.source), asked.shape(place.source), place.axes, fill);
  const count = offsets.length;
  const rank = place.axes.length;
  const padded = new Uint8Array(count);
  /** @type {Uint8Array | null} */
  let absent = null;
  for (let i = 0; i < count; i++) {
    if (offsets[i] === OUTSIDE) padded[i] = 1;
    else if (offsets[i] === ABSENT) (absent ??= new Uint8Array(count))[i] = 1;
  }
  const source = new Int32Array(count).fill(place.source);
  return { count, source, rank, positions: positionsOf(place.axes, count), inputs: numbers, padded, absent };
}

/**
 * @param {number[][]} axes
 * @param {number} count
 * @returns {Int32Array}
 */
function positionsOf(axes, count) {
  const rank = axes.length;
  const positions = new Int32Array(count * rank);
  let repeats = count;
  for (const [axis, along] of axes.entries()) {
    repeats /= along.length || 1;
    for (let at = axis; at < positions.length; ) {
      for (let j = 0; j < along.length; j++) {
        for (let i = 0; i < repeats; i++, at += rank) positions[at] = along[j];
      }
    }
  }
  return positions;
}

/**
 * The single number that the step reads.
 *
 * @param {Asked} asked
 * @returns {Reads}
 */
export function readSingle(asked) {
  return present(read(asked, asked.places[0]));
}

/**
 * Reads of which all must be in this file.
 *
 * @param {Reads} reads
 * @returns {Reads}
 */
export function present(reads) {
  if (reads.absent) throw new NoArithmetic("absent");
  return reads;
}

/**
 * Numbers of an input of which all must be in this file, such as those of a mean.
 *
 * @param {Asked} asked
 * @param {number[][]} axes  Of the first input.
 * @returns {Float64Array}
 */
export function allOf(asked, axes) {
  const { numbers, offsets } = gather(asked.value(0), asked.shape(0), axes);
  if (offsets.includes(ABSENT)) throw new NoArithmetic("absent");
  return numbers;
}

/**
 * A number that was read from no step: a parameter, or a constant of the operation.
 *
 * @param {number} value
 * @param {number} [rank]
 * @returns {Reads}
 */
export function constant(value, rank = 0) {
  const positions = new Int32Array(rank).fill(-1);
  const inputs = new Float64Array([value]);
  return { count: 1, source: new Int32Array([-1]), rank, positions, inputs, padded: new Uint8Array(1), absent: null };
}

/**
 * Two single reads, one after the other; a position of lower rank keeps to the last axes, -1 ahead of it.
 *
 * @param {Reads} first
 * @param {Reads} second
 * @returns {Reads}
 */
export function joined(first, second) {
  const rank = Math.max(first.rank, second.rank);
  const positions = new Int32Array(2 * rank).fill(-1);
  positions.set(first.positions, rank - first.rank);
  positions.set(second.positions, 2 * rank - second.rank);
  const absent = first.absent || second.absent ? new Uint8Array(2) : null;
  if (absent) absent.set([first.absent?.[0] ?? 0, second.absent?.[0] ?? 0]);
  return {
    count: 2,
    source: new Int32Array([first.source[0], second.source[0]]),
    rank,
    positions,
    inputs: new Float64Array([first.inputs[0], second.inputs[0]]),
    padded: new Uint8Array([first.padded[0], second.padded[0]]),
    absent,
  };
}
