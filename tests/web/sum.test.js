/** The Arithmetic tab without a browser: places, sweeps, breadcrumbs, digits, and what stands in the balance. */
import assert from "node:assert/strict";
import { test } from "node:test";

const web = new URL("../../src/convscope/web/", import.meta.url);
const load = (path) => import(new URL(path, web).href);
const [{ KINDS }, { sumOf }, { valuesOf }] = await Promise.all(["arithmetic/kinds.js", "arithmetic/explain.js", "data/values.js"].map(load));
const sum = (name) => load(`views/sum/${name}.js`);
const [place, sweep, trail, cells, blocks, lines, headline, balance, terms, moves, thumb, curve, pictures, conv, readout, { words }] = await Promise.all(
  ["place", "sweep", "trail", "cells", "blocks", "lines", "headline", "balance", "terms", "moves", "thumb", "curve", "pictures", "conv", "readout", "words"].map(sum),
);

/** Numbers that do not repeat, as float32. */
const numbers = (count, seed = 1) => Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + seed)) * 3);
const product = (shape) => shape.reduce((so, size) => so * size, 1);
const array = (shape, data = numbers(product(shape))) => valuesOf({ tensor: "t", shape, encoding: "float32" }, data);

function stepOf(index, kind, shape, { inputs = [], settings = {}, params = {}, name = `${kind}_${index}` } = {}) {
  const known = Object.fromEntries(Object.keys(params).map((key) => [key, {}]));
  return { index, name, kind, inputs, shape, settings, params: known, batched: true, dtype: "float32", facts: { low: -3, high: 3 }, maps: shape.length === 3 };
}

/** The sum of one value of a step that reads `shapes`; the recorded value is what `expected` says it is. */
function explained(kind, { shapes, shape, index, settings = {}, params = {}, expected }) {
  const inputs = shapes.map((one, i) => stepOf(i, "input", one, { name: `x${i}` }));
  const step = stepOf(shapes.length, kind, shape, { inputs: inputs.map((one) => one.index), settings, params });
  const steps = [...inputs, step];
  const values = [...shapes.map((one) => array(one)), array(shape, new Float32Array(product(shape)).fill(expected))];
  return { steps, step, values, sum: sumOf(step, index, { steps, value: (at) => values[at], param: (name) => params[name] ?? null }) };
}

const CONV = { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1 };

/** A convolution written out with loops: the test's own arithmetic. */
function convolved(x, weight, bias, [out, y, x0], { height, width, channels }) {
  let so = bias;
  for (let c = 0; c < channels; c += 1)
    for (let i = 0; i < 3; i += 1)
      for (let j = 0; j < 3; j += 1) {
        const [row, column] = [y + i - 1, x0 + j - 1];
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        so += x[(c * height + row) * width + column] * weight[((out * channels + c) * 3 + i) * 3 + j];
      }
  return so;
}

function convolution(index, channels = 5) {
  const weight = array([2, channels, 3, 3], numbers(18 * channels, 7));
  const bias = array([2], Float32Array.of(0.25, -0.5));
  const x = numbers(channels * 20);
  const expected = convolved(x, weight.data, bias.data[index[0]], index, { height: 4, width: 5, channels });
  return explained("conv2d", { shapes: [[channels, 4, 5]], shape: [2, 4, 5], index, settings: CONV, params: { weight, bias }, expected });
}

test("a position of any rank has a cell on its plane and comes back from it", () => {
  for (const [shape, index] of [[[3, 4, 5], [2, 1, 4]], [[6, 7], [5, 2]], [[9], [8]], [[], []]]) {
    assert.deepEqual(place.indexOf({ shape }, index[0], place.cellOf(index)), index);
    const { channel, pixel } = place.choiceOf(index);
    assert.deepEqual(place.positionOf({ shape }, channel ?? 0, pixel), index);
  }
  assert.deepEqual(place.planeOf({ shape: [8, 3, 4] }), { height: 3, width: 4 });
  assert.deepEqual(place.positionOf({ shape: [8, 5, 4] }, 2, null), [2, 2, 2]);
});

test("arrows stop at the edges, next goes on to the next row and from the end to the start", () => {
  const plane = { height: 3, width: 4 };
  assert.deepEqual(place.movedBy(plane, [1, 3], 0, 1), [1, 3]);
  assert.deepEqual(place.movedBy(plane, [1, 2], 10, -10), [2, 0]);
  assert.deepEqual(place.readOn(plane, [1, 3], 1), [2, 0]);
  assert.deepEqual(place.readOn(plane, [2, 3], 1), [0, 0]);
  assert.deepEqual(place.readOn(plane, [0, 0], -1), [2, 3]);
});

test("a sweep visits every value once, in reading order, and ends at the last", () => {
  const plane = { height: 2, width: 3 };
  const seen = [];
  let [cell, ended] = [[0, 0], false];
  while (!ended) {
    seen.push(cell.join());
    ({ cell, ended } = sweep.swept(plane, cell, 1));
  }
  assert.deepEqual([...seen, cell.join()], ["0,0", "0,1", "0,2", "1,0", "1,1", "1,2"]);
  assert.deepEqual(sweep.swept(plane, [1, 1], 99), { cell: [1, 2], ended: true });
});

test("a sweep owes no part of a pixel and does not jump after a pause", () => {
  let [owed, moved] = [0, 0];
  for (let frame = 0; frame < 60; frame += 1) {
    const due = sweep.advance(owed, 1 / 60, 7);
    owed = due.owed;
    moved += due.steps;
  }
  assert.ok(Math.abs(moved + owed - 7) < 1e-9);
  assert.equal(sweep.advance(0, 3600, 10).steps, 1);
  assert.equal(sweep.speedAt(0, { height: 100, width: 100 }), 2);
  assert.ok(sweep.speedAt(1, { height: 100, width: 100 }) > sweep.speedAt(0.5, { height: 100, width: 100 }));
});

test("the breadcrumb grows on the way down, is cut on the way back, and starts anew elsewhere", () => {
  const at = (step, ...index) => ({ step, index });
  const down = trail.trailAt(trail.trailDown([at(9, 1)], at(4, 2)), at(4, 2));
  assert.deepEqual(down, [at(9, 1), at(4, 2)]);
  assert.deepEqual(trail.trailAt(down, at(4, 3)), [at(9, 1), at(4, 3)]);
  assert.deepEqual(trail.trailAt(down, at(9, 1)), [at(9, 1)]);
  assert.deepEqual(trail.trailAt(down, at(6, 0)), [at(6, 0)]);
});

test("cells are short, share a unit, and never show a negative zero", () => {
  const text = (value, largest, digits) => cells.cellText(value, cells.unitFor(largest, digits));
  assert.equal(text(0.1234, 0.9), "0.12");
  assert.equal(text(-0.1234, 0.9, 3), "\u22120.123");
  assert.equal(text(123.4, 200), "123");
  assert.equal(text(0.00123, 0.0099), "1.23");
  assert.equal(cells.unitText(cells.unitFor(0.0099)), "×10⁻³");
  assert.equal(cells.unitText(cells.unitFor(45678)), "×10³");
  assert.equal(text(-0.0001, 0.9), "0.00");
  const tight = (value, largest) => cells.cellText(value, cells.tightUnitFor(largest));
  for (const [value, largest] of [[-0.994, 0.994], [-9.94, 9.94], [-99.4, 99.4], [-0.999, 0.999]]) assert.ok(tight(value, largest).length <= 4, tight(value, largest));
  assert.equal(tight(-0.12, 0.9), "\u2212.12");
  assert.equal(cells.readable(0.0000153, 2), "1.5×10⁻⁵");
  assert.equal(cells.readable(1e-5), "10⁻⁵");
});

test("a convolution falls into one block a channel, strongest first, that together make the value", () => {
  const { sum: found, steps } = convolution([1, 0, 2]);
  const made = blocks.blocksOf(found, steps);
  assert.equal(made.length, 5);
  assert.ok(made.every(({ rows, columns }) => rows === 3 && columns === 3));
  for (let i = 1; i < made.length; i += 1) assert.ok(Math.abs(made[i - 1].sum) >= Math.abs(made[i].sum));
  assert.ok(Math.abs(made.reduce((so, { sum: one }) => so + one, found.bias) - found.result) < 1e-9);
  assert.deepEqual(blocks.windowOf(found, made[0]), { rows: [-1, 0, 1], columns: [1, 2, 3] });
  assert.equal(blocks.paddedCount(found), 15);
  const { index } = blocks.readingOf(found, steps, made[0].terms[8]);
  assert.deepEqual(index, [made[0].channel, 1, 3]);
});

test("the lines of the balance add up to the value, however many are named", () => {
  const { sum: found, steps } = convolution([0, 2, 2]);
  for (const k of [0, 1, 3, 5, 9]) {
    const listed = lines.linesOf(found, steps, k);
    assert.ok(Math.abs(listed.reduce((so, line) => so + line.exact, 0) - found.value) < 1e-5, `k = ${k}`);
    assert.equal(listed.filter((line) => line.role === "term").length, Math.min(k, 5));
    assert.equal(listed.some((line) => line.role === "rest"), k < 5);
    assert.equal(listed.at(-1).role, "bias");
  }
});

test("a dense layer lists its strongest terms and the rest; a maximum lists its winner", () => {
  const x = numbers(12);
  const weight = array([1, 12], numbers(12, 5));
  const expected = x.reduce((so, one, i) => so + one * weight.data[i], 0);
  const dense = explained("linear", { shapes: [[12]], shape: [1], index: [0], params: { weight }, expected });
  const listed = lines.linesOf(dense.sum, dense.steps, 4);
  const sizes = Array.from(x, (one, i) => Math.abs(one * weight.data[i])).sort((a, b) => b - a);
  assert.deepEqual(listed.slice(0, 4).map((line) => Math.abs(line.exact)), sizes.slice(0, 4));
  assert.deepEqual(listed[4].values, { n: 8 });
  const settings = { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0], dilation: [1, 1], ceil_mode: false };
  const top = Math.max(x[0], x[1], x[4], x[5]);
  const pool = explained("max_pool2d", { shapes: [[1, 3, 4]], shape: [1, 1, 2], index: [0, 0, 0], settings, expected: top });
  assert.deepEqual(lines.linesOf(pool.sum, pool.steps, 3).map((line) => line.exact), [top]);
});

test("the verdict says what holds, and never calls a wrong sum right", () => {
  const base = { value: 1, result: 1, tolerance: 1e-6, holds: true, exact: true, absent: null };
  const key = (patch, difference = false) => balance.verdictOf({ ...base, ...patch }, difference).key;
  assert.equal(key({}), "verdict_exact");
  assert.equal(key({ result: 1 + 1e-7 }), "verdict_holds");
  assert.equal(key({ result: 2, holds: false }), "verdict_wrong");
  assert.equal(balance.verdictOf({ ...base, result: 2, holds: false }, false).good, false);
  assert.equal(key({ result: 2, holds: false, exact: false }), "verdict_rounded");
  assert.equal(key({ absent: new Uint8Array(1) }), "verdict_difference");
  assert.equal(key({ value: NaN, result: NaN }), "verdict_odd");
  assert.equal(balance.repr(0.1 + 0.2), "0.30000000000000004");
  assert.equal(balance.repr(-0), "-0");
});

test("a flattened position is traced back to its map, through dropout", () => {
  const maps = stepOf(0, "relu", [4, 3, 5], { name: "maps" });
  const flat = stepOf(1, "flatten", [60], { inputs: [0] });
  const drop = stepOf(2, "dropout", [60], { inputs: [1] });
  const steps = [maps, flat, drop];
  assert.deepEqual(terms.beforeFlattening(drop, [2 * 15 + 1 * 5 + 3], steps), { step: maps, index: [2, 1, 3] });
  const dense = stepOf(0, "linear", [60]);
  assert.deepEqual(terms.beforeFlattening(dense, [7], [dense]), { step: dense, index: [7] });
});

test("the reckoning of flatten and cat gives the place that was asked about", () => {
  const maps = stepOf(0, "relu", [4, 3, 5], { name: "a" });
  const more = stepOf(1, "relu", [2, 3, 5], { name: "b" });
  const flat = moves.reckoning(stepOf(2, "flatten", [60], { inputs: [0] }), [38], { step: maps, index: [2, 1, 3] }, [maps]);
  const { c, area, y, width, x } = flat.values;
  assert.equal(c * area + y * width + x, 38);
  const joined = stepOf(2, "cat", [6, 3, 5], { inputs: [0, 1], settings: { axis: 0 } });
  const cat = moves.reckoning(joined, [5, 0, 0], { step: more, index: [1, 0, 0] }, [maps, more, joined]);
  assert.deepEqual([cat.values.part, cat.values.start, cat.values.at], [2, 4, 1]);
});

test("a window too small to see is marked around its middle", () => {
  assert.deepEqual(thumb.marked([2, 3, 4], 10), [20, 30]);
  const [start, length] = thumb.marked([100, 101, 102], 0.2);
  assert.ok(Math.abs(start + length / 2 - 20.3) < 1e-9 && length > 5);
});

test("curves are those of the functions, and their axes have round numbers", () => {
  const at = Float32Array.of(-2, -0.5, 0, 1.5);
  const relu = stepOf(1, "relu", [4], { inputs: [0] });
  assert.deepEqual(curve.functionAt(relu, {}, at), [0, 0, 0, 1.5]);
  const prelu = stepOf(1, "prelu", [4], { inputs: [0] });
  assert.deepEqual(curve.functionAt(prelu, { symbols: { slope: 0.5 } }, at), [-1, -0.25, 0, 1.5]);
  assert.deepEqual(curve.ticks(-3, 3), [-2, 0, 2]);
  const range = curve.rangeAround(40, { low: -1, high: 50 });
  assert.ok(range.low < 0 && range.high > 40);
});

test("cells have digits where there is room, and never overflow the row", () => {
  for (const [rows, columns] of [[1, 1], [3, 3], [5, 5], [7, 7], [11, 11], [24, 24]]) {
    for (const width of [600, 690, 1300]) {
      const { cell, thumb: size } = conv.cellSize({ rows, columns }, width);
      assert.ok(3 * columns * cell.width + size + 150 <= width, `${rows}x${columns} in ${width}`);
    }
  }
  assert.equal(conv.cellSize({ rows: 3, columns: 3 }, 690).cell.digits, true);
  assert.equal(conv.cellSize({ rows: 24, columns: 24 }, 690).cell.digits, false);
});

test("the readout has the exact factors, and calls padding padding", () => {
  const { sum: found } = convolution([0, 0, 0]);
  const t = (key, values) => `${key}:${values?.said ?? ""}`;
  assert.match(readout.readoutText(found, 0, t), /^padding_says:0 × .* = 0$/);
  const inside = readout.readoutText(found, 4, t);
  assert.ok(inside.includes(cells.precise(found.inputs[4])) && inside.endsWith(cells.precise(found.terms[4])));
});

test("every kind has a picture of its own", () => {
  for (const kind of KINDS.keys()) assert.notEqual(pictures.pictureOf({ kind, settings: {} }).name, "PlainPicture", kind);
  assert.equal(pictures.pictureOf({ kind: "interpolate", settings: { mode: "nearest" } }).name, "MovePicture");
});

test("every kind has a sentence in both languages", () => {
  for (const kind of KINDS.keys()) {
    for (const settings of [{ groups: 1 }, { groups: 2, mode: "bilinear", training: true }]) {
      const steps = [stepOf(0, "relu", [4, 3, 3]), stepOf(1, kind, [4, 3, 3], { inputs: [0], settings })];
      const found = { step: 1, index: [3, 0, 0], terms: new Float64Array(9), padded: new Uint8Array(9).fill(1, 8), bias: 0, symbols: {}, linear: false };
      for (const { key } of headline.sentencesOf(found, steps)) assert.ok(words.en[key] && words.zh[key], `${kind}: ${key}`);
    }
  }
});

test("both languages have the same words, with the same gaps to fill", () => {
  assert.deepEqual(Object.keys(words.en).sort(), Object.keys(words.zh).sort());
  const gaps = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
  for (const key of Object.keys(words.en)) assert.deepEqual(gaps(words.en[key]), gaps(words.zh[key]), key);
});

test("every reason against arithmetic has a sentence and a way out in both languages", () => {
  const reasons = ["input", "batch", "unknown", "mode", "operands", "parameters", "settings", "absent", "stale", "position", "failed"];
  for (const language of ["en", "zh"]) for (const reason of reasons) for (const part of ["no", "do"]) assert.ok(words[language][`${part}_${reason}`], `${part}_${reason}`);
});
