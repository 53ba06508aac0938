/** A sum as its parts: by input channel, by share, as the grid of one window. */

import { total } from "./floats.js";

/** @typedef {import("../types.js").Share} Share */
/** @typedef {import("../types.js").Step} Step */
/** @typedef {import("../types.js").Sum} Sum */

/**
 * @typedef {object} Group  The terms of one input channel.
 * @property {number} source  -1 for parameters and numbers.
 * @property {number} channel  The position on the input's first axis; -1 where there is none.
 * @property {Int32Array} terms  Which ones, in order.
 * @property {number} sum  NaN when some of them are absent.
 * @property {boolean} absent  Whether some of them are not in this file.
 *
 * @typedef {Share & { terms: number, byDifference: boolean }} ListedShare  `terms`: how many terms it stands for, also
 *   for `rest`. `byDifference`: the sum was not formed from terms; it is what the recorded value leaves.
 *
 * @typedef {object} Grid  The window of one channel, row by row.
 * @property {number} rows
 * @property {number} columns
 * @property {Float64Array} inputs
 * @property {Float64Array} factors
 * @property {Float64Array} terms
 * @property {Uint8Array} padded
 * @property {[number, number][]} positions  Row and column in the input; outside it for padding.
 */

/**
 * Where a term was read.
 *
 * @param {Sum} sum
 * @param {number} term
 * @param {Step[]} steps
 * @returns {number[] | null}  In its input's value; null for padding, parameters and numbers.
 */
export function position(sum, term, steps) {
  if (sum.source[term] < 0 || sum.padded[term]) return null;
  const rank = rankOf(sum, sum.source[term], steps);
  return Array.from(sum.positions.subarray((term + 1) * sum.rank - rank, (term + 1) * sum.rank));
}

/**
 * @param {Sum} sum
 * @param {number} source
 * @param {Step[]} steps
 * @returns {number}  Axes of that input.
 */
function rankOf(sum, source, steps) {
  return steps[steps[sum.step].inputs[source]].shape.length;
}

/**
 * The terms by input channel, in the order of sources and channels.
 *
 * @param {Sum} sum
 * @param {Step[]} steps
 * @returns {Group[]}
 */
export function channelGroups(sum, steps) {
  const channels = channelsOf(sum, steps);
  const { source, terms, absent } = sum;
  const order = inOrder(source, channels);
  const groups = [];
  for (let start = 0, stop = 0; start < order.length; start = stop) {
    const first = order[start];
    let value = 0;
    let gone = false;
    for (; stop < order.length; stop++) {
      const i = order[stop];
      if (source[i] !== source[first] || channels[i] !== channels[first]) break;
      value += terms[i];
      gone ||= absent?.[i] === 1;
    }
    const members = order.subarray(start, stop);
    groups.push({ source: source[first], channel: channels[first], terms: members, sum: gone ? NaN : value, absent: gone });
  }
  return groups;
}

/**
 * The terms sorted by source and channel, which most sums are already.
 *
 * @param {Int32Array} source
 * @param {Int32Array} channels
 * @returns {Int32Array}
 */
function inOrder(source, channels) {
  const order = new Int32Array(source.length);
  let sorted = true;
  for (let i = 0; i < order.length; i++) {
    order[i] = i;
    if (i > 0 && (source[i] < source[i - 1] || (source[i] === source[i - 1] && channels[i] < channels[i - 1]))) {
      sorted = false;
    }
  }
  return sorted ? order : order.sort((a, b) => source[a] - source[b] || channels[a] - channels[b] || a - b);
}

/**
 * @param {Sum} sum
 * @param {Step[]} steps
 * @returns {Int32Array}  The channel of every term; -1 where there is none.
 */
function channelsOf(sum, steps) {
  const ranks = steps[sum.step].inputs.map((_, source) => rankOf(sum, source, steps));
  const channels = new Int32Array(sum.source.length).fill(-1);
  for (let i = 0; i < channels.length; i++) {
    const rank = sum.source[i] < 0 ? 0 : ranks[sum.source[i]];
    if (rank) channels[i] = sum.positions[(i + 1) * sum.rank - rank];
  }
  return channels;
}

/**
 * The `k` input channels that contribute most, the rest in one, and the bias.
 *
 * They add up to the result. Where some channels are not in this file, those that are whole are shown and `rest` is
 * what they leave of the recorded value, so that everything adds up to that.
 *
 * @param {Sum} sum
 * @param {number} k
 * @param {Step[]} steps
 * @returns {ListedShare[]}  The largest by absolute sum, largest first; then `rest` if any channel is left, and `bias`
 *   if it is not 0.
 */
export function topShares(sum, k, steps) {
  const groups = channelGroups(sum, steps);
  const whole = groups.filter((group) => !group.absent).sort(byStrength);
  const shares = whole.slice(0, k).map(shareOf);
  const left = whole.slice(k);
  const gone = groups.length - whole.length;
  if (left.length || gone) {
    const listed = new Set(whole.slice(0, k));
    const terms = groups.reduce((count, group) => count + (listed.has(group) ? 0 : group.terms.length), 0);
    const named = shares.reduce((so, share) => so + share.sum, 0);
    const rest = gone ? sum.value - sum.bias - named : total(Float64Array.from(left, (group) => group.sum));
    shares.push({
      kind: "rest", source: -1, channel: null, sum: rest, count: left.length + gone, terms, byDifference: gone > 0,
    });
  }
  if (sum.bias !== 0) {
    shares.push({ kind: "bias", source: -1, channel: null, sum: sum.bias, count: 1, terms: 1, byDifference: false });
  }
  return shares;
}

/**
 * @param {Group} a
 * @param {Group} b
 * @returns {number}  Largest first, NaN last, equal ones as they stand.
 */
function byStrength(a, b) {
  const [first, second] = [Math.abs(a.sum), Math.abs(b.sum)];
  if (Number.isNaN(first) || Number.isNaN(second)) return Number(Number.isNaN(first)) - Number(Number.isNaN(second));
  return first === second ? 0 : first > second ? -1 : 1;
}

/**
 * @param {Group} group
 * @returns {ListedShare}
 */
function shareOf({ source, channel, terms, sum }) {
  return {
    kind: source < 0 ? "constant" : "channel",
    source,
    channel: channel < 0 ? null : channel,
    sum,
    count: terms.length,
    terms: terms.length,
    byDifference: false,
  };
}

/**
 * The window of one channel as a grid, for kinds that read windows of maps.
 *
 * @param {Sum} sum
 * @param {Step[]} steps
 * @param {{ source: number, channel: number | null }} share  A listed channel.
 * @returns {Grid | null}  null where the terms are no window of rows and columns.
 */
export function grids(sum, steps, share) {
  if (share.source < 0 || share.channel === null || rankOf(sum, share.source, steps) < 2) return null;
  const at = termsOf(sum, steps, share.source, share.channel);
  if (!at.length) return null;
  /** @type {[number, number][]} */
  const positions = at.map((i) => [sum.positions[(i + 1) * sum.rank - 2], sum.positions[(i + 1) * sum.rank - 1]]);
  const columns = columnsOf(positions);
  if (columns === null) return null;
  return {
    rows: at.length / columns,
    columns,
    inputs: Float64Array.from(at, (i) => sum.inputs[i]),
    factors: Float64Array.from(at, (i) => sum.factors[i]),
    terms: Float64Array.from(at, (i) => sum.terms[i]),
    padded: Uint8Array.from(at, (i) => sum.padded[i]),
    positions,
  };
}

/**
 * @param {Sum} sum
 * @param {Step[]} steps
 * @param {number} source
 * @param {number} channel
 * @returns {number[]}  Which terms were read there.
 */
function termsOf(sum, steps, source, channel) {
  const channels = channelsOf(sum, steps);
  const found = [];
  for (let i = 0; i < channels.length; i++) {
    if (sum.source[i] === source && channels[i] === channel) found.push(i);
  }
  return found;
}

/**
 * @param {[number, number][]} positions
 * @returns {number | null}  How many columns, if they are all rows times all columns.
 */
function columnsOf(positions) {
  const found = positions.findIndex(([row]) => row !== positions[0][0]);
  const columns = found < 0 ? positions.length : found;
  const regular = positions.every(
    ([row, column], i) => column === positions[i % columns][1] && row === positions[i - (i % columns)][0],
  );
  return regular && positions.length % columns === 0 ? columns : null;
}
