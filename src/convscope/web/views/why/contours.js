/** Lines of equal heat: marching squares over the middles of a map's pixels, joined to lines. */

/** @typedef {{ points: [number, number][], closed: boolean }} Line  Points are (x, y) in pixels of the map. */

/** Finer than this no line can be followed by eye; gradients would give a line round every pixel. */
const FINEST = 96;

/** Shares of the scale's end at which lines are drawn. */
export const LEVELS = [0.25, 0.5, 0.75];

/**
 * Where a map passes a level.
 * @param {ArrayLike<number>} values  (height, width) in row order, finite.
 * @param {number} height
 * @param {number} width
 * @param {number} level  Lines run where the map is exactly this large; a negative one is asked for as it is.
 * @returns {Line[]}
 */
export function contours(values, height, width, level) {
  const { grid, rows, columns, xs, ys } = coarsened(values, height, width);
  /** Each cut edge of the grid, and the one or two it is joined with. @type {Map<number, number[]>} */
  const joined = new Map();
  /** @param {number} a @param {number} b */
  const join = (a, b) => {
    for (const [from, to] of [[a, b], [b, a]]) {
      const known = joined.get(from);
      if (known) known.push(to);
      else joined.set(from, [to]);
    }
  };
  for (let i = 0; i + 1 < rows; i += 1) {
    for (let j = 0; j + 1 < columns; j += 1) {
      const at = i * columns + j;
      const corners = [grid[at], grid[at + 1], grid[at + columns + 1], grid[at + columns]];
      // An edge's number: twice that of its first corner, and one more if it goes down.
      const edges = [2 * at, 2 * (at + 1) + 1, 2 * (at + columns), 2 * at + 1];
      for (const [from, to] of cuts(corners, level)) join(edges[from], edges[to]);
    }
  }
  /** @param {number} edge @returns {[number, number]} */
  const point = (edge) => {
    const first = edge >> 1;
    const second = edge & 1 ? first + columns : first + 1;
    const share = (level - grid[first]) / (grid[second] - grid[first]);
    const [x, y] = [xs[first % columns], ys[Math.floor(first / columns)]];
    return edge & 1 ? [x, y + share * (ys[Math.floor(second / columns)] - y)] : [x + share * (xs[second % columns] - x), y];
  };
  return linesOf(joined).map(({ edges, closed }) => ({ points: edges.map(point), closed }));
}

/**
 * Lines as the path of an SVG.
 * @param {readonly Line[]} lines
 */
export function pathOf(lines) {
  return lines.map(({ points, closed }) => `M${points.map(([x, y]) => `${round(x)} ${round(y)}`).join("L")}${closed ? "Z" : ""}`).join("");
}

/**
 * Which edges of a cell the level cuts, in pairs: 0 top, 1 right, 2 bottom, 3 left.
 * @param {number[]} corners  Clockwise from the top left.
 * @param {number} level
 * @returns {[number, number][]}
 */
function cuts(corners, level) {
  const above = corners.map((corner) => corner >= level);
  const cut = [0, 1, 2, 3].filter((edge) => above[edge] !== above[(edge + 1) % 4]);
  if (cut.length < 4) return cut.length ? [[cut[0], cut[1]]] : [];
  // Two high corners across from each other: they are one hill if the middle is high, too.
  const middle = (corners[0] + corners[1] + corners[2] + corners[3]) / 4 >= level;
  return middle === above[0] ? [[0, 1], [2, 3]] : [[3, 0], [1, 2]];
}

/** @param {Map<number, number[]>} joined @returns {{ edges: number[], closed: boolean }[]} */
function linesOf(joined) {
  const used = new Set();
  /** @param {number} start */
  const follow = (start) => {
    const edges = [];
    for (let next = /** @type {number | undefined} */ (start); next !== undefined; next = joined.get(next)?.find((edge) => !used.has(edge))) {
      used.add(next);
      edges.push(next);
    }
    return edges;
  };
  const lines = [];
  for (const [edge, others] of joined) if (others.length === 1 && !used.has(edge)) lines.push({ edges: follow(edge), closed: false });
  for (const edge of joined.keys()) if (!used.has(edge)) lines.push({ edges: follow(edge), closed: true });
  return lines;
}

/**
 * The map in cells of at least a pixel, each the mean of its pixels, and where their middles are.
 * @param {ArrayLike<number>} values
 * @param {number} height
 * @param {number} width
 */
function coarsened(values, height, width) {
  const size = Math.max(1, Math.ceil(Math.max(height, width) / FINEST));
  const [rows, columns] = [Math.ceil(height / size), Math.ceil(width / size)];
  const grid = new Float64Array(rows * columns);
  const counts = new Float64Array(rows * columns);
  for (let y = 0; y < height; y += 1) {
    const start = Math.floor(y / size) * columns;
    for (let x = 0; x < width; x += 1) {
      const cell = start + Math.floor(x / size);
      grid[cell] += values[y * width + x];
      counts[cell] += 1;
    }
  }
  for (let i = 0; i < grid.length; i += 1) grid[i] /= counts[i];
  return { grid, rows, columns, xs: middles(width, size, columns), ys: middles(height, size, rows) };
}

/** @param {number} length @param {number} size @param {number} count */
function middles(length, size, count) {
  return Float64Array.from({ length: count }, (_, i) => (i * size + Math.min(length, (i + 1) * size)) / 2);
}

/** @param {number} x */
function round(x) {
  return Math.round(x * 100) / 100;
}
