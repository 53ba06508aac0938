/** The structure of a trace (docs/format.md), checked field by field; format 2 is an excerpt, made for exported pages. */
import { evidenceOf, remarksOf } from "./evidence.js";
import { Fields, isIndex, isObject } from "./fields.js";
import { parseJson, product, shapeOf } from "./header.js";
import { Problem, short } from "./problems.js";

/** @typedef {import("../types.js").Step} Step */
/** @typedef {import("../types.js").Reference} Reference */
/** @typedef {import("../types.js").Placement} Placement */
/** @typedef {import("./header.js").Header} Header */
/** @typedef {import("./header.js").Slot} Slot */
/** @typedef {Omit<Step, "readers" | "maps" | "facts">} BareStep  What the trace itself says of a step. */
/** @typedef {{ slots: Map<string, Slot>, excerpt: boolean }} File */
/**
 * @typedef {object} Structure
 * @property {BareStep[]} steps
 * @property {number[]} outputs  Positions of steps.
 * @property {string[]} labels
 * @property {Placement} placement
 * @property {Slot} picture
 * @property {BareMap[]} maps  Explanations, in the file's order.
 * @property {Record<string, any>} about
 */
/** @typedef {Omit<import("../types.js").HeatMap, "read"> & { value: Reference | null }} BareMap */

const NEWEST = 2;
const DTYPES = { float32: "F32", float16: "F16", uint8: "U8" };

/**
 * @param {Header} header
 * @returns {Structure}
 * @throws {Problem} when it is no trace, newer than this page, or damaged
 */
export function parseStructure(header) {
  const text = header.texts.get("convscope");
  if (text === undefined) throw new Problem("foreign", { field: "convscope" });
  const fields = new Fields(parseJson(text), "structure");
  const format = fields.number("format");
  if (format > NEWEST) throw new Problem("newer", { format });
  if (format !== 1 && format !== 2) fields.wrong("format");
  const file = { slots: header.slots, excerpt: format === 2 };
  const steps = fields.children("steps").map((part, i) => stepOf(part, i, file));
  checkSteps(steps, fields);
  const [top, left, height, width] = fields.numbers("placement", 4);
  return {
    steps,
    outputs: fields.indexes("outputs", steps.length),
    labels: fields.texts("labels"),
    placement: { top, left, height, width },
    picture: pictureOf(fields, file),
    maps: fields.children("maps").map((part) => mapOf(part, file)),
    about: fields.free("about"),
  };
}

/**
 * @param {Fields} fields
 * @param {number} index
 * @param {File} file
 * @returns {BareStep}
 */
function stepOf(fields, index, file) {
  const value = valueOf(fields, file);
  return {
    index,
    name: fields.text("name"),
    kind: fields.text("kind"),
    inputs: fields.indexes("inputs", index),
    shape: value ? value.shape : shapeOf(fields.get("shape"), `${fields.path}.shape`),
    settings: fields.free("settings"),
    module: fields.text("module"),
    dtype: fields.text("dtype"),
    batched: fields.truth("batched"),
    value,
    params: paramsOf(fields.child("params"), file),
  };
}

/**
 * @param {Fields} fields
 * @param {File} file
 */
function valueOf(fields, file) {
  if (file.excerpt && fields.get("value") === null) return null;
  return referenceOf(fields.child("value"), file);
}

/**
 * An explanation; in an excerpt its numbers may be left out.
 * @param {Fields} fields
 * @param {File} file
 * @returns {BareMap}
 */
export function mapOf(fields, file) {
  const value = valueOf(fields, file);
  const shape = value ? value.shape : shapeOf(fields.get("shape"), `${fields.path}.shape`);
  if (shape.length !== 2 || (value && value.take)) return fields.wrong(value ? "value" : "shape");
  const evidence = fields.free("evidence");
  const notes = fields.get("notes") === undefined ? [] : fields.texts("notes");
  const whyLayer = fields.get("why_layer") === undefined ? "" : fields.text("why_layer");
  return {
    method: fields.text("method"),
    target: fields.text("target"),
    layer: fields.text("layer"),
    ...remarksOf(evidence, whyLayer, notes),
    score: scoreOf(fields),
    evidence: evidenceOf(evidence),
    height: shape[0],
    width: shape[1],
    value,
  };
}

/** A score that is no finite number is as good as none. @param {Fields} fields @returns {number | null} */
function scoreOf(fields) {
  const score = fields.get("score");
  return score === undefined || isObject(score) ? null : fields.numberOrNull("score");
}

/**
 * @param {Fields} fields
 * @param {File} file
 * @returns {Record<string, Reference | null>}
 */
function paramsOf(fields, file) {
  // Without a prototype, so that asking for a parameter called `constructor` finds one only if there is one.
  const params = Object.create(null);
  for (const name of fields.keys()) params[name] = fields.get(name) === null ? null : referenceOf(fields.child(name), file);
  return params;
}

/**
 * @param {Fields} fields
 * @param {File} file
 * @returns {Reference}
 */
function referenceOf(fields, file) {
  const tensor = fields.text("tensor");
  const encoding = /** @type {Reference["encoding"]} */ (fields.text("encoding"));
  if (!Object.hasOwn(DTYPES, encoding)) fields.wrong("encoding");
  const slot = slotOf(file, tensor, fields.path);
  const shape = shapeOf(fields.get("shape"), `${fields.path}.shape`);
  const take = file.excerpt ? takeOf(fields, shape) : null;
  const kept = take ? take.map((indices, axis) => (indices ? indices.length : shape[axis])) : shape;
  const fits = slot.dtype === DTYPES[encoding] && product(kept) === product(slot.shape);
  if (!fits || (encoding === "uint8" && !hasRange(file, tensor, slot))) {
    throw new Problem("mismatch", { path: fields.path, tensor: short(tensor), shape: short(slot.shape) });
  }
  return take ? { tensor, shape, encoding, take } : { tensor, shape, encoding };
}

/**
 * @param {Fields} fields
 * @param {number[]} shape
 * @returns {(number[] | null)[] | null}
 */
function takeOf(fields, shape) {
  const take = fields.get("take");
  if (take === undefined || take === null) return null;
  const fits =
    Array.isArray(take) && take.length === shape.length && take.every((kept, axis) => kept === null || isTaken(kept, shape[axis]));
  return fits ? take : fields.wrong("take");
}

/**
 * Whether `kept` is a list of positions along an axis, each larger than the one before.
 * @param {unknown} kept
 * @param {number} size
 */
function isTaken(kept, size) {
  return Array.isArray(kept) && kept.every((index, i) => isIndex(index, size) && (i === 0 || index > kept[i - 1]));
}

/**
 * Whether a tensor of levels has its low and high for each channel.
 * @param {File} file
 * @param {string} tensor
 * @param {Slot} slot
 */
function hasRange(file, tensor, slot) {
  const range = file.slots.get(`${tensor}/range`);
  return slot.shape.length === 3 && range?.dtype === "F32" && short(range.shape) === short([slot.shape[0], 2]);
}

/**
 * @param {Fields} fields
 * @param {File} file
 */
function pictureOf(fields, file) {
  const name = fields.text("picture");
  const slot = slotOf(file, name, "structure.picture");
  if (slot.dtype !== "U8" || slot.shape.length !== 3 || slot.shape[2] !== 3 || slot.stop === slot.start) {
    throw new Problem("mismatch", { path: "structure.picture", tensor: short(name), shape: short(slot.shape) });
  }
  return slot;
}

/**
 * @param {File} file
 * @param {string} tensor
 * @param {string} path
 */
function slotOf(file, tensor, path) {
  const slot = file.slots.get(tensor);
  if (!slot) throw new Problem("missing", { path, tensor: short(tensor) });
  return slot;
}

/**
 * @param {BareStep[]} steps
 * @param {Fields} fields
 */
function checkSteps(steps, fields) {
  if (steps.length === 0 || steps[0].kind !== "input") fields.wrong("steps");
  const names = new Set();
  for (const { name } of steps) {
    if (names.has(name)) throw new Problem("twins", { name: short(name) });
    names.add(name);
  }
}
