/**
 * How much each input channel puts into one channel of a convolution: over all its pixels, the sum of the absolute value of
 * what that input channel alone adds to the pixel. Calculated in slices, so that the page never waits for it.
 */

/** @typedef {import("./feeds.js").Kernel} Kernel */
/**
 * @typedef {object} Window  How a kernel moves over its input.
 * @property {[number, number]} stride
 * @property {number[]} padding  [top, bottom, left, right]
 * @property {[number, number]} dilation
 */
/** @typedef {{ height: number, width: number, data: ArrayLike<number> }} Plane */

/** No slice is longer than this, in milliseconds. */
const SLICE = 8;
/** Above this many multiplications an estimate must do. */
export const LIMIT = 30e6;

/**
 * Multiplications that the exact totals take.
 * @param {number} feeds
 * @param {number[]} shape  Of the value.
 * @param {Kernel} kernel
 */
export function workOf(feeds, [, height, width], kernel) {
  return feeds * height * width * kernel.height * kernel.width;
}

/**
 * What one input channel adds to each pixel of an output row.
 * @param {Float64Array} row  Gets the sums.
 * @param {number} y
 * @param {Plane} input
 * @param {Kernel} kernel
 * @param {Window} window
 */
export function addRow(row, y, input, kernel, { stride, padding, dilation }) {
  row.fill(0);
  for (let i = 0; i < kernel.height; i += 1) {
    const from = y * stride[0] + i * dilation[0] - padding[0];
    if (from < 0 || from >= input.height) continue;
    for (let j = 0; j < kernel.width; j += 1) {
      const factor = kernel.data[i * kernel.width + j];
      const shift = j * dilation[1] - padding[2];
      const first = Math.max(0, Math.ceil(-shift / stride[1]));
      const stop = Math.min(row.length, Math.floor((input.width - 1 - shift) / stride[1]) + 1);
      const start = from * input.width + shift;
      for (let x = first; x < stop; x += 1) row[x] += factor * input.data[start + x * stride[1]];
    }
  }
}

/**
 * @param {{ inputs: (Plane | null)[], kernels: Kernel[], shape: number[], window: Window }} source  One input a kernel; null: not in the file.
 * @param {AbortSignal} signal
 * @param {{ now: () => number, pause: () => Promise<void> }} [clock]
 * @returns {Promise<Float64Array | null>} null when aborted, or when an input is missing
 */
export async function totals({ inputs, kernels, shape: [, height, width], window }, signal, clock = CLOCK) {
  const sums = new Float64Array(inputs.length);
  const row = new Float64Array(width);
  let since = clock.now();
  for (let k = 0; k < inputs.length; k += 1) {
    const input = inputs[k];
    if (!input) return null;
    for (let y = 0; y < height; y += 1) {
      addRow(row, y, input, kernels[k], window);
      for (let x = 0; x < width; x += 1) sums[k] += Math.abs(row[x]);
      if (clock.now() - since < SLICE) continue;
      await clock.pause();
      if (signal.aborted) return null;
      since = clock.now();
    }
  }
  return sums;
}

const CLOCK = { now: () => performance.now(), pause: () => new Promise((/** @type {(nothing: void) => void} */ done) => setTimeout(done, 0)) };

/**
 * A guess: the kernel's size (root of the sum of squares) times the input's mean absolute value.
 * @param {Kernel[]} kernels
 * @param {ArrayLike<number>} strengths  Of the input channels, in the same order.
 */
export function estimates(kernels, strengths) {
  return Float64Array.from(kernels, ({ data }, k) => Math.hypot(...chunked(data)) * strengths[k]);
}

/** Partial norms, because a call cannot have as many arguments as a large kernel has numbers. @param {Float32Array} data */
function chunked(data) {
  const norms = [];
  for (let start = 0; start < data.length; start += 1024) norms.push(Math.hypot(...data.subarray(start, start + 1024)));
  return norms;
}

/**
 * What an input channel adds to one number of a dense layer; signed.
 * @param {ArrayLike<number>} input
 * @param {Kernel} kernel
 */
export function product(input, { data }) {
  let sum = 0;
  for (let i = 0; i < data.length; i += 1) sum += data[i] * input[i];
  return sum;
}
