/** A small chart of probabilities: a few lines, each told apart by its dashes, its shade and the name at its end. */
import { html } from "../../dom.js";
import { across, linePath, spread, up } from "./curves.js";

/** @typedef {"map" | "random" | "edges" | "centre" | "most" | "least"} Kind */
/** @typedef {{ kind: Kind, name: string, values: readonly number[], at?: readonly number[] }} Line */

const [WIDE, HIGH] = [152, 100];
const LINE = 13; // of the labels: fonts differ, and some need 1.4 times their size

/**
 * @param {{ title: string, hint: string, label: string, figure: string, lines: readonly Line[], from: string, to: string, room: number }} props
 *   `figure`: the number beside the title; `room`: pixels for the names at the right.
 */
export function Chart({ title, hint, label, figure, lines, from, to, room }) {
  const frame = { left: 24, right: WIDE - room, top: 7, bottom: HIGH - 16 };
  const ends = spread(lines.map(({ values }) => up(values[values.length - 1], frame)), LINE, frame.top, frame.bottom);
  return html`<figure class="why-chart">
    <figcaption title=${hint}><span>${title}</span><strong class="number">${figure}</strong></figcaption>
    <svg viewBox=${`0 0 ${WIDE} ${HIGH}`} role="img" aria-label=${label}>
      ${[0, 0.5, 1].map((share) => html`<g key=${share}><line class="fine" x1=${frame.left} x2=${frame.right} y1=${up(share, frame)} y2=${up(share, frame)} />
        <text x=${frame.left - 5} y=${up(share, frame) + 3.5} text-anchor="end">${share}</text></g>`)}
      <text x=${frame.left} y=${HIGH - 3}>${from}</text>
      <text x=${frame.right} y=${HIGH - 3} text-anchor="end">${to}</text>
      ${[...lines].reverse().map(({ kind, values, at }) => html`<path key=${kind} class=${`line ${kind}`} d=${linePath(values, frame, at)} />`)}
      ${lines.map(({ kind, name }, i) => html`<text key=${kind} class=${`end ${kind}`} x=${across(1, frame) + 5} y=${ends[i] + 3.5}>${name}</text>`)}
    </svg>
  </figure>`;
}

/** A piece of a line, for the legend. @param {{ kind: Kind }} props */
export function Sample({ kind }) {
  return html`<svg class="why-sample" viewBox="0 0 22 8" aria-hidden="true"><path class=${`line ${kind}`} d="M0 4H22" /></svg>`;
}
