/** Finding channels by number: `12`, `3-7`, `0, 5, 9–12`. */

const DASH = /\s*[-–—~～－至]\s*/g;
const GAP = /[,;，；、\s]+/;
const RANGE = /^(\d{1,9})(?:-(\d{1,9}))?$/;

/**
 * The channels a reader asked for, as a test of a channel; null where nothing (or nothing sensible) was asked.
 * @param {string} text
 * @returns {((channel: number) => boolean) | null}
 */
export function searchOf(text) {
  const parts = text.replace(DASH, "-").split(GAP).filter(Boolean);
  const ranges = parts.map((part) => RANGE.exec(part)).filter((range) => range !== null);
  if (!ranges.length || ranges.length < parts.length) return null;
  const bounds = ranges.map(([, from, to]) => [Number(from), Number(to ?? from)].sort((a, b) => a - b));
  return (channel) => bounds.some(([low, high]) => low <= channel && channel <= high);
}

/**
 * Those of the channels that were asked for, in their order.
 * @param {Int32Array} order
 * @param {string} text
 * @returns {Int32Array}
 */
export function found(order, text) {
  const wanted = searchOf(text);
  return wanted ? order.filter(wanted) : order;
}

/** Whether a text asks for something that cannot be understood. @param {string} text */
export function isUnclear(text) {
  return text.trim() !== "" && searchOf(text) === null;
}
