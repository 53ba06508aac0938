/** Heat maps that the local server makes for the trace on the page: what is there, what is being made, what could not be. */
import { Refusal, dropMap, mapFile, mapNews, startMap } from "./api.js";
import { readMap } from "./data/mapfile.js";
import { makeStore } from "./state.js";

/** @typedef {import("./types.js").HeatMap} HeatMap */
/**
 * @typedef {object} Wish  What is asked of the server.
 * @property {string} method
 * @property {string} target  The class, by its label.
 * @property {number} index  The class, by its number.
 * @property {number | null} against  The class that it is set against, if any.
 * @property {string | null} layer  Null for the one that the server chooses.
 * @property {boolean} thorough
 */
/** @typedef {{ wish: Wish, id: string | null, done: number, total: number | null }} Making */
/**
 * @typedef {object} Explaining
 * @property {string | null} trace  The server's name of the trace on the page, once it is there.
 * @property {readonly { wish: Wish, map: HeatMap }[]} answers  For that trace, the newest first.
 * @property {Making | null} making
 * @property {{ wish: Wish, message: string, code: string } | null} refused
 */

/** @type {Explaining} */
const START = { trace: null, answers: [], making: null, refused: null };

export const explaining = makeStore(START);

let abort = new AbortController();

/** Another trace is about to be shown: what is being made for this one is not wanted any more. */
export function forget() {
  stop();
  explaining.set(START);
}

/** A run needs the processor more: what is being made is asked for again when the run is over. */
export function halt() {
  stop();
}

/** The trace that maps are made for from now on. @param {string} trace */
export function begin(trace) {
  explaining.set({ ...START, trace });
}

/** Whether two wishes are for the same map, however well it is checked. @param {Wish | undefined} a @param {Wish | null} b */
export function alike(a, b) {
  return a !== undefined && b !== null && a.method === b.method && a.index === b.index && a.against === b.against && a.layer === b.layer;
}

/**
 * Have a map made; one that is being made gives way to it.
 * @param {Wish} wish
 */
export async function explain(wish) {
  const { trace, making } = explaining.get();
  if (!trace || (alike(making?.wish, wish) && making?.wish.thorough === wish.thorough)) return;
  const signal = stop();
  explaining.set({ making: { wish, id: null, done: 0, total: null }, refused: null });
  try {
    const { method, index, against, layer, thorough } = wish;
    const { id } = await startMap(trace, { method, target: index, against, layer, thorough }, signal);
    await made(id, wish, signal);
    const map = await readMap(await mapFile(id, signal));
    if (signal.aborted) return;
    explaining.set({ answers: [{ wish, map }, ...explaining.get().answers], making: null });
  } catch (error) {
    if (signal.aborted || (error instanceof DOMException && error.name === "AbortError")) return;
    const code = error instanceof Refusal ? error.code : "failed";
    explaining.set({ making: null, refused: { wish, message: error instanceof Error ? error.message : "", code } });
  }
}

/** Stop what is being made; it is not tried again by itself. */
export function cancelMap() {
  const making = explaining.get().making;
  stop();
  if (making) explaining.set({ refused: { wish: making.wish, message: "", code: "cancelled" } });
}

/** @returns {AbortSignal} for what comes next */
function stop() {
  const id = explaining.get().making?.id;
  abort.abort();
  abort = new AbortController();
  explaining.set({ making: null });
  if (id) dropMap(id).catch(() => {});
  return abort.signal;
}

/** Waits for the end. @param {string} id @param {Wish} wish @param {AbortSignal} signal */
async function made(id, wish, signal) {
  for (let seen = 0; ; ) {
    const now = await mapNews(id, seen, signal);
    if (now.state === "done") return;
    if (now.state === "failed" || now.state === "cancelled") throw new Refusal(now.message ?? "", now.state);
    seen = now.progress.done;
    explaining.set({ making: { wish, id, done: now.progress.done, total: now.progress.total } });
  }
}
