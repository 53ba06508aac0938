/** Heat maps: read as Python wrote them, placed where they belong, and never trusted further than their evidence goes. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fromHash, toHash } from "../../src/convscope/web/address.js";
import { bufferBytes } from "../../src/convscope/web/data/bytes.js";
import { evidenceOf, remarksOf } from "../../src/convscope/web/data/evidence.js";
import { readMap } from "../../src/convscope/web/data/mapfile.js";
import { Trace } from "../../src/convscope/web/data/trace.js";
import { store } from "../../src/convscope/web/state.js";
import { choose, siblings } from "../../src/convscope/web/views/why/choice.js";
import { contours, pathOf } from "../../src/convscope/web/views/why/contours.js";
import { linePath, spread } from "../../src/convscope/web/views/why/curves.js";
import { faultOf, scaleOfMaps } from "../../src/convscope/web/views/why/faults.js";
import { heatOf } from "../../src/convscope/web/views/why/heat.js";
import { DECEPTIVE, DESCRIBED, methodText, methodTitle } from "../../src/convscope/web/views/why/methods.js";
import { fitted, unseen, valueAt } from "../../src/convscope/web/views/why/placing.js";
import { reasonText } from "../../src/convscope/web/views/why/reasons.js";
import { words as sentences } from "../../src/convscope/web/views/why/reasons-words.js";
import { contrast, contrastOf } from "../../src/convscope/web/views/why/target.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PYTHON = process.env.PYTHON ?? join(HERE, "../../.venv/bin/python");
const folder = mkdtempSync(join(tmpdir(), "convscope-"));
before(() => execFileSync(PYTHON, [join(HERE, "fixtures_why.py"), folder]));
after(() => rmSync(folder, { recursive: true }));

const bytesOf = (name) => bufferBytes(readFileSync(join(folder, `${name}.safetensors`)));
const told = () => JSON.parse(readFileSync(join(folder, "told.json")).toString());
const text = (numbers) => Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString("base64");
const MAP = { method: "gradcam", target: "cat", layer: "a", evidence: {}, read: () => null };

test("every field and every number of a map is Python's", async () => {
  const trace = await Trace.open(bytesOf("exact"), bytesOf("overview"));
  const expected = told();
  for (const [i, map] of trace.maps.entries()) {
    assert.deepEqual([map.height, map.width], trace.steps[0].shape.slice(1));
    assert.equal(text(await map.read()), expected.maps[i]);
  }
  const [first, , third, last] = trace.maps;
  assert.deepEqual([first.method, first.target, first.layer, first.score], ["gradcam", "<b>dog", "relu_1", 0.25]);
  assert.deepEqual([first.whyLayer.text, first.whyLayer.rule], ["the last <i>grid</i>", "asked"]);
  assert.deepEqual(first.notes.map((note) => [note.text, note.rule]), [["a note", "unplaced"], ["<script>", "odd"]]);
  assert.deepEqual([third.layer, third.whyLayer, third.score, third.notes], ["", null, null, []]);
  assert.equal(last.evidence, null);
  const { evidence } = first;
  assert.deepEqual([evidence.verdict, evidence.trust, evidence.similarity, evidence.passes, evidence.seconds, evidence.thorough], ["trust", 0.81, 0.12, 120, 0.8, false]);
  for (const kind of ["insertion", "deletion", "road"]) {
    assert.deepEqual(evidence.map[kind], expected.evidence[kind]);
    assert.deepEqual(evidence.controls.edges[kind], expected.evidence.controls.edges[kind]);
  }
  assert.deepEqual(evidence.reasons.map((reason) => [reason.text, reason.rule]), [["It is <b>better</b>.", "odd"]]);
});

test("a file of limited size has the maps for which there is room, to the last bit, and says which it has not", async () => {
  const expected = told();
  const kept = {};
  for (const name of ["excerpt", "narrow"]) {
    const trace = await Trace.open(bytesOf(name), bytesOf(`${name}-overview`));
    assert.ok(trace.about.excerpt, "else this test shows nothing");
    assert.equal(trace.maps.length, 4);
    for (const [i, map] of trace.maps.entries()) {
      if (map.read) assert.equal(text(await map.read()), expected.maps[i]);
      assert.deepEqual([map.height, map.width], [37, 45]);
    }
    kept[name] = trace.maps.map((map) => map.read !== null);
    assert.deepEqual(trace.about.held.maps, [kept[name].filter(Boolean).length, 4]);
  }
  assert.ok(kept.excerpt[0]);
  assert.ok(kept.narrow.includes(false));
});

test("a map on its own is the same map; another file is refused", async () => {
  const map = await readMap(bytesOf("map"));
  assert.equal(text(await map.read()), told().maps[0]);
  assert.deepEqual([map.method, map.target, map.evidence.trust], ["gradcam", "<b>dog", 0.81]);
  await assert.rejects(readMap(bytesOf("exact")), /convscope_map/);
});

const GOOD = { verdict: "trust", trust: 0.5, insertion: { auc: 0.5, curve: [0, 1] } };

test("evidence that does not hold together is none", () => {
  assert.ok(evidenceOf(GOOD));
  const bad = [null, [], "trust", 7, {}, { ...GOOD, verdict: "sure" }, { ...GOOD, verdict: "__proto__" }, { ...GOOD, trust: 1.2 }, { ...GOOD, trust: "1" }, { ...GOOD, trust: NaN }, { verdict: "trust", trust: 1 }];
  for (const value of bad) assert.equal(evidenceOf(value), null, JSON.stringify(value));
  assert.equal(evidenceOf({ verdict: "doubt", trust: 0.5, insertion: { auc: 0.5, curve: [] } }), null);
  // A fault needs no measurement to be refused, and is not drawn either.
  assert.equal(evidenceOf({ verdict: "no", trust: 0, insertion: null, reasons: ["It is zero."] }).map, null);
});

test("parts of evidence that are not what they should be count as not measured", () => {
  const curves = [{ auc: 2, curve: [0, 1] }, { auc: 0.5, curve: [0, 7] }, { auc: 0.5, curve: [0, null] }, { auc: 0.5, curve: "01" }, { auc: 0.5, curve: new Array(5000).fill(0) }, { curve: [0, 1] }, [], null];
  for (const deletion of curves) assert.equal(evidenceOf({ ...GOOD, deletion }).map.deletion, null, JSON.stringify(deletion)?.slice(0, 60));
  const roads = [{ score: 3 }, { score: 0.1, percentiles: [50, 20], most: [1, 1], least: [1, 1] }, { score: 0.1, percentiles: [20], most: [1, 1], least: [1] }, { score: 0.1, percentiles: ["<b>"], most: [1], least: [1] }];
  for (const road of roads) assert.equal(evidenceOf({ ...GOOD, road }).map.road, null, JSON.stringify(road));
  const odd = evidenceOf({ ...GOOD, controls: { random: { insertion: { auc: 0.1, curve: [0, 0.2] } }, edges: 5, constructor: {} }, randomisation: { similarity: "1" }, passes: -1, seconds: {}, thorough: "yes", completeness_error: -3 });
  assert.equal(odd.controls.random.insertion.auc, 0.1);
  assert.deepEqual([odd.controls.edges, odd.controls.centre, odd.similarity, odd.passes, odd.seconds, odd.thorough, odd.completeness], [null, null, null, null, null, false, null]);
  assert.deepEqual(evidenceOf({ ...GOOD, reasons: [1, null, { a: 1 }, "yes"], rules: "x" }).reasons.map((reason) => reason.text), ["yes"]);
  assert.equal(evidenceOf({ ...GOOD, reasons: new Array(1000).fill("x".repeat(5000)) }).reasons.length, 24);
  assert.equal(evidenceOf({ ...GOOD, reasons: ["x".repeat(5000)] }).reasons[0].text.length, 600);
});

test("the sentences of every rule are said in Chinese with their numbers, and in English as Python says them", () => {
  const { reasons } = told();
  assert.ok(new Set(reasons.map(({ rule }) => rule)).size >= 15);
  const signs = new Set();
  for (const { sentence, rule, values } of reasons) {
    const reason = { text: sentence, rule, values: new Map(Object.entries(values)) };
    assert.equal(reasonText(reason, "en"), sentence);
    const chinese = reasonText(reason, "zh");
    assert.match(chinese, /[\u4e00-\u9fff].*。$/, `${rule}: ${chinese}`);
    const numbers = (said) => (said.match(/\d+\.\d+/g) ?? []).sort();
    if (!["fault", "not drawn"].includes(rule)) assert.deepEqual(numbers(chinese), numbers(sentence), chinese);
    for (const name of ["step", "module", "grid"]) if (name in values && values.after !== "answer") assert.ok(chinese.includes(values[name]), chinese);
    if ("sign" in values) signs.add(`${rule} ${values.sign}`);
  }
  assert.equal(signs.size, 9);
  assert.equal(reasonText({ text: "so", rule: "unheard", values: new Map() }, "zh"), "so");
  assert.equal(reasonText({ text: "so", rule: "road", values: new Map([["control", "<b>"], ["sign", 1]]) }, "zh"), "so");
  assert.equal(reasonText({ text: "so", rule: "still", values: new Map([["swing", "1"]]) }, "zh"), "so");
  assert.ok(Object.keys(sentences.zh).length > 15);
  const after = new Set(reasons.filter(({ rule }) => rule === "last").map(({ values }) => values.after));
  assert.deepEqual([...after].sort(), ["answer", "pooling", "row", "step"]);
  for (const [rule, values] of [["last", [["after", "row"], ["grid", "7x7"]]], ["last", [["after", "constructor"]]], ["inside", []], ["warning", [["method", "cam"]]], ["incomplete", [["steps", 3]]], ["not drawn", []]]) {
    assert.equal(reasonText({ text: "so", rule, values: new Map(values) }, "zh"), "so", rule);
  }
});

test("what is said beside a map is text of a length that can be shown, whatever the file calls its rules", () => {
  const long = "x".repeat(5000);
  const { whyLayer, notes } = remarksOf({ why_layer: { rule: "inside", values: { module: long } }, notes: [{ rule: 7 }, null] }, long, [long, "", "b"]);
  assert.deepEqual([whyLayer.text.length, whyLayer.values.get("module").length], [600, 600]);
  assert.deepEqual(notes.map((note) => [note.text.length, note.rule]), [[600, ""], [1, ""]]);
  assert.deepEqual(remarksOf(null, "", []), { whyLayer: null, notes: [] });
  assert.deepEqual(remarksOf({ notes: "all" }, "a", ["b"]).notes.map((note) => [note.text, note.rule]), [["b", ""]]);
  assert.equal(remarksOf({}, "", new Array(1000).fill("x")).notes.length, 24);
});

test("every method of Python has a title and a sentence; an unknown one keeps its name", () => {
  assert.deepEqual([...DESCRIBED].sort(), told().methods.sort());
  for (const method of DESCRIBED) for (const language of ["en", "zh"]) assert.ok(methodText(method, language).length > 8);
  assert.ok(DECEPTIVE.every((method) => DESCRIBED.includes(method)));
  assert.deepEqual([methodTitle("gradcam++"), methodTitle("constructor"), methodText("constructor", "en")], ["Grad-CAM++", "constructor", ""]);
});

test("faults are named, and do not spoil the scale of the others", () => {
  const maps = { "": [0, 2, -3], nan: [0, NaN], zero: [0, -0], constant: [2, 2], empty: [] };
  for (const [fault, values] of Object.entries(maps)) assert.equal(faultOf(values), fault);
  assert.equal(faultOf([1, Infinity]), "nan");
  assert.equal(faultOf([1e6, 1e6 + 0.1]), "constant");
  const hill = Float32Array.from({ length: 400 }, (_, i) => 3 * Math.sin(i / 60));
  const { peak, largest } = scaleOfMaps([hill, [NaN, 100], [9, 9], hill.map((x) => x / 2)]);
  assert.deepEqual([peak, largest], [Math.max(...hill.map(Math.abs)), Math.max(...hill.map(Math.abs))]);
});

test("a few extreme numbers do not take the colours from grain; a hot spot keeps its own, on faint ground too", () => {
  const noise = Float32Array.from({ length: 10_000 }, (_, i) => (i % 2 ? 1 : -1) * ((i * 7919) % 1000));
  noise[17] = -80_000;
  const grain = scaleOfMaps([noise]);
  assert.ok(grain.peak > 900 && grain.peak < 1000);
  assert.equal(grain.largest, 80_000);
  const spot = new Float32Array(10_000).fill(0.001);
  spot.fill(4, 0, 20);
  assert.deepEqual(scaleOfMaps([spot]), { peak: 4, largest: 4 });
});

test("zero has no colour; what is below it is blue and what is above it red", () => {
  const parts = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255, pixel >>> 24];
  assert.equal(parts(heatOf(0))[3], 0);
  const [high, low] = [parts(heatOf(1)), parts(heatOf(-1))];
  assert.deepEqual([high[3], low[3]], [255, 255]);
  assert.ok(high[0] > high[2] && low[2] > low[0]);
  assert.ok(parts(heatOf(0.5))[3] > parts(heatOf(0.25))[3]);
  assert.deepEqual(heatOf(7), heatOf(1));
});

test("what was cut off is outside of the placement; a padded input cuts nothing off", () => {
  const photo = { height: 100, width: 200 };
  assert.deepEqual(unseen({ top: 0, left: 50, height: 100, width: 100 }, photo), [
    { left: 0, top: 0, width: 50, height: 100 },
    { left: 150, top: 0, width: 50, height: 100 },
  ]);
  assert.deepEqual(unseen({ top: -50, left: 0, height: 200, width: 200 }, photo), []);
  assert.deepEqual(unseen({ top: 0, left: 0, height: 100, width: 200 }, photo), []);
  const area = unseen({ top: 10, left: 20, height: 30, width: 40 }, photo).reduce((sum, { width, height }) => sum + width * height, 0);
  assert.equal(area, 100 * 200 - 30 * 40);
});

test("a pixel of the input finds its value in a map of any size", () => {
  const values = Float32Array.from({ length: 6 }, (_, i) => i);
  assert.equal(valueAt(values, { height: 2, width: 3 }, [2, 3], 1, 2), 5);
  assert.equal(valueAt(values, { height: 2, width: 3 }, [20, 30], 19, 0), 3);
  assert.equal(valueAt(values, { height: 2, width: 3 }, [1, 1], 0, 0), 4);
  assert.deepEqual(fitted({ height: 300, width: 450 }, { height: 150, width: 900 }), { height: 150, width: 225 });
});

/** The shoelace formula. */
const areaOf = (points) => Math.abs(points.reduce((sum, [x, y], i) => sum + x * points[(i + 1) % points.length][1] - points[(i + 1) % points.length][0] * y, 0)) / 2;

test("the contour of a cone is a circle of the right size", () => {
  const [height, width] = [60, 80];
  const values = Float32Array.from({ length: height * width }, (_, i) => 1 - Math.hypot((i % width) + 0.5 - 40, Math.floor(i / width) + 0.5 - 30) / 25);
  const lines = contours(values, height, width, 0.5);
  assert.equal(lines.length, 1);
  assert.ok(lines[0].closed);
  for (const [x, y] of lines[0].points) assert.ok(Math.abs(Math.hypot(x - 40, y - 30) - 12.5) < 0.1);
  assert.ok(Math.abs(areaOf(lines[0].points) - Math.PI * 12.5 ** 2) < 5);
  assert.match(pathOf(lines), /^M[\d.]+ [\d.]+(L[\d.]+ [\d.]+)+Z$/);
});

test("contours of a ramp are straight and open, where the level is, at any size of the map", () => {
  for (const size of [10, 95, 97, 400]) {
    const values = Float32Array.from({ length: size * size }, (_, i) => ((i % size) + 0.5) / size);
    const lines = contours(values, size, size, 0.25);
    assert.equal(lines.length, 1);
    assert.ok(!lines[0].closed);
    for (const [x] of lines[0].points) assert.ok(Math.abs(x - size / 4) < 1e-3 * size, `${size}: ${x}`);
  }
});

test("two hills have two lines, a saddle is cut once, and noise stays bounded", () => {
  const hill = (x, y, cx) => Math.exp(-((x - cx) ** 2 + (y - 20) ** 2) / 30);
  const values = Float32Array.from({ length: 1600 }, (_, i) => hill(i % 40, Math.floor(i / 40), 10) + hill(i % 40, Math.floor(i / 40), 30));
  assert.equal(contours(values, 40, 40, 0.5).filter((line) => line.closed).length, 2);
  assert.equal(contours(Float32Array.of(1, 0, 0, 1), 2, 2, 0.5).length, 2);
  assert.deepEqual(contours(Float32Array.of(1, 1, 1, 1), 2, 2, 0.5), []);
  let seed = 1;
  const noise = Float32Array.from({ length: 800 * 800 }, () => (seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5);
  assert.ok(contours(noise, 800, 800, 0.25).reduce((sum, { points }) => sum + points.length, 0) < 40_000);
});

test("curves run from left to right and from 0 at the bottom to 1 at the top", () => {
  const frame = { left: 10, right: 110, top: 5, bottom: 55 };
  assert.equal(linePath([0, 0.5, 1], frame), "M10 55L60 30L110 5");
  assert.equal(linePath([1, 0], frame, [0.25, 0.75]), "M35 5L85 55");
  assert.equal(linePath([0.5], frame), "M10 30");
});

test("labels keep apart, stay in the frame, and in their order", () => {
  const placed = spread([50, 51, 49, 10], 10, 0, 60);
  const sorted = [...placed].sort((a, b) => a - b);
  for (let i = 1; i < sorted.length; i += 1) assert.ok(sorted[i] - sorted[i - 1] >= 10);
  assert.ok(sorted[0] >= 0 && sorted.at(-1) <= 60);
  assert.deepEqual([placed[3] < placed[2], placed[2] < placed[0], placed[0] < placed[1]], [true, true, true]);
  assert.deepEqual(spread([30], 10, 0, 60), [30]);
});

test("the address says which heat map, and how it lies over the photo", () => {
  const steps = [{ name: "input", index: 0, shape: [3, 4, 4] }, { name: "conv", index: 1, shape: [2, 4, 4] }];
  const view = { ...store.get(), step: 1, tab: "why", method: "gradcam++", of: "cat & <b>dog", layer: "conv", opacity: 35, contours: true };
  const found = fromHash(toHash(view, steps), steps);
  for (const key of ["step", "tab", "method", "of", "layer", "opacity", "contours"]) assert.deepEqual(found[key], view[key], key);
  assert.equal(toHash({ ...view, method: null, of: null, layer: null, opacity: 70, contours: false }, steps), "step=conv&tab=why");
  assert.equal(toHash({ ...view, tab: "sum" }, steps), "step=conv&tab=sum");
  assert.deepEqual(fromHash("tab=why&method=cam", steps).method, "cam");
  assert.equal("step" in fromHash("tab=why&method=cam", steps), false);
  for (const bad of ["opacity=101", "opacity=-1", "opacity=x", "opacity="]) assert.equal(fromHash(`tab=why&${bad}`, steps).opacity, 70);
  assert.equal(fromHash(`tab=why&of=${"a".repeat(500)}`, steps).of, null);
  assert.equal("method" in fromHash("step=conv&method=cam", steps), false);
});

test("what is asked for is shown where it is there, else something that is", () => {
  const maps = [{ ...MAP }, { ...MAP, target: "dog" }, { ...MAP, method: "rise", target: "dog", layer: "" }, { ...MAP, layer: "b" }];
  const none = { method: null, of: null, layer: null };
  const at = (asked) => maps.indexOf(choose(maps, { ...none, ...asked }, null).map);
  assert.equal(at({}), 0);
  assert.equal(at({ of: "dog" }), 1);
  assert.equal(at({ method: "rise" }), 2);
  assert.equal(at({ method: "rise", of: "cat" }), 2);
  assert.equal(at({ layer: "b" }), 3);
  assert.equal(at({ method: "evil", of: "evil", layer: "evil" }), 0);
  const { methods, targets, layers } = choose(maps, none, null);
  assert.deepEqual([methods, targets, layers], [["gradcam", "rise"], ["cat", "dog"], ["a", "b"]]);
  assert.equal(choose([], none, null), null);
});

test("a server is asked for what is not there", () => {
  const offer = { methods: ["cam", "gradcam", "rise"], targets: ["dog", "cat"], layers: (method) => (method === "rise" ? [] : ["a", "b"]) };
  const none = { method: null, of: null, layer: null };
  const first = choose([], none, offer);
  assert.deepEqual([first.method, first.target, first.layer, first.map, first.layers], ["gradcam", "dog", null, null, ["a", "b"]]);
  assert.equal(choose([{ ...MAP }], none, offer).map, null);
  const recorded = { ...MAP, target: "dog" };
  assert.equal(choose([recorded], none, offer).map, recorded);
  const other = choose([recorded], { ...none, layer: "b" }, offer);
  assert.deepEqual([other.layer, other.map], ["b", null]);
  assert.equal(choose([recorded], { ...none, layer: "of another network" }, offer).layer, null);
  assert.equal(choose([recorded], { ...none, method: "rise", layer: "b" }, offer).layer, null);
});

test("maps of a method at a layer share a scale, whatever the class", () => {
  const maps = [{ ...MAP }, { ...MAP, target: "dog" }, { ...MAP, layer: "b" }, { ...MAP, method: "rise" }, { ...MAP, target: "x", evidence: null }, { ...MAP, target: "y", read: null }, { ...MAP, target: "cat against dog" }];
  assert.deepEqual(siblings(maps, maps[1], 9), [maps[1], maps[0]]);
  assert.deepEqual(siblings(maps, maps[1], 1), [maps[1]]);
});

test("a class against another is told from a class that is only called so", () => {
  const classes = ["cat", "dog", "cat against dog", "a against b", "b"];
  assert.equal(contrastOf("cat against dog", classes), null);
  assert.deepEqual(contrastOf(contrast("dog", "cat"), classes), ["dog", "cat"]);
  assert.deepEqual(contrastOf(contrast("a against b", "b"), classes), ["a against b", "b"]);
  assert.equal(contrastOf("cat against cow", classes), null);
});
