"""Variants of a network side by side: rows are variants, columns are steps, one scale a column."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from convscope.draw.colors import choose, is_signed
from convscope.draw.lettering import wrap, write
from convscope.draw.levels import Limits, Maps, as_maps, limits
from convscope.draw.step import draw_key
from convscope.draw.theme import theme
from convscope.draw.thumbs import block_of_squares, column_of_bars, most_varied, thumbnails
from convscope.draw.wording import describe, kind_text, range_text, size_text
from convscope.errors import CallError
from convscope.traces import Step, Trace

WIDEST = 1680
MARGIN, GAP = 30, 20
LABEL = 150
HEAD, CAPTION = 66, 44
SIDE = 148
MOST_PIXELS = 20_000_000


@dataclass
class Column:
    """The steps of the variants that belong together; a variant without one has no entry."""

    steps: dict[int, Step] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The different names, in the variants' order."""
        return list(dict.fromkeys(step.name for step in self.steps.values()))


def align(variants: Sequence[Sequence[Step]]) -> list[Column]:
    """Put the steps of several variants into common columns.

    Steps of one name share a column; between two such columns, steps without a partner share one by their
    order (``relu_1`` of one variant and ``tanh_1`` of another). Every variant's own order is kept.

    >>> def net(*names): return [Step(n, "relu", np.zeros(1, np.float32)) for n in names]
    >>> [c.names for c in align([net("in", "relu_1", "fc"), net("in", "tanh_1", "extra", "fc")])]
    [['in'], ['relu_1', 'tanh_1'], ['extra'], ['fc']]
    """
    columns: list[Column] = []
    for variant, steps in enumerate(variants):
        # a column is called by the name of its step in this variant if any variant before used that name
        known = {name: i for i, column in enumerate(columns) for name in column.names}
        old = list(range(len(columns)))
        new = [known.get(step.name, -1 - i) for i, step in enumerate(steps)]
        merged: list[Column] = []
        for _, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            for k in range(max(b - a, d - c)):
                column = columns[a + k] if a + k < b else Column()
                if c + k < d:
                    column.steps[variant] = steps[c + k]
                merged.append(column)
        columns = merged
    return columns


def rows(
    variants: Sequence[tuple[str, Trace]],
    *,
    steps: Sequence[str] | None = None,
    scale: str = "shared",
    max_maps: int = 4,
    dark: bool = False,
) -> Image.Image:
    """A picture that compares variants: a row for each, labelled on the left, a column for each step.

    Args:
        variants: labels and traces, in the order of the rows.
        steps: names of the steps to compare, as patterns with ``*``; all when left out. A column stays if
            the name fits in any variant.
        scale: ``shared``: one range for all variants in a column, so that colours compare; ``each``: every
            map on its own; ``byte``: the tutorials' minimum to maximum in grey.
        max_maps: maps of a step in a cell; the same channels in every row, those that vary most in the first
            variant that has the step.
        dark: for a dark page.

    Returns:
        an ``RGB`` picture, at most 1,680 pixels wide; columns that do not fit go on below, and what exceeds
        about 20 million pixels is left out and counted. A variant without a step leaves its cell empty.

    Raises:
        CallError: no variants, no such step, an unknown scale, or ``max_maps`` is not positive.
    """
    if not variants:
        raise CallError("there are no variants to compare; give at least one label with its trace")
    if max_maps < 1:
        raise CallError(f"max_maps must be 1 or more; got {max_maps}")
    columns = _chosen(align([trace.steps for _, trace in variants]), variants, steps)
    paper = theme(dark)
    cell = SIDE + CAPTION
    band = HEAD + len(variants) * cell + 26
    across = min(len(columns), (WIDEST - 2 * MARGIN - LABEL + GAP) // (SIDE + GAP))
    bands = -(-len(columns) // across)
    across = -(-len(columns) // bands)
    width = 2 * MARGIN + LABEL + across * (SIDE + GAP) - GAP
    allowed = max(1, MOST_PIXELS // (width * band))
    left_out = max(0, len(columns) - allowed * across)
    columns = columns[: allowed * across]
    bands = -(-len(columns) // across)
    sheet = Image.new("RGB", (width, 2 * MARGIN + bands * band - 26 + (24 if left_out else 0)), paper.page)
    draw = ImageDraw.Draw(sheet)
    for i in range(bands):
        _labels(draw, [label for label, _ in variants], MARGIN + i * band + HEAD, width, dark=dark)
    for i, column in enumerate(columns):
        row, place = divmod(i, across)
        at = (MARGIN + LABEL + place * (SIDE + GAP), MARGIN + row * band)
        _column(sheet, draw, at, column, len(variants), scale=scale, max_maps=max_maps, dark=dark)
    if left_out:
        write(draw, (MARGIN, sheet.height - 40), f"+{left_out:,} more steps", 13, paper.accent)
    return sheet


def _chosen(columns: list[Column], variants: Sequence[tuple[str, Trace]], names: Sequence[str] | None) -> list[Column]:
    if names is None:
        return columns
    wanted: set[int] = set()
    for name in names:
        found = {id(step) for _, trace in variants for step in trace.find(name)}
        if not found:
            raise CallError(
                f"no variant has a step {name!r}; the first has {', '.join(s.name for s in variants[0][1])}"
            )
        wanted |= found
    return [column for column in columns if any(id(step) in wanted for step in column.steps.values())]


def _labels(draw: ImageDraw.ImageDraw, labels: list[str], top: int, width: int, *, dark: bool) -> None:
    paper = theme(dark)
    for i, label in enumerate(labels):
        y = top + i * (SIDE + CAPTION)
        draw.line((MARGIN, y - 8, width - MARGIN, y - 8), fill=paper.line)
        for k, line in enumerate(wrap(label.split(" "), LABEL - 16, 15, joint=" ")[:6]):
            write(draw, (MARGIN, y + 20 * k), line, 15, paper.ink, width=LABEL - 16, strong=True)


def _column(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    column: Column,
    count: int,
    *,
    scale: str,
    max_maps: int,
    dark: bool,
) -> None:
    x, y = at
    paper = theme(dark)
    steps = column.steps
    every = {variant: as_maps(step.value) for variant, step in steps.items()}
    low = np.fmin.reduce([describe(step.value).low for step in steps.values()])
    table = choose("auto", low=float(low), scale=scale, dark=dark)
    on = {variant: limits(maps, scale, signed=is_signed(table)) for variant, maps in every.items()}
    filled = [on[variant] for variant, maps in every.items() if maps.size]
    strips = all(maps.shape[1:] == (1, 1) for maps in every.values())
    if filled and (scale == "shared" or (strips and scale == "each")):
        bottom, top = min(found.low.min() for found in filled), max(found.high.max() for found in filled)
        on = {v: Limits(np.full_like(f.low, bottom), np.full_like(f.high, top), f.scale, f.signed, f.finite)
              for v, f in on.items()}  # fmt: skip
    write(draw, (x, y), " / ".join(column.names), 14, paper.ink, width=SIDE, strong=True)
    kinds = list(dict.fromkeys(kind_text(step) for step in steps.values()))
    write(draw, (x, y + 19), " / ".join(kinds), 11, paper.quiet, width=SIDE, tail=0.0)
    if filled and scale == "shared":
        draw_key(draw, (x, y + 34), next(iter(on.values())), table, paper, width=56)
    chosen: np.ndarray | None = None
    for variant in range(count):
        if variant not in steps:
            continue
        top_left = (x, y + HEAD + variant * (SIDE + CAPTION))
        maps = every[variant]
        if chosen is None or chosen.max(initial=0) >= len(maps) or len(chosen) < min(len(maps), max_maps):
            chosen = np.sort(most_varied(maps, max_maps))
        _cell(sheet, top_left, maps, on[variant], table, chosen=chosen, dark=dark)
        facts = describe(steps[variant].value)
        base = top_left[1] + SIDE + 3
        more = f", +{len(maps) - len(chosen):,} more" if len(maps) > len(chosen) and maps.shape[1:] != (1, 1) else ""
        write(draw, (x, base), size_text(steps[variant].shape) + more, 11, paper.ink, width=SIDE, tail=0.0)
        color = paper.accent if facts.warning else paper.quiet
        write(draw, (x, base + 15), facts.warning or range_text(facts), 11, color, width=SIDE)


def _cell(
    sheet: Image.Image,
    at: tuple[int, int],
    maps: Maps,
    on: Limits,
    table: str,
    *,
    chosen: np.ndarray,
    dark: bool,
) -> None:
    """The chosen maps, as large as they fit into a square."""
    x, y = at
    if maps.size == 0:
        return
    if maps.shape[1:] == (1, 1):
        if len(maps) <= 18:
            sheet.paste(column_of_bars(maps.ravel(), on, table, (SIDE, SIDE), dark=dark), at)
        else:
            sheet.paste(block_of_squares(maps.ravel(), on, table, (SIDE, SIDE))[0], at)
        return
    shown = maps[chosen]
    per_row = int(np.ceil(np.sqrt(len(shown))))
    side = (SIDE - 4 * (per_row - 1)) // per_row
    for i, image in enumerate(thumbnails(shown, on.take(chosen), table, side, side)):
        row, column = divmod(i, per_row)
        sheet.paste(image, (x + column * (side + 4), y + row * (side + 4)))
