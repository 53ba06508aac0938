/** Where the flow puts what it shows: folding, lanes, wires, cells. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MANY, around, findBlocks, fold, hiding } from "../../src/convscope/web/views/flow/blocks.js";
import { cellAt, cellRect, mapRect, rowsInView } from "../../src/convscope/web/views/flow/cells.js";
import { layOut } from "../../src/convscope/web/views/flow/layout.js";
import { rank } from "../../src/convscope/web/views/flow/ranks.js";
import { generator } from "./random.mjs";

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
