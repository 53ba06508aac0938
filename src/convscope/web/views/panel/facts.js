/** What is said of a step in one line: its size, its parameters, its work, what it sees. */
import { count, macs as macsText, percent } from "../../paint/numbers.js";

/** @typedef {import("../../types.js").Step} Step */
/** @typedef {(key: string, values?: Record<string, string | number>) => string} Say */
/** @typedef {{ key: string, text: string, title?: string }} Fact */

/**
 * @param {Step} step
 * @param {Say} t
 * @returns {Fact[]}
 */
export function factsOf(step, t) {
  return [size(step, t), params(step, t), macs(step, t), view(step, t), zeros(step, t), precision(step, t), batch(step, t)].filter(
    (fact) => fact !== null,
  );
}

/** The shape in words: `16 maps of 300×451`. @param {Step} step @param {Say} t @returns {Fact} */
function size({ shape }, t) {
  const [first = 1, ...rest] = shape;
  const many = { n: count(first), size: rest.join("×") };
  if (shape.length === 3) return { key: "size", text: t(first === 1 ? "map" : "maps", many) };
  if (shape.length <= 1) return { key: "size", text: t(first === 1 ? "number" : "numbers", many) };
  return { key: "size", text: t("shape", { shape: shape.join("×") }) };
}

/** @param {Step} step @param {Say} t @returns {Fact | null} */
function params({ facts: { params: total, formula } }, t) {
  return total ? { key: "params", text: formulaText(formula, t), title: t("params_title") } : null;
}

/**
 * A parameter formula as it is printed in books: `(3*3*3+1)*16 = 448` with × for *.
 * @param {string} formula
 * @param {Say} t
 */
export function formulaText(formula, t) {
  const norm = /^(.+) = ([\d,]+) \(([\d,]+) learned, ([\d,]+) running statistics\)$/.exec(formula);
  if (!norm) return t("params", { formula: formula.replaceAll("*", "×") });
  const [, product, total, half, other] = norm;
  return t("formula_norm", { product: product.replaceAll("*", "×"), total, half, other });
}

/** @param {Step} step @param {Say} t @returns {Fact | null} */
function macs({ facts: { macs: work } }, t) {
  return work ? { key: "macs", text: macsText(work), title: t("macs_title", { n: count(work) }) } : null;
}

/** @param {Step} step @param {Say} t @returns {Fact | null} */
function view({ kind, facts: { field } }, t) {
  if (!field || kind === "input") return null;
  if (field.whole) return { key: "sees", text: t("sees_all"), title: t("sees_all_title") };
  const sizes = { size: field.size.join("×"), seen: field.seen.join("×") };
  return { key: "sees", text: t("sees", sizes), title: t("sees_title", sizes) };
}

/** @param {Step} step @param {Say} t @returns {Fact | null} */
function zeros({ facts: { zeros: share } }, t) {
  return share ? { key: "zeros", text: t("zeros", { share: percent(share) }), title: t("zeros_title") } : null;
}

/** @param {Step} step @param {Say} t @returns {Fact | null} */
function precision({ dtype }, t) {
  return dtype === "float32" ? null : { key: "dtype", text: dtype, title: t("dtype_title") };
}

/** @param {Step} step @param {Say} t @returns {Fact | null} */
function batch({ batched }, t) {
  return batched ? null : { key: "batched", text: t("unbatched"), title: t("unbatched_title") };
}
