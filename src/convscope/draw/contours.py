"""Lines along which a map has one value: marching squares by a table of sixteen cases.

Lorensen and Cline, *Marching cubes* (1987, https://doi.org/10.1145/37402.37422), in two dimensions: each square between
four neighbouring values is one of sixteen cases, by which of its corners reach the level; the case says which of its
edges the line crosses. Where along an edge follows from a straight line between its two values. A square with two
opposite corners above, which could be crossed in two ways, goes by the mean of its corners.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64

TOP, RIGHT, BOTTOM, LEFT, NONE = 0, 1, 2, 3, -1

_NOTHING = (NONE, NONE)
_CUT = {
    "upper left": (LEFT, TOP),
    "upper right": (TOP, RIGHT),
    "lower right": (RIGHT, BOTTOM),
    "lower left": (BOTTOM, LEFT),
}
_ACROSS, _DOWN = (LEFT, RIGHT), (TOP, BOTTOM)
_TWO_LEFT = (_CUT["upper left"], _CUT["lower right"])
_TWO_RIGHT = (_CUT["upper right"], _CUT["lower left"])

#: The segments of each case: its corners from the upper left one clockwise are the bits 1, 2, 4, 8. The last two rows
#: are cases 5 and 10 once more, where the mean of the corners is below the level.
TABLE = np.array(
    [
        (_NOTHING, _NOTHING),
        (_CUT["upper left"], _NOTHING),
        (_CUT["upper right"], _NOTHING),
        (_ACROSS, _NOTHING),
        (_CUT["lower right"], _NOTHING),
        _TWO_RIGHT,
        (_DOWN, _NOTHING),
        (_CUT["lower left"], _NOTHING),
        (_CUT["lower left"], _NOTHING),
        (_DOWN, _NOTHING),
        _TWO_LEFT,
        (_CUT["lower right"], _NOTHING),
        (_ACROSS, _NOTHING),
        (_CUT["upper right"], _NOTHING),
        (_CUT["upper left"], _NOTHING),
        (_NOTHING, _NOTHING),
        _TWO_LEFT,
        _TWO_RIGHT,
    ]
)


def contours(value: Float32[np.ndarray, "h w"], level: float) -> Float64[np.ndarray, "n 2 2"]:
    """The line along which ``value`` is ``level``, as segments in no particular order.

    Args:
        value: finite numbers; the value of row i and column j lies at (i, j).
        level: of the line.

    Returns:
        for each segment its two ends, each (row, column).

    >>> hill = np.zeros((3, 3), np.float32)
    >>> hill[1, 1] = 1
    >>> sorted(contours(hill, 0.5)[:, 0].tolist())  # a diamond around the middle, its ends half-way to the neighbours
    [[0.5, 1.0], [1.0, 0.5], [1.0, 1.5], [1.5, 1.0]]
    """
    if min(value.shape) < 2:
        return np.zeros((0, 2, 2))
    above = value >= level
    case = above[:-1, :-1] + 2 * above[:-1, 1:] + 4 * above[1:, 1:] + 8 * above[1:, :-1]
    rows, columns = np.nonzero((case > 0) & (case < 15))
    case = case[rows, columns].astype(np.int64)
    corners = np.stack(
        [value[rows, columns], value[rows, columns + 1], value[rows + 1, columns + 1], value[rows + 1, columns]]
    ).astype(np.float64)
    below = corners.mean(axis=0) < level
    case[(case == 5) & below], case[(case == 10) & below] = 16, 17
    crossed = _crossings(corners, level) + np.stack([rows, columns], axis=1)[:, None, :]
    found = []
    for slot in (0, 1):
        edges = TABLE[case, slot]
        here = np.nonzero(edges[:, 0] != NONE)[0]
        found.append(crossed[here[:, None], edges[here]])
    segments: Float64[np.ndarray, "n 2 2"] = np.concatenate(found)
    return segments


def _crossings(corners: Float64[np.ndarray, "4 n"], level: float) -> Float64[np.ndarray, "n 4 2"]:
    """Where a line would cross each of the four edges of a square of side 1, as (row, column) from its upper left."""
    upper_left, upper_right, lower_right, lower_left = corners

    def share(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        span = last - first
        return np.asarray(np.divide(level - first, span, out=np.full_like(span, 0.5), where=span != 0))

    zero, one = np.zeros_like(upper_left), np.ones_like(upper_left)
    edges = [
        (zero, share(upper_left, upper_right)),
        (share(upper_right, lower_right), one),
        (one, share(lower_left, lower_right)),
        (share(upper_left, lower_left), zero),
    ]
    return np.stack([np.stack(edge, axis=-1) for edge in edges], axis=1)
