"""The whole network on one sheet: the photo, the answer, and a column of maps for every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from convscope.draw.colors import choose, is_signed
from convscope.draw.lettering import broken, shorten, text_width, wrap, write
from convscope.draw.levels import as_maps, limits
from convscope.draw.resample import fit
from convscope.draw.theme import Theme, theme
from convscope.draw.thumbs import block_of_squares, column_of_bars, most_varied, score_text, thumbnails
from convscope.draw.wording import facts_of, kind_text, range_text, size_text
from convscope.errors import CallError
from convscope.traces import Step, Trace

WIDEST = 1640
MARGIN = 36
GAP = 18
MOST_PIXELS = 20_000_000
FOOT, INDEX = 44, 20
"""Pixels for a column's shape and range, and for the channel number under a map."""
NAME, KIND = 18, 14
"""Pixels from line to line of a column's name and of its kind, which take two lines and three at most."""


@dataclass(frozen=True)
class Plan:
    """Where the steps go: columns in bands, each a ``head`` over ``maps`` thumbnails of ``cell`` (height, width)."""

    steps: tuple[Step, ...]
    left_out: int
    maps: int
    cell: tuple[int, int]
    columns: int
    head: int

    @property
    def band(self) -> int:
        """Height of a band of columns with the space under it."""
        return self.head + self.maps * (self.cell[0] + INDEX) + FOOT + 24

    @property
    def bands(self) -> int:
        """Number of bands."""
        return -(-len(self.steps) // self.columns)


def contact(trace: Trace, *, steps: Sequence[str] | None = None, max_maps: int = 6, dark: bool = False) -> Image.Image:
    """A contact sheet of the whole network.

    Every step is a column, in the order in which it ran, under its name and operation and over its shape and
    range. A column holds at most ``max_maps`` maps: all of them if they are few, else those that vary most,
    with the channel's number under each. Every map is on its own range, signed values about zero. Maps are
    resized by area before they are coloured. A sheet that would be larger than about 20 million pixels gets
    fewer maps a step, then smaller ones, then fewer steps; what is left out is counted.

    Args:
        trace: what to draw.
        steps: names of the steps to draw, as patterns with ``*``; all when left out.
        max_maps: maps of a step.
        dark: for a dark page.

    Returns:
        an ``RGB`` picture, at most 1,640 pixels wide.

    Raises:
        CallError: no step has such a name, or ``max_maps`` is not positive.
    """
    if max_maps < 1:
        raise CallError(f"max_maps must be 1 or more; got {max_maps}")
    plan = _plan(trace, _chosen(trace, steps), max_maps)
    paper = theme(dark)
    width = max(760, 2 * MARGIN + plan.columns * (plan.cell[1] + GAP) - GAP)
    head = _heading(trace, plan, width - 2 * MARGIN, paper, dark=dark)
    top = MARGIN + head.height + 30
    sheet = Image.new("RGB", (width, top + plan.bands * plan.band + MARGIN - 24), paper.page)
    sheet.paste(head, (MARGIN, MARGIN))
    draw = ImageDraw.Draw(sheet)
    draw.line((MARGIN, top - 16, width - MARGIN, top - 16), fill=paper.line)
    for i, step in enumerate(plan.steps):
        band, column = divmod(i, plan.columns)
        at = (MARGIN + column * (plan.cell[1] + GAP), top + band * plan.band)
        _column(sheet, draw, at, step, plan, dark=dark)
    return sheet


def _chosen(trace: Trace, names: Sequence[str] | None) -> tuple[Step, ...]:
    if names is None:
        return trace.steps
    wanted: set[int] = set()
    for name in names:
        found = trace.find(name)
        if not found:
            raise CallError(
                f"the trace has no step {name!r}; its steps are {', '.join(s.name for s in trace.steps[:8])}"
            )
        wanted.update(id(step) for step in found)
    return tuple(step for step in trace.steps if id(step) in wanted)


def _plan(trace: Trace, steps: tuple[Step, ...], max_maps: int) -> Plan:
    shapes = [as_maps(step.value).shape for step in steps]
    deepest = max((shape[0] for shape in shapes if shape[1] * shape[2] > 1), default=1)
    shape = trace.input.shape[-2:] if trace.input.has_maps and trace.input.value.size else (1, 1)
    proportion = min(1.5, max(0.5, shape[0] / shape[1]))
    sides = [112, 88, 72] if len(steps) <= 24 else [88, 72]
    for side in sides:
        for maps in range(min(max_maps, max(deepest, 3)), 0, -1):
            plan = _columns(steps, maps, (round(side * proportion), side))
            if plan.bands * plan.band * WIDEST <= MOST_PIXELS:
                return plan
    fits = max(1, MOST_PIXELS // (WIDEST * plan.band)) * plan.columns
    return replace(plan, steps=steps[:fits], left_out=len(steps) - fits)


def _columns(steps: tuple[Step, ...], maps: int, cell: tuple[int, int]) -> Plan:
    most = (WIDEST - 2 * MARGIN + GAP) // (cell[1] + GAP)
    bands = -(-len(steps) // most)
    titles = [_title(step, cell[1]) for step in steps]
    head = max(NAME * len(name) + KIND * len(kind) for name, kind in titles) + 12
    return Plan(steps, 0, maps, cell, max(1, -(-len(steps) // max(1, bands))), head)


def _title(step: Step, width: int) -> tuple[list[str], list[str]]:
    """The lines for a step's name and for its kind."""
    room = width + GAP - 9
    return broken(step.name, room, 13, lines=2), broken(kind_text(step), room, 12, lines=3, tail=0.0)


def _heading(trace: Trace, plan: Plan, width: int, paper: Theme, *, dark: bool) -> Image.Image:
    """The photo, what ran on it, and the largest scores."""
    height, across = fit(trace.picture.shape[:2], 200, 300)
    head = Image.new("RGB", (width, max(200, height)), paper.page)
    smooth = trace.picture.shape[0] > height  # a tiny photo is enlarged in squares, as its maps are
    filter_ = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    head.paste(Image.fromarray(trace.picture).resize((across, height), filter_), (0, 0))
    draw = ImageDraw.Draw(head)
    left = across + 28
    room = width - left
    name = str(trace.about.get("network", "network"))
    write(draw, (left, 0), name, 24, paper.ink, width=room, strong=True)
    size = f"{trace.picture.shape[0]}x{trace.picture.shape[1]} photo"
    image = trace.about.get("image")
    photo = image.get("name") if isinstance(image, Mapping) else image
    told = [f"{photo}, {size}" if photo else size, f"{len(trace)} steps"]
    if plan.left_out:
        told.append(f"the first {len(plan.steps)} of them, +{plan.left_out} more")
    signed = "blue below zero, nearly black at zero, red above" if dark else "blue below zero, white at zero, red above"
    notes = ["every map on its own range", signed, "the number under a map is its channel"]
    y = 36
    for line in [*wrap(told, room, 13), *wrap(notes, room, 13)]:
        write(draw, (left, y), line, 13, paper.quiet, width=room)
        y += 19
    _scores(draw, trace, (left, y + 12), room=room, bottom=head.height, paper=paper)
    return head


def _scores(
    draw: ImageDraw.ImageDraw, trace: Trace, at: tuple[int, int], *, room: int, bottom: int, paper: Theme
) -> None:
    """As many of the top scores as there is room for, each with a bar."""
    x, y = at
    scores = trace.scores[: min(5, (bottom - y) // 22)]
    if not scores:
        return
    share = trace.ends_in_probabilities
    numbers = [score_text(score.value, share=share) for score in scores]
    names = min(room // 3, max(text_width(score.label, 14) for score in scores)) + 14
    digits = max(text_width(text, 14) for text in numbers) + 14
    length = max(20, min(300, room - names - digits))
    finite = [abs(score.value) for score in scores if np.isfinite(score.value)]
    full = 1.0 if share else max([*finite, 1e-30])
    for i, score in enumerate(scores):
        ink = paper.ink if i == 0 else paper.quiet
        write(draw, (x, y), score.label, 14, ink, width=names - 14)
        left = x + names
        draw.rounded_rectangle((left, y + 5, left + length, y + 12), 3, fill=paper.track)
        part = abs(score.value) / full * length if np.isfinite(score.value) else 0
        if part >= 1:
            color = paper.accent if i == 0 else paper.quiet
            draw.rounded_rectangle((left, y + 5, left + min(length, part), y + 12), 3, fill=color)
        write(draw, (left + length + 14, y), numbers[i], 14, ink)
        y += 22


def _column(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, at: tuple[int, int], step: Step, plan: Plan, *, dark: bool
) -> None:
    x, y = at
    paper = theme(dark)
    width = plan.cell[1]
    name, kind = _title(step, width)
    for i, line in enumerate(name):
        write(draw, (x, y + NAME * i), line, 13, paper.ink, strong=True)
    for i, line in enumerate(kind):
        write(draw, (x, y + NAME * len(name) + KIND * i), line, 12, paper.quiet)
    facts = facts_of(step)
    room = width + GAP - 9
    bottom = _maps(sheet, draw, (x, y + plan.head), step, plan, dark=dark)
    write(draw, (x, bottom + 3), size_text(step.shape), 12, paper.ink, width=room)
    said = facts.warning or min(
        (range_text(facts), range_text(facts, digits=2)), key=lambda t: text_width(t, 12) > room
    )
    color = paper.accent if facts.warning else paper.quiet
    if step.value.size:
        write(draw, (x, bottom + 20), said, 12, color, width=room)


def _maps(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, at: tuple[int, int], step: Step, plan: Plan, *, dark: bool
) -> int:
    """Draw the maps of a step from ``at`` downwards; return where they end."""
    x, y = at
    quiet = theme(dark).quiet
    height, width = plan.cell
    maps = as_maps(step.value)
    if maps.size == 0:
        write(draw, at, "empty", 12, quiet)
        return y + 20
    table = choose("auto", low=facts_of(step).low, scale="each", dark=dark)
    if maps.shape[1:] == (1, 1):
        on = limits(maps, "shared", signed=is_signed(table))
        size = (plan.maps * (height + INDEX) - INDEX, width)
        if len(maps) <= min(24, size[0] // 8):
            image, left_out = column_of_bars(maps.ravel(), on, table, size, dark=dark), 0
        else:
            image, left_out = block_of_squares(maps.ravel(), on, table, size, dark=dark)
        sheet.paste(image, at)
        if left_out:
            write(draw, (x, y + image.height + 3), f"+{left_out:,} more", 11, quiet)
        return y + image.height + (INDEX if left_out else 8)
    chosen = most_varied(maps, plan.maps)
    shown = maps[chosen]
    on = limits(shown, "each", signed=is_signed(table))
    for channel, image in zip(chosen.tolist(), thumbnails(shown, on, table, height, width), strict=True):
        sheet.paste(image, (x, y))
        y += image.height
        more = len(maps) - len(chosen)
        last = more and channel == chosen[-1]
        label = shorten(f"{channel}   +{more:,} more" if last else str(channel), width, 11)
        write(draw, (x, y + 1), label, 11, quiet)
        y += INDEX
    return y
