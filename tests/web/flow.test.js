/** What the flow shows of a network: pixels and channels, words, keys. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sumOf } from "../../src/convscope/web/arithmetic/explain.js";
import { channelGroups } from "../../src/convscope/web/arithmetic/shares.js";
import { valuesOf } from "../../src/convscope/web/data/values.js";
import { paced } from "../../src/convscope/web/paced.js";
import { contributions } from "../../src/convscope/web/views/flow/contributions.js";
import { HEAD, MORE, moved, settled } from "../../src/convscope/web/views/flow/keys.js";
import { shapeLabel, shortLabel, withoutPrefix } from "../../src/convscope/web/views/flow/label.js";
import { inputAt, nearest, onPhoto } from "../../src/convscope/web/views/flow/places.js";
import { shrunk } from "../../src/convscope/web/views/flow/shrink.js";
import { readChannels, scaled } from "../../src/convscope/web/views/flow/sources.js";
import { words } from "../../src/convscope/web/views/flow/words.js";
import { generator } from "./random.mjs";

test("input pixels and the photo: there and back", () => {
  const placement = { top: -3.5, left: 20, height: 120, width: 60 };
  const size = [30, 20];
  for (const [row, column] of [[0, 0], [29, 19], [13, 7]]) {
    const area = onPhoto({ top: row, left: column, bottom: row + 1, right: column + 1 }, placement, size);
    assert.deepEqual([area.width, area.height], [3, 4]);
    assert.deepEqual(inputAt(area.top + area.height / 2, area.left + area.width / 2, placement, size), [row, column]);
  }
  assert.equal(inputAt(10, 19, placement, size), null);
  assert.equal(inputAt(117, 30, placement, size), null);
});

test("the value nearest to a pixel, against a search through all fields", () => {
  for (const [length, jump, size, start] of [[300, 1, 3, -1], [56, 4, 19, -9], [149, 2, 3, 0], [7, 32, 483, -240]]) {
    const middle = length >> 1;
    const field = { start: start + middle * jump, stop: start + middle * jump + size };
    for (let pixel = 0; pixel < length * jump; pixel += 5) {
      const found = nearest(pixel, length, jump, field);
      const distance = (position) => Math.abs(start + position * jump + size / 2 - (pixel + 0.5));
      const best = Math.min(...Array.from({ length }, (_, position) => distance(position)));
      if (found === null) assert.ok(best > jump / 2 - 1e-9, `pixel ${pixel} of ${length}`);
      else assert.equal(distance(found), best);
    }
  }
  assert.equal(nearest(100, 1, 0, null), 0);
});

test("which channels are read: grouped and depthwise convolutions, joins, flatten, gates", () => {
  const input = { kind: "input", shape: [8, 4, 4], inputs: [], settings: {} };
  const other = { kind: "relu", shape: [6, 4, 4], inputs: [], settings: {} };
  const gate = { kind: "sigmoid", shape: [1, 4, 4], inputs: [], settings: {} };
  const read = (step, channel) => readChannels([input, other, gate, step], 3, channel).map((source) => [source.step, source.channel]);
  const conv = (outputs, groups) => ({ kind: "conv2d", shape: [outputs, 4, 4], inputs: [0], settings: { groups } });
  assert.deepEqual(read(conv(4, 1), 3).length, 8);
  assert.deepEqual(read(conv(4, 2), 1), [[0, 0], [0, 1], [0, 2], [0, 3]]);
  assert.deepEqual(read(conv(4, 2), 2), [[0, 4], [0, 5], [0, 6], [0, 7]]);
  assert.deepEqual(read(conv(16, 8), 5), [[0, 2]]);
  const cat = { kind: "cat", shape: [14, 4, 4], inputs: [0, 1], settings: { axis: 0 } };
  assert.deepEqual([read(cat, 7), read(cat, 8), read(cat, 13)], [[[0, 7]], [[1, 0]], [[1, 5]]]);
  assert.deepEqual(read({ kind: "flatten", shape: [128], inputs: [0], settings: {} }, 47), [[0, 2]]);
  assert.deepEqual(read({ kind: "mul", shape: [8, 4, 4], inputs: [0, 2], settings: {} }, 5), [[0, 5], [2, 0]]);
  assert.equal(read({ kind: "linear", shape: [10], inputs: [1], settings: {} }, 9).length, 6);
});

test("shares count from the strongest, which comes first", () => {
  const sources = [0, 1, 2].map((channel) => ({ step: 0, channel, share: 1 }));
  assert.deepEqual(scaled(sources, [1, 4, 2]).map(({ channel, share }) => [channel, share]), [[1, 1], [2, 0.5], [0, 0.25]]);
  assert.deepEqual(scaled(sources, [0, 0, 0]), sources);
});

test("keys reach every cell, never leave the flow, and the way back is the way", () => {
  const columns = [
    { step: 0, shown: 3, across: 1, more: false }, { step: 4, shown: 5, across: 1, more: true },
    { step: 9, shown: 14, across: 4, more: true }, { step: 10, shown: 1, across: 1, more: false },
  ];
  const valid = ({ step, place }) => {
    const column = columns.find((one) => one.step === step);
    return place === HEAD || (place === MORE && column.more) || (Number.isInteger(place) && place >= 0 && place < column.shown);
  };
  const seen = new Map();
  const walk = (focus) => {
    const key = `${focus.step} ${focus.place}`;
    if (seen.has(key)) return;
    seen.set(key, focus);
    assert.ok(valid(focus), key);
    for (const arrow of ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]) walk(moved(columns, focus, arrow));
  };
  walk({ step: 0, place: HEAD });
  assert.equal(seen.size, 3 + 5 + 14 + 1 + 4 + 2);
  assert.deepEqual(moved(columns, { step: 4, place: 1 }, "ArrowRight"), { step: 9, place: 4 });
  assert.deepEqual(moved(columns, { step: 9, place: 4 }, "ArrowLeft"), { step: 4, place: 1 });
  assert.deepEqual(moved(columns, { step: 10, place: 0 }, "ArrowLeft"), { step: 9, place: 3 });
  assert.deepEqual(moved(columns, { step: 9, place: HEAD }, "End"), { step: 10, place: HEAD });
  assert.equal(moved(columns, { step: 9, place: 0 }, "x"), null);
});

test("the focus settles where something is", () => {
  const columns = [{ step: 0, shown: 3, across: 1, more: false }, { step: 4, shown: 5, across: 1, more: true }];
  assert.deepEqual(settled(columns, { step: 7, place: 2 }), { step: 0, place: HEAD });
  assert.deepEqual(settled(columns, { step: 4, place: 400 }), { step: 4, place: 4 });
  assert.deepEqual(settled(columns, { step: 4, place: MORE }), { step: 4, place: MORE });
  assert.deepEqual(settled(columns, { step: 0, place: MORE }), { step: 0, place: 2 });
});

test("steps in a few words, in both languages", () => {
  const step = (kind, settings, shape = [16, 8, 8]) => ({ kind, settings, shape });
  const conv = step("conv2d", { kernel: [3, 3], stride: [1, 1], groups: 1 });
  assert.deepEqual([shortLabel(conv, "en"), shortLabel(conv, "zh")], ["conv 3×3", "卷积 3×3"]);
  assert.equal(shortLabel(step("conv2d", { kernel: [1, 7], stride: [2, 2], groups: 1 }), "en"), "conv 1×7 /2");
  assert.equal(shortLabel(step("conv2d", { kernel: [5, 5], stride: [1, 1], groups: 16 }), "zh"), "逐通道 5×5");
  assert.equal(shortLabel(step("max_pool2d", { kernel: [2, 2], stride: [2, 2] }), "en"), "max pool 2");
  assert.equal(shortLabel(step("max_pool2d", { kernel: [3, 3], stride: [2, 2] }), "zh"), "最大池化 3 /2");
  assert.equal(shortLabel(step("adaptive_avg_pool2d", { output: [1, 1] }), "en"), "mean pool → 1×1");
  assert.equal(shortLabel(step("my_own_function", {}), "en"), "my_own_function");
  assert.equal(shortLabel(step("constructor", {}), "en"), "constructor");
  assert.deepEqual([shapeLabel([16, 300, 451]), shapeLabel([128]), shapeLabel([]), shapeLabel([2, 3, 4, 5])], ["300×451×16", "128", "1", "2×3×4×5"]);
  assert.deepEqual([withoutPrefix("layer1.0.conv1", "layer1.0"), withoutPrefix("layer10", "layer1")], ["conv1", "layer10"]);
});

test("both languages say the same things", () => {
  assert.deepEqual(Object.keys(words.zh), Object.keys(words.en));
  for (const [key, text] of Object.entries(words.en)) {
    assert.deepEqual(words.zh[key].match(/\{\w+\}/g)?.sort(), text.match(/\{\w+\}/g)?.sort(), key);
  }
});

test("a shrunken map holds the means of what it stands for, wherever the edges fall", () => {
  assert.deepEqual([...shrunk([1, 2, 3, 4, 5, 6, 7, 8], 2, 4, 1, 2)], [3.5, 5.5]);
  assert.deepEqual([...shrunk([0, NaN, 4, Infinity], 2, 2, 1, 1)], [2]);
  assert.deepEqual([...shrunk([NaN, Infinity], 1, 2, 1, 1)], [NaN]);
  const random = generator(3);
  const [height, width] = [37, 53];
  const values = Float32Array.from({ length: height * width }, random);
  assert.deepEqual(shrunk(values, height, width, height, width), values);
  const small = shrunk(values, height, width, 10, 17);
  // Every number counts once: parts weighed by their areas add up to the whole.
  const part = (length, parts, i) => Math.floor(((i + 1) * length) / parts) - Math.floor((i * length) / parts);
  const sum = small.reduce((so, mean, at) => so + mean * part(height, 10, Math.floor(at / 17)) * part(width, 17, at % 17), 0);
  assert.ok(Math.abs(sum - values.reduce((a, b) => a + b, 0)) < 1e-3);
});

/** An array with random numbers of which `take` keeps a part, and the same as the arithmetic wants it. */
function some(random, shape, take = shape.map(() => null)) {
  const count = shape.reduce((product, size, axis) => product * (take[axis]?.length ?? size), 1);
  const data = Float32Array.from({ length: count }, () => random() - 0.5);
  return valuesOf({ shape, encoding: "float32", take }, data);
}

test("what each channel adds under the pointer is what the arithmetic says term by term", () => {
  const random = generator(11);
  const settings = { kernel: [3, 2], stride: [2, 1], padding: [1, 0, 1, 1], dilation: [1, 2], groups: 2 };
  const [channels, high, wide, outputs] = [6, 9, 7, 4];
  const [rows, columns] = [Math.floor((high + 1 - 3) / 2) + 1, wide + 2 - 2];
  const kinds = [
    { kind: "conv2d", settings, from: [channels, high, wide], to: [outputs, rows, columns], weight: [outputs, 3, 3, 2] },
    { kind: "linear", settings: {}, from: [channels], to: [outputs], weight: [outputs, channels] },
  ];
  for (const { kind, settings: set, from, to, weight: sizes } of kinds) {
    for (const kept of [null, [0, 1, 3, 4]]) {
      const input = some(random, from, from.map((_, axis) => (axis === 0 ? kept : null)));
      const weight = some(random, sizes);
      const value = { ...some(random, to), exact: false }; // any numbers will do: the terms are what counts here
      const steps = [{ index: 0, kind: "input", shape: from, inputs: [], settings: {}, params: {}, dtype: "float32", batched: true }];
      const step = { index: 1, kind, shape: to, inputs: [0], settings: set, params: { weight: {} }, dtype: "float32", batched: true };
      steps.push(step);
      for (const position of to.length === 3 ? [[0, 0, 0], [3, rows - 1, columns - 1], [1, 2, 3], [2, 0, columns - 1]] : [[0], [3]]) {
        const given = { steps, value: (at) => [input, value][at], param: (name) => (name === "weight" ? weight : null) };
        const wanted = channelGroups(sumOf(step, position, given), steps).filter(({ absent }) => !absent);
        const found = contributions(step, position, input, weight);
        assert.deepEqual(found.map(({ channel }) => channel), wanted.map(({ channel }) => channel), `${kind} ${position} ${kept}`);
        found.forEach(({ sum }, i) => assert.ok(Math.abs(sum - wanted[i].sum) < 1e-6, `${kind} ${position} ${kept}: ${sum} for ${wanted[i].sum}`));
      }
    }
  }
});

test("what cannot be said of a pixel is not said", () => {
  const random = generator(5);
  const settings = { kernel: [3, 3], stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], groups: 1 };
  const weight = some(random, [2, 1, 3, 3], [[1], null, null, null]);
  const input = some(random, [1, 6, 6], [null, [0, 1, 2, 3], null]);
  const step = { kind: "conv2d", settings };
  assert.equal(contributions(step, [0, 0, 0], input, weight), null); // the kernel is not in the file
  assert.equal(contributions(step, [1, 3, 0], input, weight), null); // nor are the rows below
  assert.equal(contributions(step, [1, 1, 0], input, weight).length, 1);
  assert.equal(contributions({ kind: "softmax", settings: {} }, [0], input, weight), null);
});

test("an address is written at once, then no more often than allowed, and the last one always", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const said = [];
  const speech = paced((value) => said.push(value), 100);
  for (const value of [1, 2, 3]) speech.tell(value);
  assert.deepEqual(said, [1]);
  t.mock.timers.tick(99);
  assert.deepEqual(said, [1]);
  t.mock.timers.tick(1);
  assert.deepEqual(said, [1, 3]);
  speech.tell(4);
  speech.flush();
  assert.deepEqual(said, [1, 3, 4]);
  speech.tell(5);
  speech.drop();
  t.mock.timers.tick(1000);
  assert.deepEqual(said, [1, 3, 4]);
  speech.tell(6);
  assert.deepEqual(said, [1, 3, 4, 6]);
});
