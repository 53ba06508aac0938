"""Maps over their photo with everything that must be said beside them: method, class, scale, whether to believe them.

A heat map alone looks convincing whatever it shows, so none leaves here alone: a card is one map with its words under
it, a sheet has several side by side with the curves of their evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw

from convscope.draw.chart import COLORS, Line, chart
from convscope.draw.colors import colormap
from convscope.draw.heat import OPACITY, fault_in, heat, strongest
from convscope.draw.lettering import paragraph, text_width, write
from convscope.draw.resample import fit
from convscope.draw.theme import Rgb, Theme, theme
from convscope.draw.wording import number
from convscope.traces import Placement

SMALLEST = 320
"""Narrower photos are enlarged by a whole factor, so that the words under them can be read."""
ENLARGED = 4_000_000
"""No photo is enlarged to more pixels."""

MARGIN, GAP = 28, 24
CELL = (300, 400)
"""Height and width in which a panel's photo fits on a sheet."""
COLUMNS = 4
CHART = 250
MARKS: Mapping[str, Rgb] = {"trust": (20, 128, 94), "doubt": (176, 122, 0), "no": (190, 30, 40)}
"""Colours of the dot before a verdict; the words after it say the same."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One map and what is said of it.

    Attributes:
        value: the map over the network's input.
        title: the method and the class.
        verdict: whether to believe it, one sentence; "" where nobody looked.
        mark: ``trust``, ``doubt`` or ``no``, which colours the dot before the verdict.
        lines: further sentences, the most important first.
        scale: the distance from zero that gets the full colour; 0 for the map's own.
        curves: of its evidence, for a sheet.
    """

    value: Float32[np.ndarray, "h w"]
    title: str
    verdict: str = ""
    mark: str = ""
    lines: tuple[str, ...] = ()
    scale: float = 0.0
    curves: tuple[Line, ...] = ()

    @property
    def most(self) -> float:
        """The scale that is really taken; 0 for a map that cannot be drawn."""
        return 0.0 if fault_in(self.value) else self.scale or strongest(self.value)


def card(picture: UInt8[np.ndarray, "H W 3"], panel: Panel, placement: Placement, *, dark: bool = False) -> Image.Image:
    """The photo with a map over it, pixel for pixel, and what is to be known of the map in a strip below.

    Photos narrower than 320 pixels are enlarged by a whole number, as far as that stays a picture of reasonable size.

    >>> photo = np.zeros((30, 40, 3), np.uint8)
    >>> made = card(photo, Panel(np.eye(3, dtype=np.float32), "Grad-CAM for cat"), Placement(0.0, 0.0, 30.0, 40.0))
    >>> made.size[0], made.size[1] > 240
    (320, True)
    """
    height, width = picture.shape[:2]
    factor = max(1, min(-(-SMALLEST // width), int((ENLARGED / (height * width)) ** 0.5)))
    if factor > 1:
        picture = picture.repeat(factor, axis=0).repeat(factor, axis=1)
        placement = Placement(
            placement.top * factor, placement.left * factor, placement.height * factor, placement.width * factor
        )
    height, width = picture.shape[:2]
    across = max(width, SMALLEST)
    foot = _foot(panel, across, max(12, min(44, width // 44)), dark=dark)
    sheet = Image.new("RGB", (across, height + foot.height), theme(dark).page)
    sheet.paste(heat(picture, panel.value, placement, scale=panel.most or None, dark=dark), (0, 0))
    sheet.paste(foot, (0, height))
    return sheet


def sheet_of_maps(
    picture: UInt8[np.ndarray, "H W 3"],
    placement: Placement,
    panels: Sequence[Panel],
    *,
    title: str,
    lines: Sequence[str] = (),
    dark: bool = False,
) -> Image.Image:
    """The photo, and beside it every map with its words and the curves of its evidence.

    Args:
        picture: the photo; it is made smaller to fit.
        placement: of the network's input in it.
        panels: the maps.
        title: what the network answered.
        lines: what else is said above.
        dark: for a dark page.

    Returns:
        an ``RGB`` picture, at most 4 maps wide, the photo counting as one.
    """
    paper = theme(dark)
    small, placed = _fitted(picture, placement)
    columns = min(COLUMNS, len(panels) + 1)
    cells: list[Panel | None] = [None, *panels]
    rows = [_row(small, placed, cells[i : i + columns], dark=dark) for i in range(0, len(cells), columns)]
    width = 2 * MARGIN + columns * (CELL[1] + GAP) - GAP
    room = width - 2 * MARGIN
    said = [part for line in lines for part in paragraph(line, room, 14)]
    top = MARGIN + 38 + 20 * len(said) + 18
    height = top + sum(max(cell.height for cell in row) + GAP for row in rows) - GAP + MARGIN
    sheet = Image.new("RGB", (width, height), paper.page)
    draw = ImageDraw.Draw(sheet)
    write(draw, (MARGIN, MARGIN - 4), title, 22, paper.ink, width=room, strong=True)
    for i, line in enumerate(said):
        write(draw, (MARGIN, MARGIN + 34 + 20 * i), line, 14, paper.quiet, width=room)
    draw.line((MARGIN, top - 14, width - MARGIN, top - 14), fill=paper.line)
    for row in rows:
        for i, cell in enumerate(row):
            sheet.paste(cell, (MARGIN + i * (CELL[1] + GAP), top))
        top += max(cell.height for cell in row) + GAP
    return sheet


def curves_of(evidence: Mapping[str, Any]) -> tuple[Line, ...]:
    """The lines of a chart from a map's evidence: shown and taken away, the map's own and the controls'.

    What is not there, or no list of numbers (evidence may come from a file), is left out.

    >>> [line.label for line in curves_of({"insertion": {"curve": [0.1, 0.9]}, "deletion": {"curve": "no"}})]
    ['shown']
    """
    controls = evidence.get("controls")
    told = [
        ("shown", evidence.get("insertion"), COLORS[1], False),
        ("taken", evidence.get("deletion"), COLORS[0], False),
    ]
    if isinstance(controls, Mapping):
        told += [
            (name, part.get("insertion"), color, True)
            for name, color in (("random", COLORS[5]), ("edges", COLORS[2]))
            if isinstance(part := controls.get(name), Mapping)
        ]
    return tuple(
        Line(label, points, color, dashed) for label, curve, color, dashed in told if (points := _points(curve))
    )


def _points(curve: Any) -> list[tuple[float, float]]:
    """A curve's values over the share of the pixels, 0 to 100."""
    values = curve.get("curve") if isinstance(curve, Mapping) else None
    if not isinstance(values, list) or len(values) < 2 or not all(isinstance(part, int | float) for part in values):
        return []
    return [(100 * i / (len(values) - 1), float(value)) for i, value in enumerate(values)]


def _fitted(picture: UInt8[np.ndarray, "H W 3"], place: Placement) -> tuple[UInt8[np.ndarray, "h w 3"], Placement]:
    height, width = fit(picture.shape[:2], *CELL)
    enlarged = height > picture.shape[0]
    filter_ = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
    small = np.asarray(Image.fromarray(picture).resize((width, height), filter_))
    down, across = height / picture.shape[0], width / picture.shape[1]
    return small, Placement(place.top * down, place.left * across, place.height * down, place.width * across)


def _photo(small: UInt8[np.ndarray, "h w 3"], paper: Theme) -> Image.Image:
    cell = Image.new("RGB", (CELL[1], small.shape[0] + 30), paper.page)
    cell.paste(Image.fromarray(small), (0, 0))
    write(ImageDraw.Draw(cell), (0, small.shape[0] + 9), "the photo", 14, paper.ink, strong=True)
    return cell


def _row(
    small: UInt8[np.ndarray, "h w 3"], placement: Placement, panels: Sequence[Panel | None], *, dark: bool
) -> list[Image.Image]:
    """Panels beside each other, their charts at one height; None stands for the photo."""
    feet = [None if panel is None else _foot(panel, CELL[1], 13, dark=dark, edge=0) for panel in panels]
    tallest = max((foot.height for foot in feet if foot is not None), default=0)
    return [
        _photo(small, theme(dark))
        if panel is None or foot is None
        else _cell(small, placement, panel, foot, tallest, dark)
        for panel, foot in zip(panels, feet, strict=True)
    ]


def _cell(
    small: UInt8[np.ndarray, "h w 3"], placement: Placement, panel: Panel, foot: Image.Image, tallest: int, dark: bool
) -> Image.Image:
    drawn = bool(panel.curves)
    cell = Image.new("RGB", (CELL[1], small.shape[0] + tallest + CHART * drawn), theme(dark).page)
    cell.paste(heat(small, panel.value, placement, scale=panel.most or None, dark=dark), (0, 0))
    cell.paste(foot, (0, small.shape[0]))
    if drawn:
        graph = chart(
            panel.curves, title="probability as pixels come or go", x_label="pixels of the photo, %",
            size=(CELL[1], CHART), percent=True, from_zero=True, dark=dark,
        )  # fmt: skip
        cell.paste(graph, (0, small.shape[0] + tallest))
    return cell


def _foot(panel: Panel, width: int, size: int, *, dark: bool, edge: int | None = None) -> Image.Image:
    """What is said of a map, under it: title, scale, verdict, sentences."""
    paper = theme(dark)
    edge = size if edge is None else edge
    room, line = width - 2 * edge, round(size * 1.45)
    dot = size if panel.mark in MARKS else 0
    title = paragraph(panel.title, room, round(size * 1.15))
    verdict = paragraph(panel.verdict, room - dot, size) if panel.verdict else []
    rest = [part for sentence in panel.lines for part in paragraph(sentence, room, size)]
    key = panel.most > 0
    height = size + line * (len(title) + key + len(verdict) + len(rest)) + size
    foot = Image.new("RGB", (width, height), paper.page)
    draw = ImageDraw.Draw(foot)
    y = size // 2
    for part in title:
        write(draw, (edge, y), part, round(size * 1.15), paper.ink, strong=True, width=room)
        y += line
    if key:
        _key(foot, (edge, y), panel.most, room, size, dark=dark)
        y += line
    if dot and verdict:
        draw.ellipse((edge, y + size // 4, edge + size // 2, y + size // 4 + size // 2), fill=MARKS[panel.mark])
    for part in verdict:
        write(draw, (edge + dot, y), part, size, paper.ink, width=room - dot)
        y += line
    for part in rest:
        write(draw, (edge, y), part, size, paper.quiet, width=room)
        y += line
    return foot


def _key(sheet: Image.Image, at: tuple[int, int], most: float, room: int, size: int, *, dark: bool) -> None:
    """The colours as they lie over a page, with the numbers at their ends and what the ends mean."""
    paper = theme(dark)
    draw = ImageDraw.Draw(sheet)
    low, high = f"against  {number(-most)}", f"{number(most)}  for"
    letters = size - 1
    width = min(10 * size, room - text_width(low, letters) - text_width(high, letters) - size)
    if width < 2 * size:
        return
    x, y = at
    x += write(draw, (x, y), low, letters, paper.quiet) + size // 2
    levels = np.rint(np.linspace(1, 255, width)).astype(int)
    share = (np.abs(levels - 128) / 127 * OPACITY)[:, None]
    colors = colormap(paper.signed)[levels] * share + np.array(paper.page) * (1 - share)
    tall = max(6, round(size * 0.7))
    bar = np.broadcast_to(np.rint(colors).astype(np.uint8), (tall, width, 3))
    top = y + (size - tall) // 2 + 2
    draw.rectangle((x - 1, top - 1, x + width, top + tall), outline=paper.line)
    sheet.paste(Image.fromarray(np.ascontiguousarray(bar)), (x, top))
    draw.line((x + width // 2, top + tall, x + width // 2, top + tall + 3), fill=paper.quiet)
    write(draw, (x + width + size // 2, y), high, letters, paper.quiet)
