"""The confusion matrix as a picture: readable for two classes, and still for a hundred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from PIL import Image, ImageDraw

from convscope.draw.colors import lightness
from convscope.draw.lettering import text_width, typeface, write
from convscope.draw.theme import Rgb, Theme, theme
from convscope.train.evaluate import Evaluation

MARGIN, GAP = 24, 1
RIGHT, WRONG = (31, 104, 179), (200, 64, 10)
"""Colours of a class that is always right, and of one that is always taken for another."""
PAIRS = 6
"""So many of the pairs that are confused most are named."""


@dataclass(frozen=True)
class Plan:
    """Cells of ``cell`` pixels; ``name`` is the size of the classes' names, ``share`` and ``count`` that of numbers.

    A size of 0 means that there is no room for them.
    """

    cell: int
    name: int
    share: int
    count: int
    upright: bool


def confusion_picture(evaluation: Evaluation, classes: Sequence[str], *, dark: bool = False) -> Image.Image:
    """Rows are true classes, columns what the network said; every row adds up to 100 %.

    Blue is what was right, orange what was not; the strength grows with the root of the share, so that a few
    mistakes in a hundred are seen. Below stand the pairs that are confused most.

    Args:
        evaluation: of samples of these classes.
        classes: their names.
        dark: for a dark page.

    >>> found = Evaluation(np.eye(2, dtype=np.float32)[[0, 1, 1]], np.array([0, 1, 0]), np.arange(3))
    >>> confusion_picture(found, ("cat", "dog")).mode
    'RGB'
    """
    paper = theme(dark)
    counts = evaluation.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    plan = _plan(classes)
    longest = max(text_width(name, plan.name) for name in classes)
    side = min(longest, 170) + 14
    head = 86 + (20 if plan.upright else min(longest, 130)) + 10
    grid = len(classes) * (plan.cell + GAP) - GAP
    told = _told(evaluation, classes)
    size = (max(2 * MARGIN + 22 + side + grid, 460), head + grid + 22 + (28 + 20 * len(told)) + MARGIN // 2)
    sheet = Image.new("RGB", size, paper.page)
    draw = ImageDraw.Draw(sheet)
    room = sheet.width - 2 * MARGIN
    write(draw, (MARGIN, 16), "Confusion matrix", 20, paper.ink, strong=True, width=room)
    amount = f"{evaluation.right:,} of {len(evaluation):,} right: {100 * evaluation.accuracy:.1f} %"
    amount += "  ·  the numbers are percent of the row" if plan.share and not plan.count else ""
    write(draw, (MARGIN, 46), amount, 13, paper.quiet, width=room)
    corner = (MARGIN + 22 + side, head)
    _names(sheet, draw, corner, classes, plan, paper, side=side)
    _cells(draw, corner, counts, shares, plan, paper)
    write(draw, (corner[0], 68), "said by the network", 12, paper.quiet)
    _sideways(sheet, (MARGIN - 4, head), "true class", 12, paper.quiet)
    y = head + grid + 22
    for i, line in enumerate(told):
        color = paper.ink if i == 0 else paper.quiet
        write(draw, (MARGIN, y + 20 * i), line, 13, color, width=room)
    return sheet


def _plan(classes: Sequence[str]) -> Plan:
    count = len(classes)
    if count <= 4:
        cell = max(110, min(170, max(text_width(name, 14) for name in classes) + 12))
        return Plan(cell, 14, 19, 13, upright=True)
    if count <= 12:
        return Plan(62, 13, 14, 11, upright=False)
    if count <= 30:
        return Plan(34, 12, 11, 0, upright=False)
    return Plan(14 if count <= 60 else 12, 11 if count <= 60 else 10, 0, 0, upright=False)


def _told(evaluation: Evaluation, classes: Sequence[str]) -> list[str]:
    pairs = evaluation.confused(PAIRS)
    if not pairs:
        return ["no mistakes"]
    totals = evaluation.confusion.sum(axis=1)
    lines = ["confused most often"]
    for true, said, times in pairs:
        share = f"{100 * times / totals[true]:.1f} % of {classes[true]}"
        lines.append(f"{times:,} x  {classes[true]} taken for {classes[said]}  ({share})")
    return lines


def _names(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    classes: Sequence[str],
    plan: Plan,
    paper: Theme,
    *,
    side: int,
) -> None:
    left, top = corner
    for i, name in enumerate(classes):
        middle = i * (plan.cell + GAP) + plan.cell // 2
        write(draw, (left - 8, top + middle), name, plan.name, paper.ink, anchor="rm", width=side - 8)
        if plan.upright:
            write(draw, (left + middle, top - 8), name, plan.name, paper.ink, anchor="mb", width=plan.cell)
        else:
            height = typeface(plan.name).size
            _sideways(sheet, (left + middle - round(height / 2) - 2, top - 6), name, plan.name, paper.ink, above=True)


def _sideways(
    sheet: Image.Image, at: tuple[int, int], text: str, size: int, color: Rgb, *, above: bool = False
) -> None:
    """A text that reads upwards; ``at`` is its left top corner, or with ``above`` its left bottom corner."""
    width = min(text_width(text, size), 130) + 2
    mask = Image.new("RGB", (width, size + 6), sheet.getpixel((0, 0)))
    write(ImageDraw.Draw(mask), (1, 1), text, size, color, width=width - 2)
    turned = mask.rotate(90, expand=True)
    sheet.paste(turned, (at[0], at[1] - turned.height) if above else at)


def _cells(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    counts: np.ndarray,
    shares: Float64[np.ndarray, "k k"],
    plan: Plan,
    paper: Theme,
) -> None:
    painted = _painted(shares, paper)
    bright = lightness(painted) > 0.62
    for row in range(len(shares)):
        for column in range(len(shares)):
            x = corner[0] + column * (plan.cell + GAP)
            y = corner[1] + row * (plan.cell + GAP)
            color = tuple(int(part) for part in painted[row, column])
            draw.rectangle((x, y, x + plan.cell - 1, y + plan.cell - 1), fill=color)
            if not plan.share or not counts[row, column]:
                continue
            ink = (20, 22, 26) if bright[row, column] else (255, 255, 255)
            middle = (x + plan.cell // 2, y + plan.cell // 2)
            text = _share_text(float(shares[row, column]), short=plan.cell < 60)
            if plan.count:
                above = (middle[0], middle[1] - plan.share // 2 - 1)
                write(draw, above, text, plan.share, ink, anchor="mm", width=plan.cell - 2)
                under = (middle[0], middle[1] + plan.count // 2 + 5)
                write(draw, under, f"{int(counts[row, column]):,}", plan.count, ink, anchor="mm", width=plan.cell - 2)
            else:
                write(draw, middle, text, plan.share, ink, anchor="mm", width=plan.cell)


def _share_text(share: float, *, short: bool) -> str:
    """A share in percent; never 0 of some, never 100 of not all; ``short`` leaves out less than 0.5.

    >>> _share_text(0.0004, short=False), _share_text(0.9996, short=True), _share_text(1.0, short=False)
    ('0.1 %', '99', '100 %')
    >>> _share_text(0.004, short=True)
    ''
    """
    if share >= 1:
        return "100" if short else "100 %"
    if short:
        return str(min(99, round(100 * share))) if share >= 0.005 else ""
    return f"{min(99.9, max(0.1, 100 * share)):.1f} %"


def _painted(shares: Float64[np.ndarray, "k k"], paper: Theme) -> np.ndarray:
    strength = np.sqrt(shares)[..., None]
    empty = np.array(paper.track, float)
    full = np.where(np.eye(len(shares), dtype=bool)[..., None], RIGHT, WRONG)
    painted: np.ndarray = np.rint(empty + (full - empty) * strength).astype(np.uint8)
    return painted
