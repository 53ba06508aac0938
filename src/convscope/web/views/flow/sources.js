/** Which input channels make an output channel, and how much of it each can be held to make. */

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {{ step: number, channel: number, share: number }} Source  `share` between 0 and 1, the strongest being 1. */

const CHANNELWISE = new Set(
  ("max_pool2d avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d batch_norm dropout identity relu relu6 leaky_relu prelu elu celu selu " +
    "gelu silu mish sigmoid tanh hardsigmoid hardswish hardtanh softplus softsign logsigmoid exp log sqrt rsqrt abs neg square sin cos " +
    "reciprocal pow clamp add sub mul div maximum minimum interpolate pad mean sum amax squeeze").split(" "),
);

/**
 * Without any number: the channels that are read at all, each with the share 1.
 * @param {readonly Pick<Step, "kind" | "shape" | "inputs" | "settings">[]} steps
 * @param {number} index
 * @param {number} channel
 * @returns {Source[]}
 */
export function readChannels(steps, index, channel) {
  const { kind, shape, inputs, settings } = steps[index];
  /** @param {number} step @param {number} from @param {number} [count] */
  const some = (step, from, count = 1) => Array.from({ length: count }, (_, i) => ({ step, channel: from + i, share: 1 }));
  if (kind === "conv2d" || kind === "conv_transpose2d") {
    const groups = settings.groups || 1;
    const each = steps[inputs[0]].shape[0] / groups;
    return some(inputs[0], Math.floor((channel * groups) / shape[0]) * each, each);
  }
  if (kind === "cat") return settings.axis === 0 ? joined(steps, inputs, channel) : inputs.flatMap((step) => some(step, channel));
  if (kind === "flatten" || kind === "reshape") return flattened(steps[inputs[0]].shape, shape, inputs[0], channel);
  if (CHANNELWISE.has(kind)) {
    return inputs.flatMap((step) => {
      const count = steps[step].shape[0];
      if (count === shape[0]) return some(step, channel);
      return count === 1 ? some(step, 0) : [];
    });
  }
  return inputs.flatMap((step) => some(step, 0, steps[step].shape[0] ?? 0));
}

/** @param {readonly Pick<Step, "shape">[]} steps @param {readonly number[]} inputs @param {number} channel @returns {Source[]} */
function joined(steps, inputs, channel) {
  let first = 0;
  for (const step of inputs) {
    const count = steps[step].shape[0];
    if (channel < first + count) return [{ step, channel: channel - first, share: 1 }];
    first += count;
  }
  return [];
}

/** @param {readonly number[]} from @param {readonly number[]} to @param {number} step @param {number} channel @returns {Source[]} */
function flattened(from, to, step, channel) {
  const each = from.slice(1).reduce((product, size) => product * size, 1);
  const own = to.slice(1).reduce((product, size) => product * size, 1);
  return from.length ? [{ step, channel: Math.floor((channel * own) / each), share: 1 }] : [];
}

/**
 * With the weights, where they are in the file: an input channel counts by the size of its kernel times how strong it is here.
 * @param {Trace} trace
 * @param {number} index
 * @param {number} channel
 * @returns {Promise<Source[]>}
 */
export async function weighedChannels(trace, index, channel) {
  const step = trace.steps[index];
  const read = readChannels(trace.steps, index, channel);
  if (read.length < 2 || !(step.kind === "conv2d" || step.kind === "linear") || !step.params.weight) return read;
  const [weight, strength] = await Promise.all([trace.param(index, "weight"), strengthOf(trace, step.inputs[0])]);
  if (!weight?.whole || !strength) return read;
  const each = weight.data.length / weight.shape[0];
  const area = each / read.length;
  const sizes = read.map((source, i) => {
    let sum = 0;
    const start = channel * each + i * area;
    for (let at = start; at < start + area; at += 1) sum += Math.abs(weight.data[at]);
    return sum * strength[source.channel];
  });
  return scaled(read, sizes);
}

/** @param {Source[]} sources @param {number[]} sizes @returns {Source[]} strongest first */
export function scaled(sources, sizes) {
  const largest = Math.max(...sizes);
  if (!(largest > 0)) return sources;
  return sources.map((source, i) => ({ ...source, share: sizes[i] / largest })).sort((a, b) => b.share - a.share);
}

/** Mean size of each channel's values. @param {Trace} trace @param {number} step @returns {Promise<ArrayLike<number> | null>} */
async function strengthOf(trace, step) {
  if (trace.steps[step].maps) return (await trace.stats(step)).strength;
  const values = trace.steps[step].shape.length === 1 ? await trace.values(step) : null;
  return values?.whole ? values.data.map(Math.abs) : null;
}
