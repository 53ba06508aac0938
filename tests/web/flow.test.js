/** The flow's pure parts: folding, lanes, pixels, keys. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sumOf } from "../../src/convscope/web/arithmetic/explain.js";
import { channelGroups } from "../../src/convscope/web/arithmetic/shares.js";
import { valuesOf } from "../../src/convscope/web/data/values.js";
import { paced } from "../../src/convscope/web/paced.js";
import { MANY, around, findBlocks, fold, hiding } from "../../src/convscope/web/views/flow/blocks.js";
import { cellAt, cellRect, mapRect, rowsInView } from "../../src/convscope/web/views/flow/cells.js";
import { contributions } from "../../src/convscope/web/views/flow/contributions.js";
import { HEAD, MORE, moved, settled } from "../../src/convscope/web/views/flow/keys.js";
import { shapeLabel, shortLabel, withoutPrefix } from "../../src/convscope/web/views/flow/label.js";
import { layOut } from "../../src/convscope/web/views/flow/layout.js";
import { inputAt, nearest, onPhoto } from "../../src/convscope/web/views/flow/places.js";
import { rank } from "../../src/convscope/web/views/flow/ranks.js";
import { shrunk } from "../../src/convscope/web/views/flow/shrink.js";
import { readChannels, scaled } from "../../src/convscope/web/views/flow/sources.js";
import { words } from "../../src/convscope/web/views/flow/words.js";

/** Steps of a ResNet with bottlenecks, as the tracer writes them: the shortcut first, then the branch, add, relu. */
function resnet(blocks) {
  const steps = [];
  const put = (module, ...inputs) => steps.push({ index: steps.length, module, inputs }) - 1;
  let last = put("");
  for (const name of ["conv1", "bn1", "relu", "maxpool"]) last = put(name, last);
  blocks.forEach((count, stage) => {
    for (let block = 0; block < count; block += 1) {
      const path = `layer${stage + 1}.${block}`;
      let skip = last;
      if (block === 0) skip = put(`${path}.downsample.1`, put(`${path}.downsample.0`, last));
      for (const name of ["conv1", "bn1", "relu", "conv2", "bn2", "relu", "conv3", "bn3"]) last = put(`${path}.${name}`, last);
      last = put(`${path}.relu`, put(path, last, skip));
    }
  });
  for (const name of ["avgpool", "", "fc"]) last = put(name, last);
  return steps;
}

/** Steps from a list of what each reads. */
function wired(...inputs) {
  return inputs.map((read, index) => ({ index, module: "", inputs: read }));
}

/** Reproducible numbers in 0..1. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

function randomGraph(seed, count) {
  const random = generator(seed);
  return wired(...Array.from({ length: count }, (_, i) => {
    if (i === 0) return [];
    const reads = 1 + Math.floor(random() * 2.4);
    return Array.from({ length: reads }, () => Math.max(0, i - 1 - Math.floor(random() * random() * 7)));
  }));
}

test("ResNet-50 folds into its four stages, and each of those into its blocks", () => {
  const steps = resnet([3, 4, 6, 3]);
  const blocks = findBlocks(steps);
  assert.deepEqual(blocks.map(({ path }) => path), ["layer1", "layer2", "layer3", "layer4"]);
  assert.deepEqual(blocks.map(({ inside }) => inside.length), [3, 4, 6, 3]);
  assert.deepEqual(blocks[1].inside.map(({ name }) => name), ["layer2.0", "layer2.1", "layer2.2", "layer2.3"]);
  assert.deepEqual(blocks.flatMap(({ inside }) => inside.flatMap((block) => block.inside)), []);
  const folded = fold(steps, blocks, new Set());
  assert.equal(folded.length, 5 + 4 + 3);
  assert.deepEqual(folded.map(({ inputs }) => inputs), [[], ...Array.from({ length: 11 }, (_, i) => [i])]);
  assert.equal(folded[5].step, blocks[0].last);
});

test("unfolding shows each step once, and one level at a time", () => {
  const steps = resnet([3, 4, 6, 3]);
  const blocks = findBlocks(steps);
  const one = fold(steps, blocks, new Set(["layer1"]));
  assert.deepEqual(one.filter(({ folded }) => folded).map(({ folded }) => folded.path), ["layer1.0", "layer1.1", "layer1.2", "layer2", "layer3", "layer4"]);
  // A block that is open inside a closed one stays out of sight.
  assert.equal(fold(steps, blocks, new Set(["layer1.0"])).length, 12);
  const all = new Set(blocks.flatMap((block) => [block.path, ...block.inside.map(({ path }) => path)]));
  const whole = fold(steps, blocks, all);
  assert.deepEqual(whole.map(({ step }) => step), steps.map(({ index }) => index));
  assert.deepEqual(whole.map(({ inputs }) => inputs), steps.map(({ inputs }) => inputs));
});

test("short networks and networks without repeated parts do not fold", () => {
  assert.deepEqual(findBlocks(resnet([1])), []);
  const plain = Array.from({ length: MANY + 10 }, (_, index) => ({ index, module: `features.${index}`, inputs: index ? [index - 1] : [] }));
  assert.deepEqual(findBlocks(plain), []);
});

test("a wrapper around everything is no block, and a module that ran twice does not fold", () => {
  const wrapped = resnet([2, 2]).map((step) => ({ ...step, module: step.module && `model.${step.module}` }));
  assert.deepEqual(findBlocks(wrapped).map(({ path }) => path), ["model.layer1", "model.layer2"]);
  const twice = Array.from({ length: 30 }, (_, index) => ({ index, module: ["a1.x", "a2.x", "a1.x"][Math.floor(index / 10)], inputs: index ? [index - 1] : [] }));
  assert.deepEqual(findBlocks(twice), []);
});

test("what hides a step, and what is around it", () => {
  const steps = resnet([3, 4, 6, 3]);
  const blocks = findBlocks(steps);
  const { first, last, inside } = blocks[2];
  assert.deepEqual(hiding(blocks, first), ["layer3", "layer3.0"]);
  assert.deepEqual(hiding(blocks, inside[0].last), ["layer3"]);
  assert.deepEqual(hiding(blocks, last), []);
  assert.deepEqual(hiding(blocks, 0), []);
  assert.deepEqual(around(blocks, last).map(({ path }) => path), ["layer3", "layer3.5"]);
});

test("branches stand one under the other in the order in which they are joined", () => {
  // 0 in, 1 pool, 2 one.0, 3 one.1, 4 one.2, 5 wide.0, 6 wide.1, 7 reduce (of the pool), 8 cat(one, wide, reduce)
  const nodes = wired([], [0], [0], [2], [3], [0], [5], [1], [4, 6, 7]);
  const { places, lanes, passing } = rank(nodes);
  assert.deepEqual([2, 5, 1].map((node) => places[node]), [{ rank: 1, lane: 0 }, { rank: 1, lane: 1 }, { rank: 1, lane: 2 }]);
  assert.deepEqual([3, 6, 7].map((node) => places[node].lane), [0, 1, 2]);
  assert.deepEqual(places[4], { rank: 3, lane: 0 });
  assert.deepEqual(lanes, [1, 3, 3, 3, 1]);
  assert.deepEqual(passing, [{ from: 6, to: 8, lanes: [1] }, { from: 7, to: 8, lanes: [2] }]);
});

test("whatever the graph, nothing stands left of what it reads, and nothing overlaps", () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const nodes = fold(randomGraph(seed, 30), [], new Set());
    const random = generator(seed + 999);
    const contents = nodes.map(() => ({ look: ["maps", "vector", "scores", "tile"][Math.floor(random() * 4)], count: 1 + Math.floor(random() * 300) }));
    const expanded = new Set(nodes.filter(() => random() < 0.2).map(({ step }) => step));
    const { columns, width, height } = layOut(nodes, contents, expanded, [], { height: 432, aspect: 1.4 });
    columns.forEach((column, i) => {
      for (const source of nodes[i].inputs) assert.ok(columns[source].x + columns[source].width < column.x, `seed ${seed}: ${source} before ${i}`);
      assert.ok(column.x >= 0 && column.x + column.width <= width && column.y >= 0 && column.y + column.height <= height);
      assert.ok(column.bodyY >= column.y && column.bodyY + column.bodyHeight <= column.y + column.height + 0.5);
      assert.ok(column.bodyX >= column.x - 0.5 && column.bodyX + column.bodyWidth <= column.x + column.width + 0.5);
      for (const other of columns.slice(0, i)) {
        const apart = other.x + other.width <= column.x || column.x + column.width <= other.x || other.y + other.height <= column.y + 0.01 || column.y + column.height <= other.y + 0.01;
        assert.ok(apart, `seed ${seed}: columns ${other.node} and ${i} overlap`);
      }
    });
  }
});

test("every value that is read has its wire, from the one column to the other", () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const nodes = fold(randomGraph(seed, 25), [], new Set());
    const contents = nodes.map(() => ({ look: "maps", count: 8 }));
    const { columns, wires } = layOut(nodes, contents, new Set(), [], { height: 432, aspect: 1 });
    const wanted = nodes.flatMap(({ inputs }, to) => [...new Set(inputs)].map((from) => `${from} ${to}`));
    assert.deepEqual(wires.map(({ from, to }) => `${from} ${to}`), wanted);
    for (const { from, to, path, joint } of wires) {
      const [x, y] = path.match(/^M(-?[\d.]+) (-?[\d.]+)/).slice(1).map(Number);
      const end = Number(path.match(/(-?[\d.]+)$/)[1]);
      const middle = (column) => column.bodyY + column.bodyHeight / 2;
      assert.ok(Math.abs(x - (columns[from].bodyX + columns[from].bodyWidth)) < 6 && Math.abs(y - middle(columns[from])) < 0.1);
      assert.equal(joint !== null, new Set(nodes[to].inputs).size > 1);
      if (joint) assert.ok(joint.x < columns[to].x && joint.x > columns[from].x + columns[from].width);
      const onRow = path.includes("H") && !/[CQ]/.test(path);
      assert.ok(onRow ? Math.abs(end - (joint ? joint.x : columns[to].bodyX)) < 6 : Math.abs(end - middle(columns[to])) < 0.6, path);
    }
  }
});

test("arcs around the same columns never lie on one another", () => {
  // Every node also reads the one three, four and five before it.
  const nodes = fold(wired([], ...Array.from({ length: 20 }, (_, i) => [i, i - 2, i - 3, i - 4].filter((source) => source >= 0))), [], new Set());
  const { wires, columns } = layOut(nodes, nodes.map(() => ({ look: "maps", count: 3 })), new Set(), [], { height: 432, aspect: 1 });
  const arcs = wires.filter(({ kind }) => kind === "skip").map(({ from, to, path }) => ({ from, to, rail: Number(path.match(/V(-?[\d.]+)Q(-?[\d.]+) (-?[\d.]+)/)[3]) }));
  assert.ok(arcs.length > 40);
  for (const [i, a] of arcs.entries()) {
    for (const b of arcs.slice(0, i)) {
      if (a.from < b.to && b.from < a.to) assert.notEqual(a.rail, b.rail, `${a.from}-${a.to} and ${b.from}-${b.to}`);
    }
    assert.ok(a.rail < Math.min(...columns.map(({ y }) => y)), "an arc runs above the columns");
  }
});

test("a short skip goes around its branch; a long shortcut beside it goes below", () => {
  const steps = resnet([1]).slice(4);
  const from = steps.map(({ index, inputs }) => ({ index: index - 4, module: "", inputs: inputs.map((source) => source - 4).filter((source) => source >= 0) }));
  const nodes = fold(from, [], new Set());
  const { wires, columns } = layOut(nodes, nodes.map(() => ({ look: "maps", count: 8 })), new Set(), [], { height: 432, aspect: 1 });
  const shortcut = wires.find(({ kind }) => kind === "skip");
  assert.equal(columns[shortcut.from].node, 2);
  assert.ok(columns[2].y > columns[4].y, "the shortcut's lane is the lower one");
  const rail = Number(shortcut.path.match(/V(-?[\d.]+)Q/)[1]);
  assert.ok(rail > Math.max(...columns.map(({ bodyY, bodyHeight }) => bodyY + bodyHeight)));
});

test("the point in the middle of a cell is that cell, scrolled or not", () => {
  const nodes = fold(wired([], [0], [1]), [], new Set());
  const contents = [{ look: "maps", count: 3 }, { look: "maps", count: 500 }, { look: "vector", count: 700 }];
  const layout = layOut(nodes, contents, new Set([1, 2]), [], { height: 432, aspect: 1.5 });
  for (const scrolled of [0, 333]) {
    let hits = 0;
    for (const column of layout.columns) {
      const top = column.expanded ? scrolled : 0;
      for (let place = 0; place < column.count; place += 1) {
        const rect = cellRect(column, place, top);
        if (!rect) continue;
        const found = cellAt(layout, rect.x + rect.width / 2, rect.y + rect.height / 2, (one) => (one.expanded ? scrolled : 0));
        if (found) hits += 1;
        if (found) assert.deepEqual([found.column.step, found.place], [column.step, place]);
      }
    }
    assert.ok(hits > 30);
  }
  assert.equal(cellAt(layout, 1, 1, () => 0), null);
});

test("maps keep their proportions inside their cell", () => {
  const cell = { cellWidth: 90, cellHeight: 60 };
  assert.deepEqual(mapRect(cell, 300, 450), { x: 0, y: 0, width: 90, height: 60 });
  assert.deepEqual(mapRect(cell, 100, 100), { x: 15, y: 0, width: 60, height: 60 });
  assert.deepEqual(mapRect(cell, 1, 1000), { x: 0, y: 29, width: 90, height: 2 });
});

test("only rows in view are made, with all of those that can be seen", () => {
  for (const scrolled of [0, 10, 999, 19000]) {
    const { first, last } = rowsInView(300, 75, 300, scrolled);
    assert.ok(first * 75 <= scrolled && last - first <= 10);
    assert.ok(last === 300 || last * 75 >= scrolled + 300);
  }
});

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
