/** Colours, maps and texts of numbers: those of Python where Python has them, and true to what they show. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ODD, colorOf, css, gradient, shade, table, tableFor } from "../../src/convscope/web/paint/colors.js";
import { drawRGB, drawThumb, drawValues } from "../../src/convscope/web/paint/maps.js";
import { bytes, columnTexts, count, decimalsFor, fixed, macs, percent, signed, significant } from "../../src/convscope/web/paint/numbers.js";
import { channelScale, chosenScale, levelOf, scaleOf, scaleOfNumbers, stepScale } from "../../src/convscope/web/paint/scale.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PYTHON = process.env.PYTHON ?? join(HERE, "../../.venv/bin/python");
const python = JSON.parse(execFileSync(PYTHON, [join(HERE, "fixtures_paint.py")], { maxBuffer: 1e8 }));

const MINUS = "\u2212";
const SPACE = "\u00a0";

globalThis.ImageData ??= class {
  constructor(width, height) {
    Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) });
  }
};

/** A canvas that keeps what was put on it, as [red, green, blue, alpha] a pixel. */
function canvas() {
  const made = { width: 0, height: 0, pixels: [], getContext: () => ({ putImageData }) };
  function putImageData({ data, width, height }) {
    assert.deepEqual([width, height], [made.width, made.height]);
    made.pixels = Array.from({ length: width * height }, (_, i) => [...data.subarray(4 * i, 4 * i + 4)]);
  }
  return made;
}

const rgba = (name, level) => [...python.tables[name][level], 255];

test("texts of numbers are Python's", () => {
  for (const { x, fixed: texts, significant: few, signed: plus } of python.texts) {
    texts.forEach((text, decimals) => assert.equal(fixed(x, decimals, "-"), text, `${x} to ${decimals} decimals`));
    few.forEach((text, i) => assert.equal(significant(x, i + 1, "-"), text, `${x} to ${i + 1} digits`));
    assert.equal(signed(x, 3, "-"), plus);
  }
});

test("negative numbers have a real minus sign; what is no number says so", () => {
  assert.deepEqual([fixed(-1.5, 2), signed(-1.5, 2), significant(-1.5e-9)], [`${MINUS}1.50`, `${MINUS}1.50`, `${MINUS}1.5e${MINUS}09`]);
  assert.deepEqual([fixed(NaN, 2), fixed(-Infinity, 2), signed(Infinity, 2), significant(NaN)], ["NaN", `${MINUS}inf`, "+inf", "NaN"]);
});

test("decimals show the largest number to five digits", () => {
  assert.deepEqual([[15.039, -3], [0.5], [-99999.6], [9.99996], [1e-20], [0, NaN], [NaN, 2]].map(decimalsFor), [3, 5, 0, 3, 12, 0, 4]);
});

test("a column of rounded parts really adds up to its rounded total", () => {
  const value = (text) => BigInt(text.replace(MINUS, "-").replace("+", "").replace(".", ""));
  let roundings = 0;
  for (let seed = 1; seed <= 300; seed += 1) {
    const shares = Array.from({ length: 1 + (seed % 9) }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233) * 10 ** (seed % 5));
    const total = shares.reduce((all, share) => all + share, 0);
    const column = columnTexts(shares, total);
    const shown = [...column.texts, ...(column.rounding === null ? [] : [column.rounding])];
    assert.equal(shown.reduce((all, text) => all + value(text), 0n), value(column.total), shown.join(" "));
    for (const text of [...shown, column.total]) assert.equal(text.split(".")[1]?.length ?? 0, column.decimals);
    if (column.rounding !== null) roundings += 1;
  }
  assert.ok(roundings > 20 && roundings < 280, String(roundings));
  assert.deepEqual(columnTexts([1 / 3, 1 / 3, 1 / 3], 1), { texts: ["+0.3333", "+0.3333", "+0.3333"], total: "+1.0000", rounding: "+0.0001", decimals: 4 });
  assert.equal(columnTexts([0.004, 0.004], 0.008, 2).rounding, "+0.01");
  assert.equal(columnTexts([0.006, 0.006], 0.012, 2).rounding, `${MINUS}0.01`);
  assert.deepEqual(columnTexts([NaN, 1], NaN, 1), { texts: ["NaN", "+1.0"], total: "NaN", rounding: null, decimals: 1 });
});

test("counts, shares, work and lengths", () => {
  assert.deepEqual([0, 999, 1000, 12345, -1234567].map(count), ["0", "999", "1,000", "12,345", `${MINUS}1,234,567`]);
  assert.deepEqual(
    [0, 0.0001, 0.632, 0.9999, 1].map((share) => percent(share).replaceAll(SPACE, " ")),
    ["0.0 %", "< 0.1 %", "63.2 %", "> 99.9 %", "100.0 %"],
  );
  assert.deepEqual([0, 7, 999, 1000, 999_499, 999_500, 39e6, 1.21e9].map((n) => macs(n).replace(SPACE, " ")), [
    "0 MAC", "7 MAC", "999 MAC", "1.00 kMAC", "999 kMAC", "1.00 MMAC", "39.0 MMAC", "1.21 GMAC",
  ]);
  assert.equal(bytes(123_456_789), `123${SPACE}MB`);
});

test("tables and levels are those of the package's pictures", () => {
  for (const [name, colors] of Object.entries(python.tables)) {
    const found = new Uint8Array(table(name).buffer);
    assert.deepEqual([...found], colors.flatMap((color) => [...color, 255]), name);
  }
  for (const { low, high, signed: around, values, levels } of python.scales) {
    // Python's pictures work in float32, so a number within rounding of an edge may go either way.
    const found = values.map((value) => levelOf(value, { low, high, signed: around }));
    assert.ok(found.every((level, i) => Math.abs(level - levels[i]) <= 1));
    assert.ok(found.filter((level, i) => level !== levels[i]).length <= 1);
    if (around) assert.equal(found[0], 128);
  }
});

test("scales start at zero, or have zero in the middle", () => {
  const facts = { low: -1, high: 3 };
  const stats = { low: Float32Array.of(0.5, -1, 0), high: Float32Array.of(2, 3, 0) };
  assert.deepEqual(scaleOf(0.25, 2), { low: 0, high: 2, signed: false });
  assert.deepEqual(stepScale(facts), { low: -3, high: 3, signed: true });
  assert.deepEqual(channelScale(facts, stats, 0), { low: -2, high: 2, signed: true });
  assert.deepEqual(channelScale({ low: 0, high: 3 }, stats, 0), { low: 0, high: 2, signed: false });
  assert.deepEqual(chosenScale("step", facts, stats, 0), stepScale(facts));
  assert.deepEqual(chosenScale("channel", facts, stats, 1), { low: -3, high: 3, signed: true });
  assert.deepEqual(scaleOf(null, null), { low: 0, high: 0, signed: false });
  assert.deepEqual(scaleOfNumbers([NaN, 2, -Infinity, -5]), { low: -5, high: 5, signed: true });
  assert.deepEqual(scaleOfNumbers([NaN]), { low: 0, high: 0, signed: false });
  assert.deepEqual([levelOf(0, scaleOf(0, 0)), levelOf(0, scaleOf(-0, 0, true)), levelOf(5, scaleOf(5, 5))], [1, 128, 255]);
  assert.deepEqual([levelOf(9, scaleOf(0, 1)), levelOf(-9, scaleOf(0, 1)), levelOf(1e308, scaleOf(-1, 1))], [255, 1, 255]);
});

test("values are drawn one pixel each, those that are no numbers in colours of their own", () => {
  const target = canvas();
  const values = Float32Array.of(0, 1, 2, NaN, Infinity, -Infinity, 4, -3);
  drawValues(target, values, 2, 4, scaleOf(0, 2), false);
  assert.deepEqual([target.width, target.height], [4, 2]);
  const [pink, cyan] = [[255, 0, 200, 255], [0, 255, 255, 255]];
  const top = rgba("viridis", 255);
  assert.deepEqual(target.pixels, [rgba("viridis", 1), rgba("viridis", 128), top, pink, cyan, cyan, top, rgba("viridis", 1)]);
  drawValues(target, Float32Array.of(0, -2, 1, 2), 2, 2, scaleOf(-2, 1), true);
  assert.deepEqual(target.pixels, [128, 1, 192, 255].map((level) => rgba("signed_dark", level)));
  drawValues(target, Float32Array.of(0, NaN, 0, Infinity), 2, 2, scaleOf(0, 0), false);
  assert.deepEqual(target.pixels, [rgba("viridis", 1), pink, rgba("viridis", 1), cyan]);
});

test("a thumb of codes has the colours of the values that it stands for", () => {
  const stats = { low: Float32Array.of(0, -1), high: Float32Array.of(1, 3), bad: new Float32Array(2), strength: Float32Array.of(1, 1), zeros: new Float32Array(2) };
  const thumbs = { channels: 2, height: 1, width: 3, codes: Uint8Array.of(9, 9, 9, 0, 64, 255) };
  const [small, exact] = [canvas(), canvas()];
  for (const scale of [scaleOf(-1, 3), scaleOf(-8, 8), scaleOf(0, 2)]) {
    drawThumb(small, thumbs, stats, 1, scale, false);
    drawValues(exact, [0, 64, 255].map((code) => -1 + (code / 255) * 4), 1, 3, scale, false);
    assert.deepEqual(small.pixels, exact.pixels);
  }
  assert.notDeepEqual(small.pixels[0], small.pixels[2]);
  const lost = { ...stats, bad: Float32Array.of(3, 0), strength: Float32Array.of(0, 1) };
  drawThumb(small, thumbs, lost, 0, scaleOf(0, 0), false);
  assert.deepEqual(small.pixels[0], [255, 0, 200, 255]);
});

test("the photo is drawn as it is", () => {
  const target = canvas();
  drawRGB(target, { height: 1, width: 2, rgb: Uint8Array.of(1, 2, 3, 250, 251, 252) });
  assert.deepEqual(target.pixels, [[1, 2, 3, 255], [250, 251, 252, 255]]);
});

test("ink on every colour of every table reaches AA", () => {
  const luminance = (color) => {
    const [red, green, blue] = color.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  for (const dark of [false, true]) {
    for (const scale of [scaleOf(0, 1), scaleOf(-1, 1)]) {
      for (let value = -1.1; value <= 1.1; value += 0.003) {
        const { background, ink } = shade(value, scale, dark);
        const color = background.match(/\d+/g).map(Number);
        assert.ok(contrast(luminance(color), ink === "#fff" ? 1 : 0) >= 4.5, background);
        assert.deepEqual(color, css(tableFor({ signed: scale.signed, dark })[levelOf(value, scale)]).match(/\d+/g).map(Number));
      }
    }
  }
  assert.equal(shade(NaN, scaleOf(0, 1), false).background, "rgb(255 0 200)");
  assert.equal(colorOf(-Infinity, scaleOf(0, 1), tableFor({ signed: false, dark: false })), ODD.infinite);
});

test("zero sinks into the dark page, and a legend runs from the first colour to the last", () => {
  const middle = shade(0, scaleOf(-1, 1), true).background;
  assert.equal(middle, "rgb(26 29 34)");
  const stops = gradient({ signed: true, dark: true }).match(/rgb\([^)]*\)/g);
  assert.deepEqual([stops[0], stops[8], stops.at(-1)], [css(table("signed_dark")[1]), middle, css(table("signed_dark")[255])]);
});
