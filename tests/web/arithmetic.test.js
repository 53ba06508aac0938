/** What the comparison with Python cannot reach: excerpts, rounded values, the writing of numbers, the exactness of erf. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { explainable, needs, readAt, reasonAgainst, sumOf } from "../../src/convscope/web/arithmetic/explain.js";
import { erf, nextUp, power, total } from "../../src/convscope/web/arithmetic/floats.js";
import { number, plural, signed } from "../../src/convscope/web/arithmetic/format.js";
import { NoArithmetic } from "../../src/convscope/web/arithmetic/reasons.js";
import { channelGroups, grids, position, topShares } from "../../src/convscope/web/arithmetic/shares.js";

const size = (shape) => shape.reduce((product, length) => product * length, 1);

/** An array, of which an excerpt keeps what `take` says. */
function values(shape, numbers, take = shape.map(() => null), exact = true) {
  const kept = shape.map((length, axis) => take[axis] ?? Array.from({ length }, (_, i) => i));
  const data = [];
  const visit = (axis, offset) => {
    if (axis === shape.length) return void data.push(numbers[offset]);
    for (const at of kept[axis]) visit(axis + 1, offset * shape[axis] + at);
  };
  visit(0, 0);
  const takes = take.map((part) => part && Int32Array.from(part));
  return { shape, data: Float32Array.from(data), take: takes, whole: takes.every((part) => part === null), exact };
}

function stepOf(index, kind, inputs, shape, settings = {}, params = {}) {
  return { index, name: `s${index}`, kind, inputs, shape, settings, params, dtype: "float32", batched: true };
}

const WINDOW = { kernel: [2, 2], stride: [1, 1], padding: [1, 0, 0, 0], dilation: [1, 1], groups: 1 };
const PHOTO = Array.from({ length: 4 * 3 * 3 }, (_, i) => ((i * 7) % 11) - 4);
const WEIGHT = Array.from({ length: 2 * 4 * 2 * 2 }, (_, i) => ((i * 5) % 9) - 3);
const BIAS = [0.5, -1.5];

/** A convolution by its definition, one row of padding at the top. */
function convolved() {
  const result = [];
  for (let o = 0; o < 2; o++) {
    for (let y = 0; y < 3; y++) {
      for (let x = 0; x < 2; x++) {
        let sum = BIAS[o];
        for (let c = 0; c < 4; c++) {
          for (let i = 0; i < 2; i++) {
            for (let j = 0; j < 2; j++) {
              const row = y - 1 + i;
              sum += row < 0 ? 0 : PHOTO[(c * 3 + row) * 3 + x + j] * WEIGHT[((o * 4 + c) * 2 + i) * 2 + j];
            }
          }
        }
        result.push(sum);
      }
    }
  }
  return result;
}

/** The trace of that convolution; `photo` and `weight` may be excerpts. */
function traced({ photo = undefined, weight = undefined, recorded = convolved(), exact = true } = {}) {
  const params = { weight: { shape: [2, 4, 2, 2] }, bias: { shape: [2] } };
  const steps = [stepOf(0, "input", [], [4, 3, 3]), stepOf(1, "conv2d", [0], [2, 3, 2], WINDOW, params)];
  const loaded = [
    photo === null ? null : values([4, 3, 3], PHOTO, photo, exact),
    values([2, 3, 2], recorded),
  ];
  const held = { weight: values([2, 4, 2, 2], WEIGHT, weight), bias: values([2], BIAS) };
  return { steps, given: { steps, value: (i) => loaded[i], param: (name) => held[name] } };
}

const added = (shares) => shares.reduce((sum, share) => sum + share.sum, 0);

function reasonOf(run) {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof NoArithmetic, String(error));
    return error.reason;
  }
  return null;
}

test("numbers are written as Python writes them with four digits", () => {
  const written = [
    [0.123456, "0.1235"], [-2, "-2"], [NaN, "nan"], [Infinity, "inf"], [-Infinity, "-inf"], [0, "0"], [-0, "0"],
    [1234.5, "1234"], [1235.5, "1236"], [1000.5, "1000"], [1001.5, "1002"], [-1000.5, "-1000"], [0.00012345, "0.0001234"],
    [0.000012345, "1.234e-05"], [9999.4, "9999"], [9999.5, "1e+04"], [99995, "1e+05"], [12345, "1.234e+04"],
    [123450, "1.234e+05"], [123550, "1.236e+05"], [1e-300, "1e-300"], [1.5e300, "1.5e+300"], [5e-324, "4.941e-324"],
    [0.0001, "0.0001"], [0.00009999, "9.999e-05"], [0.000099999, "0.0001"], [100, "100"], [10, "10"], [0.5, "0.5"],
    [2.00049, "2"], [1e22, "1e+22"], [0.12345, "0.1235"], [0.03125, "0.03125"], [1.00048828125, "1"], [0.0625, "0.0625"],
  ];
  for (const [value, text] of written) assert.equal(number(value), text, `${value}`);
  assert.equal(signed(-2), "(-2)");
  assert.equal(signed(2), "2");
  assert.deepEqual([plural(1, "product"), plural(27, "product")], ["1 product", "27 products"]);
});

test("erf is that of the tables", () => {
  // Abramowitz and Stegun, table 7.1.
  const known = [
    [0, 0], [0.1, 0.1124629160182849], [0.5, 0.5204998778130465], [1, 0.8427007929497149], [1.5, 0.9661051464753108],
    [1.9, 0.9927904292352575], [2, 0.9953222650189527], [2.5, 0.9995930479825550], [3, 0.9999779095030014],
    [5, 0.9999999999984626], [7, 1], [Infinity, 1],
  ];
  for (const [x, value] of known) {
    assert.ok(Math.abs(erf(x) - value) < 4e-16, `erf(${x}) = ${erf(x)}`);
    assert.equal(erf(-x), -erf(x));
  }
  assert.ok(Number.isNaN(erf(NaN)));
  assert.equal(erf(1e-20), (2 / Math.sqrt(Math.PI)) * 1e-20);
});

test("sums lose nothing that halves first would keep", () => {
  const tenths = new Float64Array(100000).fill(0.1);
  assert.ok(Math.abs(total(tenths) - 10000) < 2e-11);
  assert.equal(total(new Float64Array(0)), 0);
  for (const count of [1, 7, 8, 9, 127, 128, 129, 1000]) {
    assert.equal(total(Float64Array.from({ length: count }, (_, i) => i + 1)), (count * (count + 1)) / 2);
  }
});

test("the next float32 and powers as in C", () => {
  const same = [[1, 1 + 2 ** -23], [-1, -1 + 2 ** -24], [0, 2 ** -149], [-0, 2 ** -149], [Infinity, Infinity]];
  for (const [x, next] of same) assert.equal(nextUp(x), next);
  assert.equal(nextUp((2 - 2 ** -23) * 2 ** 127), Infinity);
  assert.equal(nextUp(-Infinity), -(2 - 2 ** -23) * 2 ** 127);
  assert.deepEqual([power(1, NaN), power(-1, Infinity), power(2, 3)], [1, 1, 8]);
});

test("a whole convolution holds, and its shares add up to the result", () => {
  const { steps, given } = traced();
  for (let at = 0; at < 12; at++) {
    const index = [Math.floor(at / 6), Math.floor(at / 2) % 3, at % 2];
    const sum = sumOf(steps[1], index, given);
    assert.equal(sum.result, convolved()[at]);
    assert.ok(sum.holds && sum.exact && sum.absent === null);
    for (const k of [0, 1, 4, 9]) assert.equal(added(topShares(sum, k, steps)), sum.result);
    const strengths = topShares(sum, 4, steps).filter(({ kind }) => kind === "channel").map((share) => Math.abs(share.sum));
    assert.deepEqual(strengths, [...strengths].sort((a, b) => b - a));
  }
});

test("the grid of a channel is its window, padding included", () => {
  const { steps, given } = traced();
  const sum = sumOf(steps[1], [1, 0, 1], given);
  const grid = grids(sum, steps, { source: 0, channel: 2 });
  assert.deepEqual([grid.rows, grid.columns], [2, 2]);
  assert.deepEqual(grid.positions, [[-1, 1], [-1, 2], [0, 1], [0, 2]]);
  assert.deepEqual(Array.from(grid.padded), [1, 1, 0, 0]);
  assert.deepEqual(Array.from(grid.inputs), [0, 0, PHOTO[19], PHOTO[20]]);
  assert.deepEqual(Array.from(grid.factors), WEIGHT.slice(24, 28));
  assert.deepEqual(Array.from(grid.terms), [0, 0, PHOTO[19] * WEIGHT[26], PHOTO[20] * WEIGHT[27]]);
  assert.equal(grids(sum, steps, { source: 0, channel: 4 }), null);
  assert.equal(grids(sum, steps, { source: -1, channel: null }), null);
  assert.deepEqual(position(sum, 11, steps), [2, 0, 2]);
  assert.equal(position(sum, 8, steps), null);
  assert.deepEqual(readAt(steps[1], [1, 0, 1], given), [{ source: 0, axes: [[0, 1, 2, 3], [-1, 0], [1, 2]] }]);
});

test("channels that an excerpt lacks are the rest, by difference", () => {
  const { steps, given } = traced({ photo: [[0, 3], null, null] });
  const index = [0, 1, 1];
  const whole = sumOf(steps[1], index, traced().given);
  const sum = sumOf(steps[1], index, given);
  assert.deepEqual(Array.from(sum.absent), [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]);
  assert.ok(Number.isNaN(sum.terms[4]) && !Number.isNaN(sum.terms[3]));
  assert.deepEqual([sum.result, sum.holds, sum.formula], [whole.value, true, whole.formula]);
  const groups = channelGroups(whole, steps);
  for (const k of [0, 1, 2, 9]) {
    const shares = topShares(sum, k, steps);
    assert.equal(added(shares), sum.value);
    const rest = shares.find(({ kind }) => kind === "rest");
    const named = shares.filter(({ kind }) => kind === "channel");
    assert.equal(named.length, Math.min(k, 2));
    for (const { channel, sum: part } of named) assert.equal(part, groups[channel].sum);
    assert.deepEqual([rest.byDifference, rest.count, rest.terms], [true, 4 - named.length, 16 - 4 * named.length]);
  }
});

test("padding of an absent channel is known to be 0, the rest of it is not", () => {
  const { steps, given } = traced({ photo: [[0, 1, 2], null, null] });
  const sum = sumOf(steps[1], [0, 0, 0], given);
  assert.deepEqual(Array.from(sum.absent.subarray(12)), [0, 0, 1, 1]);
  assert.deepEqual(Array.from(sum.terms.subarray(12, 14)), [0, 0]);
  assert.equal(topShares(sum, 9, steps).find(({ kind }) => kind === "rest").count, 1);
});

test("rows that an excerpt lacks make their channels incomplete", () => {
  const { steps, given } = traced({ photo: [null, [0, 1], null] });
  assert.equal(sumOf(steps[1], [0, 1, 0], given).absent, null);
  const sum = sumOf(steps[1], [0, 2, 0], given);
  const shares = topShares(sum, 9, steps);
  assert.deepEqual(shares.map(({ kind }) => kind), ["rest", "bias"]);
  assert.equal(added(shares), sum.value);
});

test("weights that an excerpt lacks make their terms absent", () => {
  const { steps, given } = traced({ weight: [[0], [1, 2], null, null] });
  const sum = sumOf(steps[1], [0, 1, 1], given);
  assert.deepEqual(channelGroups(sum, steps).map(({ absent }) => absent), [true, false, false, true]);
  assert.equal(added(topShares(sum, 2, steps)), sum.value);
  const top = sumOf(steps[1], [0, 0, 1], given);
  assert.deepEqual(Array.from(top.absent.subarray(0, 4)), [0, 0, 1, 1], "padding gives 0 with any weight");
  assert.equal(reasonOf(() => sumOf(steps[1], [1, 1, 1], given)), "absent");
});

test("nothing to show is absent, not a sum", () => {
  const { steps, given } = traced({ photo: null });
  assert.equal(reasonOf(() => sumOf(steps[1], [0, 1, 1], given)), "absent");
});

test("rounded numbers are said to be, and never taken for changed parameters", () => {
  const recorded = convolved().map((value) => value + 0.1);
  const rounded = traced({ recorded, exact: false });
  const sum = sumOf(rounded.steps[1], [0, 1, 1], rounded.given);
  assert.deepEqual([sum.exact, sum.holds], [false, false]);
  const stale = traced({ recorded });
  assert.equal(reasonOf(() => sumOf(stale.steps[1], [0, 1, 1], stale.given)), "stale");
});

/** A step of one input of 4 channels, which an excerpt holds in part. */
function partial(kind, settings, shape, take, recorded) {
  const steps = [stepOf(0, "input", [], [4, 2, 2]), stepOf(1, kind, [0], shape, settings)];
  const numbers = Array.from({ length: 16 }, (_, i) => i + 1);
  const loaded = [values([4, 2, 2], numbers, take), values(shape, new Array(size(shape)).fill(recorded))];
  return [steps[1], { steps, value: (i) => loaded[i], param: () => null }];
}

test("means and sums are shown in part, statistics and maxima are not", () => {
  const some = [[0, 2], null, null];
  const [mean, given] = partial("mean", { axes: [0, 1, 2], keepdim: false }, [], some, 8.5);
  const sum = sumOf(mean, [], given);
  assert.equal(sum.formula, "136 (sum of 16 values) / 16 = 8.5");
  const shares = topShares(sum, 1, given.steps);
  assert.deepEqual(shares.map(({ kind, channel }) => [kind, channel]), [["channel", 2], ["rest", null]]);
  assert.equal(added(shares), 8.5);
  const refused = [
    ["amax", { axes: [0], keepdim: true }],
    ["softmax", { axis: 0 }],
    ["layer_norm", { axes: [0, 1, 2], eps: 1e-5 }],
    ["group_norm", { groups: 2, eps: 1e-5 }],
    ["local_response_norm", { size: 3, alpha: 1, beta: 1, k: 1 }],
  ];
  for (const [kind, settings] of refused) {
    const shape = kind === "amax" ? [1, 2, 2] : [4, 2, 2];
    const [step, partly] = partial(kind, settings, shape, some, 1);
    assert.equal(reasonOf(() => sumOf(step, [0, 0, 0], partly)), "absent", kind);
  }
  const [batch, channel] = partial("batch_norm", { training: true, eps: 1e-5 }, [4, 2, 2], [null, [0], null], 1);
  assert.equal(reasonOf(() => sumOf(batch, [0, 0, 0], channel)), "absent");
  const [relu, held] = partial("relu", {}, [4, 2, 2], some, 9);
  assert.equal(sumOf(relu, [2, 0, 0], held).formula, "max(0, 9) = 9");
  assert.equal(reasonOf(() => sumOf(relu, [1, 0, 0], held)), "absent");
});

test("a sum of two steps of which one is absent shows the other and the difference", () => {
  const both = { operands: [{ input: 0 }, { input: 1 }] };
  const steps = [stepOf(0, "input", [], [2]), stepOf(1, "relu", [0], [2]), stepOf(2, "add", [0, 1], [2], both)];
  const loaded = [values([2], [3, 4]), null, values([2], [10, 11])];
  const given = { steps, value: (i) => loaded[i], param: () => null };
  const sum = sumOf(steps[2], [1], given);
  assert.equal(sum.formula, "4 + ? = 11");
  assert.deepEqual(topShares(sum, 5, steps).map(({ kind, sum: part }) => [kind, part]), [["channel", 4], ["rest", 7]]);
  steps[2].kind = "mul";
  assert.equal(reasonOf(() => sumOf(steps[2], [1], given)), "absent");
});

test("what a step needs, and what speaks against it, shows without numbers", () => {
  const { steps } = traced();
  assert.deepEqual(needs(steps[1]), { inputs: [0, 1], params: ["weight", "bias"] });
  assert.deepEqual([explainable(steps[1]), reasonAgainst(steps[0])], [true, "input"]);
  const bare = { ...steps[1], params: { weight: null, bias: null } };
  assert.deepEqual([reasonAgainst(bare), needs(bare).params], ["parameters", []]);
  assert.equal(reasonAgainst({ ...steps[1], kind: "fft_rfft2" }), "unknown");
  assert.equal(reasonAgainst({ ...steps[1], kind: "toString" }), "unknown");
  assert.equal(reasonAgainst({ ...steps[1], batched: false }), "batch");
  assert.equal(reasonAgainst(stepOf(1, "mul", [0], [3])), "operands");
  assert.equal(reasonAgainst(stepOf(1, "interpolate", [0], [3], { mode: "bicubic" })), "mode");
  assert.equal(reasonAgainst(stepOf(1, "pad", [0], [3], { mode: "reflect" })), null);
});

test("a window over 2048 channels has a term for every weight", () => {
  const shape = [2048, 3, 3];
  const ones = new Float32Array(size(shape)).fill(1);
  const steps = [
    stepOf(0, "input", [], shape),
    stepOf(1, "conv2d", [0], [1, 1, 1], { ...WINDOW, kernel: [3, 3], padding: [0, 0, 0, 0] }, { weight: {} }),
  ];
  const whole = (of, data) => ({ shape: of, data, take: of.map(() => null), whole: true, exact: true });
  const loaded = [whole(shape, ones), whole([1, 1, 1], Float32Array.of(18432))];
  const given = { steps, value: (i) => loaded[i], param: () => whole([1, ...shape], ones) };
  const sum = sumOf(steps[1], [0, 0, 0], given);
  assert.deepEqual([sum.terms.length, sum.result, sum.holds], [18432, 18432, true]);
  assert.deepEqual(topShares(sum, 1, steps).map(({ sum: part, count }) => [part, count]), [[9, 9], [18423, 2047]]);
});
