"""How the caller wants a network to be opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convscope.network import Fit

if TYPE_CHECKING:
    from os import PathLike

    from convscope.weights import Report


@dataclass(frozen=True)
class Options:
    """How a network is to be opened.

    Attributes:
        seed: of the random weights: of a spec by layer name, of a function's model as PyTorch draws them.
        weights: a file whose weights are put in by layer name.
        scale: how pixels reach the network; None for what it says itself, ``unit`` where it does not.
        size: (height, width) of its input, None for the network's or the photo's own.
        labels: names of its classes; empty for what it says itself.
        title: what to call it, where it has no name of its own.
        report: told what a weights file gave.
        fit: how a photo of another shape gets to that size; None for what the network says, ``stretch`` where it
            does not.
        trust: open files whose loading can run code (pickles, TorchScript, ``.pt2``, Keras files with code in them).
        tell: told what a person must know of the network, a sentence each: what was guessed, what it cannot do.
    """

    seed: int = 0
    weights: str | PathLike[str] | None = None
    scale: Any = None
    size: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()
    title: str = ""
    report: Callable[[Report], None] = field(default=lambda _: None)
    fit: Fit | None = None
    trust: bool = False
    tell: Callable[[str], None] = field(default=lambda _: None)
