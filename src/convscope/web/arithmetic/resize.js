/** interpolate: maps made larger or smaller. */

import { number, plural } from "./format.js";
import { read } from "./reads.js";
import { misfit, NoArithmetic } from "./reasons.js";
import { list, real, told } from "./settings.js";
import { bilinear, nearest } from "./taps.js";
import { copied, products, shown } from "./terms.js";

/** @typedef {import("./reads.js").Asked} Asked */
/** @typedef {import("./reads.js").Question} Question */
/** @typedef {import("./terms.js").Terms} Terms */

/**
 * Position, input size, output size and told scale along one axis (0: rows, 1: columns).
 *
 * @param {Question} question
 * @param {number} axis
 * @returns {[number, number, number, number | null]}
 */
function geometry({ step, index, shape }, axis) {
  if (index.length < 2 || shape(0).length !== index.length) throw misfit("interpolate");
  const at = index.length - 2 + axis;
  const scale = told(step, "scale") === null ? null : list(step, "scale", 2)[axis];
  return [index[at], shape(0)[at], step.shape[at], scale === null ? null : real(scale)];
}

/**
 * The two rows and the two columns of bilinear interpolation, and their shares.
 *
 * @param {Question} question
 */
function around(question) {
  const align = Boolean(told(question.step, "align_corners"));
  return [bilinear(...geometry(question, 0), align), bilinear(...geometry(question, 1), align)];
}

/**
 * @param {Question} question
 * @returns {import("./reads.js").Place[]}
 */
function where(question) {
  const mode = told(question.step, "mode");
  const ahead = question.index.slice(0, -2).map((at) => [at]);
  if (mode === "nearest") {
    return [{ source: 0, axes: [...ahead, ...[0, 1].map((axis) => [nearest(...geometry(question, axis))])] }];
  }
  if (mode !== "bilinear") throw new NoArithmetic("mode", { mode: String(mode) });
  return [{ source: 0, axes: [...ahead, ...around(question).map(({ rows }) => rows)] }];
}

/**
 * Nearest neighbour copies one value; bilinear weighs the four around `(i + 1/2) * step - 1/2`.
 *
 * @param {Asked} asked
 * @returns {Terms}
 */
function interpolate(asked) {
  const reads = read(asked, asked.places[0]);
  if (told(asked.step, "mode") === "nearest") return copied(reads, asked.name(0));
  const [rows, columns] = around(asked);
  const factors = Float64Array.from(rows.shares.flatMap((row) => columns.shares.map((column) => row * column)));
  const parts = Array.from(factors, (factor, i) => (factor ? `${shown(reads, i)} * ${number(factor)}` : ""));
  const largest = reads.inputs.reduce((most, x, i) => (reads.absent?.[i] ? most : Math.max(most, Math.abs(x))), 0);
  return products(reads, factors, parts.filter(Boolean).join(" + ") || plural(4, "value"), {
    symbols: { row_share: rows.shares[1], column_share: columns.shares[1] },
    // A share is a difference of row numbers, so that its error grows with them.
    magnitude: largest * (2 + Math.max(...rows.rows) + Math.max(...columns.rows)),
  });
}

/** @type {Record<string, import("./kinds.js").Kind>} */
export const RESIZE = { interpolate: { where, explain: interpolate } };
