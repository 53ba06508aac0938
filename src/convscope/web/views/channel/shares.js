/** The inputs of a channel, the largest part first, with how the parts were found. */
import { useEffect, useLoaded, useState } from "../../dom.js";
import { feedsOf } from "./feeds.js";
import { LIMIT, estimates, product, totals, workOf } from "./totals.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").Step} Step */
/** @typedef {import("./feeds.js").Feed} Feed */
/** @typedef {import("./feeds.js").Kernel} Kernel */
/** @typedef {Feed & { total: number, share: number }} Ranked  `share` of all totals, 0 to 1. */
/** @typedef {{ how: "exact" | "estimate" | "signed" | "none", feeds: Ranked[] }} Shares */

/**
 * @param {Trace} trace
 * @param {Step} step
 * @param {number} channel
 * @returns {{ shares: Shares | null, state: "reading" | "adding" | "all_inputs" | "ready", error: Error | null }}
 */
export function useShares(trace, step, channel) {
  const { value: found, error } = useLoaded(async () => {
    const weight = step.params.weight ? await trace.param(step, "weight") : null;
    return { feeds: feedsOf(step, trace.steps, channel, weight) };
  }, [trace, step, channel]);
  const [shares, setShares] = useState(/** @type {{ of: object, shares: Shares } | null} */ (null));
  const feeds = found?.feeds ?? null;
  useEffect(() => {
    if (!feeds) return;
    const stop = new AbortController();
    measure(trace, step, feeds, stop.signal).then(
      (ready) => ready && !stop.signal.aborted && setShares({ of: feeds, shares: ready }),
      () => !stop.signal.aborted && setShares({ of: feeds, shares: unranked(feeds) }),
    );
    return () => stop.abort();
  }, [feeds]);
  const current = shares && shares.of === feeds ? shares.shares : null;
  if (current) return { shares: current, state: "ready", error };
  if (!found) return { shares: null, state: "reading", error };
  return { shares: null, state: feeds ? "adding" : "all_inputs", error };
}

/**
 * @param {Trace} trace
 * @param {Step} step
 * @param {Feed[]} feeds
 * @param {AbortSignal} signal
 * @returns {Promise<Shares | null>}
 */
async function measure(trace, step, feeds, signal) {
  const kernels = feeds.map((feed) => feed.kernel).filter((kernel) => kernel !== null);
  if (kernels.length < feeds.length) return unranked(feeds);
  if (step.kind === "linear") return dense(trace, feeds, kernels);
  const source = trace.steps[feeds[0].step];
  const there = feeds.every((feed) => trace.hasChannel(source, feed.channel));
  if (step.kind === "conv2d" && there && workOf(feeds.length, step.shape, kernels[0]) < LIMIT) {
    const maps = await Promise.all(feeds.map((feed) => trace.channel(source, feed.channel)));
    if (signal.aborted) return null;
    const [, height, width] = source.shape;
    const inputs = maps.map((data) => data && { height, width, data });
    const sums = await totals({ inputs, kernels, shape: step.shape, window: /** @type {any} */ (step.settings) }, signal);
    return sums && ranked("exact", feeds, sums);
  }
  if (!source.maps) return unranked(feeds);
  const { strength } = await trace.stats(source);
  return ranked("estimate", feeds, estimates(kernels, feeds.map((feed) => strength[feed.channel])));
}

/** @param {Trace} trace @param {Feed[]} feeds @param {Kernel[]} kernels */
async function dense(trace, feeds, kernels) {
  const source = trace.steps[feeds[0].step];
  const values = await trace.values(source);
  if (!values?.whole) return unranked(feeds);
  const size = kernels[0].data.length;
  return ranked("signed", feeds, Float64Array.from(kernels, (kernel, k) => product(values.data.subarray(k * size, (k + 1) * size), kernel)));
}

/** @param {Shares["how"]} how @param {Feed[]} feeds @param {Float64Array} sums @returns {Shares} */
function ranked(how, feeds, sums) {
  const all = sums.reduce((sum, part) => sum + Math.abs(part), 0);
  const list = feeds.map((feed, k) => ({ ...feed, total: sums[k], share: all > 0 ? Math.abs(sums[k]) / all : 0 }));
  return { how, feeds: list.sort((a, b) => b.share - a.share || a.channel - b.channel) };
}

/** Those whose kernel is in the file come first. @param {Feed[]} feeds @returns {Shares} */
function unranked(feeds) {
  const here = feeds.filter((feed) => feed.kernel !== null);
  const absent = feeds.filter((feed) => feed.kernel === null);
  return { how: "none", feeds: [...here, ...absent].map((feed) => ({ ...feed, total: NaN, share: 0 })) };
}
