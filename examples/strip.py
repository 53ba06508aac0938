"""Pictures side by side, each under its caption, for telling a story in one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from convscope.draw import grid
from convscope.draw.lettering import write
from convscope.draw.theme import theme

GAP, CAPTION = 14, 46


def one_map(plane: np.ndarray, *, width: int = 220, scale: str = "byte", colors: str = "auto") -> Image.Image:
    """One (H, W) map, as wide as asked for; grey from its minimum to its maximum unless ``scale`` is another."""
    image = grid(plane[None], scale=scale, colors=colors, gap=0).convert("RGB")
    smaller = image.width > width
    resample = Image.Resampling.LANCZOS if smaller else Image.Resampling.NEAREST
    return image.resize((width, round(width * image.height / image.width)), resample)


def strip(pictures: Sequence[tuple[str, str, Image.Image]], *, columns: int = 5) -> Image.Image:
    """Pictures in rows of ``columns``, each over its title and a quieter second line.

    >>> strip([("conv_1", "3x5", Image.new("RGB", (50, 30)))]).size
    (78, 104)
    """
    paper = theme(dark=False)
    across = min(columns, len(pictures))
    down = -(-len(pictures) // across)
    width = max(image.width for _, _, image in pictures)
    height = max(image.height for _, _, image in pictures)
    size = (GAP + across * (width + GAP), GAP + down * (height + CAPTION + GAP))
    sheet = Image.new("RGB", size, paper.page)
    draw = ImageDraw.Draw(sheet)
    for number, (title, quiet, image) in enumerate(pictures):
        row, column = divmod(number, across)
        x, y = GAP + column * (width + GAP), GAP + row * (height + CAPTION + GAP)
        sheet.paste(image, (x, y))
        write(draw, (x, y + height + 5), title, 15, paper.ink, width=width, strong=True)
        write(draw, (x, y + height + 25), quiet, 12, paper.quiet, width=width)
    return sheet
