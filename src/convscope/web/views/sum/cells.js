/** Numbers in the cells of grids: as short as cells are, in one unit for a whole column of grids. */
import { fixed, significant } from "../../paint/numbers.js";

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/**
 * @typedef {object} Unit  How the numbers of a column are written: 0.00123 is `1.23` in units of 10^-3.
 * @property {number} exponent
 * @property {number} decimals
 * @property {boolean} [tight]  Whether `0.12` is written `.12`.
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

/** The unit for cells with room for four signs only. @param {number} largest @returns {Unit} */
export function tightUnitFor(largest) {
  const { exponent } = unitFor(largest);
  return { exponent, decimals: largest / 10 ** exponent < 0.995 ? 2 : largest / 10 ** exponent < 9.95 ? 1 : 0, tight: true };
}

/** @param {number} value @param {Unit} unit */
export function cellText(value, { exponent, decimals, tight }) {
  const text = fixed(value / 10 ** exponent, decimals).replace(/^[^\d](0\.?0*)$/, "$1");
  return tight && decimals ? text.replace(/^(\D?)0\./, "$1.") : text;
}

/** `×10⁻³`, or nothing for a unit of one. @param {Unit} unit */
export function unitText({ exponent }) {
  if (exponent === 0) return "";
  return `×${powerText(exponent)}`;
}

/** @param {number} exponent */
function powerText(exponent) {
  const digits = Array.from(String(Math.abs(exponent)), (digit) => SUPERSCRIPTS[Number(digit)]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** A number in a few digits, tiny and huge ones as people write them: `1.5×10⁻⁵`. @param {number} value @param {number} [digits] */
export function readable(value, digits = 4) {
  const [mantissa, exponent] = significant(value, digits).split("e");
  if (exponent === undefined) return mantissa;
  const power = powerText(Number(exponent.replace("\u2212", "-")));
  return mantissa === "1" ? power : `${mantissa}×${power}`;
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
  return readable(value, 7);
}

/** A number with four digits that count, in brackets where its minus would follow an operator. @param {number} value */
export function bracketed(value) {
  const text = readable(value);
  return value < 0 ? `(${text})` : text;
}
