/** Choosing a picture: a file, the camera, or one that comes along. */
import { html, useEffect, useRef, useState } from "../../dom.js";
import { useWords } from "../../language.js";
import { choosePicture, chooseSample, serving } from "../../served.js";
import { useSession } from "../following.js";
import { Icon } from "../icons.js";
import { Menu } from "./menu.js";
import { words } from "./words.js";

/** The chooser of pictures. */
export function PictureMenu() {
  const t = useWords(words);
  const { server } = useSession(serving);
  const file = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [camera, setCamera] = useState(false);
  /** @param {Event} event */
  const opened = (event) => {
    const chosen = /** @type {HTMLInputElement} */ (event.target).files?.[0];
    if (chosen) choosePicture(chosen, chosen.name);
  };
  return html`<${Menu} label=${t("picture")}>
    <div class="row start">
      <button class="button primary" onClick=${() => file.current?.click()}><${Icon} name="picture" />${t("from_file")}</button>
      <button class="button" aria-pressed=${camera} onClick=${() => setCamera(!camera)}><${Icon} name="camera" />${t("from_camera")}</button>
      <input ref=${file} type="file" accept="image/*" hidden onChange=${opened} />
    </div>
    ${camera && html`<${Camera} />`}
    <p class="quiet small">${t("hint")}</p>
    <h3 class="small quiet">${t("samples")}</h3>
    <div class="samples">
      ${(server?.samples ?? []).map((sample) => html`<button class="sample" key=${sample.name} onClick=${() => chooseSample(sample.name)}>
        <img src=${`api/samples/${encodeURIComponent(sample.name)}`} alt="" /><span>${sample.name}</span></button>`)}
    </div>
  <//>`;
}

/** The camera's picture, and the moment to keep it. */
function Camera() {
  const t = useWords(words);
  const video = useRef(/** @type {HTMLVideoElement | null} */ (null));
  useEffect(() => {
    /** @type {MediaStream | null} */
    let stream = null;
    let wanted = true;
    const refused = () => serving.set({ refused: { message: "", code: "camera_refused" } });
    /** @param {MediaStream} given */
    const show = (given) => {
      stream = given;
      if (!wanted) return end();
      if (video.current) video.current.srcObject = given;
    };
    const end = () => stream?.getTracks().forEach((track) => track.stop());
    if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia({ video: true }).then(show, refused);
    else refused();
    return () => {
      wanted = false;
      end();
    };
  }, []);
  const take = () => {
    const shown = video.current;
    if (!shown?.videoWidth) return;
    const canvas = document.createElement("canvas");
    canvas.width = shown.videoWidth;
    canvas.height = shown.videoHeight;
    canvas.getContext("2d")?.drawImage(shown, 0, 0);
    canvas.toBlob((blob) => blob && choosePicture(blob, "camera.png"), "image/png");
  };
  return html`<div class="camera"><video ref=${video} autoplay playsinline muted></video>
    <button class="button" onClick=${take}>${t("take")}</button></div>`;
}
