"""Which rows of the input one row of the output reads, for every kind of step that slides or moves.

Rows and columns follow the same rules, so there is one function for either: it takes the output rows
as an array of n and returns ``(n, k)`` input rows, one column a tap. A row outside ``0 .. size - 1`` is
padding; :data:`NOWHERE` marks a tap that does not exist at all.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from convscope.errors import NoArithmetic

Rows = Int64[np.ndarray, " n"]
Taps = Int64[np.ndarray, "n k"]

NOWHERE = int(np.iinfo(np.int64).min)


def every(count: int) -> Rows:
    """The rows ``0 .. count - 1``."""
    return np.arange(count, dtype=np.int64)


def column(rows: Rows) -> Taps:
    """A single tap for every row."""
    return rows.reshape(-1, 1)


def sliding(rows: Rows, kernel: int, stride: int, before: int, dilation: int) -> Taps:
    """Convolution and pooling: a window of ``kernel`` rows, ``before`` of padding ahead of the first.

    >>> sliding(every(2), kernel=3, stride=2, before=1, dilation=1).tolist()
    [[-1, 0, 1], [1, 2, 3]]
    """
    found: Taps = rows[:, None] * stride - before + every(kernel) * dilation
    return found


def transposed(rows: Rows, kernel: int, stride: int, before: int, dilation: int) -> Taps:
    """Transposed convolution: input row i was spread over ``i * stride + k * dilation - before``.

    >>> transposed(every(2), kernel=2, stride=2, before=0, dilation=1)[:, 0].tolist() == [0, NOWHERE]
    True
    """
    spread = rows[:, None] + before - every(kernel) * dilation
    return np.where(spread % stride == 0, spread // stride, NOWHERE)


def adaptive(rows: Rows, size: int, out: int) -> Taps:
    """Adaptive pooling: rows ``floor(i * size / out)`` up to ``ceil((i + 1) * size / out)``.

    >>> adaptive(every(2), size=3, out=2).tolist()
    [[0, 1], [1, 2]]
    """
    start = rows * size // out
    stop = -((-(rows + 1) * size) // out)
    taps = start[:, None] + every(int((stop - start).max(initial=1)))
    return np.where(taps < stop[:, None], taps, NOWHERE)


def source_step(size: int, out: int, scale: float | None, *, align_corners: bool) -> np.float32:
    """How many input rows one output row of ``interpolate`` advances, in float32 as PyTorch computes it."""
    if align_corners:
        return np.float32(np.float32(size - 1) / np.float32(out - 1)) if out > 1 else np.float32(0)
    return np.float32(1.0 / scale) if scale else np.float32(np.float32(size) / np.float32(out))


def nearest(rows: Rows, size: int, out: int, scale: float | None) -> Taps:
    """Nearest neighbour: ``floor(i * step)``, at most the last row.

    >>> nearest(every(4), size=2, out=4, scale=None).ravel().tolist()
    [0, 0, 1, 1]
    """
    step = source_step(size, out, scale, align_corners=False)
    found = np.floor(rows.astype(np.float32) * step).astype(np.int64)
    if size == out:
        found = rows
    elif out == 2 * size:
        found = rows // 2
    return column(np.minimum(found, size - 1))


def bilinear(
    rows: Rows, size: int, out: int, scale: float | None, *, align_corners: bool
) -> tuple[Taps, Float64[np.ndarray, "n 2"]]:
    """Linear interpolation along one axis: the two rows around ``(i + 1/2) * step - 1/2`` and their shares.

    >>> taps, shares = bilinear(every(4), size=2, out=4, scale=None, align_corners=False)
    >>> taps[1].tolist(), shares[1].tolist()
    ([0, 1], [0.75, 0.25])
    """
    if size == out:
        return np.stack([rows, rows], 1), np.tile([1.0, 0.0], (len(rows), 1))
    step = source_step(size, out, scale, align_corners=align_corners)
    at = rows.astype(np.float32)
    half = np.float32(0.5)
    real = at * step if align_corners else np.maximum(step * (at + half) - half, np.float32(0))
    low = np.minimum(real.astype(np.int64), size - 1)
    share = np.clip(real - low.astype(np.float32), 0, 1).astype(np.float64)
    return np.stack([low, np.minimum(low + 1, size - 1)], 1), np.stack([1 - share, share], 1)


def padded(rows: Rows, size: int, before: int, mode: str) -> Taps:
    """Padding: the row that was copied; outside ``0 .. size - 1`` for the filling of ``constant``.

    ======================  ==============
    mode, 2 rows each side  rows of 0 1 2 3
    ======================  ==============
    reflect                 2 1 0 1 2 3 2 1
    replicate               0 0 0 1 2 3 3 3
    circular                2 3 0 1 2 3 0 1
    ======================  ==============

    >>> padded(every(8), size=4, before=2, mode="reflect").ravel().tolist()
    [2, 1, 0, 1, 2, 3, 2, 1]
    """
    moved = column(rows - before)
    if mode == "replicate":
        moved = np.clip(moved, 0, size - 1)
    elif mode == "circular":
        moved = np.mod(moved, size)
    elif mode == "reflect":
        moved = (size - 1) - np.abs((size - 1) - np.abs(moved))
    elif mode != "constant":
        raise NoArithmetic(f"no arithmetic for padding mode {mode!r}; known are constant, reflect, replicate, circular")
    return moved


def sliced(rows: Rows, size: int, index: object) -> Taps:
    """Slicing: row ``start + i * step`` for ``[start, stop, step]``; the one row for a whole number."""
    if isinstance(index, int):
        return np.full((len(rows), 1), index % size, np.int64)
    assert isinstance(index, (list, tuple))
    start, _, step = slice(*index).indices(size)
    return column(start + rows * step)
