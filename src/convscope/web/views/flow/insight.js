/**
 * Which inputs made what is looked at, and by how much. Answers at once with what is known; asks for more when the pointer
 * rests, and says when there is a better answer.
 */
import { needs, sumOf } from "../../arithmetic/explain.js";
import { topShares } from "../../arithmetic/shares.js";
import { readChannels, scaled, weighedChannels } from "./sources.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Pointed} Pointed */
/** @typedef {import("../../types.js").Values} Values */
/** @typedef {import("./sources.js").Source} Source */

/** How long the pointer rests on a step before numbers are fetched for it. */
const REST = 120;
/** Steps that read more numbers than this show the shares of whole maps, not of the pixel. */
const MOST_NUMBERS = 6e6;
/** A pixel that sums up more than this is not taken apart at every move of the pointer. */
const MOST_TERMS = 8000;
const SHOWN = 24;

export class Insight {
  #timer = 0;
  #waiting = "";
  /** @type {Map<string, readonly Source[]>} */
  #weighed = new Map();
  /** @type {Map<number, { params: Map<string, Values | null>, values: Map<number, Values | null> } | null>} */
  #loaded = new Map();
  /** Once a step could not be taken apart, the flow does not try again. @type {Set<number>} */
  #hopeless = new Set();

  /** @param {Trace} trace @param {() => void} better  Called when there is a better answer than the last one. */
  constructor(trace, better) {
    this.trace = trace;
    this.better = better;
  }

  stop() {
    clearTimeout(this.#timer);
    this.better = () => {};
  }

  /** @param {Pointed} pointed @returns {readonly Source[]} strongest first */
  sources(pointed) {
    const { step, channel } = pointed;
    if (channel === null) return [];
    const exact = this.#exact(pointed);
    if (exact) return exact;
    const key = `${step} ${channel}`;
    this.#ask(key, step, channel);
    return this.#weighed.get(key) ?? this.#remember(key, readChannels(this.trace.steps, step, channel));
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
    if (this.#loaded.has(index)) return;
    this.#loaded.set(index, null);
    const { inputs, params } = needs(step);
    const size = inputs.reduce((sum, input) => sum + this.trace.steps[input].shape.reduce((product, side) => product * side, 1), 0);
    if (size > MOST_NUMBERS || step.inputs.length === 0) return;
    const [values, numbers] = await Promise.all([
      Promise.all(inputs.map((input) => this.trace.values(input))),
      Promise.all(params.map((name) => this.trace.param(index, name))),
    ]);
    if (this.#loaded.size > 24) this.#loaded.delete(this.#loaded.keys().next().value ?? -1);
    this.#loaded.set(index, {
      values: new Map(inputs.map((input, i) => [input, values[i]])),
      params: new Map(params.map((name, i) => [name, numbers[i]])),
    });
  }

  /** The shares in this very pixel, by the arithmetic; null as long as (or if ever) that cannot be said. @param {Pointed} pointed */
  #exact({ step: index, channel, y, x }) {
    const step = this.trace.steps[index];
    const loaded = this.#loaded.get(index);
    const position = step.shape.length === 1 ? [channel] : step.shape.length === 3 && y !== null && x !== null ? [channel, y, x] : null;
    if (!loaded || !position || this.#hopeless.has(index)) return null;
    try {
      const given = {
        steps: this.trace.steps,
        value: (/** @type {number} */ at) => loaded.values.get(at) ?? null,
        param: (/** @type {string} */ name) => loaded.params.get(name) ?? null,
      };
      const sum = sumOf(step, /** @type {number[]} */ (position), given);
      if (sum.terms.length > MOST_TERMS) this.#hopeless.add(index);
      const shares = topShares(sum, SHOWN, this.trace.steps).filter(({ kind, source, channel: from }) => kind === "channel" && source >= 0 && from !== null);
      const sources = shares.map((share) => ({ step: step.inputs[share.source], channel: this.#cell(step.inputs[share.source], Number(share.channel)), share: 1 }));
      return scaled(sources, shares.map((share) => Math.abs(share.sum)));
    } catch {
      this.#hopeless.add(index);
      return null;
    }
  }

  /** @param {number} step @param {number} channel */
  #cell(step, channel) {
    return Math.min(channel, Math.max(0, (this.trace.steps[step].shape[0] ?? 1) - 1));
  }
}
