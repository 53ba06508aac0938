/** One heat map as a file of its own, as the local server sends it (docs/page.md). */
import { Arrays } from "./arrays.js";
import { Fields } from "./fields.js";
import { parseJson, readHeader } from "./header.js";
import { Problem } from "./problems.js";
import { mapOf } from "./structure.js";

const KEPT = 64 * 1024 * 1024;

/**
 * @param {import("../types.js").Bytes} bytes
 * @returns {Promise<import("../types.js").HeatMap>}
 * @throws {Problem} when it is no such file, or damaged
 */
export async function readMap(bytes) {
  const header = await readHeader(bytes);
  const text = header.texts.get("convscope_map");
  if (text === undefined) throw new Problem("foreign", { field: "convscope_map" });
  const { value, ...told } = mapOf(new Fields(parseJson(text), "map"), { slots: header.slots, excerpt: false });
  const arrays = new Arrays(bytes, header.slots, KEPT);
  return { ...told, read: value && (() => arrays.whole(value)) };
}
