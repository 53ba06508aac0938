/** Numbers in the cells of grids: as short as cells are, in one unit for a whole column of grids. */
import { fixed, significant } from "../../paint/numbers.js";

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/**
 * @typedef {object} Unit  How the numbers of a column are written: 0.00123 is `1.23` in units of 10^-3.
 * @property {number} exponent
 * @property {number} decimals
 */

/**
 * The unit in which the largest of some numbers has at most three digits before the point, and cells stay short.
 * @param {number} largest  Largest absolute value.
 * @param {number} [digits]  How many decimals a cell has room for beside one digit.
 * @returns {Unit}
 */
export function unitFor(largest, digits = 2) {
  if (!Number.isFinite(largest) || largest === 0) return { exponent: 0, decimals: digits };
  const size = Math.floor(Math.log10(largest));
  const exponent = size < -1 || size > 3 ? Math.floor(size / 3) * 3 : 0;
  return { exponent, decimals: Math.max(0, Math.min(digits, digits - (size - exponent))) };
}

/** @param {number} value @param {Unit} unit */
export function cellText(value, { exponent, decimals }) {
  const text = fixed(value / 10 ** exponent, decimals);
  return /^.0\.?0*$/.test(text) && !/^\d/.test(text) ? text.slice(1) : text;
}

/** `×10⁻³`, or nothing for a unit of one. @param {Unit} unit */
export function unitText({ exponent }) {
  if (exponent === 0) return "";
  const digits = Array.from(String(Math.abs(exponent)), (digit) => SUPERSCRIPTS[Number(digit)]).join("");
  return `×10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** Largest absolute finite value among some terms. @param {ArrayLike<number>} values @param {{ terms: ArrayLike<number> }[]} blocks */
export function largestOf(values, blocks) {
  let largest = 0;
  for (const { terms } of blocks) {
    for (let i = 0; i < terms.length; i += 1) {
      const size = Math.abs(values[terms[i]]);
      if (size > largest && size !== Infinity) largest = size;
    }
  }
  return largest;
}

/** A number with all the digits that float32 has. @param {number} value */
export function precise(value) {
  return significant(value, 7);
}

/** A number with four digits that count, in brackets where its minus would follow an operator. @param {number} value */
export function bracketed(value) {
  const text = significant(value, 4);
  return value < 0 ? `(${text})` : text;
}
