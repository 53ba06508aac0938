/** A vector as a column of bars: from the left where nothing is negative, else from a zero line in the middle. */
import { html, useEffect, useLoaded } from "../../dom.js";
import { shade } from "../../paint/colors.js";
import { percent, significant } from "../../paint/numbers.js";
import { scaleOf } from "../../paint/scale.js";
import { bodyStyle, useRows } from "./rows.js";

/** @typedef {import("./layout.js").Column} Place */
/** @typedef {import("./column.js").Shared} Shared */

/** @param {{ shared: Shared, place: Place, channel: number | null, focus: number | null }} props */
export function Bars({ shared, place, channel, focus }) {
  const { trace, scene, t } = shared;
  const step = trace.steps[place.step];
  const { value, error } = useLoaded(
    async () => {
      await Promise.all([step.maps && trace.stats(step), trace.fields(step)]);
      return { values: await trace.values(step) };
    },
    [trace, place.step],
  );
  useEffect(() => {
    if (value) scene.changed();
  }, [value]);
  const { first, last, onScroll, ref } = useRows(scene, place, focus);
  const order = scene.order(place);
  const missing = error ? t("failed") : value && !value.values ? t("absent") : null;
  const rows = [];
  for (let i = first; i < Math.min(last, place.shown); i += 1) {
    const position = step.shape.length === 3 ? [order[i], 0, 0] : [order[i]];
    const number = value?.values?.has(position) ? value.values.at(position) : null;
    rows.push(
      html`<${Bar} key=${i} shared=${shared} place=${place} index=${i} channel=${order[i]} number=${number}
        chosen=${order[i] === channel} focused=${focus === i} />`,
    );
  }
  return html`<div class=${`body bars ${place.look} ${place.expanded ? "expanded" : ""}`} role="presentation" ref=${ref} onScroll=${onScroll}
    style=${bodyStyle(place)}>
    <div class="sheet" role="presentation" style=${{ height: `${place.shown * place.pitchY}px` }}>${rows}</div>
    ${missing && html`<div class="missing" role="presentation">${missing}</div>`}
  </div>`;
}

/**
 * @param {{ shared: Shared, place: Place, index: number, channel: number, number: number | null, chosen: boolean, focused: boolean }} props
 */
function Bar({ shared, place, index, channel, number, chosen, focused }) {
  const { trace, actions, t, dark } = shared;
  const step = trace.steps[place.step];
  const scale = scaleOf(step.facts.low, step.facts.high);
  const classes = trace.classesOf(step);
  const named = place.look === "scores";
  const label = named && classes ? classes[channel] : String(channel);
  const text = number === null ? "" : named && trace.probabilities && trace.answer === step.index ? percent(number) : significant(number, 3);
  const title = `${label} · ${number === null ? "" : significant(number, 6)}`;
  return html`<div
    class="bar" role="gridcell" aria-label=${t("number", { name: step.name, label, value: text })} aria-selected=${chosen} title=${title}
    tabindex=${focused ? 0 : -1} data-at=${`${place.step}.${index}`}
    style=${{ top: `${index * place.pitchY}px`, height: `${place.pitchY}px` }} onClick=${() => actions.number(place, channel)}
  >
    <span class=${named ? "label ellipsis" : "label number"} aria-hidden="true">${label}</span>
    <span class=${scale.signed ? "track signed" : "track"} aria-hidden="true">
      ${number !== null && Number.isFinite(number) && html`<i style=${barStyle(number, scale, dark)}></i>`}
    </span>
    ${named && html`<span class="amount number" aria-hidden="true">${text}</span>`}
  </div>`;
}

/** @param {number} number @param {import("../../paint/scale.js").Scale} scale @param {boolean} dark */
function barStyle(number, scale, dark) {
  const size = scale.high > 0 ? Math.min(1, Math.abs(number) / scale.high) : 0;
  const half = scale.signed ? 50 : 100;
  const left = scale.signed ? (number < 0 ? 50 - half * size : 50) : 0;
  return { left: `${left}%`, width: `${half * size}%`, background: shade(number, scale, dark).background };
}
