/** The atlas: where cells lie, what a search finds, what the histogram leaves out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutZeros } from "../../src/convscope/web/views/atlas/bins.js";
import { cellAt, fittingWidth, layoutOf, moved, placeOf, scrolledTo, visible } from "../../src/convscope/web/views/atlas/layout.js";
import { found, isUnclear } from "../../src/convscope/web/views/atlas/search.js";
import { words as atlas } from "../../src/convscope/web/views/atlas/words.js";
import { words as channel } from "../../src/convscope/web/views/channel/words.js";
import { words as panel } from "../../src/convscope/web/views/panel/words.js";
import { words as settings } from "../../src/convscope/web/views/panel/setting-words.js";

const LAYOUT = layoutOf({ count: 23, room: 340, width: 50, height: 60, gap: 10, edge: 20 });

test("as many columns as fit, and rows for the rest", () => {
  assert.deepEqual([LAYOUT.columns, LAYOUT.rows, LAYOUT.total], [5, 5, 380]);
  assert.equal(layoutOf({ count: 3, room: 10, width: 50, height: 60, gap: 10, edge: 20 }).columns, 1);
  assert.equal(layoutOf({ count: 0, room: 340, width: 50, height: 60, gap: 10, edge: 20 }).total, 40);
});

test("every cell is found where it lies, and nothing between cells or beyond the last", () => {
  for (let position = 0; position < 23; position += 1) {
    const { x, y } = placeOf(LAYOUT, position);
    assert.equal(cellAt(LAYOUT, x, y), position);
    assert.equal(cellAt(LAYOUT, x + 49.9, y + 59.9), position);
    assert.equal(cellAt(LAYOUT, x + 50.1, y), -1);
    assert.equal(cellAt(LAYOUT, x, y + 60.1), -1);
  }
  assert.equal(cellAt(LAYOUT, 19, 30), -1);
  assert.equal(cellAt(LAYOUT, 20 + 3 * 60, 20 + 4 * 70), -1);
});

test("only rows in sight are drawn, and all of those", () => {
  for (let top = 0; top < 300; top += 7) {
    const { first, stop } = visible(LAYOUT, top, 100);
    for (let position = 0; position < 23; position += 1) {
      const { y } = placeOf(LAYOUT, position);
      if (y + 60 > top && y < top + 100) assert.ok(first <= position && position < stop, `${position} at ${top}`);
    }
    assert.ok(stop - first <= 15);
  }
});

test("keys move through the grid and stay in it", () => {
  const after = (position, key) => moved(LAYOUT, position, key, 2);
  assert.deepEqual(["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"].map((key) => after(7, key)), [8, 6, 12, 2]);
  assert.deepEqual(["Home", "End", "PageDown", "PageUp"].map((key) => after(7, key)), [0, 22, 17, 0]);
  assert.deepEqual([after(20, "ArrowDown"), after(2, "ArrowUp"), after(0, "ArrowLeft"), after(22, "ArrowRight")], [20, 2, 0, 22]);
  assert.equal(after(7, "a"), null);
  assert.equal(after(7, "constructor"), null);
});

test("a cell that is reached is scrolled wholly into sight", () => {
  assert.equal(scrolledTo(LAYOUT, 0, 90, 100), 0);
  assert.equal(scrolledTo(LAYOUT, 22, 0, 100), 280);
  assert.equal(scrolledTo(LAYOUT, 7, 75, 200), 70);
  assert.equal(scrolledTo(LAYOUT, 7, 60, 200), 60);
});

test("the first size shows everything if it can", () => {
  const wanted = { room: { width: 400, height: 200 }, least: 20, most: 100, gap: 10, edge: 0 };
  const square = (width) => width;
  assert.equal(fittingWidth({ count: 1, ...wanted }, square), 100);
  const width = fittingWidth({ count: 18, ...wanted }, square);
  assert.ok(layoutOf({ count: 18, room: 400, width, height: width, gap: 10, edge: 0 }).total <= 200);
  assert.ok(layoutOf({ count: 18, room: 400, width: width + 4, height: width + 4, gap: 10, edge: 0 }).total > 200);
  assert.equal(fittingWidth({ count: 2048, ...wanted }, square), 20);
});

test("channels are found by number and range, in the order shown", () => {
  const order = Int32Array.of(5, 3, 12, 0, 7, 120);
  const numbers = (text) => [...found(order, text)];
  assert.deepEqual(numbers("12"), [12]);
  assert.deepEqual(numbers("3-7, 120"), [5, 3, 7, 120]);
  assert.deepEqual(numbers("7 – 3"), [5, 3, 7]);
  assert.deepEqual(numbers("0，5、12；7"), [5, 12, 0, 7]);
  assert.deepEqual(numbers("3 至 5"), [5, 3]);
  assert.deepEqual(numbers("999"), []);
  assert.deepEqual(numbers("  "), [...order]);
  assert.deepEqual(numbers("cat"), [...order]);
  assert.deepEqual([isUnclear("cat"), isUnclear("3-"), isUnclear(""), isUnclear("3-4")], [true, true, false, false]);
});

test("zeros leave the histogram where they would dwarf it, and only they", () => {
  const counts = Int32Array.of(90, 5, 3, 2);
  assert.deepEqual(withoutZeros({ counts, low: 0, high: 4 }, 0.8), { counts: Float64Array.of(10, 5, 3, 2), apart: true });
  assert.deepEqual(withoutZeros({ counts, low: 0, high: 4 }, 0.01), { counts: Float64Array.from(counts), apart: false });
  const middle = withoutZeros({ counts: Int32Array.of(1, 2, 60, 3), low: -2, high: 2 }, 0.75);
  assert.deepEqual([...middle.counts], [1, 2, 10, 3]);
  // Zero lies on the edge of two bars, and rounding put the zeros into the lower one.
  const edge = withoutZeros({ counts: Int32Array.of(0, 60, 4, 2), low: -2, high: 2 }, 0.5);
  assert.equal(edge.counts.reduce((sum, count) => sum + count, 0), 33);
  assert.deepEqual([...counts], [90, 5, 3, 2]);
});

test("both languages say the same things, with the same numbers in them", () => {
  for (const words of [atlas, channel, panel, settings]) {
    assert.deepEqual(Object.keys(words.zh), Object.keys(words.en));
    for (const key of Object.keys(words.en)) {
      const names = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
      assert.deepEqual(names(words.zh[key]), names(words.en[key]), key);
    }
  }
});
