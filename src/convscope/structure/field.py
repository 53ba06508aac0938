"""Receptive fields of recorded steps: the input pixels that can reach one output value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from convscope.errors import CallError
from convscope.structure.links import links_of
from convscope.structure.reach import Reach
from convscope.traces import Step

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Field:
    """What the values of one step can see of the network's input.

    Attributes:
        rows, columns: the view along either axis.
        shape: shape of the step's value.
    """

    rows: Reach
    columns: Reach
    shape: tuple[int, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in input pixels, as if the input had no border; may be larger than the input."""
        return math.ceil(self.rows.size - 1e-9), math.ceil(self.columns.size - 1e-9)

    @property
    def seen(self) -> tuple[int, int]:
        """Height and width, from the first to the last input pixel that really reaches one value, for the value that
        sees most: never more than the input has.
        """
        rows, columns = self.rows.widest, self.columns.widest
        return (rows, columns) if rows and columns else (0, 0)

    @property
    def jump(self) -> tuple[float, float]:
        """How many input pixels further down, and further right, the neighbouring value looks."""
        return self.rows.jump, self.columns.jump

    @property
    def offset(self) -> tuple[float, float]:
        """Top and left of the first value's view, as if the input had no border; negative over padding."""
        return self.rows.start, self.columns.start

    @property
    def whole(self) -> bool:
        """Whether every value sees the same pixels, as after global pooling or a dense layer."""
        return self.rows.axis is None and self.columns.axis is None

    def box(self, y: int = 0, x: int = 0, *, clipped: bool = True) -> Box:
        """The rectangle of input pixels that can reach one value.

        Args:
            y: position along the axis of the value that goes with the picture's rows; any whole number
                where all positions see the same.
            x: as ``y``, for columns.
            clipped: True for the pixels that really are in the input, exactly; False for the rectangle as
                if the input had no border, which may hang over it.

        Returns:
            top, left, bottom, right, the last two being the first row and column no longer seen;
            four zeros when nothing is seen.

        Raises:
            CallError: the position is not in the value.
        """
        for name, reach, position in (("row", self.rows, y), ("column", self.columns, x)):
            if reach.axis is not None and not 0 <= position < len(reach.first):
                raise CallError(
                    f"{name} {position} is not in a value of shape {self.shape}; give 0 to {len(reach.first) - 1}"
                )
        (top, bottom), (left, right) = (
            reach.rows(at) if clipped else reach.endless_rows(at) for reach, at in ((self.rows, y), (self.columns, x))
        )
        return (top, left, bottom, right) if bottom > top and right > left else (0, 0, 0, 0)


def receptive_fields(steps: Sequence[Step]) -> dict[str, Field]:
    """The receptive field of every step, in one pass through the graph.

    ``box`` is exact for everything that reads at fixed positions: convolution, pooling, padding, slicing,
    resizing and joins of them, borders and holes of dilation included; a maximum counts as reading its whole
    window. It is never too small, and larger than need be only here:

    * channels are not told apart, so that slicing channels does not narrow the view;
    * several separate rectangles become their common rectangle, also where one has rows but no columns;
    * a reshape that cuts through rows or columns, an interpolation other than nearest and bilinear, and every
      kind without arithmetic count as reading everything.

    Normalisation by statistics of the picture itself (layer and group norm, batch norm in training) does
    read everything it averages. ``size``, ``jump`` and ``offset`` are the textbook's numbers; where paths of
    different jumps join they cover both.

    Args:
        steps: in the order in which they ran; the first one of kind ``input`` is the picture, its last two
            axes being rows and columns.

    Returns:
        one field for every step, by its name.

    >>> import numpy as np
    >>> x = Step("x", "input", np.zeros((1, 9, 9), np.float32))
    >>> told = {"kernel": [3, 3], "stride": [2, 2], "padding": [0, 0, 0, 0], "dilation": [1, 1], "groups": 1}
    >>> conv = Step("conv", "conv2d", np.zeros((1, 4, 4), np.float32), (x,), told)
    >>> field = receptive_fields([x, conv])["conv"]
    >>> field.size, field.jump, field.box(1, 2)
    ((3, 3), (2.0, 2.0), (2, 4, 5, 7))
    """
    found: dict[int, tuple[Reach, Reach]] = {}
    picture = next((step for step in steps if step.kind == "input"), None)
    for step in steps:
        if step is picture:
            found[id(step)] = _picture(step)
            continue
        parts = [
            tuple(reach.through(links) for reach in found.get(id(source), (Reach.nothing(), Reach.nothing())))
            for source, links in zip(step.inputs, links_of(step), strict=True)
        ]
        rows, columns = (reduce(Reach.joined, (part[i] for part in parts), Reach.nothing()) for i in (0, 1))
        found[id(step)] = rows, columns
    return {step.name: Field(*found[id(step)], step.shape) for step in steps}


def _picture(step: Step) -> tuple[Reach, Reach]:
    rank = step.value.ndim
    height, width = (1, 1, *step.shape)[-2:]
    return Reach.of_input(rank - 2 if rank > 1 else None, height), Reach.of_input(rank - 1 if rank else None, width)
