"""Maps at another size, by area: every new pixel is the mean of what it covers.

Small maps become crisp squares, large ones shrink without losing a bright dot, and a map laid over a part of
a photo follows fractions of pixels. Numbers are averaged before they are coloured, never the colours.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Float64

from convscope.draw.levels import Maps


def resample(maps: Maps, height: int, width: int) -> Float32[np.ndarray, "c y x"]:
    """``maps`` at ``(height, width)``; the values themselves if that is their size.

    A new pixel that covers any part of a NaN is NaN, and of an infinity infinite.

    >>> resample(np.array([[[1, 3], [5, 7]]], np.float32), 1, 2).tolist()
    [[[3.0, 5.0]]]
    >>> resample(np.array([[[1, 2]]], np.float32), 1, 4).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """
    old_height, old_width = maps.shape[1:]
    if (old_height, old_width) == (height, width):
        return maps
    if height % old_height == 0 and width % old_width == 0:
        return maps.repeat(width // old_width, axis=2).repeat(height // old_height, axis=1)
    rows = np.linspace(0, old_height, height + 1)
    columns = np.linspace(0, old_width, width + 1)
    finite = np.isfinite(maps)
    if finite.all():
        return cover(maps, rows, columns).astype(np.float32)
    out = cover(np.where(finite, maps, 0), rows, columns).astype(np.float32)
    for found, mark in ((np.isinf(maps), np.inf), (np.isnan(maps), np.nan)):
        out[cover(found.astype(np.float32), rows, columns) > 1e-9] = mark
    return out


def cover(
    maps: Float[np.ndarray, "c h w"], rows: Float64[np.ndarray, " r"], columns: Float64[np.ndarray, " s"]
) -> Float64[np.ndarray, "c y x"]:
    """The mean of the maps over each rectangle between consecutive ``rows`` and ``columns``.

    ``rows`` and ``columns`` rise and are measured in the maps' pixels; what lies outside the maps counts as
    zero.

    >>> cover(np.ones((1, 2, 2), np.float32), np.array([-1.0, 1, 2]), np.array([0.0, 2])).tolist()
    [[[0.5], [1.0]]]
    """
    return _down(_down(maps, rows).swapaxes(1, 2), columns).swapaxes(1, 2)


def _down(maps: Float[np.ndarray, "c h w"], edges: Float64[np.ndarray, " r"]) -> Float64[np.ndarray, "c y w"]:
    """The mean between consecutive ``edges`` along the rows: each new row is a few old ones by their shares."""
    size = maps.shape[1]
    begin, end = np.clip(edges[:-1], 0, size), np.clip(edges[1:], 0, size)
    first, last = np.minimum(begin.astype(np.int64), size - 1), np.ceil(end).astype(np.int64)
    old = first[:, None] + np.arange(max(1, int((last - first).max())))
    share = np.maximum(np.minimum(end[:, None], old + 1) - np.maximum(begin[:, None], old), 0)
    share /= np.diff(edges)[:, None]
    out = np.zeros((len(maps), len(first), maps.shape[2]))
    for row, (start, stop) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        if start < stop:
            np.matmul(share[row, : stop - start], maps[:, start:stop], out=out[:, row])
    return out


def fit(shape: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """The largest size with the proportions of ``shape`` inside ``(height, width)``, at least one pixel.

    >>> fit((300, 451), 100, 100)
    (67, 100)
    """
    factor = min(height / shape[0], width / shape[1])
    return max(1, min(height, round(shape[0] * factor))), max(1, min(width, round(shape[1] * factor)))
