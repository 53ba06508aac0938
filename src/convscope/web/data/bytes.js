/** Files that can be read in parts: over HTTP, out of compressed text within this page, or in memory. */
import { Cache } from "./cache.js";
import { Problem } from "./problems.js";

/** @typedef {import("../types.js").Bytes} Bytes */
/** @typedef {{ start: number, stop: number }} Range */
/** @typedef {Range & { done: (bytes: Uint8Array) => void, failed: (error: unknown) => void }} Read */
/** @typedef {{ start: number, stop: number, reads: Read[] }} Request */

const FIRST = 64 * 1024;
/** Bytes between two reads that are fetched for nothing rather than asking twice. */
const GAP = 4 * 1024;
/** No request grows beyond this by merging, so that a small read never waits for a huge one. */
const LARGEST = 16 * 1024 * 1024;
const BLOCKS_KEPT = 64 * 1024 * 1024;
/** First byte of a gzip stream; a zlib stream never begins so. */
const GZIP = 0x1f;

/**
 * A file in memory.
 * @param {ArrayBuffer | ArrayBufferView} buffer
 * @returns {Bytes}
 */
export function bufferBytes(buffer) {
  const all = ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : new Uint8Array(buffer);
  return {
    size: all.length,
    async read(start, stop) {
      checkRange(start, stop, all.length);
      return all.subarray(start, stop);
    },
  };
}

/**
 * A file on a server. Reads asked for in one turn become one request where they lie side by side.
 * @param {string} url
 * @returns {Promise<Bytes>}
 * @throws {Problem} when the server cannot be reached, or refuses
 */
export async function httpBytes(url) {
  const first = await fetchRange(url, { start: 0, stop: FIRST });
  if (first.whole) return bufferBytes(first.bytes);
  const { bytes: head, size } = first;
  /** @type {Read[]} */
  let waiting = [];

  function send() {
    const requests = merged(waiting);
    waiting = [];
    for (const request of requests) serve(request);
  }

  /** @param {Request} request */
  async function serve(request) {
    try {
      const answer = await fetchRange(url, request);
      if (answer.size !== size) throw new Problem("changed", { url });
      checkLength(url, answer.bytes, request);
      for (const read of request.reads) read.done(part(answer.bytes, request, read));
    } catch (error) {
      for (const read of request.reads) read.failed(error);
    }
  }

  return {
    size,
    async read(start, stop) {
      checkRange(start, stop, size);
      if (stop <= head.length || start === stop) return head.slice(start, stop);
      return new Promise((done, failed) => {
        // A timer, not a microtask: what several components ask for in one turn comes at different depths of promises.
        if (waiting.length === 0) setTimeout(send, 0);
        waiting.push({ start, stop, done, failed });
      });
    },
  };
}

/**
 * A file that lies in this page as base64 text of compressed blocks (zlib or gzip).
 * @param {{ size: number, blocks: { id: string, start: number, stop: number }[] }} index  Blocks follow each other from 0 to `size`.
 * @param {(id: string) => string} textOf  Base64 text of a block.
 * @param {number} [limit]  Bytes of unpacked blocks that are kept.
 * @returns {Bytes}
 */
export function blockBytes({ size, blocks }, textOf, limit = BLOCKS_KEPT) {
  checkTiling(size, blocks);
  const unpacked = new Cache(limit, (/** @type {Uint8Array} */ bytes) => bytes.length);

  /** @param {{ id: string, start: number, stop: number }} block */
  const bytesOf = (block) => unpacked.ask(block.id, async () => unpack(block.id, textOf(block.id), block.stop - block.start));

  return {
    size,
    async read(start, stop) {
      checkRange(start, stop, size);
      const result = new Uint8Array(stop - start);
      const touched = blocks.slice(blockAt(blocks, start)).filter((block) => block.start < stop && block.stop > start);
      // One after the other, so that a long read never holds more unpacked blocks than the cache does.
      for (const block of touched) {
        const bytes = await bytesOf(block);
        const from = Math.max(start, block.start);
        const to = Math.min(stop, block.stop);
        result.set(bytes.subarray(from - block.start, to - block.start), from - start);
      }
      return result;
    },
  };
}

/**
 * Reads as few requests as make sense, each covering one or more of them.
 * @param {Read[]} reads
 * @returns {Request[]}
 */
function merged(reads) {
  /** @type {Request[]} */
  const requests = [];
  for (const read of [...reads].sort((a, b) => a.start - b.start || a.stop - b.stop)) {
    const last = requests.at(-1);
    const stop = last ? Math.max(last.stop, read.stop) : read.stop;
    const inside = last && read.stop <= last.stop;
    if (last && (inside || (read.start <= last.stop + GAP && stop - last.start <= LARGEST))) {
      last.stop = stop;
      last.reads.push(read);
    } else {
      requests.push({ start: read.start, stop: read.stop, reads: [read] });
    }
  }
  return requests;
}

/**
 * The bytes of one read, in memory of their own if others were fetched with them.
 * @param {Uint8Array} bytes
 * @param {Request} request
 * @param {Read} read
 */
function part(bytes, request, read) {
  return request.reads.length === 1 ? bytes : bytes.slice(read.start - request.start, read.stop - request.start);
}

/**
 * @param {string} url
 * @param {Range} range
 * @returns {Promise<{ bytes: Uint8Array, size: number, whole: boolean }>}
 */
async function fetchRange(url, { start, stop }) {
  const response = await reach(url, { Range: `bytes=${start}-${stop - 1}` });
  // 416 to a request from byte 0 on is how a server says that the file has none.
  if (response.status === 416 && start === 0) throw new Problem("empty");
  if (response.status !== 206 && !(response.status === 200 && start === 0)) {
    throw new Problem("refused", { url, status: response.status });
  }
  const bytes = new Uint8Array(await body(url, response));
  if (response.status === 200) return { bytes, size: bytes.length, whole: true };
  const total = /^bytes \d+-\d+\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "");
  if (!total) throw new Problem("refused", { url, status: response.status });
  const size = Number(total[1]);
  checkLength(url, bytes, { start, stop: Math.min(stop, size) });
  return { bytes, size, whole: bytes.length === size };
}

/**
 * @param {string} url
 * @param {Record<string, string>} headers
 */
async function reach(url, headers) {
  try {
    // Without no-store, Chromium lets requests for parts of one file wait for each other.
    return await fetch(url, { headers, credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new Problem("unreachable", { url });
  }
}

/**
 * @param {string} url
 * @param {Response} response
 */
async function body(url, response) {
  try {
    return await response.arrayBuffer();
  } catch {
    throw new Problem("unreachable", { url });
  }
}

/**
 * @param {string} id
 * @param {string} text
 * @param {number} length  Bytes that must come out.
 * @returns {Promise<Uint8Array>}
 */
async function unpack(id, text, length) {
  const result = new Uint8Array(length);
  let filled = 0;
  try {
    const packed = fromBase64(text);
    const format = packed[0] === GZIP ? "gzip" : "deflate";
    const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream(format)).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      result.set(value, filled); // throws when more comes out than was announced
      filled += value.length;
    }
  } catch {
    throw new Problem("block", { id });
  }
  if (filled !== length) throw new Problem("block", { id });
  return result;
}

/**
 * A plain loop: `Uint8Array.from` with a function takes ten times as long.
 * @param {string} text
 */
function fromBase64(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i += 1) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/**
 * Position of the block that holds byte `start`.
 * @param {Range[]} blocks
 * @param {number} start
 */
function blockAt(blocks, start) {
  let low = 0;
  let high = blocks.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (blocks[middle].start <= start) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * @param {number} size
 * @param {{ id: string, start: number, stop: number }[]} blocks
 */
function checkTiling(size, blocks) {
  let position = 0;
  for (const block of blocks) {
    if (block.start !== position || block.stop <= block.start) throw new Problem("block", { id: block.id });
    position = block.stop;
  }
  if (position !== size) throw new Problem("cut", { needed: size, size: position });
}

/**
 * @param {string} url
 * @param {Uint8Array} bytes
 * @param {Range} range
 */
function checkLength(url, bytes, { start, stop }) {
  if (bytes.length !== stop - start) throw new Problem("incomplete", { url, got: bytes.length, wanted: stop - start });
}

/**
 * @param {number} start
 * @param {number} stop
 * @param {number} size
 */
function checkRange(start, stop, size) {
  if (!(start >= 0 && start <= stop && stop <= size)) throw new RangeError(`bytes ${start} to ${stop} are not in a file of ${size}`);
}
