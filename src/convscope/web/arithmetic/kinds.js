/** The table of kinds: where a step of that kind reads, and what it makes of the numbers. */

import { FUNCTIONS } from "./functions.js";
import { MOVES } from "./moves.js";
import { NORMS } from "./norms.js";
import { OPERANDS } from "./operands.js";
import { REDUCTIONS } from "./reductions.js";
import { RESIZE } from "./resize.js";
import { WINDOWS } from "./windows.js";

/**
 * @typedef {object} Kind
 * @property {(question: import("./reads.js").Question) => import("./reads.js").Place[]} where  From shapes and settings
 *   alone, so that a pointer can ask.
 * @property {(asked: import("./reads.js").Asked) => import("./terms.js").Terms} explain
 */

/** @type {ReadonlyMap<string, Kind>} */
export const KINDS = new Map(
  Object.entries({ ...WINDOWS, ...NORMS, ...FUNCTIONS, ...OPERANDS, ...REDUCTIONS, ...MOVES, ...RESIZE }),
);
