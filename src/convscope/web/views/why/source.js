/** What the Why tab and the header show: the heat map that the address asks for, and how it comes to be there. */
import { useEffect, useMemo, useStore } from "../../dom.js";
import { alike, explain, explaining } from "../../explaining.js";
import { serving } from "../../served.js";
import { session } from "../../session.js";
import { useSession } from "../following.js";
import { choose } from "./choice.js";
import { contrast } from "./target.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../explaining.js").Explaining} Explaining */
/** @typedef {import("../../explaining.js").Wish} Wish */
/**
 * @typedef {object} Why
 * @property {import("./choice.js").Choice} choice
 * @property {import("../../types.js").HeatMap[]} maps  All that are there, the newest first.
 * @property {import("../../api.js").KnownMethod[] | null} offer  What a server can make; null where there is none.
 * @property {Wish | null} wish  What would make the chosen map.
 * @property {Explaining["making"]} making
 * @property {Explaining["refused"]} refused  Why the chosen map is not there.
 */

/** The trace is on the screen before its explanation takes the processor. */
const LATER = 250;

/** The classes by name, the likeliest first. @param {Trace} trace */
export function classNames(trace) {
  return trace.scores.map((score) => score.label);
}

/** What a server can be asked about: every class, and the two likeliest against each other. @param {Trace} trace */
function targetsOf({ scores }) {
  const alone = scores.map(({ label, index }) => ({ target: label, index, against: /** @type {number | null} */ (null) }));
  const [first, second] = scores;
  if (!second) return alone;
  /** @param {import("../../types.js").Score} a @param {import("../../types.js").Score} b */
  const pair = (a, b) => ({ target: contrast(a.label, b.label), index: a.index, against: b.index });
  return [...alone, pair(first, second), pair(second, first)];
}

/**
 * Null where there is nothing to explain with.
 * @param {Trace} trace
 * @returns {Why | null}
 */
export function useWhy(trace) {
  const method = useStore((view) => view.method);
  const of = useStore((view) => view.of);
  const layer = useStore((view) => view.layer);
  useSession(serving); // what a server can make is known a little later than its page
  const { answers, making, refused } = useSession(explaining);
  const offer = methodsFor(trace);
  const targets = useMemo(() => targetsOf(trace), [trace]);
  const maps = useMemo(() => [...answers.map(({ map }) => map), ...trace.maps], [trace, answers]);
  const choice = useMemo(() => choose(trace.maps, { method, of, layer }, offer && offered(trace, offer, targets)), [trace, targets, offer, method, of, layer]);
  return useMemo(() => {
    if (!choice) return null;
    const asked = targets.find((one) => one.target === choice.target);
    const wish = offer && asked ? { ...asked, method: choice.method, layer: choice.layer, thorough: false } : null;
    const map = answers.find((answer) => alike(answer.wish, wish))?.map ?? choice.map;
    return { choice: { ...choice, map }, maps, offer, wish, making, refused: alike(refused?.wish, wish) ? refused : null };
  }, [maps, offer, choice, making, refused]);
}

/** @param {Trace} trace @param {import("../../api.js").KnownMethod[]} methods @param {{ target: string }[]} targets @returns {import("./choice.js").Offer} */
function offered(trace, methods, targets) {
  const grids = trace.steps.filter((step) => step.maps && step.kind !== "input" && step.shape[1] * step.shape[2] > 1).map((step) => step.name);
  return {
    methods: methods.map((one) => one.name),
    targets: targets.map((one) => one.target),
    layers: (name) => (methods.some((one) => one.name === name && one.layered) ? grids : []),
  };
}

/** Whether the Why tab is there. @param {Trace} trace */
export function useHasWhy(trace) {
  useSession(serving);
  return canExplain(trace);
}

/** As `useHasWhy`, at this moment. @param {Trace} trace */
export function canExplain(trace) {
  return trace.maps.length > 0 || methodsFor(trace) !== null;
}

/** What a server can make of a trace; null where there is no server, or no answer to explain. @param {Trace} trace */
function methodsFor(trace) {
  const known = session.get().host === "served" ? serving.get().server?.methods : null;
  return known?.length && trace.scores.length ? known : null;
}

/**
 * Has the chosen map made where a server can, as soon as the trace is on the screen; draws nothing.
 * @param {{ why: Why }} props
 */
export function Asking({ why }) {
  const { trace } = useSession(explaining);
  const { running } = useSession(serving);
  const { choice, wish, making, refused } = why;
  const wanted = wish !== null && trace !== null && running === null && choice.map === null && refused === null && !alike(making?.wish, wish);
  const key = wanted ? JSON.stringify([trace, wish]) : "";
  useEffect(() => {
    if (!wanted || !wish) return;
    const timer = setTimeout(() => explain(wish), LATER);
    return () => clearTimeout(timer);
  }, [key]);
  return null;
}
