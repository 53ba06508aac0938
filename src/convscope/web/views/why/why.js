/** The Why tab: the heat map that the reader chose over the photo, and whether to trust it. No heat map without its evidence. */
import { html, useLoaded, useMemo, useStore } from "../../dom.js";
import { cancelMap, explain } from "../../explaining.js";
import { useWords } from "../../language.js";
import { siblings } from "./choice.js";
import { faultOf, scaleOfMaps } from "./faults.js";
import { DECEPTIVE, methodTitle } from "./methods.js";
import { reasonText } from "./reasons.js";
import { Side } from "./side.js";
import { Asking, classNames, useWhy } from "./source.js";
import { Stage } from "./stage.js";
import { targetText } from "./target.js";
import { Trust } from "./trust.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */
/** @typedef {import("../../types.js").HeatMap} HeatMap */
/** @typedef {import("./source.js").Why} Why */

/** Maps of other classes that are read to find the common scale. */
const MOST_SIBLINGS = 24;
const AGAIN = "convscope explain";
const FULL = "convscope export --full";

/** @param {{ trace: Trace }} props */
export function WhyView({ trace }) {
  const t = useWords(words);
  const why = useWhy(trace);
  const { value: photo, error } = useLoaded(() => trace.picture(), [trace]);
  const { heat, fault, signed, failed } = useHeat(why);
  if (error) return html`<p class="absent" role="alert">${error.message}</p>`;
  if (!why) return html`<p class="absent">${t("none")}</p>`;
  if (!photo) return html`<p class="absent" role="status">${t("reading")}</p>`;
  const { map, method } = why.choice;
  const target = targetText(why.choice.target, classNames(trace), t);
  // A file may praise a map that says nothing; that is no evidence of anything.
  const evidence = fault && map?.evidence?.verdict !== "no" ? null : (map?.evidence ?? null);
  const label = heat ? t("picture_label", { method: methodTitle(method), target }) : t("photo_label");
  return html`<div class="why">
    <${Asking} why=${why} />
    <${Stage} trace=${trace} photo=${photo} heat=${heat} label=${label} />
    <${Side} trace=${trace} why=${why} heat=${heat} signed=${signed}>
      ${map && html`<${Remarks} map=${map} fault=${fault} failed=${failed} />`}
    <//>
    ${map && !map.evidence && html`<div class="why-coming" role="status"><p class="why-warning">${t("no_evidence")} <code>${AGAIN}</code></p></div>`}
    ${evidence && html`<${Trust} evidence=${evidence}><${Thorough} why=${why} evidence=${evidence} /><//>`}
    ${!map && html`<${Coming} why=${why} />`}
  </div>`;
}

/**
 * The chosen map, if it may be drawn, with the scale that it shares with the other classes of its method.
 * @param {Why | null} why
 */
function useHeat(why) {
  const map = why?.choice.map ?? null;
  const drawable = map?.evidence && map.read ? map : null;
  const { value, error } = useLoaded(async () => {
    if (!drawable || !why) return null;
    const maps = await Promise.all(siblings(why.maps, drawable, MOST_SIBLINGS).map((one) => one.read?.() ?? new Float32Array(0)));
    return { map: drawable, values: maps[0], all: maps };
  }, [drawable, why?.maps]);
  return useMemo(() => {
    const none = { heat: null, fault: /** @type {import("./faults.js").Fault} */ (""), signed: false, failed: error };
    if (!value || value.map !== drawable) return none;
    const { values, all } = value;
    const fault = faultOf(values);
    if (fault) return { ...none, fault };
    const heat = { values, height: value.map.height, width: value.map.width, ...scaleOfMaps(all) };
    return { heat, fault: none.fault, signed: all.some((numbers) => numbers.some((number) => number < 0)), failed: null };
  }, [value, drawable, error]);
}

/** What has to be said of a map: why it is not drawn, warnings, notes. @param {{ map: HeatMap, fault: import("./faults.js").Fault, failed: Error | null }} props */
function Remarks({ map, fault, failed }) {
  const t = useWords(words);
  const language = useStore((view) => view.language);
  return html`
    ${failed && html`<p class="why-warning" role="alert">${failed.message}</p>`}
    ${map.evidence && !map.read && html`<p class="why-warning" role="status">${t("not_in_file")} <code>${FULL}</code></p>`}
    ${fault && html`<p class="why-warning" role="status">${t(`fault_${fault}`)}</p>`}
    ${DECEPTIVE.includes(map.method) && html`<p class="why-warning">${t("warning_deceptive")}</p>`}
    ${map.notes.map((note, i) => html`<p key=${i} class="why-note">${reasonText(note, language)}</p>`)}`;
}

/** A map that a server is making, or could not make. @param {{ why: Why }} props */
function Coming({ why }) {
  const t = useWords(words);
  const { making, refused, wish } = why;
  if (making) return html`<div class="why-coming" role="status"><${Making} making=${making} /></div>`;
  if (!refused || !wish) return html`<div class="why-coming" role="status"><p class="quiet">${t("making")}</p></div>`;
  const own = ["unreachable", "cancelled"].includes(refused.code);
  return html`<div class="why-coming" role="alert"><p><strong>${t("failed")}</strong></p>
    <p class="quiet">${own ? t(refused.code) : refused.message}</p>
    <button type="button" class="button" onClick=${() => explain(wish)}>${t(refused.code === "cancelled" ? "make" : "again")}</button></div>`;
}

/** @param {{ making: NonNullable<Why["making"]> }} props */
function Making({ making }) {
  const t = useWords(words);
  const { done, total } = making;
  return html`<p>${t("making")}</p>
    <p class="row"><progress aria-label=${t("making")} value=${total ? done / total : undefined} max="1"></progress>
      <span class="quiet number">${done ? (total ? t("making_passes", { done, total }) : t("making_open", { done })) : ""}</span>
      <button type="button" class="button bare" onClick=${cancelMap}>${t("cancel")}</button></p>`;
}

/** At a server a quick check can be made thorough. @param {{ why: Why, evidence: import("../../types.js").Evidence }} props */
function Thorough({ why, evidence }) {
  const t = useWords(words);
  const { wish, making, refused } = why;
  if (!wish) return null;
  if (making) return html`<div class="why-more" role="status"><${Making} making=${making} /></div>`;
  return html`<div class="why-more">
    ${refused && refused.code !== "cancelled" && html`<p role="alert" class="quiet">${refused.code === "unreachable" ? t("unreachable") : refused.message}</p>`}
    ${!evidence.thorough && html`<button type="button" class="button" onClick=${() => explain({ ...wish, thorough: true })}>${t("check_thoroughly")}</button>`}</div>`;
}
