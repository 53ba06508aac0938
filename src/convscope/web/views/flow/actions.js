/** What a click (or its key) on each part of the flow does. */
import { hover } from "../../hover.js";
import { chosenPixel, select } from "../../select.js";
import { store } from "../../state.js";
import { around, hiding } from "./blocks.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("./layout.js").Column} Column */
/** @typedef {import("./blocks.js").Block} Block */
/**
 * @typedef {object} Actions
 * @property {(column: Column) => void} head
 * @property {(column: Column, channel: number) => void} map
 * @property {(column: Column, channel: number) => void} number
 * @property {(column: Column) => void} expand
 * @property {(block: Block) => void} unfold
 * @property {(block: Block) => void} fold
 * @property {(column: Column) => void} toggle  Folds or unfolds whatever is around or under a head.
 * @property {(step: number) => void} reveal  Opens what hides a step.
 */

/**
 * @param {Trace} trace
 * @param {readonly Block[]} blocks
 * @returns {Actions}
 */
export function makeActions(trace, blocks) {
  /** @param {Block} block */
  const unfold = ({ path }) => store.set({ unfolded: [...store.get().unfolded.filter((one) => one !== path), path] });
  /** @param {Block} block */
  const fold = (block) => {
    const { step, unfolded } = store.get();
    // What was selected inside is now behind the block's last step.
    if (step !== null && block.first <= step && step < block.last) select(trace, { step: block.last, channel: null, tab: "atlas" });
    store.set({ unfolded: unfolded.filter((path) => path !== block.path && !path.startsWith(`${block.path}.`)) });
  };
  /** @param {number} step @param {number} channel */
  const isChosen = (step, channel) => store.get().step === step && store.get().channel === channel;
  return {
    unfold,
    fold,
    head: (column) => (column.folded ? unfold(column.folded) : select(trace, { step: column.step, channel: null, tab: "atlas" })),
    map({ step }, channel) {
      if (!isChosen(step, channel)) return select(trace, { step, channel, tab: "channel" });
      const at = hover.get();
      const pointed = at && at.step === step && at.channel === channel && at.y !== null && at.x !== null;
      select(trace, { step, channel, pixel: pointed ? [Number(at.y), Number(at.x)] : chosenPixel(trace, step), tab: "sum" });
    },
    number: ({ step }, channel) => select(trace, { step, channel, tab: "sum" }),
    expand({ step, expanded }) {
      const others = store.get().expanded.filter((one) => one !== step);
      store.set({ expanded: expanded ? others : [...others, step] });
    },
    toggle({ step, folded }) {
      const block = folded ?? around(blocks, step).at(-1);
      if (block) (folded ? unfold : fold)(block);
    },
    reveal(step) {
      const { unfolded } = store.get();
      const closed = hiding(blocks, step).filter((path) => !unfolded.includes(path));
      if (closed.length) store.set({ unfolded: [...unfolded, ...closed] });
    },
  };
}
