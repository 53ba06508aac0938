/** From columns to pixels: what stands where, in the coordinates of the strip that scrolls. */
import { rank } from "./ranks.js";
import { routes } from "./wires.js";

/** @typedef {import("./blocks.js").Node} Node */
/** @typedef {import("./blocks.js").Block} Block */
/** @typedef {import("./wires.js").Wire} Wire */
/** @typedef {"maps" | "vector" | "scores" | "tile"} Look */
/**
 * @typedef {object} Content  What a column has to show.
 * @property {Look} look
 * @property {number} count  Channels, or numbers of a vector.
 */
/**
 * @typedef {object} Column
 * @property {number} node
 * @property {number} step
 * @property {Block | null} folded
 * @property {Look} look
 * @property {number} count
 * @property {number} rank
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 * @property {boolean} flat  Whether it shares the height with other lanes, so that its head has one line.
 * @property {boolean} expanded
 * @property {boolean} fits  Whether everything is in view without being expanded.
 * @property {number} across  Cells side by side.
 * @property {number} shown  Cells in view, or at least begun.
 * @property {number} bodyX  Where the first cell stands, and how far apart cells are.
 * @property {number} bodyY
 * @property {number} bodyWidth
 * @property {number} bodyHeight
 * @property {number} pitchX
 * @property {number} pitchY
 * @property {number} cellWidth
 * @property {number} cellHeight
 */
/** @typedef {{ block: Block, x: number, y: number, width: number }} Bracket */
/**
 * @typedef {object} Layout
 * @property {number} width
 * @property {number} height
 * @property {Column[]} columns  One a node.
 * @property {Wire[]} wires
 * @property {Bracket[]} brackets
 */

const EDGE = 22;
const GAP = 30;
const HEAD = 42;
const FLAT_HEAD = 23;
const FOOT = 44;
const FLAT_FOOT = 30;
const LABEL = 15;
const APART = 6;
const BRACKET = 22;
const PAD = 10;
const NARROWEST = 72;
const FLAT_NARROWEST = 104;
/** More room where lines part or meet. */
const WIDE_GAP = 46;
const BAR = 17;
const BAR_WIDTH = 84;
const SCORES_WIDTH = 176;
const MOST_ROWS = 5;
const SMALLEST = 52;
const LARGEST = 96;
const WIDEST = 128;
/** Cells side by side in a column that shows everything; in a wide window more, up to half of it. */
const LEAST_ACROSS = 6;
const SCROLLBAR = 12;
const SMALLEST_OF_ALL = 36;
/** The strip scrolls down rather than show less than two maps. */
const LOWEST = HEAD + FOOT + 2 * (SMALLEST_OF_ALL + LABEL);
const LOWEST_LANE = FLAT_HEAD + FLAT_FOOT + LABEL + SMALLEST_OF_ALL;

/**
 * Size of one map's place, the same in the whole flow: up to five of them fill the height, and maps keep their own shape inside.
 * @param {number} height  Of a column's body.
 * @param {number} aspect  Width over height of the network's input.
 * @param {number} [most]  Maps in the fullest column; where there are few, they are larger.
 */
export function cellSize(height, aspect, most = MOST_ROWS) {
  const wide = Math.min(1.6, Math.max(0.7, aspect));
  const rows = Math.min(MOST_ROWS, Math.max(2, Math.min(most, Math.floor(height / (SMALLEST + LABEL)))));
  const tall = Math.min(LARGEST, Math.max(40, Math.floor(height / rows) - LABEL), Math.floor(WIDEST / wide));
  return { cellHeight: tall, cellWidth: Math.round(tall * wide) };
}

/** How many cells of an expanded column stand side by side at most. @param {number} width  Of the strip. */
export function mostAcross(width) {
  return Math.max(LEAST_ACROSS, Math.floor(width / 2 / (LARGEST + APART)));
}

/**
 * @param {readonly Node[]} nodes
 * @param {readonly Content[]} contents  One a node.
 * @param {ReadonlySet<number>} expanded  Steps whose columns show everything.
 * @param {readonly Block[]} open  Unfolded blocks.
 * @param {{ height: number, aspect: number, across?: number }} room  `across`: see `mostAcross`.
 * @returns {Layout}
 */
export function layOut(nodes, contents, expanded, open, room) {
  const { places, lanes, passing } = rank(nodes);
  const depth = open.reduce((most, block) => Math.max(most, block.depth + 1), 0);
  const plan = routes(nodes, places, passing, lanes);
  const top = PAD + depth * BRACKET + plan.above;
  const free = room.height - top - PAD - plan.below;
  const high = Math.max(free, LOWEST, ...lanes.map((count) => count * LOWEST_LANE));
  const most = Math.max(0, ...contents.map(({ look, count }) => (look === "maps" ? count : 0)));
  const cell = cellSize(high - HEAD - FOOT, room.aspect, most);
  const loose = nodes.map((node, i) => {
    const laneHeight = high / lanes[places[i].rank];
    const size = sizeOf(contents[i], laneHeight, cell, lanes[places[i].rank] > 1, expanded.has(node.step) ? (room.across ?? LEAST_ACROSS) : 0);
    return { ...size, node: i, step: node.step, folded: node.folded, rank: places[i].rank, x: 0, y: top + places[i].lane * laneHeight };
  });
  const width = putSideBySide(loose, gapsBefore(nodes, loose, lanes));
  const columns = loose.map(placed);
  const at = { top, high, above: top - plan.above, below: top + high + plan.below };
  return {
    width,
    height: top + high + plan.below + PAD,
    columns,
    wires: plan.draw(columns, at),
    brackets: open.flatMap((block) => bracketOf(block, nodes, columns)),
  };
}

/**
 * @param {Content} content
 * @param {number} height
 * @param {{ cellWidth: number, cellHeight: number }} cell
 * @param {boolean} flat
 * @param {number} most  Cells side by side, where everything should be shown; else 0.
 */
function sizeOf({ look, count }, height, cell, flat, most) {
  const head = flat ? FLAT_HEAD : HEAD;
  const bars = look === "vector" || look === "scores";
  const room = height - head - (flat ? FLAT_FOOT : FOOT);
  // Where many lanes share the height, one map still fits into each.
  const tall = Math.max(SMALLEST_OF_ALL, Math.min(cell.cellHeight, Math.floor(room) - LABEL));
  const pitchY = bars ? BAR : tall + LABEL;
  const rows = Math.max(1, Math.floor(room / pitchY));
  const expanded = most > 0 && count > rows;
  const across = expanded && !bars ? Math.min(most, Math.ceil(count / rows)) : 1;
  const cellWidth = look === "scores" ? SCORES_WIDTH : look === "vector" ? BAR_WIDTH : Math.round((cell.cellWidth * tall) / cell.cellHeight);
  const scrolls = expanded && Math.ceil(count / across) > rows;
  const bodyWidth = across * (cellWidth + APART) - APART + (scrolls ? SCROLLBAR : 0);
  const shownRows = Math.min(rows, Math.ceil(count / across));
  return {
    look, count, flat, expanded, fits: count <= rows, across, height, cellWidth,
    shown: expanded ? count : Math.min(rows, count),
    width: Math.max(flat ? FLAT_NARROWEST : NARROWEST, bodyWidth), bodyX: 0, bodyY: head + Math.max(0, (room - shownRows * pitchY) / 2), bodyWidth,
    bodyHeight: shownRows * pitchY,
    pitchX: cellWidth + APART, pitchY, cellHeight: bars ? BAR : tall,
  }; // prettier-ignore
}

/**
 * The room in front of each rank.
 * @param {readonly Node[]} nodes
 * @param {readonly { rank: number }[]} columns
 * @param {readonly number[]} lanes
 */
function gapsBefore(nodes, columns, lanes) {
  const gaps = lanes.map((count, at) => (at > 0 && count !== lanes[at - 1] ? WIDE_GAP : GAP));
  nodes.forEach(({ inputs }, node) => {
    if (new Set(inputs).size > 1) gaps[columns[node].rank] = WIDE_GAP;
  });
  return gaps;
}

/**
 * Gives every rank its x; returns the width of the whole.
 * @param {{ rank: number, width: number, x: number }[]} columns
 * @param {readonly number[]} gaps  Before each rank.
 */
function putSideBySide(columns, gaps) {
  const widths = new Array(gaps.length).fill(0);
  for (const { rank: at, width } of columns) widths[at] = Math.max(widths[at], width);
  let x = EDGE;
  const starts = widths.map((width, at) => {
    const start = at === 0 ? x : x + gaps[at];
    x = start + width;
    return start;
  });
  for (const column of columns) column.x = starts[column.rank] + (widths[column.rank] - column.width) / 2;
  return x + EDGE;
}

/** On whole pixels, so that maps are not smeared over two. @param {Column} column @returns {Column} */
function placed(column) {
  const bodyX = Math.round(column.x + (column.width - column.bodyWidth) / 2);
  return { ...column, bodyX, bodyY: Math.round(column.y + column.bodyY) };
}

/** @param {Block} block @param {readonly Node[]} nodes @param {readonly Column[]} columns @returns {Bracket[]} */
function bracketOf(block, nodes, columns) {
  const inside = columns.filter((_, i) => nodes[i].step >= block.first && nodes[i].step <= block.last);
  if (inside.length === 0) return [];
  const left = Math.min(...inside.map(({ x }) => x));
  const right = Math.max(...inside.map(({ x, width }) => x + width));
  const reach = Math.max(4, 14 - 5 * block.depth);
  return [{ block, x: left - reach, y: PAD + block.depth * BRACKET, width: right - left + 2 * reach }];
}
