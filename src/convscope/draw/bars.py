"""A vector as bars, one a value, from a line at zero."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw

from convscope.draw.lettering import text_width, write
from convscope.draw.theme import INFINITE, NOT_A_NUMBER, Rgb, theme
from convscope.draw.wording import number

MOST_BARS = 64
"""Vectors that are longer than this are drawn as a strip of coloured squares."""

HEIGHT = 120
WIDEST = 40
MARGIN = 8
LABEL = 11


def bars(
    values: Float32[np.ndarray, " n"],
    colors: UInt8[np.ndarray, " n"],
    table: UInt8[np.ndarray, "256 3"],
    *,
    dark: bool = False,
    width: int = 560,
) -> Image.Image:
    """A bar for each value, with its index under it and the value over it where there is room.

    Args:
        values: what to draw; the bars start at zero. A value that is not finite is a full bar in its colour.
        colors: the row of ``table`` for each value.
        table: the colours.
        dark: for a dark page.
        width: about how many pixels wide the picture becomes.

    >>> bars(np.ones(8, np.float32), np.full(8, 255, np.uint8), np.zeros((256, 3), np.uint8)).size
    (336, 168)
    """
    paper = theme(dark)
    pitch = max(5, min(WIDEST, width // len(values)))
    image = Image.new("RGB", (len(values) * pitch + 2 * MARGIN, HEIGHT + 48), paper.page)
    draw = ImageDraw.Draw(image)
    finite = values[np.isfinite(values)].astype(np.float64)
    high, low = max(0.0, finite.max(initial=0)), min(0.0, finite.min(initial=0))
    span = (high - low) or 1.0
    top = 20
    zero = top + round(high / span * HEIGHT)
    numbers = [number(float(value)) for value in values]
    roomy = max(text_width(text, LABEL) for text in numbers) <= pitch - 4
    every = -(-(text_width(str(len(values) - 1), LABEL) + 6) // pitch)  # label each n-th where they would touch
    for i, value in enumerate(values):
        left, right = MARGIN + i * pitch + 1, MARGIN + (i + 1) * pitch - (3 if pitch > 8 else 2)
        middle = (left + right + 1) // 2
        if np.isfinite(value):
            end = top + round((high - float(value)) / span * HEIGHT)
            first, last = min(zero, end), max(zero, end)
            color: Rgb = tuple(table[colors[i]].tolist())
        else:
            first, last = top, top + HEIGHT
            color = NOT_A_NUMBER if np.isnan(value) else INFINITE
        if last > first:
            draw.rectangle((left, first, right, last - 1), fill=color)
        if roomy:
            write(draw, (middle, first - 3), numbers[i], LABEL, paper.quiet, anchor="ms")
        if i % every == 0:
            write(draw, (middle, HEIGHT + top + 8), str(i), LABEL, paper.quiet, anchor="ma")
    draw.line((MARGIN, zero, image.width - MARGIN, zero), fill=paper.quiet)
    return image
