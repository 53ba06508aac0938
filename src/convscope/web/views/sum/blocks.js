/** The terms of a sum in blocks, one for each input channel: the rows of pictures that a convolution is shown as. */
import { channelGroups } from "../../arithmetic/shares.js";

/** @typedef {import("../../types.js").Sum} Sum */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../arithmetic/shares.js").Group} Group */

/**
 * @typedef {Group & { rows: number, columns: number }} Block  The terms of one input channel, as a grid; a single row
 *   where they are no rows and columns.
 */

/** @type {WeakMap<Sum, Block[]>} */
const known = new WeakMap();

/**
 * All blocks of a sum, those that put most into it first; what is not in this file last.
 * @param {Sum} sum
 * @param {Step[]} steps
 * @returns {Block[]}  Not to be changed.
 */
export function blocksOf(sum, steps) {
  let blocks = known.get(sum);
  if (!blocks) {
    blocks = channelGroups(sum, steps).map((group) => ({ ...group, ...shapeOf(sum, group) }));
    blocks.sort((a, b) => strength(b) - strength(a));
    known.set(sum, blocks);
  }
  return blocks;
}

/** @param {Group} group */
function strength({ sum, absent }) {
  if (absent) return -1;
  return Number.isNaN(sum) ? Infinity : Math.abs(sum);
}

/**
 * Rows and columns of a block's grid.
 * @param {Sum} sum
 * @param {Group} group
 */
function shapeOf({ positions, rank }, { terms }) {
  let rows = 1;
  if (rank >= 2) {
    const rowOf = (/** @type {number} */ i) => positions[terms[i] * rank + rank - 2];
    for (let i = 1; i < terms.length; i += 1) if (rowOf(i) !== rowOf(i - 1)) rows += 1;
  }
  return terms.length % rows === 0 ? { rows, columns: terms.length / rows } : { rows: 1, columns: terms.length };
}

/**
 * Where a term was read; null for numbers from no step. For padding the place outside the value.
 * @param {Sum} sum
 * @param {Step[]} steps
 * @param {number} term
 * @returns {{ step: Step, index: number[] } | null}
 */
export function readingOf({ step, source, positions, rank }, steps, term) {
  const read = steps[steps[step].inputs[source[term]]];
  if (!read) return null;
  return { step: read, index: Array.from(positions.subarray((term + 1) * rank - read.shape.length, (term + 1) * rank)) };
}

/**
 * The rows and columns of the input that a block reads, sorted; padding may lie outside.
 * @param {Sum} sum
 * @param {Block} block
 * @returns {{ rows: number[], columns: number[] }}
 */
export function windowOf({ positions, rank }, { terms, rows, columns }) {
  if (rank < 2) return { rows: [], columns: [] };
  const at = (/** @type {number} */ i, /** @type {number} */ axis) => positions[(terms[i] + 1) * rank + axis];
  return {
    rows: Array.from({ length: rows }, (_, i) => at(i * columns, -2)).sort((a, b) => a - b),
    columns: Array.from({ length: columns }, (_, i) => at(i, -1)).sort((a, b) => a - b),
  };
}

/** How many terms of a sum are padding. @param {Sum} sum */
export function paddedCount({ padded }) {
  let count = 0;
  for (const one of padded) count += one;
  return count;
}
