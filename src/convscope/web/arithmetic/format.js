/** Numbers as Python's `f"{value:.4g}"` writes them, so that page and Python show the same formula. */

const DIGITS = 4;

/**
 * A number for people: four digits that count.
 *
 * @param {number} value
 * @returns {string}  `0.1235`, `-2`, `1e+05`, `nan`
 */
export function number(value) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return "0";
  const [digits, power] = rounded(Math.abs(value));
  const sign = value < 0 ? "-" : "";
  if (power < -4 || power >= DIGITS) {
    const mantissa = withPoint(digits, 1);
    return `${sign}${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return sign + (power < 0 ? withPoint("0".repeat(-power) + digits, 1) : withPoint(digits, power + 1));
}

/**
 * As `number`, in brackets when an operator before a minus sign would be unreadable.
 *
 * @param {number} value
 * @returns {string}
 */
export function signed(value) {
  const text = number(value);
  return text.startsWith("-") ? `(${text})` : text;
}

/**
 * A count with its noun: `1 product`, `27 products`.
 *
 * @param {number} count
 * @param {string} noun
 * @returns {string}
 */
export function plural(count, noun) {
  return count === 1 ? `${count} ${noun}` : `${count} ${noun}s`;
}

/**
 * Four digits and the power of ten of the first one; exact halves go to the even digit, as in Python.
 *
 * @param {number} value  Positive and finite.
 * @returns {[string, number]}
 */
function rounded(value) {
  let [mantissa, power] = value.toExponential(DIGITS - 1).split("e");
  const [longer] = value.toExponential(DIGITS).split("e");
  // JavaScript rounds halves up. No double comes nearer than 30 digits to a half without being one.
  if (longer.endsWith("5") && /^.{6}0*$/.test(value.toExponential(30).split("e")[0])) {
    const below = longer.slice(0, -1);
    if (Number(below.slice(-1)) % 2 === 0) [mantissa, power] = [below, value.toExponential(DIGITS).split("e")[1]];
  }
  return [mantissa.replace(".", ""), Number(power)];
}

/**
 * @param {string} digits
 * @param {number} whole  How many of them are before the point.
 * @returns {string}  Without zeros at the end.
 */
function withPoint(digits, whole) {
  return `${digits.slice(0, whole)}.${digits.slice(whole)}`.replace(/\.?0*$/, "");
}
