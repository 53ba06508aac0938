/** What in the header only a server can honour: another picture, another network, the page as a file. */
import { html } from "../../dom.js";
import { useWords } from "../../language.js";
import { serving } from "../../served.js";
import { useSession } from "../following.js";
import { Icon } from "../icons.js";
import { words } from "./words.js";

/**
 * The picture or the network of the page; at a server a button that opens the choice of others.
 * @param {{ menu: "picture" | "network" | null, children: unknown }} props
 */
export function Choice({ menu, children }) {
  const t = useWords(words);
  const shown = useSession(serving).menu;
  if (!menu) return children;
  const open = () => serving.set({ menu: shown === menu ? null : menu });
  return html`<button class="choice" aria-haspopup="dialog" aria-expanded=${shown === menu} title=${t(menu)} onClick=${open}>
    <span class="unseen">${t(menu)}</span>${children || html`<${Icon} name=${menu} />`}<${Icon} name="down" /></button>`;
}

/** Downloads the page as one file. */
export function SaveButton() {
  const t = useWords(words);
  const { trace } = useSession(serving);
  if (!trace) return null;
  return html`<a class="button" href=${`api/traces/${trace}/page`} download title=${t("save_title")}><${Icon} name="save" />${t("save")}</a>`;
}
