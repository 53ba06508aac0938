/** One channel: what it is made from, how much each input puts into it, where its values lie on the screen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cellUnder, panned, toInput, toScreen, wholeView, zoomed } from "../../src/convscope/web/views/channel/camera.js";
import { feedsOf } from "../../src/convscope/web/views/channel/feeds.js";
import { estimates, product, totals } from "../../src/convscope/web/views/channel/totals.js";

/** Values whose every number says where it is: digits of its position. */
function counted(shape) {
  const size = shape.reduce((all, axis) => all * axis, 1);
  const at = (position) => position.reduce((sum, index, axis) => sum * shape[axis] + index, 0);
  return { shape, data: Float32Array.from({ length: size }, (_, i) => i), whole: true, at, has: () => true };
}

function step(index, kind, inputs, shape, settings = {}) {
  return { index, kind, inputs, shape, settings, maps: shape.length === 3 };
}

const briefly = (feeds) => feeds && feeds.map((feed) => [feed.step, feed.channel, feed.kernel && feed.kernel.data[0]]);

test("a convolution reads the channels of its group, each with its kernel", () => {
  const steps = [step(0, "input", [], [6, 9, 9]), step(1, "conv2d", [0], [4, 9, 9], { groups: 2 })];
  const weight = counted([4, 3, 2, 2]);
  assert.deepEqual(briefly(feedsOf(steps[1], steps, 1, weight)), [[0, 0, 12], [0, 1, 16], [0, 2, 20]]);
  assert.deepEqual(briefly(feedsOf(steps[1], steps, 2, weight)), [[0, 3, 24], [0, 4, 28], [0, 5, 32]]);
  assert.deepEqual(briefly(feedsOf(steps[1], steps, 2, null)), [[0, 3, null], [0, 4, null], [0, 5, null]]);
});

test("a transposed convolution has its inputs first", () => {
  const steps = [step(0, "input", [], [4, 9, 9]), step(1, "conv_transpose2d", [0], [6, 9, 9], { groups: 2 })];
  assert.deepEqual(briefly(feedsOf(steps[1], steps, 4, counted([4, 3, 1, 1]))), [[0, 2, 7], [0, 3, 10]]);
});

test("a dense layer on a flattened map reads its channels, on a row its numbers", () => {
  const steps = [step(0, "relu", [], [2, 2, 3]), step(1, "flatten", [0], [12]), step(2, "dropout", [1], [12]), step(3, "linear", [2], [5])];
  const feeds = feedsOf(steps[3], steps, 1, counted([5, 12]));
  assert.deepEqual(briefly(feeds), [[0, 0, 12], [0, 1, 18]]);
  assert.deepEqual([feeds[1].kernel.height, feeds[1].kernel.width, [...feeds[1].kernel.data]], [2, 3, [18, 19, 20, 21, 22, 23]]);
  const plain = [step(0, "mean", [], [3]), step(1, "linear", [0], [2])];
  assert.deepEqual(briefly(feedsOf(plain[1], plain, 1, counted([2, 3]))), [[0, 0, 3], [0, 1, 4], [0, 2, 5]]);
});

test("kernels that are only partly in the file are left out", () => {
  const steps = [step(0, "input", [], [2, 9, 9]), step(1, "conv2d", [0], [1, 9, 9], { groups: 1 })];
  const weight = { ...counted([1, 2, 1, 1]), whole: false, has: ([, from]) => from === 1 };
  assert.deepEqual(briefly(feedsOf(steps[1], steps, 0, weight)), [[0, 0, null], [0, 1, 1]]);
});

test("what rearranges channels says from where, or nothing", () => {
  const steps = [step(0, "a", [], [2, 4, 4]), step(1, "b", [], [3, 4, 4])];
  const of = (kind, inputs, shape, settings, channel) => briefly(feedsOf(step(2, kind, inputs, shape, settings), steps, channel, null));
  assert.deepEqual(of("cat", [0, 1], [5, 4, 4], { axis: 0 }, 3), [[1, 1, null]]);
  assert.deepEqual(of("add", [0, 0], [2, 4, 4], {}, 1), [[0, 1, null]]);
  assert.deepEqual(of("relu", [1], [3, 4, 4], {}, 2), [[1, 2, null]]);
  assert.equal(of("add", [0, 1], [3, 4, 4], {}, 2), null);
  assert.equal(of("slice", [1], [3, 2, 2], { index: [] }, 2), null);
  assert.equal(of("pad", [0], [2, 6, 6], { padding: [[1, 0], [0, 0], [0, 0]] }, 1), null);
  assert.deepEqual(of("flatten", [1], [48], {}, 33), [[1, 2, null]]);
});

test("a channel shuffle is undone", () => {
  const steps = [step(0, "a", [], [6, 1, 1])];
  // As PyTorch does it: (groups, size) -> (size, groups), read off row by row.
  const shuffled = [0, 3, 1, 4, 2, 5];
  for (let channel = 0; channel < 6; channel += 1) {
    const feeds = feedsOf(step(1, "channel_shuffle", [0], [6, 1, 1], { groups: 2 }), steps, channel, null);
    assert.deepEqual(briefly(feeds), [[0, shuffled[channel], null]]);
  }
});

/** By the definition: every output pixel, every tap, one after the other. */
function plainTotals(inputs, kernels, [, height, width], { stride, padding, dilation }) {
  return inputs.map((input, k) => {
    let sum = 0;
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        let part = 0;
        for (let i = 0; i < kernels[k].height; i += 1) {
          for (let j = 0; j < kernels[k].width; j += 1) {
            const [row, column] = [y * stride[0] + i * dilation[0] - padding[0], x * stride[1] + j * dilation[1] - padding[2]];
            const inside = row >= 0 && row < input.height && column >= 0 && column < input.width;
            if (inside) part += kernels[k].data[i * kernels[k].width + j] * input.data[row * input.width + column];
          }
        }
        sum += Math.abs(part);
      }
    }
    return sum;
  });
}

/** Numbers that look random and are the same every time. */
function numbers(count, seed) {
  let state = seed;
  return Float32Array.from({ length: count }, () => ((state = (state * 16807) % 2147483647) / 2147483647) * 2 - 1);
}

test("exact totals are those of the definition, with stride, padding and holes", async () => {
  const signal = new AbortController().signal;
  const cases = [
    { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], input: [7, 9] },
    { kernel: [3, 2], stride: [2, 3], padding: [0, 1, 2, 0], dilation: [2, 1], input: [11, 8] },
    { kernel: [5, 5], stride: [3, 2], padding: [4, 4, 4, 4], dilation: [1, 2], input: [4, 3] },
    { kernel: [1, 1], stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], input: [1, 1] },
  ];
  for (const { kernel, input: [rows, columns], ...window } of cases) {
    const length = (size, axis) => Math.floor((size + window.padding[2 * axis] + window.padding[2 * axis + 1] - window.dilation[axis] * (kernel[axis] - 1) - 1) / window.stride[axis]) + 1;
    const shape = [1, length(rows, 0), length(columns, 1)];
    const inputs = [1, 2].map((seed) => ({ height: rows, width: columns, data: numbers(rows * columns, seed) }));
    const kernels = [3, 4].map((seed) => ({ height: kernel[0], width: kernel[1], data: numbers(kernel[0] * kernel[1], seed) }));
    const found = await totals({ inputs, kernels, shape, window }, signal);
    plainTotals(inputs, kernels, shape, window).forEach((sum, k) => assert.ok(Math.abs(found[k] - sum) <= 1e-9 * (1 + sum), `${found[k]} ${sum}`));
  }
});

test("totals pause after every slice, and stop when asked", async () => {
  const stop = new AbortController();
  let [time, pauses] = [0, 0];
  const clock = {
    now: () => (time += 5),
    pause: async () => {
      pauses += 1;
      if (pauses === 3) stop.abort();
    },
  };
  const plane = { height: 50, width: 1, data: new Float32Array(50).fill(1) };
  const source = { inputs: [plane], kernels: [{ height: 1, width: 1, data: Float32Array.of(1) }], shape: [1, 50, 1], window: { stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1] } };
  assert.equal(await totals(source, stop.signal, clock), null);
  assert.equal(pauses, 3);
  assert.equal(await totals({ ...source, inputs: [null] }, new AbortController().signal), null);
});

test("estimates and dense sums", () => {
  const kernels = [{ height: 1, width: 2, data: Float32Array.of(3, 4) }, { height: 1, width: 2, data: Float32Array.of(0, -2) }];
  assert.deepEqual([...estimates(kernels, [2, 10])], [10, 20]);
  assert.equal(estimates([{ height: 60, width: 60, data: new Float32Array(3600).fill(1) }], [1])[0], 60);
  assert.equal(product([2, -1], kernels[0]), 2);
});

const INPUT = { width: 200, height: 100 };
const FRAME = { width: 400, height: 300 };

test("the whole input fits, and screen and input agree", () => {
  const camera = wholeView(INPUT);
  assert.deepEqual(toScreen(camera, INPUT, FRAME, 0, 0), { x: 0, y: 50 });
  assert.deepEqual(toScreen(camera, INPUT, FRAME, 200, 100), { x: 400, y: 250 });
  const near = zoomed(camera, INPUT, FRAME, 3, { x: 100, y: 120 });
  for (const [x, y] of [[10, 20], [199.5, 3]]) {
    const at = toScreen(near, INPUT, FRAME, x, y);
    const back = toInput(near, INPUT, FRAME, at.x, at.y);
    assert.ok(Math.abs(back.x - x) + Math.abs(back.y - y) < 1e-9);
  }
});

test("zooming keeps what is under the pointer, and never leaves the input", () => {
  const point = { x: 100, y: 120 };
  const camera = zoomed(wholeView(INPUT), INPUT, FRAME, 4);
  const before = toInput(camera, INPUT, FRAME, point.x, point.y);
  const after = toInput(zoomed(camera, INPUT, FRAME, 2, point), INPUT, FRAME, point.x, point.y);
  assert.ok(Math.abs(before.x - after.x) + Math.abs(before.y - after.y) < 1e-9);
  assert.deepEqual(zoomed(camera, INPUT, FRAME, 1e-9), wholeView(INPUT));
  const far = panned(camera, INPUT, FRAME, 1e6, 1e6);
  assert.deepEqual(toInput(far, INPUT, FRAME, 0, 0), { x: 0, y: 0 });
});

test("a value is found under each point of the input it is drawn on", () => {
  const map = { width: 7, height: 3 };
  assert.deepEqual(cellUnder({ x: 0, y: 0 }, INPUT, map), { y: 0, x: 0 });
  assert.deepEqual(cellUnder({ x: 199.9, y: 99.9 }, INPUT, map), { y: 2, x: 6 });
  assert.deepEqual(cellUnder({ x: 200 / 7 + 0.01, y: 34 }, INPUT, map), { y: 1, x: 1 });
  assert.equal(cellUnder({ x: -0.1, y: 5 }, INPUT, map), null);
  assert.equal(cellUnder({ x: 5, y: 100 }, INPUT, map), null);
});
