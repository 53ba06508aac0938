/** The whole page: header, flow, panel; or what stands there until a trace is open. */
import { problemText } from "../data/problems.js";
import { html, useEffect, useState, useStore } from "../dom.js";
import { useWords } from "../language.js";
import { session } from "../session.js";
import { useSession } from "./following.js";
import { Flow } from "./flow/flow.js";
import { Header } from "./header.js";
import { Keys, useKeys } from "./keys.js";
import { Panel } from "./panel/panel.js";
import { HostBar } from "./host/host.js";
import { words } from "./words.js";

/** The page. */
export function App() {
  const { trace, state, error, host } = useSession(session);
  const language = useStore((view) => view.language);
  const [keysShown, showKeys] = useState(false);
  const t = useWords(words);
  useKeys(trace, () => showKeys((shown) => !shown));
  useEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  }, [language]);
  useEffect(() => {
    const name = trace?.about?.image?.name;
    document.title = name ? `${name} · convscope` : "convscope";
  }, [trace]);
  return html`
    <a class="skip" href="#panel" onClick=${skip}>${t("skip")}</a>
    <${Header} trace=${trace} host=${host} onKeys=${() => showKeys(true)} />
    ${host === "served" && html`<${HostBar} />`}
    <main class="main" aria-busy=${state === "loading"}>
      ${trace && html`<${Flow} key=${traceKey(trace)} trace=${trace} /><${Panel} trace=${trace} />`}
      ${!trace && state === "loading" && html`<${Notice} title=${t("loading")} text=${t("loading_detail")} />`}
      ${!trace && state === "failed" && html`<${Notice} title=${t("failed")} text=${sentence(error, language)} alert />`}
    </main>
    ${keysShown && html`<${Keys} onClose=${() => showKeys(false)} />`}
  `;
}

/** @param {unknown} error @param {"en" | "zh"} language */
function sentence(error, language) {
  return error instanceof Error ? problemText(error, language) : String(error);
}

/** @type {WeakMap<object, number>} */
const keys = new WeakMap();
let count = 0;

/** Another trace is another flow, never the old one patched. @param {object} trace */
function traceKey(trace) {
  let key = keys.get(trace);
  if (key === undefined) keys.set(trace, (key = ++count));
  return key;
}

/** The panel takes the focus without a change of address, which is the view's. @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("panel")?.focus();
}

/** @param {{ title: string, text: string, alert?: boolean }} props */
function Notice({ title, text, alert }) {
  return html`<div class="notice" role=${alert ? "alert" : "status"}><strong>${title}</strong>${text}</div>`;
}
