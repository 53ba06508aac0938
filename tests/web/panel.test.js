/** What the panel says of a step: every kind of docs/steps.md has words, and settings are said in both languages. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { say } from "../../src/convscope/web/language.js";
import { factsOf, formulaText } from "../../src/convscope/web/views/panel/facts.js";
import { KINDS, kindName } from "../../src/convscope/web/views/panel/kinds.js";
import { settingsText } from "../../src/convscope/web/views/panel/settings.js";
import { words } from "../../src/convscope/web/views/panel/words.js";

const DOCS = readFileSync(new URL("../../docs/steps.md", import.meta.url), "utf8");
const inWords = (language) => (key, values) => say(words[language], key, values);

test("every kind that docs/steps.md names has words, and no other", () => {
  const rows = DOCS.split("\n").filter((line) => /^\| `/.test(line));
  const kinds = rows.flatMap((row) => [...row.split("|")[1].matchAll(/`(\w+)`/g)].map(([, kind]) => kind));
  assert.ok(kinds.length > 60);
  assert.deepEqual([...KINDS].sort(), [...kinds].sort());
});

test("a kind is named in both languages; an unknown one, however it is called, keeps its name", () => {
  assert.deepEqual([kindName("conv2d", "en"), kindName("conv2d", "zh")], ["convolution", "卷积"]);
  assert.equal(kindName("grid_sample", "zh"), "grid_sample");
  assert.equal(kindName("constructor", "en"), "constructor");
});

const INPUT = { shape: [8, 9, 9] };
const WINDOW = { kernel: [3, 3], stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], groups: 1 };

function said(kind, settings, language = "en", shape = [8, 9, 9], input = INPUT) {
  return settingsText({ kind, settings, inputs: [0], shape }, [input], language);
}

test("settings leave out what goes without saying", () => {
  assert.equal(said("conv2d", WINDOW), "3×3");
  const told = { ...WINDOW, stride: [2, 1], padding: [0, 1, 0, 1], dilation: [2, 2], groups: 8 };
  assert.equal(said("conv2d", told), "3×3, stride 2×1, padding 0+1, dilation 2, depthwise");
  assert.equal(said("conv2d", told, "zh"), "3×3，步幅 2×1，填充 0+1，空洞率 2，逐通道");
  assert.equal(said("conv2d", { ...WINDOW, groups: 4 }), "3×3, 4 groups");
  assert.equal(said("max_pool2d", { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0], dilation: [1, 1], ceil_mode: true }), "2×2, rounded up");
  assert.equal(said("max_pool2d", { kernel: [3, 3], stride: [2, 2], padding: [1, 1, 0, 0], dilation: [1, 1], ceil_mode: false }), "3×3, stride 2, padding 1 × 0");
  assert.equal(said("linear", {}, "zh", [10], { shape: [128] }), "128 → 10");
  assert.equal(said("pad", { padding: [[0, 0], [1, 2], [3, 3]], mode: "reflect" }), "1+2 × 3, reflected");
  assert.equal(said("slice", { index: [2, [0, 4, 2], [null, null, 1]] }), "[2, 0:4:2, :]");
  assert.equal(said("add", { operands: [{ input: 0 }, { number: 0.5 }], alpha: 2 }), "with 0.5, second × 2");
  assert.equal(said("leaky_relu", { negative_slope: 0.01 }), "negative slope 0.01");
});

test("settings that are not the kind's own are listed as they stand", () => {
  assert.equal(said("conv2d", { kernel: "<b>" }), "kernel <b>");
  assert.equal(said("interpolate", { mode: "lanczos", size: [4, 4] }), "mode lanczos, size 4 4");
  assert.equal(said("unheard_of", { a_b: [1, 2], c: true, d: null, e: false }), "a b 1 2, c");
});

const FACTS = { params: 448, formula: "(3*3*3+1)*16 = 448", macs: 58_460_000, low: 0, high: 1, zeros: 0.51, field: { size: [3, 3], seen: [3, 3], jump: [1, 1], whole: false } };

test("the head line says size, parameters, work, view, zeros and precision", () => {
  const step = { kind: "conv2d", shape: [16, 300, 451], dtype: "bfloat16", batched: true, facts: FACTS };
  const texts = factsOf(step, inWords("en")).map((fact) => fact.text.replaceAll("\u00a0", " "));
  assert.deepEqual(texts, ["16 maps of 300×451", "(3×3×3+1)×16 = 448 parameters", "58.5 MMAC", "sees 3×3 px", "51.0 % zeros", "bfloat16"]);
  const plain = { kind: "relu", shape: [1, 2, 2], dtype: "float32", batched: true, facts: { ...FACTS, params: 0, formula: "0", macs: 0, zeros: null, field: null } };
  assert.deepEqual(factsOf(plain, inWords("en")).map((fact) => fact.text), ["1 map of 2×2"]);
  assert.equal(factsOf({ ...plain, shape: [1234] }, inWords("zh"))[0].text, "1,234 个数");
  assert.equal(factsOf({ ...plain, shape: [197, 768] }, inWords("en"))[0].text, "shape 197×768");
});

test("the formula of a batch norm is said in the page's language", () => {
  const formula = "4*64 = 256 (128 learned, 128 running statistics)";
  assert.equal(formulaText(formula, inWords("en")), "4×64 = 256 parameters (128 learned, 128 running statistics)");
  assert.equal(formulaText(formula, inWords("zh")), "4×64 = 256 个参数（128 个可学习，128 个滑动统计量）");
});
