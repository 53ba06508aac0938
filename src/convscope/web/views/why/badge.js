/** What the header says of the answer's reasons: the method, and whether to trust it. Opens the Why tab. */
import { html, useLoaded } from "../../dom.js";
import { useWords } from "../../language.js";
import { fixed } from "../../paint/numbers.js";
import { select } from "../../select.js";
import { unfoldPanel } from "../panel/height.js";
import { faultOf } from "./faults.js";
import { methodTitle } from "./methods.js";
import { Asking, classNames, useWhy } from "./source.js";
import { targetText } from "./target.js";
import { VerdictMark } from "./verdict.js";
import { words } from "./words.js";

/** @typedef {import("../../data/trace.js").Trace} Trace */

/** @param {{ trace: Trace }} props */
export function WhyBadge({ trace }) {
  const t = useWords(words);
  const why = useWhy(trace);
  const shown = why?.choice.map ?? null;
  const { value: fault } = useLoaded(async () => (shown?.read ? faultOf(await shown.read()) : ""), [shown]);
  if (!why) return null;
  const { map, method } = why.choice;
  const target = targetText(why.choice.target, classNames(trace), t);
  const open = () => {
    select(trace, { tab: "why" });
    unfoldPanel();
  };
  const name = methodTitle(method);
  if (!map) {
    return html`<${Asking} why=${why} />${why.making && html`<button type="button" class="button bare why-badge quiet" title=${t("header_busy_title")} onClick=${open}>
      <span class="ellipsis">${t("header_busy")}</span></button>`}`;
  }
  const evidence = fault && map.evidence?.verdict !== "no" ? null : map.evidence;
  const trust = evidence ? fixed(evidence.trust, 2) : "";
  const title = evidence
    ? t("header_title", { target, method: name, verdict: t(`verdict_${evidence.verdict}`), trust })
    : t("header_none_title", { target, method: name });
  return html`<button type="button" class="button why-badge" title=${title} onClick=${open}>
    <span class="ellipsis method">${t("header", { method: name })}</span>
    <${VerdictMark} verdict=${evidence?.verdict ?? "none"} />
    <span class="word">${t(evidence ? `verdict_${evidence.verdict}` : "header_none")}</span>
    ${evidence && html`<span class="number">${trust}</span>`}
  </button>`;
}
