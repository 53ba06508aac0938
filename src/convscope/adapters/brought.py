"""What a door into convscope gives: a model, and what its file or its makers say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convscope.network import Network, Preprocessing

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Brought:
    """A model from somewhere else, before the caller's wishes are put over what it says of itself.

    Attributes:
        model: a PyTorch module of standard layers, under the names that its file gives them; a
            :class:`convscope.network.Network` where there is none to be had, and so no gradients.
        title: what people call it.
        preprocessing: how photos reach it; None where nobody says.
        scale_known: False where ``preprocessing`` has a size and channels, but nobody says how pixels become numbers;
            the user is then told that 0..1 is a guess.
        labels: names of its classes; empty where nobody says.
        about: facts for the trace (``format``, ``producer``), JSON values only.
        notes: what the user must know, one sentence each: guesses, missing gradients.
    """

    model: torch.nn.Module | Network
    title: str = ""
    preprocessing: Preprocessing | None = None
    labels: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    scale_known: bool = True
