/** Choosing a network: one at hand, or a text written here. */
import { html, useState } from "../../dom.js";
import { useWords } from "../../language.js";
import { chooseNetwork, serving } from "../../served.js";
import { useSession } from "../following.js";
import { Menu } from "./menu.js";
import { words } from "./words.js";

/** The chooser of networks. */
export function NetworkMenu() {
  const t = useWords(words);
  const { server, network } = useSession(serving);
  const networks = server?.networks ?? [];
  const [text, setText] = useState(() => specOf(network, networks));
  return html`<${Menu} label=${t("network")}>
    <h3 class="small quiet">${t("shelf")}</h3>
    <ul class="shelf">${networks.map((one) => html`<li key=${one.id}>
      <button class="button" aria-pressed=${network !== null && "id" in network && network.id === one.id}
        onClick=${() => chooseNetwork({ id: one.id })} title=${one.spec ?? one.title}>${one.title}</button></li>`)}</ul>
    <form onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      if (network && text === specOf(network, networks)) chooseNetwork(network); // as it is, with its own weights
      else if (text.trim()) chooseNetwork({ spec: text });
    }}>
      <label class="small quiet" for="spec">${t("write")}. ${t("write_hint")}</label>
      <textarea id="spec" class="field number" rows="7" spellcheck=${false} value=${text}
        onInput=${(/** @type {Event} */ event) => setText(/** @type {HTMLTextAreaElement} */ (event.target).value)}></textarea>
      <button class="button primary" type="submit">${t("run")}</button>
    </form>
  <//>`;
}

/**
 * The text of the network on the page, one layer a line, to start from.
 * @param {import("../../api.js").NetworkChoice | null} network
 * @param {import("../../api.js").KnownNetwork[]} known
 */
function specOf(network, known) {
  if (!network) return "";
  const spec = "spec" in network ? network.spec : (known.find((one) => one.id === network.id)?.spec ?? "");
  return spec.includes("\n") ? spec : spec.split("|").map((layer) => layer.trim()).join("\n");
}
