"""A value inside a network that is being translated: its sizes, and in which order its axes are kept."""

from __future__ import annotations

from dataclasses import dataclass

import torch

BATCH = 1_000_003
"""How many photos a translation pretends to run.

Only sizes are computed, on tensors without memory. No network has a size that is a multiple of this prime, so wherever
one shows up, in a shape or in a number that the file computed from a shape, it stands for the number of photos.
"""
MOST_NUMBERS = 2**28
"""Of one photo's value in a network: 1 GiB of float32."""


class Unsupported(Exception):  # noqa: N818 - no error of the file's, only something that is not translated
    """An operator, or a use of one, that is not translated; its text goes on after the operator's name."""


@dataclass(frozen=True, eq=False)
class Value:
    """What a node gives.

    Attributes:
        name: of the value in the translated graph.
        stored: a tensor without memory, of the shape and type that the translated network computes.
        axes: axis i of the file's value is axis ``axes[i]`` of what is computed.
        turned: the file's node that asked for another order of the axes, "" for none.
    """

    name: str
    stored: torch.Tensor
    axes: tuple[int, ...]
    turned: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """As the file sees it."""
        return tuple(self.stored.shape[axis] for axis in self.axes)

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return self.stored.dim()

    @property
    def straight(self) -> bool:
        """Whether it is computed with its axes in the file's order."""
        return self.axes == tuple(range(self.rank))

    def axis(self, axis: int) -> int:
        """The computed value's axis that is the file's ``axis``, which may count from the end.

        Raises:
            IndexError: there is no such axis.
        """
        if not -self.rank <= axis < self.rank:
            raise IndexError(f"axis {axis} of a value with {self.rank} axes")
        return self.axes[axis]


def straight(name: str, stored: torch.Tensor) -> Value:
    """A value with its axes in the file's order.

    >>> straight("x", torch.zeros(1, 3, 8, 8, device="meta")).shape
    (1, 3, 8, 8)
    """
    return Value(name, stored, tuple(range(stored.dim())))
