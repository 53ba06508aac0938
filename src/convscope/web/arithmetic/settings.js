/** Reading settings with Python's strictness: what does not fit is a `misfit`, never an `undefined`. */

import { misfit } from "./reasons.js";

/** @typedef {import("../types.js").Step} Step */

/**
 * A setting that the step cannot do without.
 *
 * @param {Step} step
 * @param {string} name
 * @returns {any}
 */
export function told(step, name) {
  if (!Object.hasOwn(step.settings, name)) throw misfit(name);
  return step.settings[name];
}

/**
 * A setting of several entries.
 *
 * @param {Step} step
 * @param {string} name
 * @param {number} [count]  How many it must have.
 * @returns {any[]}
 */
export function list(step, name, count) {
  const found = told(step, name);
  if (!Array.isArray(found) || (count !== undefined && found.length !== count)) throw misfit(name);
  return found;
}

/**
 * @param {any} value
 * @returns {number}  A whole number.
 */
export function whole(value) {
  if (typeof value === "boolean") return Number(value);
  if (typeof value !== "number" || !Number.isFinite(value)) throw misfit(String(value));
  return Math.trunc(value);
}

/**
 * @param {any} value
 * @returns {number}
 */
export function real(value) {
  if (typeof value !== "number" && typeof value !== "boolean") throw misfit(String(value));
  return Number(value);
}

/**
 * An axis, counted from the end where negative.
 *
 * @param {any} value
 * @param {number} rank
 * @returns {number}
 */
export function axisOf(value, rank) {
  return modulo(whole(value), rank);
}

/**
 * Division downwards; by 0 nothing fits.
 *
 * @param {number} value
 * @param {number} by
 * @returns {number}
 */
export function quotient(value, by) {
  if (!by) throw misfit("division by 0");
  return Math.floor(value / by);
}

/**
 * The remainder with the sign of the divisor.
 *
 * @param {number} value
 * @param {number} by
 * @returns {number}
 */
export function modulo(value, by) {
  return value - quotient(value, by) * by;
}
