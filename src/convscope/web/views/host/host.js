/** What a server adds to the page: choosers, pasting and dropping, the run under way, what was refused. */
import { html, useEffect, useState } from "../../dom.js";
import { useWords } from "../../language.js";
import { cancel, choosePicture, serving, understood } from "../../served.js";
import { session } from "../../session.js";
import { useSession } from "../following.js";
import { Icon } from "../icons.js";
import { NetworkMenu } from "./network.js";
import { PictureMenu } from "./picture.js";
import { words } from "./words.js";

/** Everything a server adds below the header. */
export function HostBar() {
  const { menu, running, refused } = useSession(serving);
  const { trace } = useSession(session);
  const dropping = useDropped();
  const t = useWords(words);
  return html`
    ${menu === "picture" && html`<${PictureMenu} />`}
    ${menu === "network" && html`<${NetworkMenu} />`}
    <div class="run" role="status">${running && html`<${Running} running=${running} />`}</div>
    ${refused && trace && html`<${Refused} refused=${refused} />`}
    ${dropping && html`<div class="dropping"><span>${t("drop_here")}</span></div>`}
  `;
}

/** @param {{ running: { id: string | null, progress: import("../../api.js").Progress | null } }} props */
function Running({ running }) {
  const t = useWords(words);
  const { id, progress } = running;
  const share = progress?.total ? progress.done / progress.total : null;
  return html`<div class="running">
    <progress aria-hidden="true" value=${share ?? undefined} max="1"></progress>
    <span class="ellipsis">${runningText(t, id, progress)}</span>
    <button class="button bare" onClick=${cancel}>${t("cancel")}</button>
  </div>`;
}

/** @param {ReturnType<typeof useWords>} t @param {string | null} id @param {import("../../api.js").Progress | null} progress */
function runningText(t, id, progress) {
  if (id === null) return t("uploading");
  if (!progress || !progress.done) return t("waiting");
  const { name, done, total } = progress;
  return total ? t("running", { name, done, total }) : t("running_open", { name, done });
}

/** @param {{ refused: { message: string, code: string } }} props */
function Refused({ refused }) {
  const t = useWords(words);
  const own = ["unreachable", "cancelled", "camera_refused", "nothing_pasted"].includes(refused.code);
  return html`<div class="refused" role="alert"><span>${own ? t(refused.code) : refused.message}</span>
    <button class="button bare" onClick=${understood} aria-label=${t("close")}><${Icon} name="close" /></button></div>`;
}

/** Takes pictures that are pasted or dropped anywhere. @returns {boolean} whether something is being dragged over the page */
function useDropped() {
  const [over, setOver] = useState(false);
  useEffect(() => {
    /** @param {DragEvent} event */
    const drag = (event) => {
      if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
      event.preventDefault();
      setOver(true);
    };
    /** @param {DragEvent} event */
    const leave = (event) => {
      if (!event.relatedTarget) setOver(false);
    };
    /** @param {DragEvent} event */
    const dropped = (event) => {
      event.preventDefault();
      setOver(false);
      take(event.dataTransfer);
    };
    /** @param {ClipboardEvent} event */
    const pasted = (event) => {
      if (event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLInputElement) return;
      take(event.clipboardData);
    };
    window.addEventListener("dragover", drag);
    window.addEventListener("dragleave", leave);
    window.addEventListener("drop", dropped);
    window.addEventListener("paste", pasted);
    return () => {
      window.removeEventListener("dragover", drag);
      window.removeEventListener("dragleave", leave);
      window.removeEventListener("drop", dropped);
      window.removeEventListener("paste", pasted);
    };
  }, []);
  return over;
}

/** @param {DataTransfer | null} data */
function take(data) {
  const file = [...(data?.files ?? [])][0];
  if (file) choosePicture(file, file.name);
  else serving.set({ refused: { message: "", code: "nothing_pasted" } });
}
