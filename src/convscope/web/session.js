/** Which trace is on the page, and what is going on until it is there. */
import { makeStore } from "./state.js";

/**
 * @typedef {object} Session
 * @property {"file" | "static" | "served" | "notebook"} host  Where the page lives.
 * @property {"loading" | "ready" | "failed"} state
 * @property {import("./data/trace.js").Trace | null} trace
 * @property {unknown} error  Why there is nothing to show.
 */

/** @type {Session} */
const START = { host: "file", state: "loading", trace: null, error: null };

export const session = makeStore(START);
