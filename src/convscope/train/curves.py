"""Loss and accuracy over the epochs as one picture, of one training or of several beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw

from convscope.draw.chart import COLORS, Line, chart, value_text
from convscope.draw.lettering import write
from convscope.draw.theme import theme

TRAIN, VALIDATION = "train", "validation"
PANEL, HEAD = (560, 380), 40
#: Quantity, the columns of the metrics in which it stands for training and for validation, whether it is a share.
QUANTITIES = (
    ("loss", "train_loss", "validation_loss", False),
    ("accuracy", "train_accuracy", "validation_accuracy", True),
)

Metrics = Sequence[Mapping[str, Any]]
"""Rows as in :data:`convscope.train.metrics.COLUMNS`; numbers or their text. What is missing or empty leaves a gap."""


def curves_picture(metrics: Metrics, *, title: str = "", dark: bool = False) -> Image.Image:
    """Loss and accuracy on both sides of the split; the best validation accuracy is ringed and named.

    >>> curves_picture([{"epoch": 1, "train_loss": 0.9, "train_accuracy": 0.6, "validation_loss": 0.8}]).size
    (1120, 380)
    """
    panels = []
    best = best_epoch(metrics)
    for quantity, train, validation, percent in QUANTITIES:
        sides = [(TRAIN, train, COLORS[0]), (VALIDATION, validation, COLORS[1])]
        lines = [Line(label, _points(metrics, column), color) for label, column, color in sides]
        heading = quantity
        if percent and best is not None:
            lines[1] = Line(VALIDATION, lines[1].points, COLORS[1], mark=best)
            epoch, highest = lines[1].points[best]
            heading = f"{quantity}: best {value_text(highest, percent=True)} on validation, in epoch {epoch:.0f}"
        kept = [line for line in lines if line.finite] or lines[:1]
        panels.append(chart(kept, title=heading, x_label="epoch", percent=percent, size=PANEL, dark=dark))
    return _side_by_side(panels, title, dark=dark)


def comparison_picture(runs: Sequence[tuple[str, Metrics]], *, title: str = "", dark: bool = False) -> Image.Image:
    """The same of several trainings: a colour for each, validation solid and training dashed.

    >>> comparison_picture([("dense", [{"epoch": 1, "train_loss": 0.9}]), ("cnn", [])]).size
    (1120, 380)
    """
    panels = []
    for quantity, train, validation, percent in QUANTITIES:
        lines = []
        for i, (name, metrics) in enumerate(runs):
            color = COLORS[i % len(COLORS)]
            lines.append(Line(f"{name}, validation", _points(metrics, validation), color))
            lines.append(Line(f"{name}, train", _points(metrics, train), color, dashed=True))
        kept = [line for line in lines if line.finite] or lines[:1]
        panels.append(chart(kept, title=quantity, x_label="epoch", percent=percent, size=PANEL, dark=dark))
    return _side_by_side(panels, title, dark=dark)


def best_epoch(metrics: Metrics) -> int | None:
    """The row of the highest validation accuracy, the first of several; None where none is known.

    >>> best_epoch([{"validation_accuracy": 0.5}, {"validation_accuracy": "0.75"}, {"validation_accuracy": 0.75}])
    1
    """
    found = [_number(row.get("validation_accuracy")) for row in metrics]
    known = [value for value in found if math.isfinite(value)]
    return found.index(max(known)) if known else None


def _points(metrics: Metrics, column: str) -> list[tuple[float, float]]:
    return [(_number(row.get("epoch", i + 1)), _number(row.get(column))) for i, row in enumerate(metrics)]


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _side_by_side(panels: Sequence[Image.Image], title: str, *, dark: bool) -> Image.Image:
    paper, head = theme(dark), HEAD if title else 0
    sheet = Image.new("RGB", (sum(panel.width for panel in panels), panels[0].height + head), paper.page)
    if title:
        write(ImageDraw.Draw(sheet), (20, 14), title, 18, paper.ink, strong=True, width=sheet.width - 40)
    x = 0
    for panel in panels:
        sheet.paste(panel, (x, head))
        x += panel.width
    return sheet
