"""Keras' layers that scale numbers: normalisations, and the preprocessing that a network does itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from convscope.adapters.elementary import Permute, With
from convscope.adapters.keras.activations import number
from convscope.adapters.keras.building import Build, Builder, Params, fill
from convscope.adapters.keras.description import Call, Layer, UnreadError
from convscope.adapters.keras.values import Value
from convscope.adapters.keras.windows import count
from convscope.errors import ModelError

SMALL_SCALE = 1 / 32
"""A network that begins by multiplying its pixels by less than this takes 0..255."""
LEVELS = 2.0
"""One that subtracts means larger than this does, too."""


class Rescale(nn.Module):
    """``scale * x + offset``, as one addition with a factor."""

    def __init__(self, scale: float, offset: float) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("offset", torch.tensor(offset), persistent=False)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Numbers of the same shape."""
        offset = self.offset
        assert isinstance(offset, torch.Tensor)
        return torch.add(offset, value, alpha=self.scale)


class UnitLength(nn.Module):
    """Divided by the length along axes."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Numbers of the same shape."""
        length = torch.sum(torch.square(value), dim=self.axes, keepdim=True)
        return value * torch.rsqrt(torch.clamp(length, min=1e-12))


def _axis(layer: Layer, value: Value) -> int:
    """The one axis that a normalisation keeps apart, in PyTorch's tensor."""
    axis = layer.get("axis", default=-1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if type(axis) is not int:
        raise UnreadError(f"{layer.title} works along several axes, which is not read here")
    return value.axis(axis)


def _batch_norm(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    value = values[0]
    if _axis(layer, value) != 1 or value.layout == "grey" or len(value.shape) not in {1, 3}:
        raise UnreadError(f"{layer.title} does not normalise channel by channel, which is not read here")
    params = _reordered(_complete(builder.params(layer), value.shape[0]), value)
    builder.note_flattened(layer, value)
    eps = number(layer, "epsilon", default=1e-3)
    order = None if value.order is None else value.order.tobytes()

    def make() -> nn.Module:
        kind = nn.BatchNorm2d if len(value.shape) == 3 else nn.BatchNorm1d
        return fill(kind(value.shape[0], eps=eps, affine="weight" in params, device="meta"), params, layer)

    module = builder.module(layer, (len(value.shape), order), make)
    return builder.add(layer.name, module, value, keeps_order=True)


def _complete(params: Params, channels: int) -> Params:
    """With the factor 1 or the shift 0 that the file leaves out where it has the other one."""
    if ("weight" in params) == ("bias" in params):
        return params
    return {"weight": np.ones(channels), "bias": np.zeros(channels), **params}


def _reordered(params: Params, value: Value) -> Params:
    """Numbers for a vector, each where the vector has its place."""
    if value.order is None:
        return params
    placed = {name: np.empty_like(array) for name, array in params.items()}
    for name, array in params.items():
        placed[name][value.order] = array
    return placed


def _layer_norm(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """``LayerNormalization`` over the last axis; of a map it is one pixel's channels, which stand first here."""
    value = builder.settled(values[0])
    axis = _axis(layer, value)
    moved = value.layout == "moved" and axis == 1
    if layer.get("rms_scaling") or (not moved and axis != len(value.shape)):
        raise UnreadError(f"{layer.title} normalises in a way that is not read here")
    channels = value.shape[axis - 1]
    weights = _complete(builder.params(layer), channels) if _has_weights(layer) else {}
    eps = number(layer, "epsilon", default=1e-3)

    def make() -> nn.Module:
        norm = nn.LayerNorm(channels, eps=eps, elementwise_affine=bool(weights), device="meta")
        return fill(norm, weights, layer)

    module = builder.module(layer, (), make)
    if not moved:
        return builder.add(layer.name, module, value)
    turned = builder.add(f"{layer.name}_permute", Permute((0, 2, 3, 1)), value, layout="plain")
    normed = builder.add(layer.name, module, turned)
    return builder.add(f"{layer.name}_channels", Permute((0, 3, 1, 2)), normed, layout="moved")


def _has_weights(layer: Layer) -> bool:
    return bool(layer.settings.get("scale", True) or layer.settings.get("center", True))


def _group_norm(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    value = builder.settled(values[0])
    if _axis(layer, value) != 1 or value.layout == "grey":
        raise UnreadError(f"{layer.title} does not normalise groups of channels, which is not read here")
    channels = value.shape[0]
    groups = layer.get("groups", default=32)
    groups = channels if groups == -1 else count(layer, groups, "groups", least=1)
    weights = _complete(builder.params(layer), channels) if _has_weights(layer) else {}
    eps = number(layer, "epsilon", default=1e-3)

    def make() -> nn.Module:
        return fill(nn.GroupNorm(groups, channels, eps=eps, affine=bool(weights), device="meta"), weights, layer)

    return builder.add(layer.name, builder.module(layer, (), make), value)


def _unit_norm(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    axes = layer.get("axis", default=-1)
    axes = axes if isinstance(axes, list) else [axes]
    value = builder.settled(values[0])
    where = tuple(sorted(value.axis(count(layer, axis % (len(value.keras_shape) + 1), "axis")) for axis in axes))
    return builder.add(layer.name, UnitLength(where), value)


def _rescaling(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    value = builder.settled(values[0])
    scale, offset = _numbers(layer, layer.get("scale", default=1)), _numbers(layer, layer.get("offset", default=0))
    if value.untouched:
        builder.common.scale = "byte" if abs(float(scale.max())) <= SMALL_SCALE else "unit"
    if scale.size == 1 and offset.size == 1:
        factor, shift = float(scale.item()), float(offset.item())
        module = Rescale(factor, shift) if shift else With("mul", factor)
        return builder.add(layer.name, builder.module(layer, (), lambda: module), value)
    scaled = builder.add(layer.name, With("mul", _channels(scale, value)), value)
    if not offset.any():
        return scaled
    return builder.add(f"{layer.name}_offset", With("add", _channels(offset, value)), scaled)


def _numbers(layer: Layer, value: Any) -> np.ndarray:
    """One number, or one for each channel."""
    if isinstance(value, dict):
        value = value.get("value", value.get("config", {}).get("value"))
    array = np.asarray(value, np.float32)
    if array.size == 0 or array.size != max(array.shape, default=1) or not np.isfinite(array).all():
        raise ModelError(f"{layer.title} has a scale that is not read here: {value!r:.60}")
    return array.reshape(-1)


def _channels(array: np.ndarray, value: Value) -> torch.Tensor:
    shape = (-1, 1, 1) if value.layout == "moved" else (-1,)
    return torch.from_numpy(np.array(array, np.float32)).reshape(shape)


def _normalization(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """``(x - mean) / deviation`` with numbers that were fitted to data: a batch norm that learned nothing else."""
    value = builder.settled(values[0])
    said = layer.get("mean"), layer.get("variance")
    if None in said:
        params = builder.params(layer)
        mean, variance = params["running_mean"], params["running_var"]
    else:
        mean, variance = (np.asarray(one, np.float32).reshape(-1) for one in said)
    channels = value.shape[0]
    whole = mean.size == variance.size == 1
    channelwise = value.layout == "grey" or len(value.shape) == 1 or value.axis(-1) == 1
    if layer.get("invert") or not channelwise or (not whole and {mean.size, variance.size} != {channels}):
        raise UnreadError(f"{layer.title} normalises in a way that is not read here")
    if value.untouched:
        builder.common.scale = "byte" if float(np.abs(mean).max()) > LEVELS else "unit"
    numbers = {
        "running_mean": np.broadcast_to(mean, channels),
        "running_var": np.broadcast_to(np.maximum(variance, 1e-14), channels),  # Keras: deviations of 1e-7 or more
    }
    kind = nn.BatchNorm2d if len(value.shape) == 3 else nn.BatchNorm1d

    def make() -> nn.Module:
        return fill(kind(channels, eps=1e-20, affine=False, device="meta"), numbers, layer)

    return replace(builder.add(layer.name, builder.module(layer, (), make), value))


NORMS: dict[str, Build] = {
    "BatchNormalization": _batch_norm,
    "BatchNormalizationV1": _batch_norm,
    "SyncBatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "GroupNormalization": _group_norm,
    "UnitNormalization": _unit_norm,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
}
