/** How columns are joined: quiet lines to neighbours, calm arcs around what is skipped, a sign where values meet. */

/** @typedef {import("./ranks.js").Place} Place */
/** @typedef {import("./ranks.js").Passing} Passing */
/** @typedef {{ x: number, width: number, bodyX: number, bodyY: number, bodyWidth: number, bodyHeight: number }} Body */
/**
 * @typedef {object} Wire
 * @property {number} from  Nodes.
 * @property {number} to
 * @property {"chain" | "branch" | "skip"} kind
 * @property {string} path  An SVG path.
 * @property {number} left  What it spans.
 * @property {number} right
 * @property {{ x: number, y: number } | null} joint  Where it meets the others that its column reads.
 */
/** @typedef {{ top: number, high: number, above: number, below: number }} Frame  `above` and `below`: the outermost lines of the two gutters. */

const LEVEL = 11;
const REACH = 17;
const ROUND = 12;
/** Columns stand on whole pixels, so that the middles of two in one line may be half a pixel apart. */
const LEVEL_ENOUGH = 1;

/**
 * @param {readonly { inputs: readonly number[] }[]} nodes
 * @param {readonly Place[]} places
 * @param {readonly Passing[]} passing
 * @param {readonly number[]} lanes  Of each rank.
 */
export function routes(nodes, places, passing, lanes) {
  const edges = nodes.flatMap(({ inputs }, to) => [...new Set(inputs)].map((from) => ({ from, to, joins: new Set(inputs).size > 1 })));
  const passes = new Map(passing.map((edge) => [`${edge.from} ${edge.to}`, edge.lanes]));
  const wired = edges.map((edge) => {
    const through = passes.get(`${edge.from} ${edge.to}`) ?? null;
    const skips = through === null && places[edge.to].rank - places[edge.from].rank > 1;
    const low = places[edge.from].lane > 0;
    return { ...edge, through, side: skips ? (low ? "below" : "above") : null, level: 0 };
  });
  const above = stack(wired.filter(({ side }) => side === "above"), places);
  const below = stack(wired.filter(({ side }) => side === "below"), places);
  return {
    above: gutter(above),
    below: gutter(below),
    /** @param {readonly Body[]} columns @param {Frame} frame @returns {Wire[]} */
    draw: (columns, frame) => wired.map((edge) => drawn(edge, columns, frame, places, lanes, { above, below })),
  };
}

/** @param {number} levels */
function gutter(levels) {
  return levels ? levels * LEVEL + 8 : 0;
}

/**
 * Gives arcs that overlap different levels, short ones nearest to the columns; returns how many levels there are.
 * @param {{ from: number, to: number, level: number }[]} edges
 * @param {readonly Place[]} places
 */
function stack(edges, places) {
  /** @type {{ left: number, right: number }[][]} */
  const levels = [];
  const spans = edges.map((edge) => ({ edge, left: places[edge.from].rank, right: places[edge.to].rank }));
  spans.sort((a, b) => a.right - a.left - (b.right - b.left) || a.left - b.left);
  for (const { edge, left, right } of spans) {
    let level = levels.findIndex((taken) => taken.every((other) => right <= other.left || left >= other.right));
    if (level < 0) level = levels.push([]) - 1;
    levels[level].push({ left, right });
    edge.level = level;
  }
  return levels.length;
}

/**
 * @param {{ from: number, to: number, joins: boolean, through: number[] | null, side: string | null, level: number }} edge
 * @param {readonly Body[]} columns
 * @param {Frame} frame
 * @param {readonly Place[]} places
 * @param {readonly number[]} lanes
 * @param {{ above: number, below: number }} levels
 * @returns {Wire}
 */
function drawn(edge, columns, frame, places, lanes, levels) {
  const start = outlet(columns[edge.from]);
  const end = inlet(columns[edge.to]);
  const joint = edge.joins ? { x: columns[edge.to].x - REACH, y: end.y } : null;
  const goal = joint ?? end;
  const bend = columns[edge.to].x - 2 * REACH;
  const leave = columns[edge.from].x + columns[edge.from].width + REACH;
  let path;
  if (edge.side === "above") path = around(start, goal, leave, bend + REACH, frame.above + 4 + (levels.above - 1 - edge.level) * LEVEL);
  else if (edge.side === "below") path = around(start, goal, leave, bend + REACH, frame.below - 4 - (levels.below - 1 - edge.level) * LEVEL);
  else if (edge.through) path = through(start, goal, bend, edge.through.map((lane, i) => frame.top + ((lane + 0.5) * frame.high) / lanes[places[edge.from].rank + 1 + i]));
  else path = Math.abs(start.y - goal.y) < LEVEL_ENOUGH ? line(start, goal) : curve(start, goal);
  const kind = edge.side ? "skip" : edge.joins || Math.abs(start.y - goal.y) >= LEVEL_ENOUGH ? "branch" : "chain";
  return { from: edge.from, to: edge.to, kind, path, left: start.x, right: end.x, joint };
}

/** @typedef {{ x: number, y: number }} Point */

/** @param {Point} a @param {Point} b */
function line(a, b) {
  return `M${px(a.x)} ${px(a.y)}H${px(b.x)}`;
}

/** @param {Point} a @param {Point} b */
export function curve(a, b) {
  const half = (a.x + b.x) / 2;
  return `M${px(a.x)} ${px(a.y)}C${px(half)} ${px(a.y)} ${px(half)} ${px(b.y)} ${px(b.x)} ${px(b.y)}`;
}

/** Straight along its lane as long as nothing stands there, then down or up to where it is joined. @param {Point} a @param {Point} b @param {number} bend @param {number[]} heights */
function through(a, b, bend, heights) {
  const lane = heights.at(-1) ?? a.y;
  const turn = Math.min(a.x + 2 * REACH, bend);
  const onLane = Math.abs(a.y - lane) < LEVEL_ENOUGH ? `M${px(a.x)} ${px(a.y)}` : curve(a, { x: turn, y: lane });
  return `${onLane}H${px(bend)}C${px(bend + REACH)} ${px(lane)} ${px(b.x - REACH / 2)} ${px(b.y)} ${px(b.x)} ${px(b.y)}`;
}

/** Out of the column, along a gutter, and in again. @param {Point} a @param {Point} b @param {number} out @param {number} back @param {number} rail */
function around(a, b, out, back, rail) {
  const up = rail < a.y ? -1 : 1;
  const round = Math.min(ROUND, (back - out) / 2);
  return (
    `M${px(a.x)} ${px(a.y)}Q${px(out)} ${px(a.y)} ${px(out)} ${px(a.y + up * ROUND)}V${px(rail - up * round)}` +
    `Q${px(out)} ${px(rail)} ${px(out + round)} ${px(rail)}H${px(back - round)}` +
    `Q${px(back)} ${px(rail)} ${px(back)} ${px(rail - up * round)}V${px(b.y)}`
  );
}

/** Where wires leave a column: beside the middle of its cells. @param {Body} column */
function outlet({ bodyX, bodyY, bodyWidth, bodyHeight }) {
  return { x: bodyX + bodyWidth + 5, y: bodyY + bodyHeight / 2 };
}

/** @param {Body} column */
function inlet({ bodyX, bodyY, bodyHeight }) {
  return { x: bodyX - 5, y: bodyY + bodyHeight / 2 };
}

/** @param {number} value */
function px(value) {
  return Math.round(value * 10) / 10;
}
