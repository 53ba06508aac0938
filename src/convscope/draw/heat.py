"""A signed map over its photo, at the photo's own resolution.

Every picture pixel gets one level, 0 for "the network did not see this" and 1 to 255 for the map's value there, with
zero at 128. Colour and opacity are both looked up by that level, and Pillow mixes. Zero is transparent, so that the
photo shows where the map says nothing; what speaks for the class is red, what speaks against it blue.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from PIL import Image, ImageDraw

from convscope.draw.colors import MIDDLE, colormap
from convscope.draw.contours import contours
from convscope.draw.lettering import paragraph, write
from convscope.draw.resample import cover
from convscope.draw.theme import theme
from convscope.errors import CallError
from convscope.traces import Placement

OPACITY = 0.8
LINES = (0.25, 0.5, 0.75)
"""Where contours lie, as shares of the strongest value."""

ROUGH = 4
"""A line of more segments than this many times height plus width is no contour but noise; none is drawn then."""

NARROW = 16
"""Pixels; on a narrower picture lines would hide what they surround."""

BAND = 1 << 20
"""Pixels that are mixed at a time: what is in between stays in the processor's cache, and small."""


def strongest(*maps: Float32[np.ndarray, "h w"]) -> float:
    """The largest distance from zero of any finite value: one scale for maps that are to be compared.

    >>> strongest(np.float32([[1, -3]]), np.float32([[2, np.nan]]))
    3.0
    """
    return max((float(np.abs(one[np.isfinite(one)]).max(initial=0)) for one in maps), default=0.0)


def fault_in(value: Float32[np.ndarray, "h w"]) -> str:
    """Why a map says nothing of where, in a few words; "" for one that does.

    >>> fault_in(np.float32([[0, 0]])), fault_in(np.float32([[1, np.nan]])), fault_in(np.float32([[1, 2]]))
    ('the map is zero everywhere', 'the map is no number in 1 of 2 places', '')
    """
    if value.size == 0:
        return "the map is empty"
    bad = int(value.size - np.isfinite(value).sum())
    if bad:
        return f"the map is no number in {bad:,} of {value.size:,} places"
    low, high = float(value.min()), float(value.max())
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        return "the map has the same value everywhere" if high or low else "the map is zero everywhere"
    return ""


def heat(
    picture: UInt8[np.ndarray, "H W 3"],
    value: Float32[np.ndarray, "h w"],
    placement: Placement | None = None,
    *,
    scale: float | None = None,
    opacity: float = OPACITY,
    lines: bool = True,
    dark: bool = False,
) -> Image.Image:
    """A signed map over the photo, pixel for pixel.

    The map covers the rectangle of the picture that became the network's input. Outside of it the photo stays as it is;
    what was padding falls off the edge. Between the map's values straight lines are drawn; where the picture is the
    smaller one, each of its pixels shows the mean of what lies under it.

    Args:
        picture: the photo, upright.
        value: over the network's input, larger means more evidence for the class.
        placement: the rectangle, in picture pixels; the whole picture when left out.
        scale: the distance from zero that gets the full colour; the map's own when left out. Give the same for maps
            that are to be compared.
        opacity: of the strongest value, 0 to 1; of others it follows their distance from zero.
        lines: draw contours at a quarter, half and three quarters of ``scale``, on both sides of zero; a map too rough
            for them has none.
        dark: take the table for dark pages, in which strong values are light.

    Returns:
        an ``RGB`` picture of the photo's size. A map that is zero, constant or no number is not drawn: words on the
        photo say so.

    Raises:
        CallError: the opacity is not within 0..1, the scale is not positive, or the placement has no area.

    >>> photo = np.full((4, 4, 3), 100, np.uint8)
    >>> left = Placement(top=0.0, left=0.0, height=4.0, width=2.0)
    >>> seen = np.asarray(heat(photo, np.float32([[0, 1], [0, 1]]), left, opacity=1.0, lines=False))
    >>> seen[0].tolist()  # zero is transparent, one is red, and the right half was not seen
    [[100, 100, 100], [121, 9, 31], [100, 100, 100], [100, 100, 100]]
    """
    place = _checked(picture, placement, scale, opacity)
    fault = fault_in(value)
    if fault:
        return _said(picture, fault, dark=dark)
    most = strongest(value) if scale is None else scale
    table, mask = colormap(theme(dark).signed), _opacities(opacity)
    sheet = Image.fromarray(picture)
    height, width = picture.shape[:2]
    step = max(1, BAND // max(1, width))
    for top in range(0, height, step):
        rows = slice(top, min(height, top + step))
        levels = Image.fromarray(_levels(value, place, rows, width, most))
        colors = levels.copy()
        colors.putpalette(table.tobytes())
        band = Image.fromarray(picture[rows])
        sheet.paste(Image.composite(colors.convert("RGB"), band, levels.point(mask)), (0, top))
    if lines:
        _draw_lines(sheet, value, place, most)
    return sheet


def _checked(
    picture: UInt8[np.ndarray, "H W 3"], placement: Placement | None, scale: float | None, opacity: float
) -> Placement:
    if not 0 <= opacity <= 1:
        raise CallError(f"opacity must be from 0 to 1; got {opacity}")
    if scale is not None and not 0 < scale < float("inf"):
        raise CallError(f"scale must be a positive number; got {scale}")
    place = placement or Placement(0.0, 0.0, float(picture.shape[0]), float(picture.shape[1]))
    if not (place.height > 0 and place.width > 0):
        raise CallError(f"the placement must have an area; got {place.height} x {place.width} pixels")
    return place


def _opacities(opacity: float) -> list[int]:
    """Of each level, 0 to 255: none where nothing was seen or the value is zero."""
    away = np.abs(np.arange(256) - MIDDLE) / (255 - MIDDLE)
    away[0] = 0
    return [int(part) for part in np.rint(np.minimum(away, 1) * opacity * 255)]


def _levels(
    value: Float32[np.ndarray, "h w"], place: Placement, rows: slice, width: int, most: float
) -> UInt8[np.ndarray, "r W"]:
    """The levels of some rows of the picture; 0 where a pixel's middle lies outside of the rectangle."""
    found = np.zeros((rows.stop - rows.start, width), np.uint8)
    down = _along(rows.start, rows.stop, place.top, place.height, value.shape[0])
    across = _along(0, width, place.left, place.width, value.shape[1])
    if down.first < down.last and across.first < across.last:
        part = _sampled(_sampled(value, down).T, across).T
        level = np.clip(part * np.float32(127 / most) + np.float32(MIDDLE + 0.5), 1, 255)
        found[down.first : down.last, across.first : across.last] = level
    return found


class _Axis:
    """Which pixels of one axis of the picture lie in the rectangle, and where they fall among the map's values.

    ``edges`` are the pixels' edges in the map's cells, from ``first`` up to ``last``.
    """

    def __init__(self, first: int, last: int, edges: Float64[np.ndarray, " e"]) -> None:
        self.first, self.last, self.edges = first, last, edges


def _along(start: int, stop: int, offset: float, extent: float, cells: int) -> _Axis:
    middles = (np.arange(start, stop) + 0.5 - offset) * (cells / extent)
    inside = np.nonzero((middles >= 0) & (middles < cells))[0]
    if not inside.size:
        return _Axis(0, 0, np.zeros(1))
    first, last = int(inside[0]), int(inside[-1]) + 1
    edges = (np.arange(start + first, start + last + 1) - offset) * (cells / extent)
    return _Axis(first, last, edges)


def _sampled(value: Float32[np.ndarray, "n m"], axis: _Axis) -> Float32[np.ndarray, "k m"]:
    """The map's rows at the pixels of ``axis``: between two of them on a straight line, or the mean of several."""
    count = value.shape[0]
    if axis.edges[-1] - axis.edges[0] > 1.5 * (len(axis.edges) - 1):  # a pixel covers several values
        edges = np.clip(axis.edges, 0, count)
        return np.asarray(cover(value[None], edges, np.arange(value.shape[1] + 1.0))[0], np.float32)
    at = np.clip((axis.edges[:-1] + axis.edges[1:]) / 2 - 0.5, 0, count - 1)
    low = at.astype(np.intp)
    share = (at - low).astype(np.float32)[:, None]
    above, below = value[low], value[np.minimum(low + 1, count - 1)]
    return np.asarray(above + (below - above) * share)


def _draw_lines(sheet: Image.Image, value: Float32[np.ndarray, "h w"], place: Placement, most: float) -> None:
    """Contours, light with a dark edge, so that they show on any photo."""
    segments = [contours(value, sign * part * most) for part in LINES for sign in (1, -1)]
    most_segments = ROUGH * sum(value.shape)
    if any(len(found) > most_segments for found in segments) or min(sheet.size) < NARROW:
        return
    found = np.concatenate(segments)
    if not len(found):
        return
    pixels = sheet.width * sheet.height
    smooth = 3 if pixels <= 1_000_000 else 2 if pixels <= 4_000_000 else 1
    thick = max(1.0, min(max(sheet.size) / 600, min(sheet.size) / 60)) * smooth
    size = np.array([place.height / value.shape[0], place.width / value.shape[1]])
    ends = ((found + 0.5) * size + np.array([place.top, place.left])) * smooth
    points = ends[:, :, ::-1].reshape(len(ends), 4).tolist()
    for color, width, strength in (((0, 0, 0), 2.4 * thick, 90), ((255, 255, 255), thick, 220)):
        mask = Image.new("L", (sheet.width * smooth, sheet.height * smooth))
        pen = ImageDraw.Draw(mask)
        for line in points:
            pen.line(line, fill=strength, width=max(1, round(width)))
        sheet.paste(color, (0, 0), mask.reduce(smooth) if smooth > 1 else mask)


def _said(picture: UInt8[np.ndarray, "H W 3"], fault: str, *, dark: bool) -> Image.Image:
    """The photo with a sentence on it in place of a map."""
    paper = theme(dark)
    sheet = Image.fromarray(picture)
    size = max(9, min(40, min(sheet.size) // 12))
    lines = paragraph(f"Not drawn: {fault}.", max(20, sheet.width - 4 * size), size)
    tall = len(lines) * round(size * 1.4) + size
    top = max(0, (sheet.height - tall) // 2)
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((0, top, sheet.width, top + tall), fill=paper.page)
    for i, line in enumerate(lines):
        at = (sheet.width // 2, top + size // 2 + i * round(size * 1.4))
        write(draw, at, line, size, paper.accent, anchor="ma", width=sheet.width)
    return sheet
