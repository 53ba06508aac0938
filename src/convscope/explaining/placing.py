"""Where the grid of a layer lies over the pixels of the network's input.

Enlarging a map from edge to edge puts it in the wrong place as soon as a convolution without padding or a stride has
moved the grid. Here each row and column of the grid is placed at the centre of what it looks at: every step tells which
rows of its input each of its rows reads (:mod:`convscope.structure.links`), and the centre of a row is the mean of the
centres of those. Between the centres the map is interpolated linearly, beyond the outermost it stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from convscope.arithmetic.taps import NOWHERE
from convscope.structure.links import Link, links_of
from convscope.traces import Step

Centres = Float64[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class Lie:
    """How one axis of the input (its rows, or its columns) lies in a value.

    Attributes:
        axis: the axis of the value along which it runs.
        centres: for each position along that axis, the row (or column) of the input at its centre, counted from 0.
    """

    axis: int
    centres: Centres


@dataclass(frozen=True, eq=False)
class Grid:
    """The grid of one step over the input; None where the step has lost that axis, or nothing is known of it."""

    rows: Lie | None
    columns: Lie | None


def grids(steps: Sequence[Step]) -> Mapping[str, Grid]:
    """The grid of every step, by its name, in one pass through the graph.

    Where values of several paths are joined, each of the paths that has a grid counts the same; one number for a whole
    map (squeeze and excitation) says nothing about places and is left out.

    Args:
        steps: in the order in which they ran; the first is the input (C, H, W).

    >>> x = Step("x", "input", np.zeros((1, 9, 9), np.float32))
    >>> told = {"kernel": [3, 3], "stride": [2, 2], "padding": [0, 0, 0, 0], "dilation": [1, 1], "groups": 1}
    >>> conv = Step("conv", "conv2d", np.zeros((1, 4, 4), np.float32), (x,), told)
    >>> grids([x, conv])["conv"].rows.centres.tolist()
    [1.0, 3.0, 5.0, 7.0]
    """
    found: dict[str, tuple[Lie | None, Lie | None]] = {}
    for step in steps:
        if step.kind == "input" and not step.inputs:
            found[step.name] = _whole(step)
            continue
        links = links_of(step)
        found[step.name] = tuple(
            _joined(
                step,
                [_through(found[source.name][axis], links[at], source, step) for at, source in enumerate(step.inputs)],
            )
            for axis in (0, 1)
        )  # type: ignore[assignment]
    return {name: Grid(*lies) for name, lies in found.items()}


def _whole(step: Step) -> tuple[Lie | None, Lie | None]:
    if len(step.shape) != 3:
        return None, None
    rows, columns = (Lie(axis, np.arange(step.shape[axis], dtype=np.float64)) for axis in (1, 2))
    return rows, columns


def _through(lie: Lie | None, links: Sequence[Link], source: Step, step: Step) -> Lie | None:
    """Where the axis lies in the output of a step, through one of its inputs."""
    if lie is None:
        return None
    link = links[lie.axis]
    if link.scattered:
        return None
    if link.to is None:
        # all of it is read, as by a normalisation: the grid stays where the shape does
        same = len(source.shape) == 3 and source.shape[1:] == step.shape[1:] and len(step.shape) == 3
        return lie if same else None
    if link.taps is None:
        return Lie(link.to, lie.centres)
    real = link.taps != NOWHERE
    counted = real.sum(1)
    if not counted.all() or not len(lie.centres):
        return None
    centres = np.where(real, _beyond(lie.centres, np.where(real, link.taps, 0)), 0.0).sum(1) / counted
    return Lie(link.to, centres)


def _beyond(centres: Centres, positions: np.ndarray) -> np.ndarray:
    """The centres at these positions; those outside go on as regularly as the grid does at all."""
    last = len(centres) - 1
    jump = (centres[-1] - centres[0]) / last if last else 1.0
    inside = centres[np.clip(positions, 0, last)]
    return np.asarray(inside + jump * (np.minimum(positions, 0) + np.maximum(positions - last, 0)))


def _joined(step: Step, lies: Sequence[Lie | None]) -> Lie | None:
    """One grid for several paths."""
    known = [lie for lie in lies if lie is not None]
    known = [lie for lie in known if (lie.axis, len(lie.centres)) == (known[0].axis, len(known[0].centres))]
    if not known or len(known[0].centres) != step.shape[known[0].axis]:
        return None
    if len(known) == 1:
        return known[0]
    return Lie(known[0].axis, np.mean([lie.centres for lie in known], axis=0))


@dataclass(frozen=True, eq=False)
class Placing:
    """Brings maps of a layer's grid to the size of the input.

    Attributes:
        rows: (H, h) how much each row of the grid counts for each row of the input.
        columns: (W, w) the same for columns.
        known: whether the grid's place is known; else it is spread evenly over the input.
    """

    rows: Float32[np.ndarray, "height h"]
    columns: Float32[np.ndarray, "width w"]
    known: bool

    def place(self, maps: Float32[np.ndarray, "... h w"]) -> Float32[np.ndarray, "... height width"]:
        """Maps of the grid as maps of the input, values kept."""
        return np.ascontiguousarray(self.rows @ maps @ self.columns.T, np.float32)


def placing(grid: Grid, shape: Sequence[int], size: tuple[int, int]) -> Placing:
    """How maps of a value of shape (C, h, w) lie over an input of ``size`` (H, W)."""
    made = [
        _along(lie, axis, shape[axis], length)
        for lie, axis, length in ((grid.rows, 1, size[0]), (grid.columns, 2, size[1]))
    ]
    return Placing(made[0][0], made[1][0], made[0][1] and made[1][1])


def _along(lie: Lie | None, axis: int, count: int, length: int) -> tuple[Float32[np.ndarray, "length count"], bool]:
    centres = None if lie is None or lie.axis != axis else lie.centres
    known = centres is not None and len(centres) == count and bool((np.diff(centres) > 0).all())
    if not known:
        centres = (np.arange(count) + 0.5) * (length / count) - 0.5
    assert centres is not None
    return linear(centres, length), known


def linear(centres: Centres, length: int) -> Float32[np.ndarray, "length count"]:
    """Weights of linear interpolation between rising centres, for the positions 0 .. length - 1.

    >>> linear(np.array([1.0, 3.0]), 5)[:, 1].tolist()
    [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    count = len(centres)
    weights = np.zeros((length, count), np.float32)
    position = np.arange(length)
    if count == 1:
        weights[:, 0] = 1.0
        return weights
    right = np.clip(np.searchsorted(centres, position, side="right"), 1, count - 1)
    share = (position - centres[right - 1]) / (centres[right] - centres[right - 1])
    share = np.clip(share, 0.0, 1.0)
    weights[position, right - 1] = 1.0 - share
    weights[position, right] = share
    return weights
