"""The same network in a cheaper order: what may be exchanged, and which rows and columns nobody reads.

Two rewrites of a chain of standard layers, both exact:

* **pool first**: a monotone activation and a max pooling behind it exchange places, because the largest value stays
  the largest; a 2x2 pooling leaves the activation a quarter of the work;
* **leave out**: a pooling without padding drops the last rows and columns that fill no window. What only they read
  need not be computed, and what only that reads neither, backwards up to the picture.

Only extents are decided here; :mod:`convscope.train.forward` runs the layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

MONOTONE: tuple[type[nn.Module], ...] = (nn.ReLU, nn.Sigmoid, nn.Tanh, nn.LeakyReLU, nn.ELU)
POINTWISE: tuple[type[nn.Module], ...] = (*MONOTONE, nn.Identity, nn.Dropout, nn.GELU, nn.SiLU)
HEADS: dict[type[nn.Module], str] = {nn.Softmax: "softmax", nn.Sigmoid: "sigmoid"}
KNOWN: tuple[type[nn.Module], ...] = (
    *POINTWISE, nn.Softmax, nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.MaxPool2d, nn.AvgPool2d, nn.BatchNorm1d,
    nn.BatchNorm2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Upsample, nn.ZeroPad2d, nn.ConstantPad2d,
)  # fmt: skip
"""Layers whose meaning this package knows; subclasses may mean something else and do not count."""


def leaves(model: nn.Module) -> list[nn.Module] | None:
    """The layers of a chain in the order in which they run; None if it is not made of standard layers alone.

    A layer with hooks is not standard: whoever hooked it wants it to be called.

    >>> [type(layer).__name__ for layer in leaves(nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(4, 2))))]
    ['Flatten', 'Linear']
    >>> leaves(nn.Sequential(nn.Flatten(), nn.Bilinear(2, 2, 2))) is None
    True
    """
    if hooked(model):
        return None
    if type(model) is not nn.Sequential:
        return [model] if _standard(model) else None
    found: list[nn.Module] = []
    for child in model:
        inner = leaves(child)
        if inner is None:
            return None
        found += inner
    return found


def _standard(layer: nn.Module) -> bool:
    plain = getattr(layer, "padding_mode", "zeros") == "zeros" and not getattr(layer, "return_indices", False)
    return type(layer) in KNOWN and plain


def hooked(module: nn.Module) -> bool:
    """Whether somebody asked to be called when this very module runs."""
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, name) for name in names)


def without_head(layers: Sequence[nn.Module]) -> tuple[list[nn.Module], str]:
    """The layers up to the logits, and which head was taken off: ``softmax``, ``sigmoid`` or ``none``.

    A softmax counts where it runs over the classes, which is axis 1.

    >>> without_head([nn.Linear(4, 2), nn.Softmax(dim=1)])
    ([Linear(in_features=4, out_features=2, bias=True)], 'softmax')
    """
    if not layers:
        return [], "none"
    last = layers[-1]
    head = HEADS.get(type(last), "none")
    if isinstance(last, nn.Softmax) and last.dim not in {1, -1}:
        head = "none"
    return (list(layers[:-1]), head) if head != "none" else (list(layers), "none")


def pool_first(layers: Sequence[nn.Module]) -> list[nn.Module]:
    """The layers with every max pooling in front of the monotone activation that it follows.

    A padding with minus infinity, which belongs to the pooling behind it, moves along.

    >>> moved = pool_first([nn.ReLU(), nn.ConstantPad2d(1, float("-inf")), nn.MaxPool2d(2)])
    >>> [type(layer).__name__ for layer in moved]
    ['ConstantPad2d', 'MaxPool2d', 'ReLU']
    """
    order = list(layers)
    for place in range(1, len(order)):
        if type(order[place]) is not nn.MaxPool2d:
            continue
        start = place - 1
        if start > 0 and _pads_pooling(order[start]):
            start -= 1
        while start >= 0 and _rises(order[start]):
            activation = order.pop(start)
            order.insert(place, activation)
            place, start = place - 1, start - 1  # noqa: PLW2901 - the pooling moved forward by one
    return order


def _rises(layer: nn.Module) -> bool:
    """Whether a layer maps larger values to larger (or equal) ones, each by itself."""
    if isinstance(layer, nn.LeakyReLU):
        return layer.negative_slope >= 0
    if isinstance(layer, nn.ELU):
        return layer.alpha >= 0
    return type(layer) in MONOTONE


def _pads_pooling(layer: nn.Module) -> bool:
    return type(layer) is nn.ConstantPad2d and layer.value == float("-inf")


def extents(layers: Sequence[nn.Module], size: tuple[int, int]) -> list[tuple[int | None, int | None]]:
    """How many rows and columns of its input each layer needs, counted from the top left corner.

    Args:
        layers: in the order in which they run.
        size: rows and columns of the first layer's input.

    Returns:
        One pair a layer, never more than the layer is given; None stands for all of them.

    >>> net = [nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.MaxPool2d(2), nn.Flatten()]
    >>> extents(net, (28, 28))
    [(26, 26), (24, 24), (12, 12), (10, 10), (5, 5)]
    """
    rows, columns = (_along(layers, axis, size[axis]) for axis in (0, 1))
    return list(zip(rows, columns, strict=True))


def _along(layers: Sequence[nn.Module], axis: int, size: int) -> list[int | None]:
    """:func:`extents` along one axis."""
    given: list[int | None] = [size]
    for layer in layers:
        last = given[-1]
        given.append(None if last is None else _after(layer, axis, last))
    needed = given[-1:]
    for place in range(len(layers) - 1, -1, -1):
        needed.append(_before(layers[place], axis, needed[-1], given[place + 1], given[place]))
    return needed[:0:-1]


def _fixed(layer: nn.BatchNorm2d) -> bool:
    """Whether a normalisation uses what it remembers, and no statistics of the rows that it is given."""
    return not layer.training and layer.running_mean is not None


def _windowed(layer: nn.Module) -> bool:
    """Whether a layer reads windows without padding, so that fewer outputs need fewer inputs."""
    if isinstance(layer, nn.Conv2d):
        return not isinstance(layer.padding, str)
    return isinstance(layer, nn.MaxPool2d | nn.AvgPool2d) and not layer.ceil_mode


def _window(layer: Any, axis: int) -> tuple[int, int, int]:
    """Reach, stride and padding along an axis."""
    size, stride, padding = (_pair(value)[axis] for value in (layer.kernel_size, layer.stride, layer.padding))
    dilation = _pair(getattr(layer, "dilation", 1))[axis]
    return (size - 1) * dilation + 1, stride, padding


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _after(layer: nn.Module, axis: int, size: int) -> int | None:
    """How many outputs a layer has along an axis; None where that does not help."""
    if type(layer) in POINTWISE or isinstance(layer, nn.BatchNorm2d):
        return size
    if isinstance(layer, nn.ZeroPad2d | nn.ConstantPad2d):
        left, right, top, bottom = layer.padding
        return size + (top + bottom if axis == 0 else left + right)
    if not _windowed(layer):
        return None
    reach, stride, padding = _window(layer, axis)
    return (size + 2 * padding - reach) // stride + 1


def _before(layer: nn.Module, axis: int, wanted: int | None, full: int | None, given: int | None) -> int | None:
    """How many inputs along an axis the first ``wanted`` of ``full`` outputs read."""
    if wanted is None or full is None or given is None:
        return given
    if type(layer) in POINTWISE or (isinstance(layer, nn.BatchNorm2d) and _fixed(layer)):
        return wanted
    if not _windowed(layer):
        return given
    reach, stride, padding = _window(layer, axis)
    return given if padding else min((wanted - 1) * stride + reach, given)
