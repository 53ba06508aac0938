/** Numbers as text, rounded as Python rounds them: to the nearest, exact halves to even. */

const MINUS = "\u2212";
/** Between a number and its unit, where no line may break. */
const SPACE = "\u00a0";

/**
 * A number with some decimals, as Python's `format(x, ".3f")`.
 * @param {number} x
 * @param {number} decimals
 * @param {string} [minus]  The sign of negative numbers.
 * @returns {string}
 */
export function fixed(x, decimals, minus = MINUS) {
  if (!Number.isFinite(x)) return odd(x, minus);
  return (isNegative(x) ? minus : "") + fixedSize(Math.abs(x), decimals);
}

/**
 * As `fixed`, with a plus before numbers that are not negative.
 * @param {number} x
 * @param {number} decimals
 * @param {string} [minus]
 * @returns {string}
 */
export function signed(x, decimals, minus = MINUS) {
  const text = fixed(x, decimals, minus);
  return isNegative(x) || Number.isNaN(x) ? text : `+${text}`;
}

/**
 * A number in a few significant digits, as Python's `format(x, ".4g")`.
 * @param {number} x
 * @param {number} [digits]
 * @param {string} [minus]  The sign of negative numbers and exponents.
 * @returns {string}
 */
export function significant(x, digits = 4, minus = MINUS) {
  if (!Number.isFinite(x)) return odd(x, minus);
  const sign = isNegative(x) ? minus : "";
  const size = Math.abs(x);
  const [mantissa, power] = exponential(size, digits - 1);
  if (power >= -4 && power < digits) return sign + trimmed(fixedSize(size, digits - 1 - power));
  const exponent = String(Math.abs(power)).padStart(2, "0");
  return `${sign}${trimmed(mantissa)}e${power < 0 ? minus : "+"}${exponent}`;
}

/**
 * Decimals with which the largest of some numbers has five significant digits.
 * @param {ArrayLike<number>} numbers
 * @returns {number} 0 to 12
 */
export function decimalsFor(numbers) {
  let largest = 0;
  for (let i = 0; i < numbers.length; i += 1) if (Number.isFinite(numbers[i])) largest = Math.max(largest, Math.abs(numbers[i]));
  if (largest === 0) return 0;
  return Math.max(0, Math.min(12, 4 - exponential(largest, 4)[1]));
}

/**
 * A column of numbers over their sum, in digits that really add up. Where the rounded parts do not give the rounded total,
 * `rounding` is the difference, to be shown as a part of its own.
 * @param {ArrayLike<number>} shares
 * @param {number} total
 * @param {number} [decimals]
 * @returns {{ texts: string[], total: string, rounding: string | null, decimals: number }} parts with their signs
 */
export function columnTexts(shares, total, decimals = decimalsFor([...Array.from(shares), total])) {
  const parts = Array.from(shares);
  const texts = parts.map((part) => signed(part, decimals));
  const result = { texts, total: signed(total, decimals), rounding: /** @type {string | null} */ (null), decimals };
  if (![...parts, total].every(Number.isFinite)) return result;
  const left = parts.reduce((rest, part) => rest - units(part, decimals), units(total, decimals));
  return left === 0n ? result : { ...result, rounding: unitText(left, decimals) };
}

/**
 * A count with its thousands apart: `12,345`.
 * @param {number} n
 * @returns {string}
 */
export function count(n) {
  return fixed(n, 0).replace(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * A share as percent. What is not quite nothing or not quite all never looks like it.
 * @param {number} share  0 to 1.
 * @param {number} [decimals]
 * @returns {string}
 */
export function percent(share, decimals = 1) {
  const step = 10 ** -decimals;
  if (share > 0 && share * 100 < step / 2) return `<${SPACE}${fixed(step, decimals)}${SPACE}%`;
  if (share < 1 && share * 100 > 100 - step / 2) return `>${SPACE}${fixed(100 - step, decimals)}${SPACE}%`;
  return `${fixed(share * 100, decimals)}${SPACE}%`;
}

/**
 * Multiplications with addition: `1.21 GMAC`.
 * @param {number} n
 * @returns {string}
 */
export function macs(n) {
  return scaled(n, ["MAC", "kMAC", "MMAC", "GMAC", "TMAC", "PMAC"]);
}

/**
 * A length in bytes: `1.21 MB`, thousands being thousands.
 * @param {number} n
 * @returns {string}
 */
export function bytes(n) {
  return scaled(n, ["B", "kB", "MB", "GB", "TB", "PB"]);
}

/**
 * Three digits and the unit that makes them readable.
 * @param {number} n
 * @param {string[]} units  Each a thousand of the one before.
 */
function scaled(n, units) {
  if (!Number.isFinite(n)) return `${odd(n, MINUS)}${SPACE}${units[0]}`;
  const power = n === 0 ? 0 : exponential(Math.abs(n), 2)[1];
  const unit = Math.max(0, Math.min(units.length - 1, Math.floor(power / 3)));
  const decimals = unit === 0 ? 0 : Math.max(0, 2 - (power - 3 * unit));
  return `${fixed(n / 1000 ** unit, decimals)}${SPACE}${units[unit]}`;
}

/**
 * @param {number} size  Finite, not negative.
 * @param {number} decimals
 * @returns {string}
 */
function fixedSize(size, decimals) {
  if (size >= 1e21) return BigInt(size).toString() + (decimals ? `.${"0".repeat(decimals)}` : "");
  const text = size.toFixed(decimals);
  // Halfway between two texts means that 2^(decimals + 1) times the number is odd; toFixed then takes the larger one.
  if ((size * 2 ** (decimals + 1)) % 2 !== 1 || Number(text.at(-1)) % 2 === 0) return text;
  return size.toFixed(decimals + 1).slice(0, decimals ? -1 : -2);
}

/**
 * A size as digits and power of ten: `["1.235", 4]`.
 * @param {number} size  Finite, not negative.
 * @param {number} decimals  Digits after the first.
 * @returns {[string, number]}
 */
function exponential(size, decimals) {
  const [digits, power] = size.toExponential(decimals).split("e");
  const [longer, itsPower] = size.toExponential(decimals + 1).split("e");
  // As in fixedSize: of two texts equally near, toExponential takes the larger one.
  const lower = longer.slice(0, decimals ? -1 : -2);
  const half = longer.endsWith("5") && endsAt(size, decimals + 1);
  return half && Number(lower.at(-1)) % 2 === 0 ? [lower, Number(itsPower)] : [digits, Number(power)];
}

/**
 * Whether a number has no digits beyond those.
 * @param {number} size
 * @param {number} decimals
 */
function endsAt(size, decimals) {
  const digits = size.toExponential(100).split("e")[0].replace(".", "");
  return /^0*$/.test(digits.slice(decimals + 1));
}

/**
 * A number in units of its last shown decimal.
 * @param {number} x
 * @param {number} decimals
 */
function units(x, decimals) {
  return BigInt(fixed(x, decimals, "-").replace(".", ""));
}

/**
 * @param {bigint} n  In units of the last decimal.
 * @param {number} decimals
 */
function unitText(n, decimals) {
  const digits = String(n < 0n ? -n : n).padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  return (n < 0n ? MINUS : "+") + (decimals ? `${whole}.${digits.slice(-decimals)}` : whole);
}

/** Without the zeros that end a fraction. @param {string} text */
function trimmed(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** @param {number} x */
function isNegative(x) {
  return x < 0 || Object.is(x, -0);
}

/**
 * @param {number} x  Not finite.
 * @param {string} minus
 */
function odd(x, minus) {
  if (Number.isNaN(x)) return "NaN";
  return x < 0 ? `${minus}inf` : "inf";
}
