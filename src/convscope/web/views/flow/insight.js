/**
 * Which inputs made what is looked at, and by how much. Answers at once with what is known; reads and calculates more in
 * idle time when the pointer rests, and says when there is a better answer.
 */
import { needs, sumOf } from "../../arithmetic/explain.js";
import { topShares } from "../../arithmetic/shares.js";
import { CONTRIBUTED, contributions } from "./contributions.js";
import { whenIdle } from "./idle.js";
import { readChannels, scaled, weighedChannels } from "./sources.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Pointed} Pointed */
/** @typedef {import("../../types.js").Values} Values */
/** @typedef {import("./sources.js").Source} Source */
/** @typedef {{ params: Map<string, Values | null>, values: Map<number, Values | null> }} Loaded */

/** How long the pointer rests on a step before numbers are fetched for it. */
const REST = 120;
/** Steps that read more numbers than this show the shares of whole maps, not of the pixel. */
const MOST_NUMBERS = 3e6;
/** Kinds that are taken apart term by term (a softmax, a norm) are so only up to this many terms. */
const MOST_TERMS = 600;
const SHOWN = 24;

export class Insight {
  #timer = 0;
  #waiting = "";
  /** Shares of whole maps by step and channel. @type {Map<string, readonly Source[]>} */
  #weighed = new Map();
  /** Shares in the pixel looked at last, by step and channel. @type {Map<string, { pixel: string, sources: readonly Source[] }>} */
  #exact = new Map();
  /** @type {Map<number, Loaded | null>} */
  #loaded = new Map();
  /** Once a step could not be taken apart, the flow does not try again. @type {Set<number>} */
  #hopeless = new Set();
  /** What is to be taken apart when there is time: one pixel of each step and channel that is looked at. @type {Map<string, Pointed>} */
  #open = new Map();
  #cancel = () => {};

  /** @param {Trace} trace @param {() => void} better  Called when there is a better answer than the last one. */
  constructor(trace, better) {
    this.trace = trace;
    this.better = better;
  }

  stop() {
    clearTimeout(this.#timer);
    this.#cancel();
    this.better = () => {};
  }

  /** @param {Pointed} pointed @returns {readonly Source[]} strongest first */
  sources(pointed) {
    const { step, channel, y, x } = pointed;
    if (channel === null) return [];
    const key = `${step} ${channel}`;
    const known = this.#weighed.get(key) ?? this.#remember(key, readChannels(this.trace.steps, step, channel));
    if (known.length < 2) return known; // all of it comes from one channel
    const exact = this.#exact.get(key);
    if (exact?.pixel === `${y} ${x}`) return exact.sources;
    if (this.#loaded.get(step)) this.#takeApart(key, pointed);
    else this.#ask(key, step, channel);
    // A pixel beside this one says more than the whole map does.
    return exact?.sources ?? known;
  }

  /** @param {string} key @param {readonly Source[]} sources */
  #remember(key, sources) {
    if (this.#weighed.size > 2000) this.#weighed.clear();
    // All the same, and more of them than one can tell apart: no line says anything yet.
    this.#weighed.set(key, sources.length > SHOWN ? sources.map((source) => ({ ...source, share: 0.1 })) : sources);
    return this.#weighed.get(key) ?? sources;
  }

  /** @param {string} key @param {number} step @param {number} channel */
  #ask(key, step, channel) {
    if (this.#waiting === key) return;
    this.#waiting = key;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(async () => {
      try {
        this.#weighed.set(key, await weighedChannels(this.trace, step, channel));
        this.better();
        await this.#load(step);
        this.better();
      } catch {
        this.#hopeless.add(step);
      }
    }, REST);
  }

  /** @param {number} index */
  async #load(index) {
    const step = this.trace.steps[index];
    if (this.#loaded.has(index) || step.inputs.length === 0) return;
    this.#loaded.set(index, null);
    const wanted = CONTRIBUTED.has(step.kind) ? { inputs: step.inputs, params: ["weight"] } : needs(step);
    const size = wanted.inputs.reduce((sum, input) => sum + this.trace.steps[input].shape.reduce((product, side) => product * side, 1), 0);
    if (size > MOST_NUMBERS) return;
    const [values, params] = await Promise.all([
      Promise.all(wanted.inputs.map((input) => this.trace.values(input))),
      Promise.all(wanted.params.map((name) => this.trace.param(index, name))),
    ]);
    if (this.#loaded.size > 24) this.#loaded.delete(this.#loaded.keys().next().value ?? -1);
    this.#loaded.set(index, {
      values: new Map(wanted.inputs.map((input, i) => [input, values[i]])),
      params: new Map(wanted.params.map((name, i) => [name, params[i]])),
    });
  }

  /** @param {string} key @param {Pointed} pointed */
  #takeApart(key, pointed) {
    if (this.#hopeless.has(pointed.step)) return;
    if (this.#open.size === 0) this.#cancel = whenIdle(() => this.#calculate());
    this.#open.set(key, pointed);
  }

  #calculate() {
    const open = [...this.#open];
    this.#open.clear();
    for (const [key, pointed] of open) {
      try {
        const sources = this.#sharesIn(pointed);
        if (!sources) continue;
        if (this.#exact.size > 200) this.#exact.clear();
        this.#exact.set(key, { pixel: `${pointed.y} ${pointed.x}`, sources });
        this.better();
      } catch {
        this.#hopeless.add(pointed.step);
      }
    }
  }

  /** The shares in this very pixel; null as long as (or if ever) that cannot be said. @param {Pointed} pointed */
  #sharesIn({ step: index, channel, y, x }) {
    const step = this.trace.steps[index];
    const loaded = this.#loaded.get(index);
    const position = step.shape.length === 1 ? [channel] : step.shape.length === 3 && y !== null && x !== null ? [channel, y, x] : null;
    if (!loaded || !position) return null;
    return CONTRIBUTED.has(step.kind)
      ? this.#added(step, /** @type {number[]} */ (position), loaded)
      : this.#summed(step, /** @type {number[]} */ (position), loaded);
  }

  /** @param {import("../../types.js").Step} step @param {number[]} position @param {Loaded} loaded */
  #added(step, position, { values, params }) {
    const [input, weight] = [values.get(step.inputs[0]), params.get("weight")];
    const found = input && weight && contributions(step, position, input, weight);
    if (!found?.length) return null;
    const largest = found.sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)).slice(0, SHOWN);
    return scaled(largest.map((one) => ({ step: step.inputs[0], channel: one.channel, share: 1 })), largest.map((one) => Math.abs(one.sum)));
  }

  /** @param {import("../../types.js").Step} step @param {number[]} position @param {Loaded} loaded */
  #summed(step, position, { values, params }) {
    const sum = sumOf(step, position, {
      steps: this.trace.steps,
      value: (/** @type {number} */ at) => values.get(at) ?? null,
      param: (/** @type {string} */ name) => params.get(name) ?? null,
    });
    if (sum.terms.length > MOST_TERMS) this.#hopeless.add(step.index);
    const shares = topShares(sum, SHOWN, this.trace.steps).filter(({ kind, source, channel }) => kind === "channel" && source >= 0 && channel !== null);
    const sources = shares.map((share) => ({ step: step.inputs[share.source], channel: this.#cell(step.inputs[share.source], Number(share.channel)), share: 1 }));
    return scaled(sources, shares.map((share) => Math.abs(share.sum)));
  }

  /** @param {number} step @param {number} channel */
  #cell(step, channel) {
    return Math.min(channel, Math.max(0, (this.trace.steps[step].shape[0] ?? 1) - 1));
  }
}
