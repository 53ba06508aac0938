/** The buttons in the header that only a server can honour. */
import { html } from "../../dom.js";
import { useWords } from "../../language.js";
import { serving } from "../../served.js";
import { useSession } from "../following.js";
import { Icon } from "../icons.js";
import { words } from "./words.js";

/** Opens the chooser of pictures. */
export function PictureButton() {
  return html`<${MenuButton} menu="picture" />`;
}

/** Opens the chooser of networks. */
export function NetworkButton() {
  return html`<${MenuButton} menu="network" />`;
}

/** @param {{ menu: "picture" | "network" }} props */
function MenuButton({ menu }) {
  const t = useWords(words);
  const open = useSession(serving).menu === menu;
  return html`<button class="button" aria-haspopup="dialog" aria-expanded=${open}
    onClick=${() => serving.set({ menu: open ? null : menu })}>
    <${Icon} name=${menu} />${t(menu)}</button>`;
}

/** Downloads the page as one file. */
export function SaveButton() {
  const t = useWords(words);
  const { trace } = useSession(serving);
  if (!trace) return null;
  return html`<a class="button" href=${`api/traces/${trace}/page`} download title=${t("save_title")}><${Icon} name="save" />${t("save")}</a>`;
}
