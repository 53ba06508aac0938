"""The backward pass of guided backpropagation, for one ReLU."""

from __future__ import annotations

from typing import Any

import torch


class _Guided(torch.autograd.Function):
    """ReLU whose gradient passes only where the value was positive and the gradient is, too."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        positive = x > 0
        ctx.save_for_backward(positive)
        return x.clamp(min=0)  # a product would make NaN of minus infinity

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        (positive,) = ctx.saved_tensors
        passed: torch.Tensor = gradients[0].clamp(min=0) * positive
        return passed


def guided_relu(x: torch.Tensor, *, in_place: bool) -> torch.Tensor:
    """ReLU with the backward pass of guided backpropagation.

    Springenberg, Dosovitskiy, Brox and Riedmiller, *Striving for Simplicity*, 2015, https://arxiv.org/abs/1412.6806:
    the gradient ``R`` behind a ReLU of ``f`` becomes ``(f > 0) * (R > 0) * R`` in front of it.

    Args:
        x: any tensor.
        in_place: whether the result is written over ``x``, which is then returned.

    >>> x = torch.tensor([-1.0, 2.0, 3.0], requires_grad=True)
    >>> y = guided_relu(x, in_place=False)
    >>> torch.autograd.grad((y * torch.tensor([1.0, 1.0, -1.0])).sum(), x)[0].tolist()
    [0.0, 1.0, 0.0]
    """
    value: torch.Tensor = _Guided.apply(x)  # type: ignore[no-untyped-call]
    return x.copy_(value) if in_place else value
