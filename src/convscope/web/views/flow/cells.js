/** Which cell of a column holds which channel, where it stands, and what lies under a point. Scrolled columns included. */

/** @typedef {import("./layout.js").Column} Column */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {{ x: number, y: number, width: number, height: number }} Rect */

/**
 * The rectangle of the n-th cell; null when it is not (or hardly) in view.
 * @param {Column} column
 * @param {number} place
 * @param {number} scrolled  How far the column itself is scrolled.
 * @returns {Rect | null}
 */
export function cellRect(column, place, scrolled) {
  if (place < 0 || place >= column.shown) return null;
  const x = column.bodyX + (place % column.across) * column.pitchX;
  const y = column.bodyY + Math.floor(place / column.across) * column.pitchY - scrolled;
  const hidden = y + column.cellHeight / 2 < column.bodyY || y + column.cellHeight / 2 > column.bodyY + column.bodyHeight;
  return hidden ? null : { x, y, width: column.cellWidth, height: column.cellHeight };
}

/**
 * The part of a cell that a map fills: as large as fits, in its own proportions, in the middle.
 * @param {{ cellWidth: number, cellHeight: number }} column
 * @param {number} height  Of the map.
 * @param {number} width
 * @returns {Rect}  Counted from the cell's corner.
 */
export function mapRect({ cellWidth, cellHeight }, height, width) {
  const scale = Math.min(cellWidth / width, cellHeight / height);
  const [w, h] = [Math.max(2, Math.round(width * scale)), Math.max(2, Math.round(height * scale))];
  return { x: Math.floor((cellWidth - w) / 2), y: Math.floor((cellHeight - h) / 2), width: w, height: h };
}

/**
 * @param {Layout} layout
 * @param {number} x
 * @param {number} y
 * @param {(column: Column) => number} scrolledOf
 * @returns {{ column: Column, place: number, x: number, y: number } | null} the cell, and the point counted from its corner
 */
export function cellAt(layout, x, y, scrolledOf) {
  const column = layout.columns.find(
    (one) => x >= one.bodyX && x < one.bodyX + one.bodyWidth && y >= one.bodyY && y < one.bodyY + one.bodyHeight,
  );
  if (!column || column.look === "tile") return null;
  const left = x - column.bodyX;
  const top = y - column.bodyY + scrolledOf(column);
  const across = Math.floor(left / column.pitchX);
  const place = Math.floor(top / column.pitchY) * column.across + across;
  const at = { column, place, x: left - across * column.pitchX, y: top - Math.floor(top / column.pitchY) * column.pitchY };
  return across < column.across && place < column.shown && at.x < column.cellWidth && at.y < column.cellHeight ? at : null;
}

/**
 * Rows of a scrolled list that are in view, with a few around them.
 * @param {number} rows
 * @param {number} pitch
 * @param {number} height
 * @param {number} scrolled
 * @returns {{ first: number, last: number }} `last` is not among them
 */
export function rowsInView(rows, pitch, height, scrolled) {
  const first = Math.max(0, Math.floor(scrolled / pitch) - 2);
  return { first, last: Math.min(rows, Math.ceil((scrolled + height) / pitch) + 2) };
}
