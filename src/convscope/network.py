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

from convscope.traces import Step

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
        crop: with ``fit`` "crop", the share of the middle that is kept, 0..1 (what timm calls ``crop_pct``).
        longest: with ``size`` None, longer photos are shrunk to this many pixels; None for never.
    """

    size: tuple[int, int] | None = None
    fit: Fit = "stretch"
    channels: int = 3
    scale: Scale | tuple[tuple[float, ...], tuple[float, ...]] = "unit"
    longest: int | None = 1024
    crop: float = 1.0


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


@dataclass(frozen=True, eq=False)
class Survey:
    """What a network is made of for inputs of one shape: its steps without their numbers.

    Attributes:
        steps: in the order in which they ran. Their values are zeros that take no memory; shapes, settings, inputs and
            parameters are real.
        outputs: names of the steps that the network returned.
        together: whether several photos can be given at once; False where one would change what is said of another.
    """

    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    together: bool = True


@runtime_checkable
class Taps(Protocol):
    """A network for inputs of one shape whose steps can be read, and followed backwards, a batch at a time.

    Attributes:
        survey: its steps.
    """

    survey: Survey

    def run(
        self, batch: Any, want: Sequence[str], cut: Sequence[str] = (), *, guided: bool = False,
        rough: float | None = None,
    ) -> Mapping[str, Any]:  # fmt: skip
        """Run once; the model comes back exactly as it was, also when it raises.

        Args:
            batch: a ``torch.Tensor`` (N, C, H, W), float32, of the surveyed (C, H, W).
            want: names of steps whose values are returned.
            cut: names of steps from which gradients are followed to those that are wanted; ``"input"`` is one. The
                value of the first is a leaf: nothing before it is kept for a backward pass.
            guided: replace the backward pass of every ReLU by that of guided backpropagation.
            rough: allow a faster copy of the network before the first cut; the share, 0..1, of the multiplications
                there that may be in bfloat16. None for the network as it is.

        Returns:
            by name, torch tensors with the batch axis in front: those of ``cut`` as they were before any operation
            wrote over them, those of ``want``, which depend on them. Where a tensor has an attribute ``edge``, that
            is what gradients are taken at in its place.

        Raises:
            CallError: there is no such step, or it cannot be cut at.
            ForwardError: the network raised.
        """


@runtime_checkable
class Differentiable(Protocol):
    """A network through which gradients can be followed: the door for explanations."""

    title: str
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    about: Mapping[str, Any]

    def taps(self, value: Float32[np.ndarray, "c h w"]) -> Taps:
        """Survey the network with one pass on ``value``, for inputs of its shape.

        Raises:
            ForwardError: the network raised.
        """
