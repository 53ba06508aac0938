"""What is asked of a network, once for all methods: photos, classes, and how much effort it may take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from convscope.errors import CallError
from convscope.explaining.graph import Graph
from convscope.explaining.opened import Opened
from convscope.explaining.targets import Target

Watch = Callable[[int, int | None, str], None]
"""Told after each batch of passes: how many are done, of how many (None where nobody knows), and what is being done.
Raising :class:`convscope.errors.Cancelled` stops the work; the model is as it was."""


@dataclass(eq=False)
class Question:
    """Photos and the class that is asked about for each.

    Attributes:
        opened: the network.
        batch: (N, C, H, W) float32, as the network is given the photos.
        targets: one for each photo.
        steps: of integrated gradients.
        samples: masks of RISE; None for its own number.
        seed: of everything random.
        baseline: ``black``, ``mean``, ``zero``; None for each method's own.
        precision: ``float32``, or ``auto`` to allow bfloat16 before the layer where the maps hardly change.
        watch: told how far it is.
    """

    opened: Opened
    batch: Tensor
    targets: Sequence[Target]
    steps: int = 64
    samples: int | None = None
    seed: int = 0
    baseline: str | None = None
    precision: str = "float32"
    watch: Watch | None = None
    done: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.batch.ndim != 4 or not len(self.batch):
            raise CallError(f"photos for a network have the shape (N, C, H, W); got {tuple(self.batch.shape)}")
        if len(self.targets) != len(self.batch):
            raise CallError(f"there are {len(self.targets)} classes for {len(self.batch)} photos; give one for each")
        if not isinstance(self.steps, int) or not 1 <= self.steps <= 10_000:
            raise CallError(f"the number of steps is a whole number from 1 to 10000; got {self.steps!r}")
        if self.precision not in {"float32", "auto"}:
            raise CallError(f"the precision {self.precision!r} is none of float32, auto; choose one of them")
        if self.samples is not None and not 1 <= self.samples <= 1_000_000:
            raise CallError(f"the number of masks is from 1 to 1000000; got {self.samples!r}")

    @property
    def graph(self) -> Graph:
        """The network's steps for photos of this shape."""
        return self.opened.graph(self.batch[0])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return int(self.batch.shape[-2]), int(self.batch.shape[-1])

    def weights(self, classes: int) -> Tensor:
        """(N, K) by what the scores of each photo are multiplied to give the number that is explained."""
        for target in self.targets:
            if not 0 <= max(target.index, target.against or 0) < classes:
                raise CallError(f"class {target.index} does not exist; the network has {classes}, numbered from 0")
        return torch.tensor([target.weights(classes) for target in self.targets])

    def explained(self, scores: Tensor, rows: slice | int | None = None) -> Tensor:
        """The number that is explained, for scores (n, K) of the photos ``rows``, or of versions of photo ``rows``."""
        weights = self.weights(scores.shape[1]).to(scores.device)
        if isinstance(rows, int):
            weights = weights[rows : rows + 1]
        elif rows is not None:
            weights = weights[rows]
        return (scores * weights).sum(1)

    def start_of(self, photo: int, own: str) -> tuple[Float32[np.ndarray, "c h w"], str]:
        """The baseline for one photo, and its name; ``own`` is the method's own."""
        kind = self.baseline or own
        return self.opened.baseline(self.batch[photo].numpy(), kind), kind

    def tell(self, passes: int, doing: str) -> None:
        """So many more passes are done."""
        self.done += passes
        if self.watch is not None:
            self.watch(self.done, None, doing)
