/** Moving through the flow with the keyboard: one cell has the focus, at a place in a column. */

/** @typedef {{ step: number, shown: number, across: number, more: boolean }} Stop  A column, as far as keys go. */
/** @typedef {{ step: number, place: number }} Focus  `place`: `HEAD`, a cell, or `MORE`. */

export const HEAD = -1;
/** The button below the cells. */
export const MORE = Infinity;

/**
 * The nearest thing that is there, after columns were folded, opened or closed.
 * @param {readonly Stop[]} columns
 * @param {Focus} focus
 * @returns {Focus}
 */
export function settled(columns, focus) {
  const column = columns.find(({ step }) => step === focus.step);
  if (!column) return { step: columns[0].step, place: HEAD };
  if (focus.place === MORE) return column.more ? focus : { ...focus, place: column.shown - 1 };
  return focus.place < column.shown ? focus : { ...focus, place: column.shown - 1 };
}

/**
 * @param {readonly Stop[]} columns  From left to right.
 * @param {Focus} focus
 * @param {string} key
 * @returns {Focus | null} null when the key does not move
 */
export function moved(columns, focus, key) {
  const at = columns.findIndex(({ step }) => step === focus.step);
  if (at < 0) return null;
  const column = columns[at];
  const inGrid = focus.place >= 0 && focus.place < column.shown;
  const across = focus.place % column.across;
  if (key === "ArrowRight") {
    if (inGrid && across < column.across - 1 && focus.place + 1 < column.shown) return { ...focus, place: focus.place + 1 };
    return beside(columns, at + 1, column, focus.place, 0);
  }
  if (key === "ArrowLeft") {
    if (inGrid && across > 0) return { ...focus, place: focus.place - 1 };
    return beside(columns, at - 1, column, focus.place, -1);
  }
  if (key === "ArrowDown") return { ...focus, place: below(column, focus.place) };
  if (key === "ArrowUp") return { ...focus, place: above(column, focus.place) };
  if (key === "Home") return { step: columns[0].step, place: HEAD };
  if (key === "End") return { step: columns[columns.length - 1].step, place: HEAD };
  return null;
}

/**
 * The same row of the next column: its first cell coming from the left, its last from the right.
 * @param {readonly Stop[]} columns
 * @param {number} at
 * @param {Stop} from
 * @param {number} place
 * @param {0 | -1} edge
 */
function beside(columns, at, from, place, edge) {
  const column = columns[Math.min(columns.length - 1, Math.max(0, at))];
  if (column === from) return { step: from.step, place };
  if (place < 0) return { step: column.step, place };
  if (place >= from.shown) return { step: column.step, place: column.more ? MORE : column.shown - 1 };
  const row = Math.floor(place / from.across);
  const first = row * column.across;
  const last = Math.min(first + column.across, column.shown) - 1;
  return { step: column.step, place: first < column.shown ? (edge ? last : first) : column.shown - 1 };
}

/** @param {Stop} column @param {number} place */
function below(column, place) {
  if (place < 0) return 0;
  if (place + column.across < column.shown) return place + column.across;
  return column.more ? MORE : Math.min(place, column.shown - 1);
}

/** @param {Stop} column @param {number} place */
function above(column, place) {
  if (place >= column.shown) return column.shown - 1;
  return place < column.across ? HEAD : place - column.across;
}
