/** Heat maps that say nothing: told in words, never drawn as if they meant something. */

/** @typedef {"" | "empty" | "nan" | "zero" | "constant"} Fault */

/** Numbers that differ by less than this share of their size are the same number, rounded; as in Python. */
const SAME = 1e-6;
/** Of the numbers of a grainy map, as gradients are, this share gets colours of its own: its few extreme ones would leave none. */
const MOST = 0.99;
/** From this much change between neighbours, as a part of the mean size of a number, a map is grain and no hill. */
const GRAINY = 0.5;

/**
 * @param {ArrayLike<number>} values
 * @returns {Fault}
 */
export function faultOf(values) {
  if (!values.length) return "empty";
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i += 1) {
    if (!Number.isFinite(values[i])) return "nan";
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
  }
  if (low === 0 && high === 0) return "zero";
  return high - low <= SAME * Math.max(Math.abs(low), Math.abs(high)) ? "constant" : "";
}

/**
 * The scale of heat that some maps share; those with a fault do not count.
 * @param {readonly ArrayLike<number>[]} maps
 * @returns {{ peak: number, largest: number }} `peak` has the full colour: the largest size of a number, in grainy maps that
 *   which few exceed.
 */
export function scaleOfMaps(maps) {
  let [peak, largest] = [0, 0];
  for (const values of maps) {
    if (faultOf(values)) continue;
    const sizes = Float64Array.from(values, Math.abs).sort();
    const top = sizes[sizes.length - 1];
    const most = sizes[Math.floor(MOST * (sizes.length - 1))];
    peak = Math.max(peak, isGrainy(values) && most > 0 ? most : top);
    largest = Math.max(largest, top);
  }
  return { peak, largest };
}

/** @param {ArrayLike<number>} values */
function isGrainy(values) {
  let [change, size] = [0, 0];
  for (let i = 1; i < values.length; i += 1) {
    change += Math.abs(values[i] - values[i - 1]);
    size += Math.abs(values[i]);
  }
  return change > GRAINY * size;
}
