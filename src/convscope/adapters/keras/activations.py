"""Keras' activations, as settings of layers and as layers, as PyTorch's modules.

What they mean is said at https://keras.io/api/layers/activations; defaults that changed with Keras go by the version
that wrote the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from convscope.adapters.elementary import Apply
from convscope.adapters.keras.building import Build, Builder, fill
from convscope.adapters.keras.description import Call, Layer, UnreadError
from convscope.adapters.keras.values import Value
from convscope.errors import ModelError
from convscope.weights.value import shown

Make = Callable[[], nn.Module]


class OldHardSigmoid(nn.Module):
    """``min(max(0.2 x + 0.5, 0), 1)``: what Keras 1 and 2 called hard sigmoid."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Numbers between 0 and 1."""
        return torch.clamp(value * 0.2 + 0.5, 0.0, 1.0)


class ThresholdedReLU(nn.Module):
    """``x`` where it is over a threshold, ``slope * (x - threshold)`` below, at most ``most``."""

    def __init__(self, threshold: float, slope: float, most: float | None) -> None:
        super().__init__()
        self.threshold, self.slope, self.most = threshold, slope, most

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Numbers of the same shape."""
        passed = F.threshold(value, self.threshold, 0.0)
        if self.most is not None:
            passed = torch.clamp(passed, 0.0, self.most)
        if self.slope:
            passed = passed - self.slope * torch.relu(self.threshold - value)
        return passed


class TanhShrink(nn.Module):
    """``x - tanh(x)``."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Numbers of the same shape."""
        return value - torch.tanh(value)


class Squareplus(nn.Module):
    """``(x + sqrt(x^2 + b)) / 2``."""

    def __init__(self, b: float) -> None:
        super().__init__()
        self.b = b

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Numbers of the same shape."""
        return (value + torch.sqrt(torch.square(value) + self.b)) / 2


class SparseSigmoid(nn.Module):
    """0 below -1, 1 above 1, a line between."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Numbers between 0 and 1."""
        return torch.clamp(value * 0.5 + 0.5, 0.0, 1.0)


PLAIN: Mapping[str, Make] = {
    "relu": nn.ReLU, "relu6": nn.ReLU6, "selu": nn.SELU, "silu": nn.SiLU, "swish": nn.SiLU, "sigmoid": nn.Sigmoid,
    "hard_silu": nn.Hardswish, "hard_swish": nn.Hardswish, "tanh": nn.Tanh,
    "hard_tanh": lambda: nn.Hardtanh(-1.0, 1.0), "softplus": nn.Softplus, "softsign": nn.Softsign,
    "log_sigmoid": nn.LogSigmoid, "exponential": lambda: Apply("exp"), "mish": nn.Mish, "tanh_shrink": TanhShrink,
    "soft_shrink": nn.Softshrink, "hard_shrink": nn.Hardshrink, "squareplus": lambda: Squareplus(4.0),
    "elu": nn.ELU, "celu": nn.CELU, "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "gelu": nn.GELU, "sparse_sigmoid": SparseSigmoid,
}  # fmt: skip
"""Activations by name, with Keras' defaults."""
NOTHING = ("linear", None, "")


def activated(builder: Builder, layer: Layer, value: Value, key: str = "activation") -> Value:
    """What the layer's own activation makes of its result: a step of its own, ``NAME_relu``."""
    name, settings = _named(layer, layer.settings.get(key))
    if name in NOTHING:
        return value
    inner = Layer(f"{layer.name}_{_suffix(name)}", name, settings)
    if settings or name in _LAYERS:
        found = ACTIVATIONS.get(name)
        if found is None:
            raise _unread(layer, name)
        result = found(builder, inner, Call(), [value])
        assert isinstance(result, Value)
        return result
    return _apply(builder, layer, inner.name, name, value)


def _apply(builder: Builder, layer: Layer, step: str, name: str, value: Value) -> Value:
    if name in {"softmax", "log_softmax"}:
        return _softmax(builder, layer, step, value, -1, name)
    if name == "hard_sigmoid":
        make: Make = OldHardSigmoid if builder.common.version < 3 else nn.Hardsigmoid
    elif name in PLAIN:
        make = PLAIN[name]
    else:
        raise _unread(layer, name)
    module = builder.module(layer, ("activation", name), make)
    return builder.add(step, module, value, keeps_order=True)


def _named(layer: Layer, said: Any) -> tuple[Any, Mapping[str, Any]]:
    """An activation's name and settings, in any of the ways in which Keras writes it."""
    if isinstance(said, str) or said is None:
        return said, {}
    if isinstance(said, dict) and isinstance(said.get("class_name"), str):
        config = said.get("config")
        if said["class_name"] == "function" and isinstance(config, str):
            return config, {}
        custom = isinstance(said.get("registered_name"), str) and ">" in said["registered_name"]
        if isinstance(config, dict) and not custom:
            return said["class_name"], {key: one for key, one in config.items() if key != "name"}
    raise _unread(layer, said)


def _suffix(name: str) -> str:
    return {"swish": "silu", "ReLU": "relu", "LeakyReLU": "leaky_relu"}.get(name, name.lower())


def _unread(layer: Layer, name: Any) -> UnreadError:
    text = name if isinstance(name, str) else repr(name)[:60]
    return UnreadError(f"{layer.title} has the activation {shown(text)}, which is not one of Keras' that are read here")


def _softmax(builder: Builder, layer: Layer, step: str, value: Value, axis: int, name: str = "softmax") -> Value:
    dim = value.axis(axis)
    if dim == 0:
        raise UnreadError(f"{layer.title} joins the photos of a batch")
    make = nn.Softmax if name == "softmax" else nn.LogSoftmax
    return builder.add(step, builder.module(layer, (name, dim), lambda: make(dim)), value, keeps_order=True)


def number(layer: Layer, *names: str, default: float) -> float:
    """A setting that is a number; old versions write some as ``{"value": 0.3}``.

    Raises:
        ModelError: it is none.
    """
    value = layer.get(*names, default=default)
    if isinstance(value, dict):
        value = value.get(
            "value", value.get("config", {}).get("value") if isinstance(value.get("config"), dict) else None
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ModelError(f"{layer.title} says {names[0]} = {value!r:.60}, which is no number; save the model again")
    return float(value)


def _activation(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """``Activation``: its step has the layer's own name."""
    name, settings = _named(layer, layer.settings.get("activation"))
    if name in NOTHING:
        return _same(builder, layer, values[0])
    if settings or name in _LAYERS:
        found = ACTIVATIONS.get(name)
        if found is None:
            raise _unread(layer, name)
        result = found(builder, Layer(layer.name, name, settings), Call(), values)
        assert isinstance(result, Value)
        return result
    return _apply(builder, layer, layer.name, name, values[0])


def _same(builder: Builder, layer: Layer, value: Value) -> Value:
    return builder.add(layer.name, builder.module(layer, (), nn.Identity), value, keeps_order=True)


def _relu(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    most = layer.get("max_value")
    most = None if most is None else number(layer, "max_value", default=0.0)
    slope = number(layer, "negative_slope", "alpha", default=0.0)
    threshold = number(layer, "threshold", default=0.0)

    def make() -> nn.Module:
        if threshold or (slope and most is not None):
            return ThresholdedReLU(threshold, slope, most)
        if most is None:
            return nn.LeakyReLU(slope) if slope else nn.ReLU()
        return nn.ReLU6() if most == 6.0 else nn.Hardtanh(0.0, most)

    return builder.add(layer.name, builder.module(layer, (), make), values[0], keeps_order=True)


def _prelu(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    value = builder.settled(values[0])
    slopes = builder.params(layer)
    if value.layout == "plain" and len(value.shape) == 3:
        value = builder.map(layer, value)

    def make() -> nn.Module:
        return fill(nn.PReLU(slopes["weight"].size, device="meta"), slopes, layer)

    return builder.add(layer.name, builder.module(layer, (), make), value)


def _soft_max(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    axis = layer.get("axis", default=-1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if type(axis) is not int:
        raise UnreadError(f"{layer.title} works along several axes, which is not read here")
    return _softmax(builder, layer, layer.name, values[0], axis)


def _with_number(make: Callable[[float], nn.Module], *names: str, default: float) -> Build:
    def build(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
        setting = number(layer, *names, default=default)
        return builder.add(layer.name, builder.module(layer, (), lambda: make(setting)), values[0], keeps_order=True)

    return build


def _named_op(name: str) -> Build:
    """An operation of ``keras.ops`` in a functional network."""

    def build(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
        return _apply(builder, layer, layer.name, name, values[0])

    return build


def _gelu(builder: Builder, layer: Layer, call: Call, values: list[Value]) -> Value:
    said = call.options.get("approximate", layer.get("approximate", default=False))
    make = (lambda: nn.GELU(approximate="tanh")) if said else nn.GELU
    return builder.add(layer.name, builder.module(layer, (), make), values[0], keeps_order=True)


_LAYERS: Mapping[str, Build] = {
    "ReLU": _relu,
    "LeakyReLU": _with_number(nn.LeakyReLU, "negative_slope", "alpha", default=0.3),
    "ELU": _with_number(nn.ELU, "alpha", default=1.0),
    "ThresholdedReLU": _with_number(lambda theta: nn.Threshold(theta, 0.0), "theta", default=1.0),
    "PReLU": _prelu,
    "Softmax": _soft_max,
}
ACTIVATIONS: dict[str, Build] = {
    **_LAYERS,
    "Activation": _activation,
    "Gelu": _gelu,
    **{
        kind: _named_op(name)
        for kind, name in {
            "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Tanh": "tanh", "Silu": "silu", "Selu": "selu",
            "HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu", "Softplus": "softplus", "Softsign": "softsign",
            "LogSigmoid": "log_sigmoid", "Exp": "exponential",
        }.items()
    },
}  # fmt: skip
