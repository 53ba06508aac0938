/** The page at its local server: which picture goes through which network, and the run that is under way. */
import { Refusal, drop, job, serverState, startTrace, upload } from "./api.js";
import { httpBytes } from "./data/bytes.js";
import { begin, forget, halt } from "./explaining.js";
import { session } from "./session.js";
import { makeStore } from "./state.js";

/** @typedef {import("./types.js").Bytes} Bytes */
/** @typedef {(find: () => Promise<[Bytes, Bytes]>) => Promise<void>} Open */

/**
 * @typedef {object} Serving
 * @property {import("./api.js").ServerState | null} server
 * @property {import("./api.js").PictureChoice | null} picture
 * @property {import("./api.js").NetworkChoice | null} network
 * @property {string | null} trace  The trace that is on the page.
 * @property {{ id: string | null, progress: import("./api.js").Progress | null } | null} running
 * @property {"picture" | "network" | null} menu  Which chooser is open.
 * @property {{ message: string, code: string } | null} refused
 */

/** @type {Serving} */
const START = { server: null, picture: null, network: null, trace: null, running: null, menu: null, refused: null };

export const serving = makeStore(START);

/** @type {Open} */
let openTrace = async () => {};
let abort = new AbortController();
/** The trace that was on the page before the one that is. @type {string | null} */
let last = null;

/** Ask the server what there is, and show its first picture. @param {Open} open */
export async function serve(open) {
  openTrace = open;
  try {
    const server = await serverState();
    const { picture, network } = wanted(new URLSearchParams(location.search), server);
    serving.set({ server, picture, network });
    await run();
  } catch (error) {
    refuse(error);
  }
}

/** What the address asks for, else the server's own choice. @param {URLSearchParams} search @param {import("./api.js").ServerState} server */
function wanted(search, server) {
  const sample = server.samples.find((one) => one.name === search.get("picture"))?.name;
  const known = server.networks.find((one) => one.id === search.get("network"))?.id;
  const spec = search.get("spec");
  return {
    picture: sample ? { sample } : picked(server.default.picture, server),
    network: spec ? { spec } : { id: known ?? server.default.network },
  };
}

/** The server's own picture: one of its samples, or one that was given at its start. @param {string} name @param {import("./api.js").ServerState} server */
function picked(name, server) {
  return server.samples.some((one) => one.name === name) ? { sample: name } : { id: name };
}

/** Send a picture of the user's. @param {Blob} blob @param {string} name */
export async function choosePicture(blob, name) {
  const signal = restart();
  serving.set({ running: { id: null, progress: null }, menu: null, refused: null });
  try {
    const uploaded = await upload(blob, name, signal);
    serving.set({ picture: { id: uploaded.id } });
    await run(signal);
  } catch (error) {
    refuse(error);
  }
}

/** @param {string} sample */
export async function chooseSample(sample) {
  serving.set({ picture: { sample } });
  await run().catch(refuse);
}

/** @param {import("./api.js").NetworkChoice} network */
export async function chooseNetwork(network) {
  serving.set({ network });
  await run().catch(refuse);
}

/** Stop what is running; what was on the page stays. */
export function cancel() {
  const id = serving.get().running?.id;
  restart();
  serving.set({ running: null });
  if (id) drop(id).catch(() => {});
}

/** Ends the run before this one; the signal of the next. */
function restart() {
  halt();
  abort.abort();
  abort = new AbortController();
  return abort.signal;
}

/** Send the chosen picture through the chosen network. @param {AbortSignal} [signal] */
async function run(signal = restart()) {
  const { picture, network, trace: old } = serving.get();
  if (!picture || !network) return;
  serving.set({ running: { id: null, progress: null }, menu: null, refused: null });
  const { id } = await startTrace(picture, network, signal);
  serving.set({ running: { id, progress: null } });
  await finished(id, signal);
  remember(picture, network);
  forget();
  await openTrace(async () => [await httpBytes(`api/traces/${id}/trace`), await httpBytes(`api/traces/${id}/overview`)]);
  serving.set({ running: null, trace: id });
  begin(id);
  // Views of the trace before this one may still be reading; the one before that has no reader left.
  if (last && last !== id && last !== old) drop(last).catch(() => {});
  last = old;
}

/** Waits for the end of a run. @param {string} id @param {AbortSignal} signal */
async function finished(id, signal) {
  for (let seen = 0; ; ) {
    const now = await job(id, seen, signal);
    if (now.state === "done") return;
    if (now.state === "failed" || now.state === "cancelled") throw new Refusal(now.message ?? "", now.state);
    seen = now.progress.done;
    serving.set({ running: { id, progress: now.progress } });
  }
}

/** A sample and a network have an address that can be sent; a user's own picture has none. @param {import("./api.js").PictureChoice} picture @param {import("./api.js").NetworkChoice} network */
function remember(picture, network) {
  const parts = new URLSearchParams();
  if ("sample" in picture) parts.set("picture", picture.sample);
  if ("spec" in network) parts.set("spec", network.spec);
  else parts.set("network", network.id);
  history.replaceState(null, "", `?${parts}${location.hash}`);
}

/** @param {unknown} error */
function refuse(error) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  const code = error instanceof Refusal ? error.code : "failed";
  const message = error instanceof Error ? error.message : String(error);
  serving.set({ running: null, refused: { message, code } });
  if (!session.get().trace) session.set({ state: "failed", error });
}

/** Put the sentence away. */
export function understood() {
  serving.set({ refused: null });
}
