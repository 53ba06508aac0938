"""PyTorch's own layers, each as the one functional call that it makes.

The tape would see the same call; going there directly spares a small network most of what watching costs
(``bench/trace.py``). Only exact types count: a subclass or a parametrised layer may do anything, and is seen
by the tape. A test holds that both ways give the same record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

Made = tuple[Callable[..., Any], tuple[Any, ...]]


def _conv(layer: nn.Conv2d, x: Tensor) -> Made | None:
    if layer.padding_mode != "zeros":
        return None
    return torch.conv2d, (x, layer.weight, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups)


def _norm(layer: nn.BatchNorm2d, x: Tensor) -> Made | None:
    if layer.running_mean is None or x.dim() != 4:
        return None
    statistics = (layer.running_mean, layer.running_var, layer.weight, layer.bias, False)
    return F.batch_norm, (x, *statistics, layer.momentum or 0.0, layer.eps)


def _max_pool(layer: nn.MaxPool2d, x: Tensor) -> Made | None:
    if layer.return_indices:
        return None
    return F.max_pool2d, (x, layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.ceil_mode)


#: A layer in eval mode with one tensor to work on; None where it does something else this time.
LEAVES: dict[type[nn.Module], Callable[[Any, Tensor], Made | None]] = {
    nn.Conv2d: _conv,
    nn.BatchNorm2d: _norm,
    nn.MaxPool2d: _max_pool,
    nn.ReLU: lambda layer, x: (F.relu, (x, layer.inplace)),
    nn.Linear: lambda layer, x: (F.linear, (x, layer.weight, layer.bias)),
    nn.Flatten: lambda layer, x: (torch.flatten, (x, layer.start_dim, layer.end_dim)),
    nn.Softmax: lambda layer, x: (F.softmax, (x, layer.dim)) if layer.dim is not None else None,
    nn.Dropout: lambda layer, x: (F.dropout, (x, layer.p, False, layer.inplace)),
    nn.AdaptiveAvgPool2d: lambda layer, x: (F.adaptive_avg_pool2d, (x, layer.output_size)),
    nn.Sigmoid: lambda _, x: (torch.sigmoid, (x,)),
    nn.Tanh: lambda _, x: (torch.tanh, (x,)),
}
