"""Bars for the report, as SVG that takes its colours from the page."""

from __future__ import annotations

import html
from collections.abc import Sequence

_LABEL, _BAR, _COUNT, _ROW = 150, 330, 80, 26
_LONGEST = 22


def bars(rows: Sequence[tuple[str, int]], title: str) -> str:
    """Horizontal bars with their numbers.

    Args:
        rows: label and count of each bar; labels may be anything.
        title: what a reader who cannot see it is told.

    >>> bars([("cat", 10), ("<dog>", 5)], "photos").count("<rect")
    2
    """
    most = max((count for _, count in rows), default=0) or 1
    width, height = _LABEL + _BAR + _COUNT, _ROW * len(rows)
    parts = []
    for place, (label, count) in enumerate(rows):
        top, length = place * _ROW, max(count / most * _BAR, 2 if count else 0)
        short = label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
        parts.append(
            f'<text x="{_LABEL - 8}" y="{top + 17}" text-anchor="end">{html.escape(short)}</text>'
            f'<rect x="{_LABEL}" y="{top + 4}" width="{length:.1f}" height="{_ROW - 8}" rx="3"/>'
            f'<text class="count" x="{_LABEL + length + 6:.1f}" y="{top + 17}">{count:,}</text>'
        )
    told = html.escape(f"{title}: " + ", ".join(f"{label} {count:,}" for label, count in rows))
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{told}">{"".join(parts)}</svg>'
