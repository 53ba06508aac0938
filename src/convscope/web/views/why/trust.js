/** The evidence beside a heat map: verdict and reasons, curves against the controls, the other checks, what they took. */
import { html } from "../../dom.js";
import { useWords } from "../../language.js";
import { count, fixed, percent, significant, signed } from "../../paint/numbers.js";
import { Chart, Sample } from "./chart.js";
import { Verdict } from "./verdict.js";
import { words } from "./words.js";

/** @typedef {import("../../types.js").Evidence} Evidence */
/** @typedef {import("../../types.js").Measured} Measured */
/** @typedef {(key: string, values?: Record<string, string | number>) => string} Say */

const CONTROLS = /** @type {const} */ (["random", "edges", "centre"]);

/** @param {{ evidence: Evidence, children?: unknown }} props  `children` stand under what the checks took. */
export function Trust({ evidence, children }) {
  const t = useWords(words);
  return html`<section class="why-trust" aria-label=${t("trust_title")}>
    <div class="why-said"><${Verdict} evidence=${evidence} />
      <${Other} evidence=${evidence} />
      <${Effort} evidence=${evidence} />${children}</div>
    ${evidence.map && html`<div class="why-measured">
      <div class="why-charts">
        <${Curves} of="insertion" evidence=${evidence} t=${t} /><${Curves} of="deletion" evidence=${evidence} t=${t} />
        <${RoadChart} measured=${evidence.map} t=${t} />
      </div>
      <${Table} map=${evidence.map} controls=${evidence.controls} />
    </div>`}
  </section>`;
}

/** @param {{ of: "insertion" | "deletion", evidence: Evidence, t: Say }} props */
function Curves({ of, evidence, t }) {
  const own = evidence.map?.[of];
  if (!own) return null;
  const others = CONTROLS.flatMap((kind) => {
    const curve = evidence.controls[kind]?.[of];
    return curve ? [{ kind, name: t(kind), curve }] : [];
  });
  const told = others.map(({ name, curve }) => t("control_area", { auc: fixed(curve.auc, 2), name }));
  const auc = fixed(own.auc, 2);
  const label = told.length ? t("chart_label", { name: t(of), auc, others: told.join(t("between")) }) : t("chart_alone", { name: t(of), auc });
  const lines = [{ kind: /** @type {const} */ ("map"), name: t("map"), values: own.curve }, ...others.map(({ kind, name, curve }) => ({ kind, name, values: curve.curve }))];
  return html`<${Chart} title=${t(of)} hint=${t(`${of}_title`)} label=${label} figure=${auc} lines=${lines} from="0" to=${t("pixels_end")} room=${46} />`;
}

/** @param {{ measured: Measured, t: Say }} props */
function RoadChart({ measured, t }) {
  const { road } = measured;
  if (!road) return null;
  const whole = road.percentiles[road.percentiles.length - 1] > 1 ? 100 : 1;
  const at = sharesOf(road.percentiles, whole);
  const lines = [
    { kind: /** @type {const} */ ("most"), name: t("road_most"), values: road.most, at },
    { kind: /** @type {const} */ ("least"), name: t("road_least"), values: road.least, at },
  ];
  const score = signed(road.score, 2);
  const [from, to] = [road.percentiles[0], road.percentiles[road.percentiles.length - 1]].map((part) => percent(part / whole, 0));
  return html`<${Chart} title=${t("road")} hint=${t("road_title")} label=${t("road_label", { score })} figure=${score} lines=${lines} from=${from} to=${to} room=${46} />`;
}

/** Where shares stand between the first and the last of them. @param {readonly number[]} percentiles @param {number} whole */
function sharesOf(percentiles, whole) {
  const [first, last] = [percentiles[0] / whole, percentiles[percentiles.length - 1] / whole];
  return percentiles.map((part) => (last > first ? (part / whole - first) / (last - first) : 0));
}

/** Every number of the three measurements, the map's own first. @param {{ map: Measured, controls: Evidence["controls"] }} props */
function Table({ map, controls }) {
  const t = useWords(words);
  const rows = [{ kind: /** @type {const} */ ("map"), measured: map }, ...CONTROLS.flatMap((kind) => {
    const measured = controls[kind];
    return measured ? [{ kind, measured }] : [];
  })];
  return html`<table class="why-table">
    <caption class="unseen">${t("table")}</caption>
    <thead><tr><th scope="col"><span class="unseen">${t("table")}</span></th>
      <th scope="col">${t("insertion")}<span class="quiet" title=${t("higher")}> ↑<span class="unseen">${t("higher")}</span></span></th>
      <th scope="col">${t("deletion")}<span class="quiet" title=${t("lower")}> ↓<span class="unseen">${t("lower")}</span></span></th>
      <th scope="col">${t("road")}<span class="quiet" title=${t("higher")}> ↑<span class="unseen">${t("higher")}</span></span></th></tr></thead>
    <tbody>${rows.map(({ kind, measured }) => html`<tr key=${kind} class=${kind}>
      <th scope="row" title=${kind === "map" ? undefined : t(`${kind}_title`)}><${Sample} kind=${kind} />${t(kind)}</th>
      <td class="number">${areaOf(measured.insertion)}</td><td class="number">${areaOf(measured.deletion)}</td>
      <td class="number">${measured.road ? signed(measured.road.score, 2) : "–"}</td></tr>`)}</tbody>
  </table>`;
}

/** @param {import("../../types.js").Curve | null} curve */
function areaOf(curve) {
  return curve ? fixed(curve.auc, 2) : "–";
}

/** The checks that are one number each. @param {{ evidence: Evidence }} props */
function Other({ evidence }) {
  const t = useWords(words);
  const { similarity, completeness } = evidence;
  return html`<dl class="why-facts">
    <div title=${t("randomised_title")}><dt>${t("randomised")}</dt>
      <dd>${similarity === null ? html`<span class="quiet">${t("not_measured")}</span>` : html`<span class="number">${t("randomised_alike", { similarity: fixed(similarity, 2) })}</span>`}</dd></div>
    ${completeness !== null && html`<div title=${t("completeness_title")}><dt>${t("completeness")}</dt>
      <dd class="number">${t("completeness_error", { error: percent(completeness) })}</dd></div>`}
  </dl>`;
}

/** @param {{ evidence: Evidence }} props */
function Effort({ evidence }) {
  const t = useWords(words);
  const { passes, seconds, thorough } = evidence;
  const told = passes === null ? "" : seconds === null ? t("effort", { passes: count(passes) }) : t("effort_seconds", { passes: count(passes), seconds: significant(seconds, 2) });
  return html`<p class="why-effort quiet"><span class="how" title=${t(thorough ? "thorough_title" : "cheap_title")}>${t(thorough ? "thorough" : "cheap")}</span>${told}</p>`;
}
