"""Keras' layers with a window that moves over a map: convolutions and pooling.

``same`` padding is TensorFlow's: where it is uneven, a step ``NAME_pad`` or ``NAME_crop`` shows the extra row and
column as what they are, as for networks built from a spec.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from convscope.adapters.elementary import Pad, Reduce
from convscope.adapters.keras.activations import activated
from convscope.adapters.keras.building import Build, Builder, Params, fill
from convscope.adapters.keras.description import Call, Layer, UnreadError
from convscope.adapters.keras.values import Value
from convscope.errors import ModelError
from convscope.spec.geometry import Slide, slide

Pair = tuple[int, int]
MOST_STEP = 1 << 20
"""Pixels of a window, a stride, a padding."""


def pair(layer: Layer, *names: str, default: Any = None) -> Pair:
    """A setting of rows and columns, which may be one number.

    Raises:
        UnreadError: it is missing or no such setting.
    """
    value = layer.get(*names, default=default)
    numbers = [value, value] if type(value) is int else value
    if not isinstance(numbers, list | tuple) or len(numbers) != 2:
        raise UnreadError(f"{layer.title} has no {names[0]} that could be read: {value!r:.60}")
    rows, columns = (count(layer, one, names[0]) for one in numbers)
    return rows, columns


def count(layer: Layer, value: Any, name: str, least: int = 0) -> int:
    """A whole number among the settings.

    Raises:
        ModelError: it is none, or absurd.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not least <= value <= MOST_STEP:
        raise ModelError(f"{layer.title} says {name} = {value!r:.60}; save the model again")
    return value


def _kernel(layer: Layer) -> Pair:
    if "nb_row" in layer.settings:  # Keras 1
        return count(layer, layer.get("nb_row"), "nb_row"), count(layer, layer.get("nb_col"), "nb_col")
    return pair(layer, "kernel_size")


def _padding(layer: Layer) -> str:
    padding = layer.get("padding", "border_mode", default="valid")
    if padding not in {"valid", "same"}:
        raise UnreadError(f"{layer.title} has the padding {padding!r:.40}, which is not read")
    return str(padding)


def _slides(layer: Layer, value: Value, kernel: Pair, stride: Pair, dilation: Pair) -> tuple[Slide, Slide]:
    height, width = value.shape[1:]
    if min(*kernel, *stride, *dilation) < 1:
        raise ModelError(f"{layer.title} has a window or a stride of 0; save the model again")
    rows, columns = (
        slide(size, kernel[axis], stride[axis], dilation[axis], _padding(layer))
        for axis, size in enumerate((height, width))
    )
    if min(rows.out, columns.out) < 1:
        raise ModelError(
            f"{layer.title} moves a window of {kernel[0]}x{kernel[1]} over a map of "
            f"{height}x{width}, where it does not fit; give a larger picture (--size)"
        )
    return rows, columns


def _is_even(rows: Slide, columns: Slide) -> bool:
    return rows.before == rows.after and columns.before == columns.after


def _sides(rows: Slide, columns: Slide) -> tuple[int, int, int, int]:
    return columns.before, columns.after, rows.before, rows.after


def _convolved(
    builder: Builder, layer: Layer, value: Value, weights: Params, groups: int, dilation: Pair,
    behind: Params | None = None,
) -> Value:  # fmt: skip
    """A convolution with these weights (out, in / groups, h, w), and the padding that it needs.

    ``behind`` are the weights of a 1x1 convolution of its result; both are parts of the layer's module then.
    """
    stride = _stride(layer)
    window = int(weights["weight"].shape[2]), int(weights["weight"].shape[3])
    rows, columns = _slides(layer, value, window, stride, dilation)
    padding = (rows.before, columns.before) if _is_even(rows, columns) else (0, 0)
    if not _is_even(rows, columns):
        value = builder.add(f"{layer.name}_pad", Pad(_sides(rows, columns)), value)

    def make() -> nn.Module:
        first = _conv2d(layer, weights, groups, stride=stride, padding=padding, dilation=dilation)
        if behind is None:
            return first
        return nn.Sequential(OrderedDict(depthwise=first, pointwise=_conv2d(layer, behind, 1)))

    return builder.add(layer.name, builder.module(layer, (padding,), make), value)


def _conv2d(layer: Layer, weights: Params, groups: int, **options: Any) -> nn.Module:
    out, inputs, height, width = weights["weight"].shape
    bias = "bias" in weights
    conv = nn.Conv2d(inputs * groups, out, (height, width), groups=groups, bias=bias, device="meta", **options)
    return fill(conv, weights, layer)


def conv(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """``Conv2D`` and its older names."""
    value = builder.map(layer, values[0])
    weights = _checked(layer, builder.params(layer), _kernel(layer), ("filters", "nb_filter"), 0)
    groups = count(layer, layer.get("groups", default=1), "groups", least=1)
    dilation = pair(layer, "dilation_rate", "atrous_rate", default=1)
    result = _convolved(builder, layer, value, weights, groups, dilation)
    return activated(builder, layer, result)


def depthwise(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """``DepthwiseConv2D``: each channel has filters of its own."""
    value = builder.map(layer, values[0])
    weights = _checked(layer, builder.params(layer), _kernel(layer), (), 0)
    dilation = pair(layer, "dilation_rate", default=1)
    result = _convolved(builder, layer, value, weights, value.shape[0], dilation)
    return activated(builder, layer, result)


def separable(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """``SeparableConv2D``: two steps, ``NAME.depthwise`` and ``NAME.pointwise``."""
    value = builder.map(layer, values[0])
    deep = _checked(layer, builder.params(layer, "depthwise"), _kernel(layer), (), 0)
    points = _checked(layer, builder.params(layer, "pointwise"), (1, 1), ("filters", "nb_filter"), 0)
    dilation = pair(layer, "dilation_rate", default=1)
    return activated(builder, layer, _convolved(builder, layer, value, deep, value.shape[0], dilation, points))


def conv_transpose(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """``Conv2DTranspose``; of the full result Keras keeps what JAX' padding leaves, checked against Keras on JAX."""
    value = builder.map(layer, values[0])
    weights = _checked(layer, builder.params(layer), _kernel(layer), ("filters", "nb_filter"), 1)
    stride, dilation = _stride(layer), pair(layer, "dilation_rate", default=1)
    kernel = _kernel(layer)
    given = layer.get("output_padding")
    extra = (None, None) if given is None else pair(layer, "output_padding")
    cuts = [
        _cut(_padding(layer), (kernel[axis] - 1) * dilation[axis] + 1, stride[axis], extra[axis]) for axis in (0, 1)
    ]
    behind = tuple(max(0, before - after) for before, after in cuts)
    if any(behind[axis] >= max(stride[axis], dilation[axis]) for axis in (0, 1)):
        raise UnreadError(f"{layer.title} has an output padding that PyTorch cannot have")

    def make() -> nn.Module:
        channels, out, *_ = weights["weight"].shape
        options: dict[str, Any] = {"bias": "bias" in weights, "dilation": dilation, "device": "meta"}
        padding = (cuts[0][0], cuts[1][0])
        spread = nn.ConvTranspose2d(channels, out, kernel, stride, padding, (behind[0], behind[1]), **options)
        return fill(spread, weights, layer)

    result = builder.add(layer.name, builder.module(layer, (), make), value)
    bottom, right = (max(0, after - before) for before, after in cuts)
    if bottom or right:
        result = builder.add(f"{layer.name}_crop", Pad((0, -right, 0, -bottom)), result)
    return activated(builder, layer, result)


def _cut(padding: str, window: int, stride: int, extra: int | None) -> Pair:
    """Values cut off before and behind the full result of ``(n - 1) * stride + window``; negative ones are added."""
    if padding == "valid":
        return 0, -(max(stride - window, 0) if extra is None else extra)
    total = stride + window - 2 if extra is None else window + window % 2 - 2 + extra
    left = min(total // 2 + total % 2, window - 1)
    return window - 1 - left, window - 1 - (total - left)


def _stride(layer: Layer) -> Pair:
    return pair(layer, "strides", "subsample", default=1)


def _checked(layer: Layer, weights: Params, kernel: Pair, filters: tuple[str, ...], axis: int) -> Params:
    """Weights whose shape is what the settings say."""
    shape = weights["weight"].shape if "weight" in weights else ()
    said = layer.get(*filters) if filters else None
    if len(shape) != 4 or shape[2:] != kernel or (said is not None and shape[axis] != said) or 0 in shape:
        sizes = "x".join(map(str, shape)) or "missing"
        raise ModelError(
            f"the weights of {layer.title} are {sizes} in the file, not what it says itself "
            f"(kernel {kernel[0]}x{kernel[1]}{'' if said is None else f', filters {said}'}); save the model again"
        )
    return weights


def max_pool(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """``MaxPooling2D``."""
    value = builder.map(layer, values[0])
    size, stride = _pooling(layer)
    rows, columns = _slides(layer, value, size, stride, (1, 1))
    even = _is_even(rows, columns) and rows.before * 2 <= size[0] and columns.before * 2 <= size[1]
    if not even:
        value = builder.add(f"{layer.name}_pad", Pad(_sides(rows, columns), value=float("-inf")), value)
    return builder.add(layer.name, nn.MaxPool2d(size, stride, (rows.before, columns.before) if even else 0), value)


def average_pool(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """``AveragePooling2D``, in which padding never counts.

    An odd padding has one pixel more behind. With a stride of 2 or more PyTorch's ``ceil_mode`` makes the place for
    it. With a stride of 1 both sides get the larger padding, which puts one window too many in front; it is cut off.
    """
    value = builder.map(layer, values[0])
    size, stride = _pooling(layer)
    moves = _slides(layer, value, size, stride, (1, 1))
    odd = [move.before != move.after for move in moves]
    cut = [int(odd[axis] and stride[axis] == 1) for axis in (0, 1)]
    padding = [move.after if cut[axis] else move.before for axis, move in enumerate(moves)]
    hang = any(odd[axis] and stride[axis] > 1 for axis in (0, 1))
    if any(2 * padding[axis] > size[axis] for axis in (0, 1)):
        raise UnreadError(f"{layer.title} has more padding than half of its window")
    pool = nn.AvgPool2d(
        size, stride, (padding[0], padding[1]), ceil_mode=hang, count_include_pad=not (hang or any(padding))
    )
    result = builder.add(layer.name, pool, value)
    if any(cut):
        result = builder.add(f"{layer.name}_crop", Pad((-cut[1], 0, -cut[0], 0)), result)
    if result.shape[1:] != tuple(move.out for move in moves):
        raise UnreadError(f"{layer.title} has a padding that PyTorch's pooling cannot have")
    return result


def _pooling(layer: Layer) -> tuple[Pair, Pair]:
    size = pair(layer, "pool_size", default=2)
    return size, size if layer.get("strides") is None else pair(layer, "strides")


def _global(function: str) -> Build:
    def build(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
        value = builder.map(layer, values[0])
        keep = bool(layer.get("keepdims", default=False))
        return builder.add(layer.name, Reduce(function, (2, 3), keepdim=keep), value, layout=None if keep else "plain")

    return build


def _adaptive(make: Callable[[Pair], nn.Module]) -> Build:
    def build(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
        return builder.add(layer.name, make(pair(layer, "output_size")), builder.map(layer, values[0]))

    return build


def dense(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """``Dense``: on a vector, on a map (then it is a convolution of 1x1), on the last axis of anything else."""
    value, weights = values[0], builder.params(layer)
    units = count(layer, layer.get("units", "output_dim"), "units", least=1)
    matrix = weights.get("weight", np.zeros(0, np.float32))
    if matrix.ndim != 2 or matrix.shape[0] != units or matrix.shape[1] != value.keras_shape[-1]:
        sizes = "x".join(map(str, matrix.shape))
        raise ModelError(
            f"the weights of {layer.title} are {sizes} in the file, which is not what {units} "
            f"units on {value.keras_shape[-1]} numbers have; save the model again"
        )
    on_map = value.layout == "moved"
    builder.note_flattened(layer, value)
    if value.order is not None:  # column i of the file reads the number that stands at order[i]
        columns = np.empty_like(matrix)
        columns[:, value.order] = matrix
        matrix = columns
    matrix = matrix[:, :, None, None] if on_map else matrix
    order = None if value.order is None else value.order.tobytes()

    def make() -> nn.Module:
        bias = "bias" in weights
        inputs = matrix.shape[1]
        linear = (
            nn.Conv2d(inputs, units, 1, bias=bias, device="meta")
            if on_map
            else nn.Linear(inputs, units, bias=bias, device="meta")
        )
        return fill(linear, {**weights, "weight": matrix}, layer)

    return activated(builder, layer, builder.add(layer.name, builder.module(layer, (on_map, order), make), value))


WINDOWS: dict[str, Build] = {
    "Conv2D": conv, "Convolution2D": conv, "AtrousConvolution2D": conv, "AtrousConv2D": conv,
    "DepthwiseConv2D": depthwise,
    "SeparableConv2D": separable, "SeparableConvolution2D": separable,
    "Conv2DTranspose": conv_transpose, "Convolution2DTranspose": conv_transpose, "Deconvolution2D": conv_transpose,
    "MaxPooling2D": max_pool, "MaxPool2D": max_pool,
    "AveragePooling2D": average_pool, "AvgPool2D": average_pool,
    "GlobalAveragePooling2D": _global("mean"), "GlobalAvgPool2D": _global("mean"),
    "GlobalMaxPooling2D": _global("amax"), "GlobalMaxPool2D": _global("amax"),
    "AdaptiveAveragePooling2D": _adaptive(nn.AdaptiveAvgPool2d),
    "AdaptiveMaxPooling2D": _adaptive(nn.AdaptiveMaxPool2d),
    "Dense": dense,
}  # fmt: skip
