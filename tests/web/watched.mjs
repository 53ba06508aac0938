/** Bytes that are watched: which parts of a file the page reads. */
import { bufferBytes } from "../../src/convscope/web/data/bytes.js";

/** A file in memory that notes what is read of it. */
export function watched(buffer) {
  const inner = bufferBytes(buffer);
  const reads = [];
  return { size: inner.size, reads, read: (start, stop) => (reads.push([start, stop]), inner.read(start, stop)) };
}
