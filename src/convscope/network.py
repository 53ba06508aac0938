"""A network ready to run: what every adapter builds, and what the recorder asks of it.

A :class:`Network` turns one prepared input into a :class:`Run`: the live tensors of every operation
in the order in which they ran. It knows nothing of pictures beyond how pixels should reach it
(:class:`Preprocessing`), and it leaves the user's model exactly as it found it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

Scale = Literal["unit", "byte", "imagenet"]
Fit = Literal["stretch", "crop", "pad"]

#: 4 GiB: a ResNet-50 at 224 px takes 0.1, a small network on a 12 megapixel photo about 1.
DEFAULT_MEMORY = 4 << 30


@dataclass(frozen=True)
class Preprocessing:
    """How a photo becomes the tensor that a network is given.

    Attributes:
        size: (height, width) that the network wants, None when any will do.
        fit: how a photo of another shape gets there: ``stretch``, centre ``crop`` or ``pad``.
        channels: 3 (RGB) or 1 (grey).
        scale: ``unit`` 0..1, ``byte`` 0..255, ``imagenet`` mean and deviation, or an own
            ``(mean, std)`` of values in 0..1, one number a channel.
        longest: with ``size`` None, longer photos are shrunk to this many pixels; None for never.
    """

    size: tuple[int, int] | None = None
    fit: Fit = "stretch"
    channels: int = 3
    scale: Scale | tuple[tuple[float, ...], tuple[float, ...]] = "unit"
    longest: int | None = 1024


@runtime_checkable
class Live(Protocol):
    """One recorded operation while its framework's tensors are still alive."""

    @property
    def name(self) -> str:
        """Unique in its run."""

    @property
    def kind(self) -> str:
        """The operation, in the words of ``docs/steps.md``."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What it was told."""

    @property
    def module(self) -> str:
        """Dotted path of the module in which it ran."""

    @property
    def batched(self) -> bool:
        """False where it mixed the batch axis with others."""

    @property
    def dtype(self) -> str:
        """Precision of its value."""

    @property
    def sources(self) -> Sequence[Live]:
        """The operations whose values it read."""

    def value(self) -> Float32[np.ndarray, "..."]:
        """Its output as float32, channels first, without the batch axis; a view where possible."""

    def params(self) -> Mapping[str, np.ndarray]:
        """The tensors it used that are not operations; may read them only when asked."""


Watch = Callable[[Live], None]
"""Is told of an operation as soon as it is recorded, in the thread that runs the network; its ``name`` is given only
when the run ends, its ``module`` and ``kind`` are there. Raising :class:`convscope.errors.Cancelled` stops the run."""


@dataclass
class Run:
    """One forward pass: the operations in order, the outputs, and what stopped it, if anything."""

    operations: Sequence[Live] = ()
    outputs: Sequence[Live] = ()
    error: BaseException | None = None

    def __iter__(self) -> Iterator[Live]:
        return iter(self.operations)


@runtime_checkable
class Network(Protocol):
    """A model that can be run and watched.

    Attributes:
        title: what people call it (a class name, a file name, a spec's name).
        preprocessing: how photos reach it.
        labels: names of its classes, or empty.
        about: further facts for the trace (``spec``, ``reference``), JSON values only.
    """

    title: str
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    about: Mapping[str, Any]

    def run(
        self, value: Float32[np.ndarray, "c h w"], *, memory: int = DEFAULT_MEMORY, watch: Watch | None = None
    ) -> Run:
        """Run once on ``value`` and keep every operation's output.

        Args:
            value: the prepared input.
            memory: how many bytes of values may be kept.
            watch: told of every operation as soon as it is recorded.

        Raises:
            MemoryBudgetError: keeping them would take more than ``memory`` bytes.
            Cancelled: ``watch`` raised it; the model is as it was before.
        """
