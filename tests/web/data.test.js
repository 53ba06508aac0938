/** The page reads what Python wrote, bit for bit, in every form and by every road. */
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
import { decodeF32 } from "../../src/convscope/web/data/decode.js";
import { isDead, isDuplicate, ranked } from "../../src/convscope/web/data/order.js";
import { problemText } from "../../src/convscope/web/data/problems.js";
import { Trace } from "../../src/convscope/web/data/trace.js";
import { watched } from "./watched.mjs";

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
