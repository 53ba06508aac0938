/**
 * What is said of a map in the page's language: the reasons of its verdict, why its layer was taken, its notes. Python gives a
 * sentence, and the rule with its numbers behind it (explaining/reason.py); a rule that is not known here keeps its sentence.
 */
import { say } from "../../language.js";
import { count, fixed, percent, signed } from "../../paint/numbers.js";
import { words } from "./reasons-words.js";

/** @typedef {import("../../types.js").Reason} Reason */

/** What a map has to beat, as verdict.py calls it. */
const RIVALS = ["random", "edges", "centre"];
/** What checks.py says of a map that says nothing, by a part of its sentence. */
const FAULTS = [["zero everywhere", "fault_zero"], ["no number", "fault_nan"], ["everywhere", "fault_constant"]];
const DUELS = ["deletion", "insertion", "road"];
/** What layers.py says of what comes behind a layer. */
const AFTER = ["pooling", "row", "step", "answer"];
/** Rules that are one sentence, whatever the map. */
const PLAIN = new Map([["no number", "no_number"], ["asked", "asked"], ["no relu", "no_relu"], ["unplaced", "unplaced"]]);
/** Methods that carry a warning (methods.py). */
const WARNED = ["guided", "eigencam"];

/**
 * @param {Reason} reason
 * @param {"en" | "zh"} language
 */
export function reasonText(reason, language) {
  if (language === "en") return reason.text;
  return told(reason, words[language]) ?? reason.text;
}

/** @param {Reason} reason @param {Record<string, string>} said @returns {string | null} null for a rule without words, or without its numbers */
function told({ rule, values }, said) {
  /** @param {string} name */
  const number = (name) => {
    const value = values.get(name);
    return typeof value === "number" ? value : NaN;
  };
  /** @param {string} key @param {Record<string, string>} texts */
  const sentence = (key, texts) => (Object.values(texts).includes("NaN") ? null : say(said, key, texts));
  if (DUELS.includes(rule)) {
    const rival = String(values.get("control"));
    const sign = number("sign");
    if (!RIVALS.includes(rival) || !(Math.abs(sign) <= 1)) return null;
    const text = rule === "road" ? signed : fixed;
    const key = `${rule}_${["worse", "equal", "better"][Math.round(sign) + 1]}`;
    return sentence(key, { rival: said[`rival_${rival}`], own: text(number("own"), 2), other: text(number("other"), 2) });
  }
  if (rule === "randomisation") {
    const similarity = number("similarity");
    const how = similarity >= number("alike") ? "alike" : similarity >= number("similar") ? "similar" : "other";
    return sentence(`randomisation_${how}`, { similarity: fixed(similarity, 2) });
  }
  if (rule === "still") return sentence("still", { swing: fixed(number("swing"), 2), whole: fixed(number("whole"), 2) });
  if (rule === "faint") return sentence("faint", { whole: fixed(number("whole"), 3) });
  if (rule === "fault" || rule === "not drawn") {
    const fault = String(values.get("fault"));
    const known = FAULTS.find(([part]) => fault.includes(part));
    return known ? say(said, rule === "fault" ? known[1] : "not_drawn", { fault: said[known[1]] }) : null;
  }
  if (rule === "incomplete") {
    const [steps, error] = [number("steps"), number("error")];
    return error > 0 ? sentence("incomplete", { steps: count(steps), error: percent(error) }) : null;
  }
  if (rule === "warning") {
    const method = String(values.get("method"));
    return WARNED.includes(method) ? said[`warning_${method}`] : null;
  }
  const plain = PLAIN.get(rule);
  return plain ? said[plain] : placed(rule, values, said);
}

/** Why a layer was taken. @param {string} rule @param {Reason["values"]} values @param {Record<string, string>} said @returns {string | null} */
function placed(rule, values, said) {
  const texts = Object.fromEntries([...values].map(([name, value]) => [name, typeof value === "number" ? count(value) : value]));
  const key = rule === "last" && AFTER.includes(texts.after) ? `last_${texts.after}` : rule === "inside" ? rule : null;
  if (!key) return null;
  const wanted = [...said[key].matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  return wanted.every((name) => Object.hasOwn(texts, name)) ? say(said, key, texts) : null;
}
