/** The local server's questions and answers (docs/api.md). An error is the server's own sentence. */
import { bufferBytes } from "./data/bytes.js";

/** @typedef {{ id: string, title: string, kind: "given" | "shelf", spec: string | null }} KnownNetwork */
/** @typedef {{ name: string, width: number, height: number }} Sample */
/** @typedef {{ id: string, name: string, width: number, height: number, notes?: string[] }} Uploaded */
/** @typedef {{ id: string } | { sample: string }} PictureChoice */
/** @typedef {{ id: string } | { spec: string }} NetworkChoice */
/** @typedef {{ step: number, name: string, done: number, total: number | null }} Progress */
/** @typedef {{ name: string, title: string, family: string, layered: boolean, warning: string }} KnownMethod  Of explanations; `layered`: it is taken at a layer. */
/** @typedef {{ method: string, target: number | null, against: number | null, layer: string | null, thorough: boolean }} MapWish */
/** @typedef {{ state: "waiting" | "running" | "done" | "failed" | "cancelled", progress: Progress, message?: string }} Job */
/**
 * @typedef {object} ServerState
 * @property {string} version
 * @property {KnownNetwork[]} networks
 * @property {Sample[]} samples
 * @property {{ picture: string, network: string }} default
 * @property {KnownMethod[]} [methods]
 */

/** The server said no, or could not be reached. */
export class Refusal extends Error {
  /** @param {string} message @param {string} code */
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<any>}
 */
async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal("", "unreachable");
  }
  const body = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return body;
  throw new Refusal(body?.error?.message ?? `${answer.status}`, body?.error?.code ?? "failed");
}

/** @param {unknown} body @returns {RequestInit} */
function json(body) {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

/** @returns {Promise<ServerState>} */
export function serverState() {
  return ask("api/state");
}

/** @param {Blob} blob @param {string} name @param {AbortSignal} [signal] @returns {Promise<Uploaded>} */
export function upload(blob, name, signal) {
  const type = blob.type.startsWith("image/") ? blob.type : "application/octet-stream";
  const options = { method: "POST", headers: { "Content-Type": type }, body: blob, signal };
  return ask(`api/pictures?name=${encodeURIComponent(name)}`, options);
}

/** @param {PictureChoice} picture @param {NetworkChoice} network @param {AbortSignal} [signal] @returns {Promise<{ id: string }>} */
export function startTrace(picture, network, signal) {
  return ask("api/traces", { ...json({ picture, network }), signal });
}

/** Waits until something new is known. @param {string} id @param {number} seen @param {AbortSignal} [signal] @returns {Promise<Job>} */
export function job(id, seen, signal) {
  return ask(`api/traces/${id}?wait=20&seen=${seen}`, { signal });
}

/** @param {string} id */
export function drop(id) {
  return ask(`api/traces/${id}`, { method: "DELETE" });
}

/** @param {string} trace @param {MapWish} wish @param {AbortSignal} [signal] @returns {Promise<{ id: string }>} */
export function startMap(trace, wish, signal) {
  return ask(`api/traces/${trace}/maps`, { ...json(wish), signal });
}

/** Waits until something new is known of a map. @param {string} id @param {number} seen @param {AbortSignal} [signal] @returns {Promise<Job>} */
export function mapNews(id, seen, signal) {
  return ask(`api/maps/${id}?wait=20&seen=${seen}`, { signal });
}

/** @param {string} id */
export function dropMap(id) {
  return ask(`api/maps/${id}`, { method: "DELETE" });
}

/** The map itself, as a file. @param {string} id @param {AbortSignal} [signal] @returns {Promise<import("./types.js").Bytes>} */
export async function mapFile(id, signal) {
  const answer = await fetch(`api/maps/${id}/map`, { signal }).catch((error) => {
    throw error instanceof DOMException && error.name === "AbortError" ? error : new Refusal("", "unreachable");
  });
  if (!answer.ok) throw new Refusal(`${answer.status}`, "failed");
  return bufferBytes(await answer.arrayBuffer());
}
