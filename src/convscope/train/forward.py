"""A model's forward pass for training, as fast as this machine has it: the same function, up to rounding.

For a chain of standard layers (what specs build) the layers run in a cheaper order (:mod:`convscope.train.fusing`),
with the channels last in memory and, where asked, in bfloat16 with float32 master weights: the weights are rounded
once a call, their gradients arrive in float32, and the optimiser never sees anything else (Micikevicius et al.,
*Mixed Precision Training*, 2018; bfloat16 has float32's range and needs no loss scaling). Any other model runs as it
is, under ``torch.autocast``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from convscope.errors import CallError
from convscope.train import fusing

TYPES: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
OVERWRITABLE = (nn.Conv2d, nn.Linear, nn.MaxPool2d, nn.BatchNorm1d, nn.BatchNorm2d)
"""Layers whose backward pass does not read their output, so that an activation may be written over it."""


def prepare(model: nn.Module, *, precision: str = "float32") -> Forward:
    """The fast forward pass of a model. The model itself is not changed, and its parameters stay where they are.

    Args:
        model: any module from (N, C, H, W) to (N, K). Whether it trains or evaluates is read at every call.
        precision: in what the layers compute, ``float32`` or ``bfloat16``. Parameters, gradients and the returned
            logits are float32 in any case.

    Raises:
        CallError: another precision.

    >>> layers = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3), nn.Softmax(1)
    >>> forward = prepare(nn.Sequential(*layers))
    >>> forward.head, tuple(forward(torch.zeros(2, 1, 9, 9)).shape)
    ('softmax', (2, 3))
    """
    if precision not in TYPES:
        raise CallError(f"precision {precision!r} is none of {', '.join(TYPES)}; pass one of them")
    layers = fusing.leaves(model)
    if layers is not None:
        body, head = fusing.without_head(layers)
        return Forward(model, precision, head, tuple(fusing.pool_first(body)))
    head = "none"
    if type(model) is nn.Sequential and not fusing.hooked(model):
        children, head = fusing.without_head(list(model))
        model = nn.Sequential(*children) if head != "none" else model
    return Forward(model, precision, head, None)


@dataclass(frozen=True)
class Forward:
    """A prepared forward pass; call it with a batch.

    Attributes:
        model: the model, or its part in front of the head; it holds the parameters.
        precision: of the computation.
        head: what was taken off the end: ``softmax``, ``sigmoid`` or ``none``.
        layers: the standard layers in the order in which they run; None where the model runs as it is.
    """

    model: nn.Module
    precision: str
    head: str
    layers: tuple[nn.Module, ...] | None

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (N, K), float32, of images (N, C, H, W) or of rows (N, features) in any floating type."""
        kind = TYPES[self.precision]
        if self.layers is None:
            with torch.autocast(images.device.type, torch.bfloat16, enabled=kind is torch.bfloat16):
                logits: Tensor = self.model(_channels_last(images, torch.float32))
            return logits.float()
        needs: list[tuple[int | None, int | None]] = []
        if images.dim() == 4:
            needs = fusing.extents(self.layers, (images.shape[2], images.shape[3]))
            images = _first(images, *needs[0]) if needs else images
        value = _channels_last(images, kind)
        before: nn.Module | None = None
        for place, layer in enumerate(self.layers):
            if value.dim() == 4 and needs:
                value = _first(value, *needs[place])
            value = _run(layer, value, over=type(before) in OVERWRITABLE)
            before = layer
        return value.float()


def _channels_last(value: Tensor, kind: torch.dtype) -> Tensor:
    """The value with its channels last in memory; a copy, as one channel alone counts as last wherever it lies."""
    if value.dim() != 4:
        return value.to(kind)
    return torch.empty_like(value, dtype=kind, memory_format=torch.channels_last).copy_(value)


def _first(value: Tensor, rows: int | None, columns: int | None) -> Tensor:
    """The first rows and columns; the value itself where that is all of them."""
    if rows is not None and rows < value.shape[2]:
        value = value[:, :, :rows]
    if columns is not None and columns < value.shape[3]:
        value = value[:, :, :, :columns]
    return value


def _run(layer: nn.Module, value: Tensor, *, over: bool) -> Tensor:
    """One layer in the value's type; ``over`` allows an activation to overwrite it."""
    run = _RUN.get(type(layer))
    if run is not None:
        return run(layer, value)
    if type(layer) is nn.ReLU:
        return F.relu_(value) if over else F.relu(value)
    answer: Tensor = layer(value)
    return answer


def _weights(layer: Any, kind: torch.dtype) -> tuple[Tensor, Tensor | None]:
    bias = layer.bias
    return layer.weight.to(kind), None if bias is None else bias.to(kind)


def _conv(layer: Any, value: Tensor) -> Tensor:
    weight, bias = _weights(layer, value.dtype)
    weight = weight.contiguous(memory_format=torch.channels_last)
    return F.conv2d(value, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups)


def _conv_transpose(layer: Any, value: Tensor) -> Tensor:
    weight, bias = _weights(layer, value.dtype)
    sizes = layer.stride, layer.padding, layer.output_padding, layer.groups, layer.dilation
    return F.conv_transpose2d(value, weight, bias, *sizes)


def _linear(layer: Any, value: Tensor) -> Tensor:
    return F.linear(value, *_weights(layer, value.dtype))


def _softmax(layer: Any, value: Tensor) -> Tensor:
    return F.softmax(value.float(), layer.dim).to(value.dtype)


_RUN: dict[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    nn.Conv2d: _conv,
    nn.ConvTranspose2d: _conv_transpose,
    nn.Linear: _linear,
    nn.Softmax: _softmax,
}
