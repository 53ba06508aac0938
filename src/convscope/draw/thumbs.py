"""Small pictures of a step's maps, all of one size, for sheets that show many steps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int, UInt8
from PIL import Image, ImageDraw

from convscope.draw.colors import colormap
from convscope.draw.lettering import write
from convscope.draw.levels import Limits, Maps, levels
from convscope.draw.resample import fit, resample
from convscope.draw.theme import INFINITE, NOT_A_NUMBER, Rgb, theme
from convscope.draw.wording import number


def paint(maps: Maps, on: Limits, table: str) -> UInt8[np.ndarray, "c h w 3"]:
    """The maps in colour, pixel for pixel; NaN and infinities in theirs.

    >>> from convscope.draw.levels import limits
    >>> x = np.array([[[0, np.nan]]], np.float32)
    >>> paint(x, limits(x, "each", signed=False), "grey").tolist()
    [[[[1, 1, 1], [255, 0, 200]]]]
    """
    image = np.take(colormap(table), levels(maps, on), axis=0)
    if not on.finite:
        image[np.isnan(maps)] = NOT_A_NUMBER
        image[np.isinf(maps)] = INFINITE
    return image


def thumbnails(maps: Maps, on: Limits, table: str, height: int, width: int) -> list[Image.Image]:
    """Each map as a picture that fills ``(height, width)`` as far as its proportions allow."""
    size = fit((maps.shape[1], maps.shape[2]), height, width)
    return [Image.fromarray(image) for image in paint(resample(maps, *size), on, table)]


def most_varied(maps: Maps, count: int) -> Int[np.ndarray, " n"]:
    """The channels whose maps vary most (standard deviation), most first; all in order if they are few.

    >>> most_varied(np.array([[[0, 0]], [[0, 9]], [[0, 1]]], np.float32), 2).tolist()
    [1, 2]
    """
    if len(maps) <= count:
        return np.arange(len(maps))
    flat = maps.reshape(len(maps), -1)
    with np.errstate(invalid="ignore", over="ignore"):
        spread = flat.std(axis=1)
    return np.argsort(-np.nan_to_num(spread, nan=0, posinf=0), kind="stable")[:count]


def column_of_bars(
    values: Float32[np.ndarray, " n"], on: Limits, table: str, size: tuple[int, int], *, dark: bool
) -> Image.Image:
    """A short vector as bars lying above each other, with their index, in ``size`` (height, width)."""
    height, width = size
    paper = theme(dark)
    image = Image.new("RGB", (width, height), paper.page)
    draw = ImageDraw.Draw(image)
    pitch = min(20, height // len(values))
    index = 16 if pitch >= 11 else 0
    # lengths follow the same limits as colours, so that bars of two variants compare
    low, high = min(0.0, float(on.low.min())), max(0.0, float(on.high.max()))
    room, span = width - index - 1, (high - low) or 1.0
    zero = index + round(-low / span * room)
    painted = paint(values.reshape(-1, 1, 1), on, table)[:, 0, 0]
    for i, value in enumerate(values.tolist()):
        top = i * pitch
        if index:
            write(draw, (0, top + pitch // 2), str(i), 10, paper.quiet, anchor="lm")
        end = zero + round(value / span * room) if np.isfinite(value) else width - 1
        color: Rgb = tuple(painted[i].tolist())
        draw.rectangle((index, top + 1, width - 1, top + pitch - 2), fill=paper.track)
        if end != zero:
            draw.rectangle((min(zero, end), top + 1, max(zero, end), top + pitch - 2), fill=color)
    if low < 0 < high:
        draw.line((zero, 0, zero, len(values) * pitch - 1), fill=paper.quiet)
    return image.crop((0, 0, width, len(values) * pitch))


def block_of_squares(
    values: Float32[np.ndarray, " n"], on: Limits, table: str, size: tuple[int, int], *, dark: bool
) -> tuple[Image.Image, int]:
    """A long vector, read row by row, in ``size`` (height, width); and how many values did not fit.

    Where the last row is not full the page shows.

    >>> from convscope.draw.levels import limits
    >>> x = np.ones((5, 1, 1), np.float32)
    >>> image, left_out = block_of_squares(x[:, 0, 0], limits(x, "each", signed=False), "grey", (3, 2), dark=False)
    >>> np.asarray(image)[..., 0].tolist(), left_out
    ([[128, 128], [128, 128], [128, 252]], 0)
    """
    height, width = size
    square = max(1, min(12, int((height * width / len(values)) ** 0.5)))
    while square > 1 and (width // square) * (height // square) < len(values):
        square -= 1
    columns = width // square
    shown = min(len(values), columns * (height // square))
    rows = -(-shown // columns)
    picture = np.full((rows * columns, 3), theme(dark).page, np.uint8)
    picture[:shown] = paint(values[:shown].reshape(-1, 1, 1), on.take(slice(shown)), table)[:, 0, 0]
    image = Image.fromarray(picture.reshape(rows, columns, 3)).resize(
        (columns * square, rows * square), Image.Resampling.NEAREST
    )
    return image, len(values) - shown


def score_text(value: float, *, share: bool) -> str:
    """A score as people read it: a percentage where the network ends in probabilities.

    >>> score_text(0.632, share=True), score_text(7.654, share=False)
    ('63.2 %', '7.65')
    """
    return f"{100 * value:.1f} %" if share else number(value)
