/** Which channels of which steps one channel is made from, and with which kernels. Pure wiring, by kind (docs/steps.md). */

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Values} Values */
/** @typedef {{ height: number, width: number, data: Float32Array }} Kernel */
/** @typedef {{ step: number, channel: number, kernel: Kernel | null }} Feed  `step`: position in the trace. */

/**
 * @param {Step} step
 * @param {Step[]} steps
 * @param {number} channel
 * @param {Values | null} weight  The step's parameter `weight`; its kernels are left out where it is not in the file.
 * @returns {Feed[] | null} null where no such list can be given
 */
export function feedsOf(step, steps, channel, weight) {
  const find = Object.hasOwn(FINDERS, step.kind) ? FINDERS[step.kind] : sameChannel;
  return find(step, steps, channel, weight);
}

/** @typedef {typeof feedsOf} Finder */

/** @type {Finder} */
function convolution(step, steps, channel, weight) {
  const source = steps[step.inputs[0]];
  const [outs, ins] = [step.shape[0], source.shape[0]].map((count) => count / (step.settings.groups ?? 1));
  const first = Math.floor(channel / outs) * ins;
  const transposed = step.kind === "conv_transpose2d";
  return Array.from({ length: ins }, (_, i) => {
    const at = transposed ? [first + i, channel % outs] : [channel, i];
    return { step: source.index, channel: first + i, kernel: weight && planeOf(weight, at) };
  });
}

/** A dense layer on a flattened map reads whole channels; on anything else, single numbers. @type {Finder} */
function dense(step, steps, channel, weight) {
  const source = steps[step.inputs[0]];
  if (source.shape.length !== 1) return null;
  const maps = flattened(source, steps);
  if (!maps) return Array.from({ length: source.shape[0] }, (_, i) => ({ step: source.index, channel: i, kernel: weight && gridOf(weight, channel, i, 1, 1) }));
  const [channels, height, width] = maps.shape;
  return Array.from({ length: channels }, (_, i) => ({
    step: maps.index,
    channel: i,
    kernel: weight && gridOf(weight, channel, i * height * width, height, width),
  }));
}

/**
 * The maps whose numbers a vector has in the same order; through dropouts and the like.
 * @param {Step} step
 * @param {Step[]} steps
 * @returns {Step | null}
 */
export function flattened(step, steps) {
  for (let at = step; IN_ORDER.has(at.kind) && at.inputs.length === 1; ) {
    at = steps[at.inputs[0]];
    if (at.shape.length === 3 && at.maps) return at.shape[1] * at.shape[2] > 1 ? at : null;
  }
  return null;
}

const IN_ORDER = new Set(["flatten", "reshape", "squeeze", "dropout", "identity"]);

/** What works on each channel by itself. @type {Finder} */
function sameChannel(step, steps, channel) {
  if (REARRANGING.has(step.kind)) return null;
  const feeds = [];
  for (const index of new Set(step.inputs)) {
    const { shape } = steps[index];
    const fits = shape.length === step.shape.length || shape.length === 3;
    // A single channel is spread over all of them, as in a gate.
    if (!fits || (shape[0] !== step.shape[0] && shape[0] !== 1)) return null;
    feeds.push({ step: index, channel: shape[0] === 1 ? 0 : channel, kernel: null });
  }
  return feeds.length ? feeds : null;
}

/** Kinds whose channel c need not come from channel c, though the counts may agree. */
const REARRANGING = new Set(["permute", "slice", "reshape", "stack", "softmax", "log_softmax", "layer_norm", "group_norm", "local_response_norm"]);

/** @type {Finder} */
function joined(step, steps, channel) {
  if (step.settings.axis !== 0 || step.settings.operands?.some((/** @type {any} */ part) => !("input" in part))) {
    return step.settings.axis === 0 ? null : sameChannel(step, steps, channel, null);
  }
  const order = step.settings.operands?.map((/** @type {any} */ part) => step.inputs[part.input]) ?? step.inputs;
  let first = 0;
  for (const index of order) {
    const count = steps[index].shape[0];
    if (channel < first + count) return [{ step: index, channel: channel - first, kernel: null }];
    first += count;
  }
  return null;
}

/** @type {Finder} */
function shuffled(step, _steps, channel) {
  const { groups } = step.settings;
  const size = step.shape[0] / groups;
  return [{ step: step.inputs[0], channel: (channel % groups) * size + Math.floor(channel / groups), kernel: null }];
}

/** @type {Finder} */
function unfolded(step, _steps, channel) {
  const count = step.settings.factor ** 2;
  return Array.from({ length: count }, (_, i) => ({ step: step.inputs[0], channel: channel * count + i, kernel: null }));
}

/** @type {Finder} */
function padded(step, steps, channel) {
  const [before = 0, after = 0] = step.settings.padding?.[0] ?? [];
  return before === 0 && after === 0 ? sameChannel(step, steps, channel, null) : null;
}

/** A number of a flattened map comes from one channel of it. @type {Finder} */
function flat(step, steps, channel) {
  const source = steps[step.inputs[0]];
  if (source.shape.length !== 3 || step.shape.length !== 1) return sameChannel(step, steps, channel, null);
  return [{ step: source.index, channel: Math.floor(channel / (source.shape[1] * source.shape[2])), kernel: null }];
}

/** @type {Record<string, Finder>} */
const FINDERS = {
  conv2d: convolution,
  conv_transpose2d: convolution,
  linear: dense,
  cat: joined,
  channel_shuffle: shuffled,
  pixel_shuffle: unfolded,
  pad: padded,
  flatten: flat,
  input: () => null,
};

/** The last two axes of a weight at a place of the first two. @param {Values} weight @param {number[]} at @returns {Kernel | null} */
function planeOf(weight, at) {
  const [height, width] = weight.shape.slice(2);
  return filled(height, width, (y, x) => [...at, y, x], weight);
}

/** Part of a row of a matrix, laid out as the map that it reads. @param {Values} weight @param {number} row @param {number} first @param {number} height @param {number} width */
function gridOf(weight, row, first, height, width) {
  return filled(height, width, (y, x) => [row, first + y * width + x], weight);
}

/**
 * Null where some of it is not in the file.
 * @param {number} height
 * @param {number} width
 * @param {(y: number, x: number) => number[]} place
 * @param {Values} weight
 * @returns {Kernel | null}
 */
function filled(height, width, place, weight) {
  const data = new Float32Array(height * width);
  for (let i = 0; i < data.length; i += 1) {
    const at = place(Math.floor(i / width), i % width);
    if (!weight.whole && !weight.has(at)) return null;
    data[i] = weight.at(at);
  }
  return { height, width, data };
}
