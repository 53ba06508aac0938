/** Where the cells of a grid lie; nothing here draws. */

/**
 * @typedef {object} Layout
 * @property {number} count
 * @property {number} columns
 * @property {number} rows
 * @property {number} width  Of a cell, in CSS pixels.
 * @property {number} height
 * @property {number} gap
 * @property {number} edge  Empty space around the grid.
 * @property {number} total  Height of the whole grid with its edges.
 */

/**
 * @param {{ count: number, room: number, width: number, height: number, gap: number, edge: number }} wanted  `room`: the width there is.
 * @returns {Layout}
 */
export function layoutOf({ count, room, width, height, gap, edge }) {
  const columns = Math.max(1, Math.floor((room - 2 * edge + gap) / (width + gap)));
  const rows = Math.ceil(count / columns);
  return { count, columns, rows, width, height, gap, edge, total: 2 * edge + Math.max(0, rows * (height + gap) - gap) };
}

/** Left and top corner of a cell. @param {Layout} layout @param {number} position */
export function placeOf({ columns, width, height, gap, edge }, position) {
  return {
    x: edge + (position % columns) * (width + gap),
    y: edge + Math.floor(position / columns) * (height + gap),
  };
}

/**
 * The cell at a point of the grid, -1 between cells.
 * @param {Layout} layout
 * @param {number} x
 * @param {number} y
 * @returns {number}
 */
export function cellAt({ count, columns, width, height, gap, edge }, x, y) {
  const [left, top] = [x - edge, y - edge];
  const [column, row] = [Math.floor(left / (width + gap)), Math.floor(top / (height + gap))];
  const inside = column >= 0 && column < columns && row >= 0 && left - column * (width + gap) < width && top - row * (height + gap) < height;
  const position = row * columns + column;
  return inside && position < count ? position : -1;
}

/**
 * The positions from `first` up to, not including, `stop` that a window onto the grid shows.
 * @param {Layout} layout
 * @param {number} top  How far it is scrolled.
 * @param {number} room  Height of the window.
 */
export function visible({ count, columns, height, gap, edge }, top, room) {
  const pitch = height + gap;
  const from = Math.max(0, Math.floor((top - edge) / pitch));
  const to = Math.max(from, Math.ceil((top + room - edge) / pitch));
  return { first: Math.min(count, from * columns), stop: Math.min(count, to * columns) };
}

/**
 * Where a key leads from a position; null for keys that mean nothing here.
 * @param {Layout} layout
 * @param {number} position
 * @param {string} key
 * @param {number} page  Rows that are visible at once.
 * @returns {number | null}
 */
export function moved({ count, columns }, position, key, page) {
  const steps = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: columns,
    ArrowUp: -columns,
    PageDown: columns * page,
    PageUp: -columns * page,
    Home: -Infinity,
    End: Infinity,
  };
  if (!Object.hasOwn(steps, key)) return null;
  const by = steps[/** @type {keyof typeof steps} */ (key)];
  const next = position + by;
  // A row beyond the last (or before the first) does not exist: stay, rather than change the column.
  if ((key === "ArrowDown" && next >= count) || (key === "ArrowUp" && next < 0)) return position;
  return Math.max(0, Math.min(count - 1, next));
}

/** How far to scroll so that a cell is wholly in sight. @param {Layout} layout @param {number} position @param {number} top @param {number} room */
export function scrolledTo(layout, position, top, room) {
  const { y } = placeOf(layout, position);
  if (y - layout.edge < top) return y - layout.edge;
  return y + layout.height + layout.edge > top + room ? y + layout.height + layout.edge - room : top;
}

/**
 * The largest cell width at which everything is in sight at once, if there is one between the limits; else the smaller limit.
 * @param {{ count: number, room: { width: number, height: number }, least: number, most: number, gap: number, edge: number }} wanted
 * @param {(width: number) => number} heightOf  Height of a cell of some width.
 * @returns {number}
 */
export function fittingWidth({ count, room, least, most, gap, edge }, heightOf) {
  for (let width = most; width > least; width -= 4) {
    if (layoutOf({ count, room: room.width, width, height: heightOf(width), gap, edge }).total <= room.height) return width;
  }
  return least;
}
