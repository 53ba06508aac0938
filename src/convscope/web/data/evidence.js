/**
 * What a file says of whether to trust a heat map. It comes from strangers: a part that is not what it should be counts as not
 * measured, and without a verdict that rests on something there is no evidence at all.
 */
import { isObject } from "./fields.js";

/** @typedef {import("../types.js").Evidence} Evidence */
/** @typedef {import("../types.js").Measured} Measured */
/** @typedef {import("../types.js").Curve} Curve */
/** @typedef {import("../types.js").Road} Road */
/** @typedef {import("../types.js").Reason} Reason */

const VERDICTS = /** @type {const} */ (["trust", "doubt", "no"]);
const MOST_POINTS = 4096;
const MOST_REASONS = 24;
const MOST_VALUES = 12;
const LONGEST = 600;
/** Probabilities that were added up in float32 may end a little beyond. */
const SLACK = 1e-4;

/**
 * @param {unknown} value  The free value of the file.
 * @returns {Evidence | null} null when it says nothing that can be relied on
 */
export function evidenceOf(value) {
  if (!isObject(value)) return null;
  const verdict = VERDICTS.find((name) => name === own(value, "verdict"));
  const trust = between(own(value, "trust"), 0, 1);
  const map = measuredOf(value);
  if (!verdict || trust === null || (!map && verdict !== "no")) return null;
  const controls = own(value, "controls");
  /** @param {string} name */
  const control = (name) => (isObject(controls) ? measuredOf(own(controls, name)) : null);
  const randomisation = own(value, "randomisation");
  return {
    verdict,
    trust,
    reasons: reasonsOf(own(value, "reasons"), own(value, "rules")),
    map,
    controls: { random: control("random"), edges: control("edges"), centre: control("centre") },
    similarity: isObject(randomisation) ? between(own(randomisation, "similarity"), -1, 1) : null,
    completeness: between(own(value, "completeness_error"), 0, 1e6),
    passes: between(own(value, "passes"), 0, 1e12),
    seconds: between(own(value, "seconds"), 0, 1e9),
    thorough: own(value, "thorough") === true,
  };
}

/**
 * What is said of a map itself, in sentences of the file, each with the rule behind it where the evidence tells it.
 * @param {unknown} evidence  The free value of the file.
 * @param {string} whyLayer
 * @param {readonly string[]} notes
 * @returns {{ whyLayer: Reason | null, notes: Reason[] }}
 */
export function remarksOf(evidence, whyLayer, notes) {
  const rules = isObject(evidence) ? { why: own(evidence, "why_layer"), notes: own(evidence, "notes") } : {};
  return { whyLayer: reasonsOf([whyLayer], [rules.why])[0] ?? null, notes: reasonsOf(notes, rules.notes) };
}

/** Text from outside, of a length that can be shown. @param {unknown} value */
function shown(value) {
  if (typeof value !== "string") return "";
  return value.length > LONGEST ? `${value.slice(0, LONGEST - 1)}…` : value;
}

/** @param {unknown} value @returns {Measured | null} */
function measuredOf(value) {
  if (!isObject(value)) return null;
  const found = { insertion: curveOf(own(value, "insertion")), deletion: curveOf(own(value, "deletion")), road: roadOf(own(value, "road")) };
  return found.insertion || found.deletion || found.road ? found : null;
}

/** @param {unknown} value @returns {Curve | null} */
function curveOf(value) {
  if (!isObject(value)) return null;
  const auc = between(own(value, "auc"), -SLACK, 1 + SLACK);
  const curve = sharesOf(own(value, "curve"), 2);
  return auc === null || !curve ? null : { auc, curve };
}

/** @param {unknown} value @returns {Road | null} */
function roadOf(value) {
  if (!isObject(value)) return null;
  const score = between(own(value, "score"), -1 - SLACK, 1 + SLACK);
  const percentiles = own(value, "percentiles");
  const most = sharesOf(own(value, "most"), 1);
  const least = sharesOf(own(value, "least"), 1);
  if (score === null || !most || !least || !Array.isArray(percentiles)) return null;
  const rising = percentiles.every((part, i) => between(part, 0, 100) !== null && (i === 0 || part > percentiles[i - 1]));
  const fits = rising && percentiles.length === most.length && least.length === most.length;
  return fits ? { score, percentiles: [...percentiles], most, least } : null;
}

/** A list of probabilities. @param {unknown} value @param {number} fewest @returns {number[] | null} */
function sharesOf(value, fewest) {
  if (!Array.isArray(value) || value.length < fewest || value.length > MOST_POINTS) return null;
  return value.every((part) => between(part, -SLACK, 1 + SLACK) !== null) ? value.map((part) => Math.min(1, Math.max(0, part))) : null;
}

/** Sentences, each with the rule behind it where that is told. @param {unknown} sentences @param {unknown} rules @returns {Reason[]} */
function reasonsOf(sentences, rules) {
  if (!Array.isArray(sentences)) return [];
  return sentences.slice(0, MOST_REASONS).flatMap((sentence, i) => {
    const told = Array.isArray(rules) && rules.length === sentences.length ? rules[i] : null;
    const text = shown(sentence);
    return text ? [{ text, ...ruleOf(told) }] : [];
  });
}

/** @param {unknown} value @returns {Pick<Reason, "rule" | "values">} */
function ruleOf(value) {
  const rule = isObject(value) ? own(value, "rule") : "";
  const told = isObject(value) ? own(value, "values") : null;
  const known = isObject(told) ? Object.entries(told).filter(([, part]) => Number.isFinite(part) || typeof part === "string") : [];
  /** @param {unknown} part */
  const kept = (part) => (typeof part === "number" ? part : shown(part));
  return { rule: shown(rule), values: new Map(known.slice(0, MOST_VALUES).map(([name, part]) => [name, kept(part)])) };
}

/** @param {Record<string, unknown>} value @param {string} key */
function own(value, key) {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

/** @param {unknown} value @param {number} low @param {number} high @returns {number | null} */
function between(value, low, high) {
  return typeof value === "number" && value >= low && value <= high ? value : null;
}
