/** Ties the view's state to the page's address, both ways; back and forward walk through what was looked at. */
import { fromHash, manners, toHash } from "./address.js";
import { paced } from "./paced.js";
import { firstStep } from "./select.js";
import { store } from "./state.js";

/** Safari takes no more than 100 changes of an address in 30 seconds; a key held down makes as many in three. */
const PAUSE = 350;

let stop = () => {};
let before = "";
const replacing = paced((/** @type {string} */ hash) => remember(hash, false), PAUSE);

/** Language and theme from the address, or from what the browser prefers. */
export function readManners() {
  const preferred = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
  store.set({ language: preferred, ...manners(new URLSearchParams(location.hash.replace(/^#/, ""))) });
}

/**
 * Show what the address asks for, and from then on keep the two the same.
 * @param {import("./data/trace.js").Trace} trace
 */
export function followAddress(trace) {
  stop();
  replacing.flush();
  const names = trace.steps.map((step) => step.name).join("\n");
  // Another picture in the same network: what was open stays open.
  const open = names === before ? {} : { unfolded: [], expanded: [] };
  before = names;
  const blank = { step: firstStep(trace), channel: null, pixel: null, tab: /** @type {const} */ ("atlas"), ...open };
  store.set({ ...blank, ...fromHash(location.hash, trace.steps) });
  let written = location.hash.replace(/^#/, "");
  let place = placeOf();
  const write = () => {
    const hash = toHash(store.get(), trace.steps);
    if (hash === written) return;
    written = hash;
    const moved = placeOf() !== place;
    place = placeOf();
    if (!moved) return replacing.tell(hash);
    replacing.flush(); // the place that is left keeps its last pixel
    remember(hash, true);
  };
  const read = () => {
    replacing.drop();
    written = location.hash.replace(/^#/, "");
    store.set(fromHash(written, trace.steps));
    place = placeOf();
  };
  const unsubscribe = store.subscribe(write);
  window.addEventListener("hashchange", read);
  window.addEventListener("popstate", read);
  window.addEventListener("pagehide", replacing.flush);
  stop = () => {
    unsubscribe();
    window.removeEventListener("pagehide", replacing.flush);
    window.removeEventListener("hashchange", read);
    window.removeEventListener("popstate", read);
  };
}

/** Another step, tab or heat map is a place to come back to; another pixel of the same map is not. */
function placeOf() {
  const { step, channel, tab, method, of, layer } = store.get();
  return JSON.stringify(tab === "why" ? [tab, method, of, layer] : [step, channel, tab]);
}

/** @param {string} hash @param {boolean} moved */
function remember(hash, moved) {
  try {
    if (moved) history.pushState(null, "", `#${hash}`);
    else history.replaceState(null, "", `#${hash}`);
  } catch {
    // A frame without an address of its own (a notebook's) keeps no history.
  }
}
