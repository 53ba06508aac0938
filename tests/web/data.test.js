/** The page reads what Python wrote, bit for bit, in every form and by every road; and refuses what would make it fall. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { blockBytes, bufferBytes, httpBytes } from "../../src/convscope/web/data/bytes.js";
import { Cache } from "../../src/convscope/web/data/cache.js";
import { decodeF16, decodeF32, decodeLevels } from "../../src/convscope/web/data/decode.js";
import { readHeader } from "../../src/convscope/web/data/header.js";
import { isDead, isDuplicate, ranked } from "../../src/convscope/web/data/order.js";
import { Problem, problemText } from "../../src/convscope/web/data/problems.js";
import { Trace } from "../../src/convscope/web/data/trace.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PYTHON = process.env.PYTHON ?? join(HERE, "../../.venv/bin/python");
const folder = mkdtempSync(join(tmpdir(), "convscope-"));

before(() => execFileSync(PYTHON, [join(HERE, "fixtures_data.py"), folder]));
after(() => rmSync(folder, { recursive: true }));

const file = (name) => readFileSync(join(folder, name));
const told = (name) => JSON.parse(file(name).toString());
const bytesOf = (name) => bufferBytes(file(`${name}.safetensors`));
const openTrace = (name, form) => Trace.open(bytesOf(`${name}-${form}`), bytesOf(`${name}-overview`));
const rawBytes = (numbers) => Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
const numbersOf = (text) => decodeF32(new Uint8Array(Buffer.from(text, "base64")));

/** A file in memory that notes what is read of it. */
function watched(buffer) {
  const inner = bufferBytes(buffer);
  const reads = [];
  return { size: inner.size, reads, read: (start, stop) => (reads.push([start, stop]), inner.read(start, stop)) };
}

/** Serves one file by ranges; `requests` are the ranges that were asked for. */
async function served(data, { ranges = true, status = 0 } = {}) {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(request.headers.range);
    if (status) return response.writeHead(status).end();
    if (!ranges) return response.writeHead(200).end(data);
    const [start, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range).slice(1).map(Number);
    if (start >= data.length) return response.writeHead(416).end();
    const stop = Math.min(last + 1, data.length);
    response.writeHead(206, { "Content-Range": `bytes ${start}-${stop - 1}/${data.length}` }).end(data.subarray(start, stop));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  server.unref(); // a failed test must not keep the process
  return { url: `http://127.0.0.1:${server.address().port}/trace`, requests, close: () => server.close() };
}

for (const name of ["ordinary", "hostile"]) {
  for (const form of ["exact", "compact"]) {
    test(`every number of the ${name} trace, ${form}, is Python's to the last bit`, async () => {
      const trace = await openTrace(name, form);
      const expected = told(`${name}-${form}.json`);
      assert.equal(trace.steps.length, expected.steps.length);
      assert.equal(Buffer.from((await trace.picture()).rgb).toString("base64"), expected.picture);
      for (const [i, step] of expected.steps.entries()) {
        const found = trace.steps[i];
        assert.deepEqual([found.name, found.shape, found.inputs], [step.name, step.shape, step.inputs]);
        const values = await trace.values(i);
        assert.equal(rawBytes(values.data).toString("base64"), step.value, step.name);
        assert.equal(trace.peekValues(found), values);
        assert.equal(trace.byName.get(step.name), found);
        assert.deepEqual(Object.keys(found.params), Object.keys(step.params));
        for (const param of Object.keys(step.params)) {
          assert.equal(rawBytes((await trace.param(i, param)).data).toString("base64"), step.params[param]);
        }
      }
    });
  }
}

test("one sigmoid between two classes answers for both, with Python's numbers", async () => {
  const trace = await openTrace("binary", "exact");
  const [answer] = numbersOf(told("binary-exact.json").steps.at(-1).value);
  assert.ok(answer < 0.4 && trace.probabilities && trace.binary);
  const scores = trace.scores.map(({ label, value, index }) => [label, rawBytes(Float32Array.of(value)).readInt32LE(), index]);
  assert.deepEqual(scores, told("binary-exact.json").scores);
  assert.deepEqual(trace.scores.map(({ value }) => value), [1 - answer, answer]);
  assert.deepEqual(trace.scores.map(({ label }) => label), ["cat", "<b>dog"]);
  assert.equal(trace.likeliest, 0);
  assert.deepEqual(trace.steps.map((step) => trace.classesOf(step)), [...Array(trace.steps.length - 1).fill(null), ["<b>dog"]]);
});

test("numbers stand for classes only where there are as many", async () => {
  const trace = await openTrace("ordinary", "exact");
  assert.equal(trace.binary, false);
  assert.equal(trace.likeliest, trace.scores[0].index);
  assert.deepEqual(trace.steps.map((step) => trace.classesOf(step)?.length ?? 0), [0, 0, 0, 0, 0, 3, 3]);
});

test("the compact fixture has all three encodings, and says which numbers are rounded", async () => {
  const trace = await openTrace("ordinary", "compact");
  const references = trace.steps.flatMap((step) => [step.value, ...Object.values(step.params)]);
  assert.deepEqual(new Set(references.map((reference) => reference.encoding)), new Set(["float32", "float16", "uint8"]));
  for (const step of trace.steps) assert.equal((await trace.values(step)).exact, step.value.encoding === "float32");
});

for (const form of ["exact", "compact"]) {
  test(`one channel (${form}) is the whole's part, and only its bytes are read`, async () => {
    const bytes = watched(file(`ordinary-${form}.safetensors`));
    const trace = await Trace.open(bytes, bytesOf("ordinary-overview"));
    const expected = told(`ordinary-${form}.json`);
    const width = form === "exact" ? 4 : 1;
    const [channels, height, columns] = trace.steps[1].shape;
    const pixels = height * columns;
    bytes.reads.length = 0;
    assert.equal(trace.peekChannel(1, 2), null);
    const both = await Promise.all([trace.channel(1, 2), trace.channel(1, 2)]);
    assert.equal(both[0], both[1]);
    const whole = numbersOf(expected.steps[1].value);
    assert.deepEqual(both[0], whole.slice(2 * pixels, 3 * pixels));
    assert.equal(trace.peekChannel(1, 2), both[0]);
    const lengths = bytes.reads.map(([start, stop]) => stop - start).sort((a, b) => b - a);
    assert.deepEqual(lengths, form === "exact" ? [pixels * width] : [pixels * width, channels * 8]);
    await trace.values(1);
    bytes.reads.length = 0;
    assert.deepEqual(await trace.channel(1, 3), whole.slice(3 * pixels));
    assert.equal(bytes.reads.length, 0);
    assert.equal(await trace.channel(1, channels), null);
    assert.equal(await trace.channel(1, -1), null);
    assert.equal(await trace.channel(trace.steps.length - 1, 0), null);
  });
}

test("scores are sorted and named as in Python", async () => {
  for (const name of ["ordinary", "hostile"]) {
    const trace = await openTrace(name, "exact");
    const expected = told(`${name}-exact.json`).scores;
    assert.deepEqual(
      trace.scores.map((score) => [score.label, new Int32Array(new Float32Array([score.value]).buffer)[0], score.index]),
      expected,
    );
    assert.equal(trace.probabilities, name === "ordinary");
  }
  const trace = await openTrace("ordinary", "exact");
  assert.equal(trace.answer, trace.steps.length - 1);
  assert.deepEqual(trace.scores.map((score) => score.label).sort(), ["<b>dog", "cat", "鸟"]);
});

test("boxes are Python's receptive fields", async () => {
  for (const name of ["ordinary", "hostile"]) {
    const trace = await openTrace(name, "exact");
    for (const [i, step] of told(`${name}-exact.json`).steps.entries()) {
      assert.equal(trace.box(i, 0, 0), null);
      await trace.fields(i);
      const [, height, width] = step.shape;
      const places = [[0, 0], [height - 1, width - 1], [height >> 1, Math.floor(width / 3)]];
      step.boxes.forEach((box, at) => {
        const found = trace.box(i, ...places[at]);
        assert.deepEqual(found && [found.top, found.left, found.bottom, found.right], box[2] > box[0] ? box : null);
      });
    }
  }
  const trace = await openTrace("ordinary", "exact");
  const last = trace.steps.length - 1;
  await Promise.all([trace.fields(last), trace.fields(1)]);
  assert.deepEqual(trace.box(last, 0, 0), { top: 0, left: 0, bottom: 36, right: 44 });
  assert.deepEqual(trace.box(1, 1, 2), { top: 1, left: 2, bottom: 4, right: 5 });
  assert.equal(trace.box(1, 99, 0), null);
});

test("statistics, thumbs and histogram describe the values", async () => {
  const trace = await openTrace("ordinary", "exact");
  for (const step of trace.steps.filter(({ maps }) => maps)) {
    const stats = await trace.stats(step);
    const thumbs = await trace.thumbs(step);
    const { counts, low, high } = await trace.histogram(step);
    const values = await trace.values(step);
    assert.equal(counts.reduce((all, n) => all + n), values.data.length);
    assert.equal(low, Math.min(...values.data));
    assert.equal(high, Math.max(...values.data));
    for (let c = 0; c < step.shape[0]; c += 1) {
      const channel = await trace.channel(step, c);
      assert.equal(stats.low[c], Math.min(...channel));
      assert.equal(stats.high[c], Math.max(...channel));
      assert.ok(Math.abs(stats.zeros[c] - channel.filter((x) => x === 0).length / channel.length) < 1e-6);
      assert.ok(Math.abs(stats.mean[c] - channel.reduce((all, x) => all + x, 0) / channel.length) < 1e-4);
      assert.ok(Math.abs(stats.strength[c] - channel.reduce((all, x) => all + Math.abs(x), 0) / channel.length) < 1e-4);
      // Maps of up to 64 pixels are their own thumbs: half a level of 255 is the most a code may be off.
      assert.deepEqual([thumbs.height, thumbs.width], step.shape.slice(1));
      const unit = (stats.high[c] - stats.low[c]) / 255;
      const codes = thumbs.codes.subarray(c * channel.length, (c + 1) * channel.length);
      assert.ok(codes.every((code, i) => Math.abs(stats.low[c] + code * unit - channel[i]) <= 0.5001 * unit));
    }
    assert.equal(trace.peekStats(step), stats);
    assert.equal(trace.peekThumbs(step), thumbs);
    assert.ok(step.facts.field !== null && step.facts.low === low);
  }
  const [, conv] = trace.steps;
  assert.deepEqual([conv.facts.params, conv.kind, trace.totals.params > 112], [112, "conv2d", true]);
  await assert.rejects(trace.stats(trace.steps.length - 1), { key: "mapless" });
});

test("dead and repeated channels are known, and order has every wish", async () => {
  const trace = await openTrace("hostile", "exact");
  assert.deepEqual([...trace.order(1, "activation")], [0, 1, 2, 3, 4]);
  const stats = await trace.stats(1);
  const all = [0, 1, 2, 3, 4];
  assert.deepEqual(all.map((c) => isDead(stats, c)), [false, true, false, false, true]);
  assert.deepEqual(all.map((c) => isDuplicate(stats, c)), [false, false, true, false, true]);
  assert.deepEqual([...trace.order(1, "dead")], [1, 4, 2, 0, 3]);
  assert.deepEqual([...trace.order(1, "activation")], [3, 0, 2, 1, 4]);
  assert.deepEqual([...trace.order(1, "index")], all);
  assert.equal(trace.order(1, "dead"), trace.order(1, "dead"));
  await trace.values(5);
  assert.deepEqual([...trace.order(5, "activation")], [2, 0, 1]);
  const signed = { ...stats, contribution: Float32Array.of(0.1, -5, 2, NaN, -2) };
  assert.deepEqual([...ranked(signed, "contribution")], [1, 2, 4, 0, 3]);
});

test("names and settings are any text and any number", async () => {
  const trace = await openTrace("hostile", "exact");
  const [source, odd, twice] = trace.steps;
  assert.equal(odd.settings.max, Infinity);
  assert.deepEqual(Object.keys(odd.settings), ["max", "$mark"]);
  assert.deepEqual(Object.entries(odd.settings.$mark), [["__proto__", [1, NaN]]]);
  assert.equal(trace.about.limit, -Infinity);
  assert.equal(await trace.param(odd, "constructor"), null);
  assert.deepEqual((await trace.param(odd, "__proto__")).data, Float32Array.of(1, 1));
  assert.deepEqual([source.readers, odd.readers, twice.inputs], [[1], [2, 3], [1, 1]]);
  assert.deepEqual(trace.placement, { top: -1.5, left: 0, height: 7, width: 4 });
  assert.deepEqual(trace.steps.map((step) => step.maps), [true, true, true, false, false, false]);
});

test("an excerpt knows what it holds", async () => {
  const trace = await openTrace("ordinary", "excerpt");
  const expected = told("ordinary-exact.json");
  const [channels, height, width] = trace.steps[1].shape;
  const whole = numbersOf(expected.steps[1].value);
  const values = await trace.values(1);
  assert.equal(channels, 4);
  assert.deepEqual([values.whole, values.exact, values.shape], [false, true, [channels, height, width]]);
  assert.deepEqual([0, 1, 2, 3].map((c) => trace.hasChannel(1, c)), [true, false, true, false]);
  assert.deepEqual(await trace.channel(1, 2), whole.slice(2 * height * width, 3 * height * width));
  assert.equal(await trace.channel(1, 1), null);
  assert.equal(values.at([2, 5, 7]), whole[(2 * height + 5) * width + 7]);
  assert.deepEqual([[2, 5, 7], [1, 5, 7], [2, height, 0], [2, -1, 0], [2, 5]].map((place) => values.has(place)), [true, false, false, false, false]);
  assert.ok(Number.isNaN(values.at([1, 5, 7])));
  const flat = trace.steps.find((step) => step.kind === "flatten");
  assert.deepEqual([await trace.values(flat), flat.value, flat.shape], [null, null, expected.steps[flat.index].shape]);
  const kernels = numbersOf(expected.steps[1].params.weight);
  const weight = await trace.param(1, "weight");
  assert.equal(weight.at([2, 1, 0, 2]), kernels[((2 * 3 + 1) * 3 + 0) * 3 + 2]);
  assert.equal(weight.has([2, 0, 0, 2]), false);
});

test("HTTP: few requests, for those parts only, and the same numbers", async () => {
  const data = file("ordinary-exact.safetensors");
  const server = await served(data);
  try {
    const bytes = await httpBytes(server.url);
    assert.equal(bytes.size, data.length);
    const start = 70_000;
    const parts = await Promise.all([
      bytes.read(start + 10, start + 20),
      bytes.read(start, start + 12),
      Promise.resolve().then(() => bytes.read(start + 20, start + 24)),
      bytes.read(100, 110),
    ]);
    const pieces = [[10, 20], [0, 12], [20, 24]].map(([from, to]) => data.subarray(start + from, start + to));
    assert.deepEqual(parts.map((part) => Buffer.from(part)), [...pieces, data.subarray(100, 110)]);
    assert.deepEqual(server.requests, ["bytes=0-65535", `bytes=${start}-${start + 23}`]);
    server.requests.length = 0;
    await Promise.all([bytes.read(66_000, 66_001), bytes.read(data.length - 1, data.length)]);
    assert.equal(server.requests.length, 2);
    const trace = await Trace.open(bytes, bytesOf("ordinary-overview"));
    const expected = told("ordinary-exact.json");
    assert.equal(rawBytes((await trace.values(1)).data).toString("base64"), expected.steps[1].value);
    assert.equal((await bytes.read(70_000, 70_000)).length, 0);
    await assert.rejects(bytes.read(0, data.length + 1), RangeError);
  } finally {
    server.close();
  }
});

test("HTTP: servers without ranges, with nothing, refusing, or gone", async () => {
  const data = file("ordinary-exact.safetensors");
  const plain = await served(data, { ranges: false });
  const whole = await httpBytes(plain.url);
  assert.deepEqual(Buffer.from(await whole.read(5, 70_000)), data.subarray(5, 70_000));
  assert.equal(plain.requests.length, 1);
  plain.close();

  const empty = await served(Buffer.alloc(0));
  await assert.rejects(httpBytes(empty.url), { key: "empty" });
  empty.close();

  const closed = await served(data, { status: 403 });
  await assert.rejects(httpBytes(closed.url), (error) => {
    assert.equal(error.message, `The server answered ${closed.url} with HTTP status 403; reload the page, or open it again from the program that made it.`);
    assert.match(problemText(error, "zh"), /^服务器对 .* 返回了 HTTP 状态 403；/);
    return true;
  });
  closed.close();
  await assert.rejects(httpBytes(closed.url), { key: "unreachable" });

  const changing = await served(data);
  const bytes = await httpBytes(changing.url);
  changing.close();
  await assert.rejects(bytes.read(70_000, 70_001), { key: "unreachable" });
});

test("blocks in a page: the same bytes whichever blocks are touched, each unpacked once", async () => {
  const { size, blocks } = told("blocks.json");
  const data = file("ordinary-exact.safetensors");
  const named = blocks.map(({ start, stop }, i) => ({ id: `b${i}`, start, stop }));
  const asked = [];
  const textOf = (id) => (asked.push(id), blocks[Number(id.slice(1))].text);
  const bytes = blockBytes({ size, blocks: named }, textOf);
  const edge = named[0].stop;
  const parts = await Promise.all([bytes.read(edge - 3, edge + 5), bytes.read(edge, edge), bytes.read(edge - 9, edge - 2)]);
  assert.deepEqual(parts.map((part) => Buffer.from(part)), [data.subarray(edge - 3, edge + 5), Buffer.alloc(0), data.subarray(edge - 9, edge - 2)]);
  assert.deepEqual(asked, ["b0", "b1"]);
  assert.deepEqual(Buffer.from(await bytes.read(0, size)), data);
  assert.equal(asked.length, named.length);
});

test("blocks: gzip too; a damaged, short, or overflowing block is told", async () => {
  const text = (bytes) => gzipSync(Buffer.from(bytes)).toString("base64");
  const index = { size: 4, blocks: [{ id: "a", start: 0, stop: 4 }] };
  assert.deepEqual(await blockBytes(index, () => text([1, 2, 3, 4])).read(1, 3), Uint8Array.of(2, 3));
  for (const bad of ["", "%%%", "AAAA", text([1, 2, 3]), text(new Array(1000).fill(0))]) {
    await assert.rejects(blockBytes(index, () => bad).read(0, 1), { key: "block" });
  }
  assert.throws(() => blockBytes({ size: 5, blocks: index.blocks }, () => ""), { key: "cut" });
  assert.throws(() => blockBytes({ size: 4, blocks: [{ id: "a", start: 1, stop: 4 }] }, () => ""), { key: "block" });
});

test("half precision and levels by their definition, wherever the bytes lie", () => {
  const halves = { 0x0000: 0, 0x8000: -0, 0x0001: 2 ** -24, 0x03ff: 1023 * 2 ** -24, 0x0400: 2 ** -14, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x7c00: Infinity, 0xfc00: -Infinity, 0x7e00: NaN, 0x3555: 0.333251953125 };
  for (const [code, value] of Object.entries(halves)) {
    const shifted = new Uint8Array(3);
    shifted.set([Number(code) & 255, Number(code) >> 8], 1);
    assert.ok(Object.is(decodeF16(shifted.subarray(1))[0], value), code);
  }
  const codes = Uint8Array.of(0, 255, 128, 0, 255, 7);
  const ranges = Float32Array.of(-1, 1, 0.1, 0.7);
  const expected = [-1, 1, -1 + 128 * (2 / 255)].concat([0, 255, 7].map((code) => ranges[2] + code * ((ranges[3] - ranges[2]) / 255)));
  assert.deepEqual(decodeLevels(codes, ranges, 3), Float32Array.from(expected));
  assert.deepEqual(decodeLevels(codes.subarray(2, 5), ranges, 3, 2), Float32Array.from(expected.slice(2, 5)));
  const odd = new Uint8Array(9);
  new DataView(odd.buffer).setFloat32(1, 0.1, true);
  assert.deepEqual([...decodeF32(odd.subarray(1))], [Math.fround(0.1), 0]);
});

test("a cache keeps to its limit, shares what is coming, forgets failures", async () => {
  const cache = new Cache(10, (text) => text.length);
  let loads = 0;
  const load = (text) => async () => ((loads += 1), text);
  const [first, second] = await Promise.all([cache.ask("a", load("aaaa")), cache.ask("a", load("????"))]);
  assert.deepEqual([first, second, loads], ["aaaa", "aaaa", 1]);
  await cache.ask("b", load("bbbb"));
  cache.peek("a");
  await cache.ask("c", load("cccc"));
  assert.deepEqual(["a", "b", "c"].map((key) => cache.peek(key)), ["aaaa", null, "cccc"]);
  await cache.ask("huge", load("x".repeat(50)));
  assert.deepEqual([cache.size, cache.peek("huge")?.length, cache.peek("a")], [50, 50, null]);
  await assert.rejects(cache.ask("d", async () => Promise.reject(new Error("no"))));
  assert.equal(await cache.ask("d", load("d")), "d");
  assert.equal(cache.size, 1);
});

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
