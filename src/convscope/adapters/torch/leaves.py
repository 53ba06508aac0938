"""PyTorch's own layers, read from their attributes instead of from the calls that they make.

The tape would see the same; reading the layer spares a small network most of what watching costs
(``bench/trace.py``). Only exact types count: a subclass or a parametrised layer may do anything, and is
left to the tape. A test holds that both ways give the same record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from convscope.adapters.torch.describe import Settings, pair, sides


class Layer(NamedTuple):
    """What a layer in eval mode is about to do with its one input.

    Attributes:
        kind, settings, params: of the step.
        function, args: the call that does it; ``args[0]`` is the input.
        in_place: whether that overwrites the input.
    """

    kind: str
    settings: Settings
    params: dict[str, Tensor]
    function: Callable[..., Tensor]
    args: tuple[Any, ...]
    in_place: bool = False


def _learned(layer: nn.Module) -> tuple[Tensor, Tensor | None]:
    """Weight and bias, without the detour that ``layer.weight`` takes."""
    parameters = layer._parameters
    weight = parameters["weight"]
    assert weight is not None
    return weight, parameters["bias"]


def _conv(layer: nn.Conv2d, x: Tensor) -> Layer | None:
    padding = layer.padding
    if layer.padding_mode != "zeros" or isinstance(padding, str) or x.dim() != 4:
        return None
    weight, bias = _learned(layer)
    settings = {
        "kernel": list(layer.kernel_size), "stride": list(layer.stride), "padding": sides(padding),
        "dilation": list(layer.dilation), "groups": layer.groups,
    }  # fmt: skip
    params = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    args = (x, weight, bias, layer.stride, padding, layer.dilation, layer.groups)
    return Layer("conv2d", settings, params, torch.conv2d, args)


def _norm(layer: nn.BatchNorm2d, x: Tensor) -> Layer | None:
    mean, variance, weight, bias = layer.running_mean, layer.running_var, layer.weight, layer.bias
    if mean is None or variance is None or weight is None or bias is None or x.dim() != 4:
        return None
    params = {"running_mean": mean, "running_var": variance, "weight": weight, "bias": bias}
    args = (x, mean, variance, weight, bias, False, 0.0, layer.eps)
    return Layer("batch_norm", {"eps": layer.eps, "training": False}, params, F.batch_norm, args)


def _max_pool(layer: nn.MaxPool2d, x: Tensor) -> Layer | None:
    if layer.return_indices or x.dim() != 4:
        return None
    kernel, stride, padding, dilation = layer.kernel_size, layer.stride, layer.padding, layer.dilation
    settings = {
        "kernel": pair(kernel), "stride": pair(stride), "padding": sides(padding), "dilation": pair(dilation),
        "ceil_mode": layer.ceil_mode,
    }  # fmt: skip
    args = (x, kernel, stride, padding, dilation, layer.ceil_mode)
    return Layer("max_pool2d", settings, {}, torch.max_pool2d, args)


def _linear(layer: nn.Linear, x: Tensor) -> Layer | None:
    weight, bias = _learned(layer)
    params = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    return Layer("linear", {}, params, F.linear, (x, weight, bias))


def _relu(layer: nn.ReLU, x: Tensor) -> Layer | None:
    return Layer("relu", {}, {}, F.relu, (x, True), True) if layer.inplace else Layer("relu", {}, {}, torch.relu, (x,))


def _softmax(layer: nn.Softmax, x: Tensor) -> Layer | None:
    return Layer("softmax", {"axis": 0}, {}, torch.softmax, (x, 1)) if layer.dim == 1 and x.dim() == 2 else None


def _flatten(layer: nn.Flatten, x: Tensor) -> Layer | None:
    usual = (layer.start_dim, layer.end_dim) == (1, -1) and x.dim() > 1
    return Layer("flatten", {}, {}, torch.flatten, (x, 1)) if usual else None


#: For inputs with the batch axis in front; None where the layer does something else this time.
LEAVES: dict[type[nn.Module], Callable[[Any, Tensor], Layer | None]] = {
    nn.Conv2d: _conv,
    nn.BatchNorm2d: _norm,
    nn.MaxPool2d: _max_pool,
    nn.Linear: _linear,
    nn.ReLU: _relu,
    nn.Softmax: _softmax,
    nn.Flatten: _flatten,
    nn.Sigmoid: lambda _, x: Layer("sigmoid", {}, {}, torch.sigmoid, (x,)),
    nn.Tanh: lambda _, x: Layer("tanh", {}, {}, torch.tanh, (x,)),
}
