"""The mistakes of which a network is surest, as a grid of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from convscope.draw.lettering import write
from convscope.draw.theme import theme
from convscope.train.evaluate import Evaluation

MARGIN, GAP, CELL, TEXT = 24, 14, 150, 58
ACROSS, MOST = 6, 24


def wrong_picture(
    evaluation: Evaluation, samples: Any, classes: Sequence[str] | None = None, *, dark: bool = False
) -> Image.Image:
    """Up to 24 samples that were taken for another class, the surest first, each with what was said and what is so.

    Such a grid shows wrong labels and odd photos before anything else does.

    Args:
        evaluation: of samples of this collection.
        samples: asked for ``take(indices)``, ``shape``, ``names`` and ``classes``.
        classes: names of the classes, where they are not those of ``samples``.
        dark: for a dark page.
    """
    paper = theme(dark)
    names = list(samples.classes if classes is None else classes)
    places = evaluation.mistakes(MOST)
    total = len(evaluation) - evaluation.right
    across = min(ACROSS, max(3, len(places)))
    down = -(-len(places) // across)
    height, wide = samples.shape[:2]
    tall = max(1, round(CELL * height / max(height, wide)))  # of each picture: all have the shape of the samples
    width = 2 * MARGIN + across * (CELL + GAP) - GAP
    sheet = Image.new("RGB", (width, 84 + down * (tall + TEXT + GAP) + MARGIN // 2), paper.page)
    draw = ImageDraw.Draw(sheet)
    room = width - 2 * MARGIN
    write(draw, (MARGIN, 16), "Wrong, and sure of it", 20, paper.ink, strong=True, width=room)
    shown = f", the surest {len(places)} first" if total > len(places) else ", the surest first" if total > 1 else ""
    said = f"{total:,} of {len(evaluation):,} were taken for another class{shown}" if total else "no mistakes"
    write(draw, (MARGIN, 48), said, 13, paper.quiet, width=room)
    if not len(places):
        return sheet
    which = evaluation.indices[places]
    pictures = [_as_picture(pixels) for pixels in samples.take(which)]
    for i, (place, picture) in enumerate(zip(places.tolist(), pictures, strict=True)):
        row, column = divmod(i, across)
        x, y = MARGIN + column * (CELL + GAP), 84 + row * (tall + TEXT + GAP)
        sheet.paste(picture, (x + (CELL - picture.width) // 2, y))
        answer = f"{names[evaluation.predicted[place]]} {_percent(float(evaluation.confidence[place]))}"
        write(draw, (x, y + tall + 5), answer, 14, paper.accent, strong=True, width=CELL)
        write(draw, (x, y + tall + 23), f"is {names[evaluation.labels[place]]}", 13, paper.ink, width=CELL)
        write(draw, (x, y + tall + 40), str(samples.names[int(which[i])]), 11, paper.quiet, width=CELL)
    return sheet


def _percent(share: float) -> str:
    """A probability that is never rounded to certainty.

    >>> _percent(0.99999), _percent(0.5)
    ('99.9 %', '50.0 %')
    """
    return f"{min(99.9, 100 * share):.1f} %" if share < 1 else "100 %"


def _as_picture(pixels: UInt8[np.ndarray, "h w c"]) -> Image.Image:
    """A sample as large as fits into its cell; small ones in crisp squares."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    factor = CELL / max(picture.size)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.NEAREST if factor >= 2 else Image.Resampling.LANCZOS)
