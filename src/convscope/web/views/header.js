/** The bar on top: whose picture, which network, what it answered and whether its reasons are known; language, theme, saving. */
import { html, useDark, useEffect, useLoaded, useRef, useStore } from "../dom.js";
import { useWords } from "../language.js";
import { drawRGB } from "../paint/maps.js";
import { count } from "../paint/numbers.js";
import { store } from "../state.js";
import { toggleTheme } from "../theme.js";
import { Choice, SaveButton } from "./host/buttons.js";
import { Icon } from "./icons.js";
import { Scores } from "./scores.js";
import { WhyBadge } from "./why/badge.js";
import { words } from "./words.js";

/** @typedef {import("../data/trace.js").Trace} Trace */

/** @param {{ trace: Trace | null, host: string, onKeys: () => void }} props */
export function Header({ trace, host, onKeys }) {
  const t = useWords(words);
  const dark = useDark();
  const language = useStore((view) => view.language);
  const served = host === "served";
  return html`<header class="top">
    <h1 class="logo" translate="no">conv<b>scope</b></h1>
    <${Choice} menu=${served ? "picture" : null}>${trace && html`<${PictureOf} trace=${trace} />`}<//>
    <${Choice} menu=${served ? "network" : null}>${trace && html`<${NetworkOf} trace=${trace} />`}<//>
    ${trace && html`<${Scores} trace=${trace} /><${WhyBadge} trace=${trace} />`}
    <div class="manners">
      ${served && trace && html`<${SaveButton} />`}
      <button class="button bare" onClick=${onKeys} aria-label=${t("keys_label")} title=${t("keys_label")}><${Icon} name="keys" /></button>
      <button class="button bare" onClick=${toggleTheme} aria-label=${t("theme_label")} title=${t("theme_label")}>
        <${Icon} name=${dark ? "sun" : "moon"} /></button>
      <button class="button bare" lang=${language === "zh" ? "en" : "zh-CN"} aria-label=${t("language_label")}
        onClick=${() => store.set({ language: language === "zh" ? "en" : "zh" })}>${t("language")}</button>
    </div>
  </header>`;
}

/** @param {{ trace: Trace }} props */
function PictureOf({ trace }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const { value: picture } = useLoaded(() => trace.picture(), [trace]);
  useEffect(() => {
    if (picture && canvas.current) drawRGB(canvas.current, picture);
  }, [picture]);
  const image = trace.about.image ?? {};
  const name = String(image.name ?? "");
  const [, height, width] = trace.steps[0].shape;
  return html`<span class="of">
    <canvas ref=${canvas} class="tiny" aria-hidden="true"></canvas>
    <span class="lines"><span class="ellipsis" title=${name}>${name}</span>
      <span class="number quiet small ellipsis">${sizeText(image.size)}${resized(image.size, height, width)}</span></span>
  </span>`;
}

/** @param {unknown} size */
function sizeText(size) {
  return Array.isArray(size) && size.length === 2 ? `${size[0]}×${size[1]}` : "";
}

/** What the network was given, where that is not the photo's own size. @param {unknown} size @param {number | undefined} height @param {number | undefined} width */
function resized(size, height, width) {
  const same = Array.isArray(size) && size[0] === height && size[1] === width;
  return same || height === undefined || width === undefined ? "" : ` → ${height}×${width}`;
}

/** @param {{ trace: Trace }} props */
function NetworkOf({ trace }) {
  const t = useWords(words);
  const name = String(trace.about.network ?? "");
  const { params } = trace.totals;
  const facts = t(params ? "facts" : "facts_none", { params: count(params), steps: trace.steps.length - 1 });
  return html`<span class="of"><span class="lines">
    <span class="ellipsis" title=${String(trace.about.spec ?? name)}>${name}</span>
    <span class="quiet small ellipsis" title=${facts}>${facts}</span></span></span>`;
}
