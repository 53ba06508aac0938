"""Four optimisers over all parameters at a time, with a state of named tensors.

Built on the fused and list kernels that ``torch.optim`` is built on, not on its classes: making one of those
imports PyTorch's compiler, which takes longer than training a small network for an epoch. The numbers are theirs;
``tests/unit/test_train_optimiser.py`` compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from convscope.errors import DataError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from convscope.train.recipe import Recipe

SECOND = 0.999
"""Decay of Adam's second moment."""
SMALL = 1e-8
MEMORY = {"adam": ("first", "second"), "adamw": ("first", "second"), "rmsprop": ("square",), "sgd": ("velocity",)}
"""What each optimiser remembers of a parameter."""


class Optimiser:
    """Moves a model's parameters along their gradients.

    Weight decay is for weights alone: parameters with one axis (biases, scales and shifts of a normalisation) get
    none.

    Args:
        model: the parameters that want gradients are moved.
        recipe: its ``optimizer``, ``momentum`` and ``weight_decay``.

    Raises:
        DataError: the model has no parameter that can learn.

    >>> from torch import nn
    >>> from convscope.train.recipe import Recipe
    >>> sorted(Optimiser(nn.Linear(2, 1), Recipe()).state())
    ['bias/first', 'bias/second', 'count', 'weight/first', 'weight/second']
    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        import torch

        self._named = trained(model)
        if not self._named:
            raise DataError("the network has no parameter that can learn; give one with conv or dense layers")
        self._kind, self._momentum, self._decay = recipe.optimizer, recipe.momentum, recipe.weight_decay
        self._count = torch.zeros((), dtype=torch.float32, device=self._named[0][1].device)
        self._memory = {
            name: {what: torch.zeros_like(value, memory_format=torch.preserve_format) for what in MEMORY[self._kind]}
            for name, value in self._named
        }

    def forget_gradients(self) -> None:
        """Begin a step."""
        for _, parameter in self._named:
            parameter.grad = None

    def step(self, rate: float) -> None:
        """Move every parameter that has a gradient, with this learning rate."""
        import torch

        self._count += 1
        with torch.no_grad():
            for decay, wide in ((self._decay, True), (0.0, False)):
                chosen = [(name, p) for name, p in self._named if p.grad is not None and (p.ndim > 1) == wide]
                if chosen:
                    self._move(chosen, rate, decay)

    def _move(self, chosen: list[tuple[str, nn.Parameter]], rate: float, decay: float) -> None:
        import torch

        parameters: list[torch.Tensor] = [parameter for _, parameter in chosen]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        memory = [[self._memory[name][what] for name, _ in chosen] for what in MEMORY[self._kind]]
        if self._kind in {"adam", "adamw"}:
            kernel = torch._fused_adamw_ if self._kind == "adamw" else torch._fused_adam_
            first, second = memory
            kernel(
                parameters, gradients, first, second, [], [self._count] * len(parameters), lr=rate,
                beta1=self._momentum, beta2=SECOND, weight_decay=decay, eps=SMALL, amsgrad=False, maximize=False,
            )  # fmt: skip
            return
        if decay:
            gradients = list(torch._foreach_add(gradients, parameters, alpha=decay))  # noqa: SLF001 - PyTorch's list kernels have no public name
        if self._kind == "rmsprop":
            _rmsprop(parameters, gradients, memory[0], rate)
        else:
            _descend(parameters, gradients, memory[0], rate, self._momentum)

    def state(self) -> dict[str, torch.Tensor]:
        """What is remembered, as ``parameter/what``, and the count of steps."""
        named = {f"{name}/{what}": value for name, kept in self._memory.items() for what, value in kept.items()}
        return {"count": self._count, **named}

    def load(self, saved: Mapping[str, torch.Tensor]) -> None:
        """Remember ``saved`` again."""
        for name, value in self.state().items():
            value.copy_(saved[name])


def _rmsprop(
    parameters: list[torch.Tensor], gradients: list[torch.Tensor], squares: list[torch.Tensor], rate: float
) -> None:
    """Tieleman and Hinton 2012, with Keras' numbers: decay 0.9, 1e-7 beside the root."""
    import torch

    torch._foreach_mul_(squares, 0.9)
    torch._foreach_addcmul_(squares, gradients, gradients, 0.1)
    roots = torch._foreach_sqrt(squares)  # noqa: SLF001 - PyTorch's list kernels have no public name
    torch._foreach_add_(roots, 1e-7)
    torch._foreach_addcdiv_(parameters, gradients, roots, -rate)


def _descend(
    parameters: list[torch.Tensor],
    gradients: list[torch.Tensor],
    velocities: list[torch.Tensor],
    rate: float,
    momentum: float,
) -> None:
    """Stochastic gradient descent with Nesterov's momentum (Sutskever et al. 2013)."""
    import torch

    torch._foreach_mul_(velocities, momentum)
    torch._foreach_add_(velocities, gradients)
    moves = torch._foreach_add(gradients, velocities, alpha=momentum)  # noqa: SLF001 - PyTorch's list kernels have no public name
    torch._foreach_add_(parameters, moves, alpha=-rate)


def trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The parameters that want gradients, by name, each once."""
    return [(name, value) for name, value in model.named_parameters() if value.requires_grad]
