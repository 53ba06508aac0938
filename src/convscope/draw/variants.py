"""Variants of a network side by side: rows are variants, columns are steps, one scale a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from convscope.draw.alignment import Column, align
from convscope.draw.colors import choose, is_signed
from convscope.draw.lettering import broken, wrap, write
from convscope.draw.levels import Limits, Maps, as_maps, limits
from convscope.draw.resample import fit
from convscope.draw.step import draw_key
from convscope.draw.theme import theme
from convscope.draw.thumbs import block_of_squares, column_of_bars, most_varied, thumbnails
from convscope.draw.wording import facts_of, range_text, size_text
from convscope.errors import CallError
from convscope.traces import Trace

WIDEST = 1680
MARGIN, GAP = 30, 20
LABEL = 150
CAPTION = 50
NAME, KIND, KEY = 18, 14, 22
"""Pixels from line to line of a column's name, of its kind, and for the key to its colours."""
BETWEEN = 4  # maps
MOST_PIXELS = 20_000_000


@dataclass(frozen=True)
class Plan:
    """``variants`` rows of cells of ``cell`` (height, width) with at most ``maps`` maps, under a ``head``."""

    variants: int
    maps: int
    cell: tuple[int, int]
    head: int

    @property
    def row(self) -> int:
        """Height of a row: a cell and what is said about it."""
        return self.cell[0] + CAPTION

    @property
    def band(self) -> int:
        """Height of all rows with their head and the space under them."""
        return self.head + self.variants * self.row + 26


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
    plan = _plan(columns, len(variants), max_maps, key=scale == "shared")
    paper = theme(dark)
    width = plan.cell[1]
    across = min(len(columns), (WIDEST - 2 * MARGIN - LABEL + GAP) // (width + GAP))
    bands = -(-len(columns) // across)
    across = -(-len(columns) // bands)
    total = 2 * MARGIN + LABEL + across * (width + GAP) - GAP
    allowed = max(1, MOST_PIXELS // (total * plan.band))
    left_out = max(0, len(columns) - allowed * across)
    columns = columns[: allowed * across]
    bands = -(-len(columns) // across)
    sheet = Image.new("RGB", (total, 2 * MARGIN + bands * plan.band - 26 + (24 if left_out else 0)), paper.page)
    draw = ImageDraw.Draw(sheet)
    for i in range(bands):
        _labels(draw, [label for label, _ in variants], MARGIN + i * plan.band + plan.head, plan, total, dark=dark)
    for i, column in enumerate(columns):
        row, place = divmod(i, across)
        at = (MARGIN + LABEL + place * (width + GAP), MARGIN + row * plan.band)
        _column(sheet, draw, at, column, plan, scale=scale, dark=dark)
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


def _plan(columns: Sequence[Column], variants: int, max_maps: int, *, key: bool) -> Plan:
    """Cells in which as many maps as the fullest has, of the first map's proportions, leave no holes."""
    shapes = [as_maps(step.value).shape for column in columns for step in column.steps.values()]
    shapes = [shape for shape in shapes if shape[1] * shape[2] > 1 and shape[0]]
    maps = min(max_maps, max((shape[0] for shape in shapes), default=1))
    proportion = min(1.5, max(0.5, shapes[0][1] / shapes[0][2])) if shapes else 1.0
    across = max(1, round((maps / 1.5) ** 0.5))
    width = 156 if across > 1 or maps == 1 else 120
    down = -(-maps // across)
    side = (width - BETWEEN * (across - 1)) // across
    height = max(96, down * (round(side * proportion) + BETWEEN) - BETWEEN)
    titles = [_title(column, width) for column in columns]
    head = max(NAME * len(name) + KIND * len(kind) for name, kind in titles) + (KEY if key else 0) + 16
    return Plan(variants, max_maps, (height, width), head)


def _title(column: Column, width: int) -> tuple[list[str], list[str]]:
    """The lines for the name that the steps of a column have in common, and for their kinds."""
    return broken(column.name, width, 14, lines=2), broken(column.kinds, width, 12, lines=3, tail=0.0)


def _labels(draw: ImageDraw.ImageDraw, labels: list[str], top: int, plan: Plan, width: int, *, dark: bool) -> None:
    paper = theme(dark)
    for i, label in enumerate(labels):
        y = top + i * plan.row
        draw.line((MARGIN, y - 8, width - MARGIN, y - 8), fill=paper.line)
        for k, line in enumerate(wrap(label.split(" "), LABEL - 16, 15, joint=" ")[:6]):
            write(draw, (MARGIN, y + 20 * k), line, 15, paper.ink, width=LABEL - 16, strong=True)


def _column(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    column: Column,
    plan: Plan,
    *,
    scale: str,
    dark: bool,
) -> None:
    x, y = at
    paper = theme(dark)
    steps = column.steps
    every = {variant: as_maps(step.value) for variant, step in steps.items()}
    low = np.fmin.reduce([facts_of(step).low for step in steps.values()])
    table = choose("auto", low=float(low), scale=scale, dark=dark)
    on = {variant: limits(maps, scale, signed=is_signed(table)) for variant, maps in every.items()}
    filled = [on[variant] for variant, maps in every.items() if maps.size]
    if filled and scale == "shared":
        bottom, top = min(found.low.min() for found in filled), max(found.high.max() for found in filled)
        on = {v: Limits(np.full_like(f.low, bottom), np.full_like(f.high, top), f.scale, f.signed, f.finite)
              for v, f in on.items()}  # fmt: skip
    width = plan.cell[1]
    name, kind = _title(column, width)
    for i, line in enumerate(name):
        write(draw, (x, y + NAME * i), line, 14, paper.ink, strong=True)
    for i, line in enumerate(kind):
        write(draw, (x, y + NAME * len(name) + KIND * i), line, 12, paper.quiet)
    if filled and scale == "shared":
        draw_key(sheet, (x, y + plan.head - KEY - 13), next(iter(on.values())), table, paper, room=width)
    chosen: np.ndarray | None = None
    for variant in range(plan.variants):
        if variant not in steps:
            continue
        top_left = (x, y + plan.head + variant * plan.row)
        maps = every[variant]
        if chosen is None or chosen.max(initial=0) >= len(maps) or len(chosen) < min(len(maps), plan.maps):
            chosen = np.sort(most_varied(maps, plan.maps))
        used = _cell(sheet, top_left, plan.cell, maps, on[variant], table, chosen=chosen, dark=dark)
        facts = facts_of(steps[variant])
        base = top_left[1] + used + 4
        more = f", +{len(maps) - len(chosen):,} more" if len(maps) > len(chosen) and maps.shape[1:] != (1, 1) else ""
        write(draw, (x, base), size_text(steps[variant].shape) + more, 12, paper.ink, width=width, tail=0.0)
        color = paper.accent if facts.warning else paper.quiet
        write(draw, (x, base + 16), facts.warning or range_text(facts), 12, color, width=width)


def _cell(
    sheet: Image.Image,
    at: tuple[int, int],
    room: tuple[int, int],
    maps: Maps,
    on: Limits,
    table: str,
    *,
    chosen: np.ndarray,
    dark: bool,
) -> int:
    """The chosen maps, as large as they fit into ``room`` (height, width); returns the height they take."""
    x, y = at
    if maps.size == 0:
        return 0
    if maps.shape[1:] == (1, 1):
        if len(maps) <= room[0] // 8:
            image = column_of_bars(maps.ravel(), on, table, room, dark=dark)
        else:
            image = block_of_squares(maps.ravel(), on, table, room, dark=dark)[0]
        sheet.paste(image, at)
        return image.height
    shown = maps[chosen]
    (height, width), across = _largest(len(shown), (maps.shape[1], maps.shape[2]), room)
    for i, image in enumerate(thumbnails(shown, on.take(chosen), table, height, width)):
        row, column = divmod(i, across)
        sheet.paste(image, (x + column * (width + BETWEEN), y + row * (height + BETWEEN)))
    return -(-len(shown) // across) * (height + BETWEEN) - BETWEEN


def _largest(count: int, shape: tuple[int, int], room: tuple[int, int]) -> tuple[tuple[int, int], int]:
    """The size at which ``count`` maps fit best into ``room`` (height, width), and how many go side by side.

    >>> _largest(3, (2, 3), (248, 120)), _largest(4, (7, 7), (156, 156))
    (((80, 120), 1), ((76, 76), 2))
    """
    found = []
    for across in range(1, count + 1):
        down = -(-count // across)
        height, width = (max(1, (room[i] - BETWEEN * (n - 1)) // n) for i, n in ((0, down), (1, across)))
        found.append((fit(shape, height, width), across))
    return max(found, key=lambda one: one[0][0] * one[0][1])
