"""Values on their way through the network that is built, and how their axes lie compared with Keras'.

Keras keeps the channels of a map last, PyTorch first. The network that is built is PyTorch's, so a value of it holds
the numbers of Keras' in another order; a :class:`Value` says which.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

Layout = Literal["plain", "moved", "grey"]


@dataclass(frozen=True, eq=False)
class Value:
    """One value of the network that is built.

    Attributes:
        name: in its graph.
        like: a batch of no photos of its shape: PyTorch runs modules on it without computing anything.
        layout: ``plain``, axes as in Keras; ``moved``, a map whose channels are last in Keras and first here;
            ``grey``, a picture that Keras takes as (height, width) and that has one channel here.
        order: for a vector, which of its numbers Keras has at each place; None where all are at their own.
        grid: (channels, height, width) of the map that was flattened into it in that order.
        untouched: the numbers are still those of the photo.
    """

    name: str
    like: torch.Tensor
    layout: Layout = "plain"
    order: np.ndarray | None = None
    grid: tuple[int, int, int] | None = None
    untouched: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Without the batch, as PyTorch has it."""
        return tuple(self.like.shape[1:])

    @property
    def keras_shape(self) -> tuple[int, ...]:
        """Without the batch, as Keras has it."""
        shape = self.shape
        if self.layout == "moved":
            return (*shape[1:], shape[0])
        return shape[1:] if self.layout == "grey" else shape

    def axis(self, axis: int) -> int:
        """Where an axis of Keras' (0 is the batch, may be negative) lies in PyTorch's tensor."""
        rank = len(self.keras_shape) + 1
        if not -rank <= axis < rank:
            raise ValueError(f"it has no axis {axis}")
        axis %= rank
        if self.layout == "moved":
            return (0, 2, 3, 1)[axis]
        return axis + (self.layout == "grey" and axis > 0)

    @property
    def signature(self) -> tuple[object, ...]:
        """Equal for values that can go through the same modules."""
        order = None if self.order is None else self.order.tobytes()
        return (self.shape, self.layout, order, self.untouched)

    def named(self, name: str) -> Value:
        """Itself under another name."""
        return replace(self, name=name)


def flattened_order(channels: int, height: int, width: int) -> np.ndarray | None:
    """Where Keras, which flattens height, width, channel, has the numbers of a map flattened channel by channel.

    >>> flattened_order(2, 1, 3).tolist(), flattened_order(5, 1, 1)
    ([0, 3, 1, 4, 2, 5], None)
    """
    if channels == 1 or height * width == 1:
        return None
    return np.arange(channels * height * width).reshape(channels, height, width).transpose(1, 2, 0).ravel()
