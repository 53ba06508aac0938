/** Numbers that only changed their place: where this one came from, and how the place is counted. */
import { html } from "../../dom.js";
import { readingOf } from "./blocks.js";
import { Glyph } from "./icons.js";
import { ReadingCard, Result } from "./parts.js";

/** @typedef {import("./parts.js").PictureProps} PictureProps */
/** @typedef {import("../../types.js").Step} Step */

/** @param {PictureProps} props */
export function MovePicture(props) {
  const { trace, step, sum, t } = props;
  const reading = sum.padded[0] ? null : readingOf(sum, trace.steps, 0);
  const why = reading ? reckoning(step, sum.index, reading, trace.steps) : null;
  return html`<div class="sum-flow">
    ${reading
      ? html`<${ReadingCard} ...${props} note=${t("came_from")} />`
      : html`<div class="sum-card"><div class="sum-card-text"><span class="quiet">${t(sum.padded[0] ? "filling" : "constant")}</span></div></div>`}
    <span class="sum-to"><${Glyph} name="arrow" /></span>
    <${Result} ...${props} />
    ${why && html`<p class="sum-reckoning">${t(why.key, why.values)}</p>`}
  </div>`;
}

/**
 * How the place in the input follows from the place in the output, in words.
 * @param {Step} step
 * @param {number[]} index
 * @param {{ step: Step, index: number[] }} from
 * @param {Step[]} steps
 * @returns {{ key: string, values: Record<string, string | number> } | null}
 */
export function reckoning(step, index, from, steps) {
  const { shape } = from.step;
  const [c, y, x] = from.index;
  if (step.kind === "flatten" && shape.length === 3 && index.length === 1) {
    return { key: "how_flatten", values: { i: index[0], c, y, x, area: shape[1] * shape[2], width: shape[2] } };
  }
  if (step.kind === "cat") {
    const axis = (Number(step.settings.axis) + index.length) % index.length;
    const start = index[axis] - from.index[axis];
    const part = step.inputs.findIndex((source) => steps[source] === from.step) + 1;
    return { key: axis === 0 ? "how_cat" : "how_cat_axis", values: { i: index[axis], part, parts: step.inputs.length, start, at: from.index[axis], name: from.step.name } };
  }
  if (step.kind === "pixel_shuffle" && index.length === 3) {
    const r = Number(step.settings.factor);
    return { key: "how_pixel_shuffle", values: { r, dy: index[1] % r, dx: index[2] % r, c } };
  }
  if (step.kind === "channel_shuffle") return { key: "how_channel_shuffle", values: { groups: Number(step.settings.groups), from: c, to: index[0] } };
  return null;
}
