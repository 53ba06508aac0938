/** Floating-point functions that Python or numpy have and JavaScript lacks. */

const BLOCK = 128;
const TWO_OVER_ROOT_PI = 2 / Math.sqrt(Math.PI);

/**
 * The sum of some numbers, halves first (Higham, The Accuracy of Floating Point Summation, 1993), in blocks of the
 * size numpy has, so that both sums are the same to the last bit or nearly so.
 *
 * @param {Float64Array} values
 * @param {number} [start]
 * @param {number} [stop]
 * @returns {number}
 */
export function total(values, start = 0, stop = values.length) {
  const count = stop - start;
  if (count > BLOCK) {
    const half = (count >> 1) - ((count >> 1) % 8);
    return total(values, start, start + half) + total(values, start + half, stop);
  }
  const even = count < 8 ? 0 : count - (count % 8);
  let sum = 0;
  if (even) {
    const lanes = Array.from(values.subarray(start, start + 8));
    for (let i = 8; i < even; i++) lanes[i % 8] += values[start + i];
    const [a, b, c, d, e, f, g, h] = lanes;
    sum = a + b + (c + d) + (e + f + (g + h));
  }
  for (let i = start + even; i < stop; i++) sum += values[i];
  return sum;
}

/**
 * The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, to about 1e-15.
 *
 * Near 0 the series of Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.6, whose terms do not cancel;
 * further out 1 minus the continued fraction 7.1.14, from its end.
 *
 * @param {number} x
 * @returns {number}
 */
export function erf(x) {
  const size = Math.abs(x);
  if (!(size < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  const bell = Math.exp(-size * size);
  if (size >= 1.5) {
    let tail = size;
    for (let k = 120; k > 0; k--) tail = size + k / 2 / tail;
    return Math.sign(x) * (1 - (bell * TWO_OVER_ROOT_PI) / 2 / tail);
  }
  let term = size;
  let sum = size;
  for (let k = 1; term > sum * 1e-18; k++) {
    term *= (2 * size * size) / (2 * k + 1);
    sum += term;
  }
  return Math.sign(x) * TWO_OVER_ROOT_PI * bell * sum;
}

/**
 * `log(exp(x) + exp(y))` without overflow.
 *
 * @param {number} x
 * @param {number} y
 * @returns {number}
 */
export function logAddExp(x, y) {
  if (x === y) return x + Math.LN2;
  const ahead = x - y;
  if (ahead > 0) return x + Math.log1p(Math.exp(-ahead));
  return ahead <= 0 ? y + Math.log1p(Math.exp(ahead)) : NaN;
}

/**
 * x to a power as in C, which knows 1 to any power and -1 to an infinite one.
 *
 * @param {number} x
 * @param {number} exponent
 * @returns {number}
 */
export function power(x, exponent) {
  const one = x === 1 || (x === -1 && Math.abs(exponent) === Infinity);
  return one ? 1 : x ** exponent;
}

/**
 * The next larger float32.
 *
 * @param {number} x  A float32.
 * @returns {number}
 */
export function nextUp(x) {
  if (Number.isNaN(x) || x === Infinity) return x;
  if (x === 0) return 2 ** -149;
  const number = new Float32Array([x]);
  const bits = new Int32Array(number.buffer);
  bits[0] += x > 0 ? 1 : -1;
  return number[0];
}
