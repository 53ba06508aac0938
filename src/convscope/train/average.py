"""A running mean of the weights, which is validated and kept in their place.

Averaged weights are better than the last ones of a noisy walk (Polyak and Juditsky 1992). Buffers of
normalisations are averaged with them, because they belong to the weights they were measured with.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn


class Average:
    """Exponential mean of a model's parameters and buffers.

    Args:
        model: whose values are averaged.
        decay: share of the mean that a step keeps, 0..1. Early on it is less, ``(1 + n) / (10 + n)`` after
            n steps, so that the first values are forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._live = values(model)
        self._mean = {name: value.detach().clone() for name, value in self._live.items()}
        real = [name for name, value in self._live.items() if value.is_floating_point()]
        self._real = [self._live[name].detach() for name in real]
        self._means = [self._mean[name] for name in real]
        self._whole = [name for name in self._live if name not in set(real)]

    def update(self, steps: int) -> None:
        """Take the present values in, after ``steps`` steps (the first time 1)."""
        import torch

        share = 1 - min(self.decay, (1 + steps) / (10 + steps))
        torch._foreach_lerp_(self._means, self._real, share)
        for name in self._whole:
            self._mean[name].copy_(self._live[name])

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the mean values while the block runs, and its own ones again afterwards."""
        import torch

        own = {name: value.detach().clone() for name, value in self._live.items()}
        with torch.no_grad():
            put(self._live, self._mean)
        try:
            yield
        finally:
            with torch.no_grad():
                put(self._live, own)

    def state(self) -> dict[str, torch.Tensor]:
        """The mean values by name."""
        return dict(self._mean)

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from ``state``."""
        put(self._mean, state)


def values(model: nn.Module) -> dict[str, torch.Tensor]:
    """Every parameter and every buffer of a model by name; live."""
    return {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }


def put(into: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]) -> None:
    """Copy values by name; the memory layout of ``into`` stays."""
    import torch

    with torch.no_grad():
        for name, value in into.items():
            value.copy_(state[name])
