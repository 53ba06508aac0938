/** Starts the page: finds out where it lives, opens the trace, shows the app. */
import { followAddress, readManners } from "./navigation.js";
import { blockBytes, bufferBytes, httpBytes } from "./data/bytes.js";
import { Trace } from "./data/trace.js";
import { html } from "./dom.js";
import { session } from "./session.js";
import { followTheme } from "./theme.js";
import { render } from "./vendor/preact.js";
import { App } from "./views/app.js";
import { serve } from "./served.js";

/** @typedef {import("./types.js").Bytes} Bytes */

/** @param {() => Promise<[Bytes, Bytes]>} find */
async function open(find) {
  try {
    const [trace, overview] = await find();
    show(await Trace.open(trace, overview));
  } catch (error) {
    session.set({ state: "failed", error });
  }
}

/** @param {Trace} trace */
function show(trace) {
  followAddress(trace);
  session.set({ state: "ready", trace });
}

/**
 * The data that lie in this very file, in blocks; each is unpacked when something in it is first shown.
 * @param {Element} index
 * @returns {Promise<[Bytes, Bytes]>}
 */
async function embedded(index) {
  const parts = JSON.parse(index.textContent ?? "");
  /** @param {string} id */
  const textOf = (id) => document.getElementById(id)?.textContent ?? "";
  return [blockBytes(parts.trace, textOf), blockBytes(parts.overview, textOf)];
}

/**
 * The data that a notebook sends to the frame in which the page lives.
 * @returns {Promise<[Bytes, Bytes]>}
 */
function posted() {
  return new Promise((resolve) => {
    window.addEventListener("message", (event) => {
      if (event.source !== window.parent || !event.data?.convscope) return;
      const { trace, overview } = event.data.convscope;
      resolve([bufferBytes(trace), bufferBytes(overview)]);
    });
    window.parent.postMessage({ convscope: "ready" }, "*");
  });
}

function start() {
  const root = document.getElementById("convscope");
  if (!root) return;
  const index = document.getElementById("convscope-data");
  const { trace, overview } = root.dataset;
  readManners();
  followTheme();
  if (index) {
    session.set({ host: "file" });
    open(() => embedded(index));
  } else if (root.dataset.host === "notebook") {
    session.set({ host: "notebook" });
    open(posted);
  } else if (trace && overview) {
    session.set({ host: "static" });
    open(async () => [await httpBytes(trace), await httpBytes(overview)]);
  } else {
    session.set({ host: "served" });
    serve(open);
  }
  render(html`<${App} />`, root);
}

start();
