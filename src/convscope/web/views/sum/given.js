/** The arrays that the arithmetic of a step needs, loaded once; after that every value of the step is taken apart at once. */
import { needs, reasonAgainst, sumOf } from "../../arithmetic/explain.js";
import { NoArithmetic } from "../../arithmetic/reasons.js";
import { useLoaded, useMemo } from "../../dom.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("../../types.js").Values} Values */
/** @typedef {import("../../arithmetic/explain.js").Given} Given */
/** @typedef {import("../../arithmetic/explain.js").FoundSum} FoundSum */
/** @typedef {Given & { step: number }} Loaded */
/**
 * @typedef {object} Taken
 * @property {Given | null} given  null until the arrays are there.
 * @property {FoundSum | null} sum
 * @property {Error | null} error  A `NoArithmetic`, or what went wrong when loading.
 */

/**
 * @param {Trace} trace
 * @param {Step} step
 * @returns {Promise<Loaded>}
 */
export async function loadGiven(trace, step) {
  const { inputs, params } = needs(step);
  const [values, weights] = await Promise.all([
    Promise.all(inputs.map((position) => trace.values(position))),
    Promise.all(params.map((name) => trace.param(step, name))),
  ]);
  const valueOf = new Map(inputs.map((position, i) => [position, values[i]]));
  const paramOf = new Map(params.map((name, i) => [name, weights[i]]));
  return {
    step: step.index,
    steps: trace.steps,
    value: (position) => valueOf.get(position) ?? null,
    param: (name) => paramOf.get(name) ?? null,
  };
}

/**
 * One value of a step, taken apart.
 * @param {Trace} trace
 * @param {Step} step
 * @param {number[]} index
 * @returns {Taken}
 */
export function useSum(trace, step, index) {
  const reason = useMemo(() => reasonAgainst(step), [step]);
  const loaded = useLoaded(() => (reason ? null : loadGiven(trace, step)), [trace, step, reason]);
  const given = loaded.value?.step === step.index ? loaded.value : null;
  return useMemo(() => {
    if (reason) return { given: null, sum: null, error: new NoArithmetic(reason, { kind: step.kind, mode: String(step.settings.mode) }) };
    if (!given) return { given: null, sum: null, error: loaded.error };
    return taken(step, index, given);
  }, [step, reason, given, loaded.error, index.join()]);
}

/** @param {Step} step @param {number[]} index @param {Given} given @returns {Taken} */
function taken(step, index, given) {
  try {
    return { given, sum: sumOf(step, index, given), error: null };
  } catch (error) {
    if (error instanceof Error) return { given, sum: null, error };
    throw error;
  }
}
