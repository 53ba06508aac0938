/** What the reading of files is made of: numbers from bytes by their definition, and the cache of what was read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache } from "../../src/convscope/web/data/cache.js";
import { decodeF16, decodeF32, decodeLevels } from "../../src/convscope/web/data/decode.js";

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
