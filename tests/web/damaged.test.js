/** What would make the page fall is refused in one sentence that says where. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bufferBytes } from "../../src/convscope/web/data/bytes.js";
import { readHeader } from "../../src/convscope/web/data/header.js";
import { Problem, problemText } from "../../src/convscope/web/data/problems.js";
import { Trace } from "../../src/convscope/web/data/trace.js";
import { watched } from "./watched.mjs";

/** A trace file of one step, its header and structure as `change` leaves them. */
function forged(change) {
  const reference = { tensor: "v", shape: [1, 2, 2], encoding: "float32" };
  const step = { name: "input", kind: "input", inputs: [], value: reference, settings: {}, module: "", dtype: "float32", batched: true, params: {} };
  const structure = { format: 1, picture: "picture", placement: [0, 0, 2, 2], outputs: [0], steps: [step], maps: [], labels: [], about: {} };
  const table = { picture: { dtype: "U8", shape: [2, 2, 3], data_offsets: [0, 12] }, v: { dtype: "F32", shape: [1, 2, 2], data_offsets: [12, 28] } };
  change(structure, table, step);
  return framed({ __metadata__: { convscope: JSON.stringify(structure) }, ...table }, 28);
}

function framed(table, length) {
  const header = Buffer.from(typeof table === "string" ? table : JSON.stringify(table));
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([head, header, Buffer.alloc(length)]);
}

/** The overview that goes with it. */
function overviewOf(change = () => {}) {
  const step = { params: 0, formula: "", macs: 0, settings: "", low: 0, high: 0, zeros: 1, field: null };
  const overview = { version: 1, thumb: 64, params: 0, macs: 0, probabilities: false, scores: null, steps: [step] };
  const table = { "same/0": { dtype: "I32", shape: [1], data_offsets: [0, 4] } };
  change(overview, table, step);
  return framed({ __metadata__: { convscope_overview: JSON.stringify(overview) }, ...table }, 4);
}

const openForged = (change, overview = overviewOf()) => Trace.open(bufferBytes(forged(change)), bufferBytes(overview));

test("the forged file is a good one until it is changed", async () => {
  const trace = await openForged(() => {});
  assert.deepEqual((await trace.values(0)).data, new Float32Array(4));
});

test("a channel of which some rows are missing is not given for the whole", async () => {
  const trace = await openForged((structure, table, step) => {
    structure.format = 2;
    Object.assign(step.value, { shape: [1, 4, 2], take: [null, [0, 2], null] });
  });
  assert.deepEqual([trace.hasChannel(0, 0), await trace.channel(0, 0), trace.peekChannel(0, 0)], [false, null, null]);
  const values = await trace.values(0);
  assert.deepEqual([[0, 2, 1], [0, 1, 1]].map((place) => values.has(place)), [true, false]);
});

test("damaged traces are refused in one sentence that says where", async () => {
  const cases = [
    [(s) => (s.format = 3), "newer", /in format 3; update convscope/],
    [(s) => (s.format = 0), "field", /structure\.format is 0;/],
    [(s, t) => (t.v.data_offsets = [12, 1e15]), "field", /"v"\.data_offsets is \[12,1000000000000000\]/],
    [(s, t) => (t.v.data_offsets = [1e15, 1e15 + 16]), "cut", /it needs 1000000000000\d* bytes/],
    [(s, t) => (t.v.shape = [2 ** 40, 2 ** 40]), "field", /"v"\.shape/],
    [(s, t) => (t.v.shape = [0, 2 ** 50]), "field", /"v"\.shape/],
    [(s, t) => (t.v.dtype = "constructor"), "field", /"v" is/],
    [(s, t) => (t.v = null), "field", /"v" is null/],
    [(s, t) => delete t.v, "missing", /structure\.steps\[0\]\.value refers to the tensor "v"/],
    [(s, t, step) => (step.value.tensor = "__proto__"), "missing", /the tensor "__proto__"/],
    [(s, t, step) => (step.value.shape = [1, 2, 3]), "mismatch", /steps\[0\]\.value does not fit the tensor "v" of shape \[1,2,2\]/],
    [(s, t, step) => (step.value.encoding = "uint8"), "mismatch", /steps\[0\]\.value/],
    [(s, t) => (t.v.dtype = "I32"), "mismatch", /steps\[0\]\.value/],
    [(s, t, step) => (step.value.encoding = "toString"), "field", /encoding is "toString"/],
    [(s, t, step) => (step.value = null), "field", /steps\[0\]\.value is null/],
    [(s, t, step) => (step.inputs = [0]), "field", /steps\[0\]\.inputs is \[0\]/],
    [(s, t, step) => (step.name = 7), "field", /steps\[0\]\.name is 7/],
    [(s, t, step) => (step.settings = { a: { $float: "big" } }), "field", /steps\[0\]\.settings is "big"/],
    [(s, t, step) => (step.settings = { $a: 1 }), "field", /settings is "\$a"/],
    [(s, t, step) => (step.params = { weight: { tensor: "v" } }), "field", /params\.weight\.encoding is missing/],
    [(s, t, step) => s.steps.push({ ...step }), "twins", /two steps are called "input"/],
    [(s) => (s.steps = []), "field", /structure\.steps is \[\]/],
    [(s) => (s.outputs = [1]), "field", /structure\.outputs is \[1\]/],
    [(s) => (s.placement = [0, 0, null, 2]), "field", /placement/],
    [(s) => (s.labels = ["a", 1]), "field", /labels/],
    [(s) => (s.picture = "v"), "mismatch", /structure\.picture/],
    [(s, t, step) => ((s.format = 2), (step.value.take = [[0, 0], null, null])), "field", /value\.take/],
    [(s, t, step) => ((s.format = 2), (step.value.take = [[1], null, null])), "field", /value\.take/],
    [(s, t, step) => ((s.format = 2), (step.value.take = [null, [1], null])), "mismatch", /value/],
    [(s, t, step) => ((s.format = 2), (step.value = null)), "field", /steps\[0\]\.shape is missing/],
  ];
  for (const [change, key, message] of cases) {
    await assert.rejects(openForged(change), (error) => {
      assert.ok(error instanceof Problem, `${key}: ${error.stack}`);
      assert.equal(error.key, key, error.message);
      assert.match(error.message, message);
      assert.ok(!problemText(error, "zh").includes("{") || /\{/.test(error.message), problemText(error, "zh"));
      return true;
    });
  }
});

test("damaged overviews are refused too", async () => {
  const cases = [
    [(o) => (o.version = 2), "newer"],
    [(o) => o.steps.push(o.steps[0]), "unlike"],
    [(o) => (o.scores = { step: 1, values: "same/0" }), "field"],
    [(o) => (o.scores = { step: 0, values: "none" }), "missing"],
    [(o) => (o.scores = { step: 0, values: "same/0" }), "mismatch"],
    [(o, t) => (t["same/0"].dtype = "F32"), "mismatch"],
    [(o, t) => (t["same/0"].shape = [1, 1]), "mismatch"],
    [(o, t, step) => (step.low = "1"), "field"],
    [(o, t, step) => (step.field = { size: [1], seen: [1, 1], jump: [1, null], whole: true }), "field"],
    [(o, t, step) => delete step.formula, "field"],
  ];
  for (const [change, key] of cases) await assert.rejects(openForged(() => {}, overviewOf(change)), { name: "Problem", key });
  const jump = overviewOf((o, t, step) => (step.field = { size: [1, 1], seen: [1, 1], jump: [1, null], whole: false }));
  assert.deepEqual((await openForged(() => {}, jump)).steps[0].facts.field.jump, [1, NaN]);
});

test("bytes that are no safetensors file say what they are", async () => {
  const long = Buffer.alloc(100);
  long.writeBigUInt64LE(2n ** 60n);
  const crowded = framed(`{"a":[${"1,".repeat(500_001)}1]}`, 0);
  const cases = [
    [Buffer.alloc(0), "empty"],
    [Buffer.from(" <!DOCTYPE html><title>Not found</title>"), "webpage"],
    [Buffer.from("abc"), "cut"],
    [long, "long"],
    [framed("{}", 0).subarray(0, 9), "cut"],
    [Buffer.concat([framed("{}", 0).fill(200, 0, 1), Buffer.alloc(3)]), "cut"],
    [framed("[1, 2]", 0), "json"],
    [framed('{"a": ', 0), "json"],
    [framed("[".repeat(100_000), 0), "json"],
    [crowded, "crowded"],
  ];
  for (const [data, key] of cases) await assert.rejects(readHeader(bufferBytes(data)), { name: "Problem", key });
  await assert.rejects(Trace.open(bufferBytes(framed("{}", 0)), bufferBytes(overviewOf())), { key: "foreign" });
});

test("a header longer than the first read is read in one more", async () => {
  const bytes = watched(forged((structure) => (structure.about = { note: "x".repeat(100_000) })));
  const trace = await Trace.open(bytes, bufferBytes(overviewOf()));
  assert.equal(trace.about.note.length, 100_000);
  assert.deepEqual(bytes.reads.map(([start]) => start), [0, 0]);
  assert.equal(bytes.reads[0][1], 65_536);
});
