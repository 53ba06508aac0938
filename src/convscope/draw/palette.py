"""One palette for a sheet of maps: what is written and what is drawn, in one byte a pixel.

A third of RGB's bytes, and a third of the time and of the file. The shades for lettering lie in a row from the
accent over the page and the quiet colour to the ink, because Pillow mixes the edges of letters by their index:
between the page and the ink it finds the shades between. The rest are 219 of a table's 255 levels, so that
a map's colour is at most half a level off; :func:`~convscope.draw.tiles.grid` has them all.
"""

from __future__ import annotations

import functools

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from convscope.draw.colors import colormap
from convscope.draw.levels import Limits, Maps, levels
from convscope.draw.theme import INFINITE, NOT_A_NUMBER, theme

ACCENT, PAGE, QUIET, INK = 0, 8, 24, 32
LINE, NAN, INF, FIRST, LAST = 33, 34, 35, 36, 254


@functools.cache
def palette(table: str, *, dark: bool) -> UInt8[np.ndarray, "256 3"]:
    """The colours of a sheet whose maps are drawn in ``table``; read-only.

    >>> palette("viridis", dark=False)[[PAGE, FIRST, LAST]].tolist()
    [[252, 252, 251], [68, 2, 86], [253, 231, 37]]
    """
    paper = theme(dark)
    known = {ACCENT: paper.accent, PAGE: paper.page, QUIET: paper.quiet, INK: paper.ink}
    colors = np.zeros((256, 3), np.uint8)
    for channel in range(3):
        between = np.interp(np.arange(INK + 1), list(known), [color[channel] for color in known.values()])
        colors[: INK + 1, channel] = np.rint(between)
    colors[[LINE, NAN, INF]] = paper.line, NOT_A_NUMBER, INFINITE
    colors[FIRST : LAST + 1] = colormap(table)[np.rint(np.linspace(1, 255, LAST - FIRST + 1)).astype(int)]
    colors.flags.writeable = False
    return colors


def indices(maps: Maps, on: Limits) -> UInt8[np.ndarray, "c h w"]:
    """Where each value's colour is in the palette; not for the scale ``byte``, whose levels all count.

    >>> from convscope.draw.levels import limits
    >>> x = np.array([[[-1, 0, 1, np.nan]]], np.float32)
    >>> indices(x, limits(x, "each", signed=True)).tolist()
    [[[36, 145, 254, 34]]]
    """
    found: UInt8[np.ndarray, "c h w"] = _OF_LEVEL[levels(maps, on)]
    if not on.finite:
        found[np.isnan(maps)] = NAN
        found[np.isinf(maps)] = INF
    return found


_OF_LEVEL = np.rint(FIRST + (np.arange(256) - 1) / 254 * (LAST - FIRST)).astype(np.uint8)


def blank(width: int, height: int, table: str, *, dark: bool) -> Image.Image:
    """An empty sheet of mode ``P``.

    >>> blank(3, 2, "signed", dark=True).convert("RGB").getpixel((0, 0))
    (20, 23, 27)
    """
    sheet = Image.new("P", (width, height), PAGE)
    sheet.putpalette(palette(table, dark=dark).tobytes())
    return sheet
