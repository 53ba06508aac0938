/**
 * Calculates every sum of a case file with the page's arithmetic and writes them as JSON, for the comparison with
 * Python's. Use: node arithmetic_cases.mjs CASES RESULTS
 */

import { readFileSync, writeFileSync } from "node:fs";
import { explainable, needs, readAt, sumOf } from "../../src/convscope/web/arithmetic/explain.js";
import { KINDS } from "../../src/convscope/web/arithmetic/kinds.js";
import { NoArithmetic } from "../../src/convscope/web/arithmetic/reasons.js";
import { grids, position, topShares } from "../../src/convscope/web/arithmetic/shares.js";

/** What Python wrote of an array, as the page's `Values`. */
function valuesOf({ shape, data }) {
  const bytes = Uint8Array.from(Buffer.from(data, "base64"));
  return { shape, data: new Float32Array(bytes.buffer), take: shape.map(() => null), whole: true, exact: true };
}

function answer(step, index, given) {
  try {
    const sum = sumOf(step, index, given);
    const shares = [0, 2, 5].map((k) => topShares(sum, k, given.steps));
    return {
      ...sum,
      at: Array.from(sum.terms, (_, term) => position(sum, term, given.steps)),
      shares,
      grid: shares[2][0]?.kind === "channel" ? grids(sum, given.steps, shares[2][0]) : null,
      places: readAt(step, index, given),
      explainable: explainable(step),
    };
  } catch (error) {
    if (!(error instanceof NoArithmetic)) throw error;
    return { reason: error.reason, detail: error.detail, explainable: explainable(step) };
  }
}

function answers({ steps, arrays, asked }) {
  const loaded = arrays.map((array) => array && valuesOf(array));
  const told = steps.map((step, index) => ({ ...step, index, shape: loaded[step.value].shape, readers: [] }));
  return asked.map(([at, index]) => {
    const step = told[at];
    const { inputs, params } = needs(step);
    return answer(step, index, {
      steps: told,
      value: (i) => (inputs.includes(i) ? loaded[told[i].value] : null),
      param: (name) => (params.includes(name) ? loaded[step.params[name].tensor] : null),
    });
  });
}

/** JSON has no NaN and no infinity; typed arrays become lists. */
function plain(_key, value) {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return ArrayBuffer.isView(value) ? Array.from(value) : value;
}

const [cases, results] = process.argv.slice(2);
const found = JSON.parse(readFileSync(cases, "utf8")).map(answers);
writeFileSync(results, JSON.stringify({ kinds: [...KINDS.keys()], answers: found }, plain));
