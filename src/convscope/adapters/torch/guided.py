"""The backward pass of guided backpropagation, for one ReLU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch


class _Guided(torch.autograd.Function):
    """ReLU whose gradient passes only where the value passed, and only where it is positive itself."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, most: float | None) -> torch.Tensor:
        ctx.save_for_backward((x > 0) if most is None else (x > 0) & (x < most))
        return x.clamp(0, most)  # a product would make NaN of minus infinity

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (open_,) = ctx.saved_tensors
        return gradients[0].clamp(min=0) * open_, None


def rectifies(kind: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[bool, float | None]:
    """Whether a call of a torch function is a ReLU, and where it ends: 6 for ReLU6, None for no end.

    Args:
        kind: the function's name without a closing ``_``.
        args, kwargs: what it is called with.

    >>> rectifies("hardtanh", (torch.zeros(1), 0.0, 6.0), {})
    (True, 6.0)
    >>> rectifies("hardtanh", (torch.zeros(1),), {"max_val": 6.0})
    (False, None)
    """
    if kind in {"relu", "relu6"}:
        return True, 6.0 if kind == "relu6" else None
    if kind == "hardtanh":  # what ReLU6 is in PyTorch
        low = args[1] if len(args) > 1 else kwargs.get("min_val", -1.0)
        high = args[2] if len(args) > 2 else kwargs.get("max_val", 1.0)
        return (True, float(high)) if low == 0 and high > 0 else (False, None)
    return False, None


def guided_relu(x: torch.Tensor, most: float | None = None, *, in_place: bool) -> torch.Tensor:
    """ReLU with the backward pass of guided backpropagation.

    Springenberg, Dosovitskiy, Brox and Riedmiller, *Striving for Simplicity*, 2015, https://arxiv.org/abs/1412.6806:
    the gradient ``R`` behind a ReLU of ``f`` becomes ``(f > 0) * (R > 0) * R`` in front of it.

    Args:
        x: any tensor.
        most: larger values become this one, and pass no gradient; None for a ReLU without an end.
        in_place: whether the result is written over ``x``, which is then returned.

    >>> x = torch.tensor([-1.0, 2.0, 3.0], requires_grad=True)
    >>> y = guided_relu(x, in_place=False)
    >>> torch.autograd.grad((y * torch.tensor([1.0, 1.0, -1.0])).sum(), x)[0].tolist()
    [0.0, 1.0, 0.0]
    """
    value: torch.Tensor = _Guided.apply(x, most)  # type: ignore[no-untyped-call]
    return x.copy_(value) if in_place else value
