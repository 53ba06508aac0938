/** The controls of a heat map: method, class, layer, how strongly it lies over the photo; and what its colours mean. */
import { html, useStore } from "../../dom.js";
import { useWords } from "../../language.js";
import { significant } from "../../paint/numbers.js";
import { select } from "../../select.js";
import { store } from "../../state.js";
import { heatGradient } from "./heat.js";
import { methodText, methodTitle } from "./methods.js";
import { reasonText } from "./reasons.js";
import { classNames } from "./source.js";
import { contrastOf, targetText } from "./target.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("./source.js").Why} Why */
/** @typedef {import("./stage.js").Heat} Heat */

/** @param {{ trace: Trace, why: Why, heat: Heat | null, signed: boolean, children: unknown }} props  `children`: what has to be said of this map. */
export function Side({ trace, why, heat, signed, children }) {
  const t = useWords(words);
  const language = useStore((view) => view.language);
  const { method, target, methods, targets, map } = why.choice;
  const classes = classNames(trace);
  return html`<div class="why-side">
    <${Menu} id="method" label=${t("method")} value=${method} onChoose=${(/** @type {string} */ next) => store.set({ method: next, layer: null })}
      options=${methods.map((name) => ({ value: name, text: methodTitle(name) }))} />
    <${Menu} id="class" label=${t("class")} value=${target} onChoose=${(/** @type {string} */ next) => store.set({ of: next })}
      options=${targets.map((name) => ({ value: name, text: targetText(name, classes, t) }))} />
    <${Layer} trace=${trace} why=${why} />
    ${heat && html`<${Manners} />`}
    ${heat && html`<${Legend} heat=${heat} target=${target} classes=${classes} signed=${signed} />`}
    <div class="why-remarks">${children}${map?.whyLayer && html`<p class="quiet">${t("layer_because", { layer: map.layer, why: reasonText(map.whyLayer, language) })}</p>`}<p class="quiet">${methodText(method, language)}</p></div>
  </div>`;
}

/** @param {{ id: string, label: string, value: string, options: { value: string, text: string }[], onChoose: (value: string) => void }} props */
function Menu({ id, label, value, options, onChoose }) {
  const choose = (/** @type {Event} */ event) => onChoose(options[/** @type {HTMLSelectElement} */ (event.currentTarget).selectedIndex].value);
  // The place counts, not the value: a class may be called anything, twice, too.
  return html`<div class="why-menu"><label for=${`why-${id}`}>${label}</label>
    <select id=${`why-${id}`} class="select" onChange=${choose} title=${options.find((one) => one.value === value)?.text}>
      ${options.map((one, i) => html`<option key=${i} selected=${one.value === value}>${one.text}</option>`)}
    </select></div>`;
}

/** At which step it was taken, and why there; a choice where there are several, or where a server can take it at others. @param {{ trace: Trace, why: Why }} props */
function Layer({ trace, why }) {
  const t = useWords(words);
  const { choice, offer } = why;
  const { map } = choice;
  const layered = offer?.find((one) => one.name === choice.method)?.layered ?? false;
  const names = choice.layers;
  const here = map && map.layer;
  const step = here ? trace.byName.get(here) : null;
  const options = [...(layered ? [{ value: "", text: t("layer_auto") }] : []), ...names.map((name) => ({ value: name, text: name }))];
  return html`
    ${(layered || names.length > 1) && html`<${Menu} id="layer" label=${t("layer")} value=${choice.layer ?? (layered ? "" : (here ?? ""))} options=${options}
      onChoose=${(/** @type {string} */ next) => store.set({ layer: next || null })} />`}
    ${map && html`<p class="why-layer"><span class="quiet">${here ? t("at_layer") : t("at_input")}</span>
      ${here && (step
        ? html`<button type="button" class="link" title=${t("open_layer")} onClick=${() => select(trace, { step: step.index, channel: null, tab: "atlas" })}>${here}</button>`
        : html`<span>${here}</span>`)}</p>`}`;
}

/** How the heat lies over the photo. */
function Manners() {
  const t = useWords(words);
  const opacity = useStore((view) => view.opacity);
  const lined = useStore((view) => view.contours);
  const slide = (/** @type {InputEvent} */ event) => store.set({ opacity: Number(/** @type {HTMLInputElement} */ (event.target).value) });
  return html`<label class="opacity"><span>${t("opacity")}</span>
      <input type="range" min="0" max="100" value=${opacity} aria-label=${t("opacity_label")} onInput=${slide} /></label>
    <label class="why-switch" title=${t("contours_title")}><input type="checkbox" checked=${lined}
      onChange=${() => store.set({ contours: !lined })} /><span>${t("contours")}</span></label>`;
}

/** @param {{ heat: Heat, target: string, classes: string[], signed: boolean }} props */
function Legend({ heat, target, classes, signed }) {
  const t = useWords(words);
  const pair = contrastOf(target, classes);
  const speaks = t("for_it", { target: pair ? pair[0] : target });
  const denies = pair ? t("for_it", { target: pair[1] }) : t("against_it", { target });
  const beyond = heat.largest > heat.peak;
  return html`<figure class="why-legend">
    <figcaption><span>${t("legend")}</span><span class="quiet" title=${t("same_scale")}>${t("same_scale_short")}</span></figcaption>
    <div class="why-ramp"><i style=${{ background: heatGradient(signed ? -1 : 0) }}></i></div>
    <div class="ends number quiet">${signed && html`<span>${beyond && "≤ "}${significant(-heat.peak, 3)}</span>`}<span>0</span><span>${beyond && "≥ "}${significant(heat.peak, 3)}</span></div>
    <div class="ends quiet">${signed && html`<span class="ellipsis" title=${denies}>${denies}</span>`}<span class="ellipsis" title=${speaks}>${speaks}</span></div>
  </figure>`;
}
