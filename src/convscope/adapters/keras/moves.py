"""Keras' layers that move numbers: flatten, reshape, permute, pad, crop, enlarge, resize."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from torch import nn

from convscope.adapters.elementary import Pad, Permute, Reshape, Resize
from convscope.adapters.keras.building import Build, Builder
from convscope.adapters.keras.description import Call, Layer, UnreadError
from convscope.adapters.keras.values import Value, flattened_order
from convscope.adapters.keras.windows import count, pair
from convscope.errors import ModelError

Sides = tuple[tuple[int, int], tuple[int, int]]


def _flatten(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """Keras reads a map row by row, each pixel with all its channels; PyTorch channel by channel.

    The layer that reads the vector has its weights put into PyTorch's order instead.
    """
    value = values[0]
    if len(value.shape) == 1:
        return _unmoved(builder, layer, value)
    told = layer.settings.get("data_format") == "channels_first" and value.layout == "plain" and len(value.shape) == 3
    flat = builder.add(layer.name, builder.module(layer, (), nn.Flatten), value, layout="plain")
    if value.layout == "moved" or told:
        channels, height, width = value.shape
        order = flattened_order(channels, height, width)
        return replace(flat, order=order, grid=None if order is None else (channels, height, width))
    return flat


def _unmoved(builder: Builder, layer: Layer, value: Value) -> Value:
    """A layer that does nothing here."""
    same = builder.add(layer.name, builder.module(layer, ("same",), nn.Identity), value, keeps_order=True)
    return replace(same, untouched=value.untouched)


def _target(layer: Layer, value: Value) -> tuple[int, ...]:
    """The shape, as Keras has it, with the size that follows from the others filled in."""
    given = layer.get("target_shape", "dims", "newshape")
    size = math.prod(value.shape)
    if not isinstance(given, list | tuple) or not all(type(side) is int and side >= -1 for side in given):
        raise UnreadError(f"{layer.title} has a shape that is not read here: {given!r:.60}")
    sides = list(given)
    if sides.count(-1) == 1:
        known = math.prod(side for side in sides if side != -1)
        sides[sides.index(-1)] = size // known if known else 0
    if math.prod(sides) != size or not sides:
        raise ModelError(f"{layer.title} makes the shape {given!r:.60} of {size} numbers, which cannot be")
    return tuple(sides)


def _reshape(builder: Builder, layer: Layer, call: Call, values: list[Value]) -> Value:
    target = _target(layer, values[0])
    if values[0].keras_shape == target and values[0].order is None:
        return _unmoved(builder, layer, values[0])
    if len(target) == 1:
        return _flatten(builder, layer, call, values)
    value = values[0]
    if value.layout == "grey" and (*value.keras_shape, 1) == target:
        return replace(_unmoved(builder, layer, value), layout="moved")
    one_place = value.layout == "moved" and (value.shape[0] == 1 or value.shape[1:] == (1, 1))
    if not one_place:  # else the numbers stand in Keras' order already
        value = builder.plain(layer, value)
    if len(target) != 3 or builder.channels_first(layer):
        return builder.add(layer.name, Reshape(target), value, layout="plain")
    height, width, channels = target
    if channels == 1 or height * width == 1:
        return builder.add(layer.name, Reshape((channels, height, width)), value, layout="moved")
    plain = builder.add(layer.name, Reshape(target), value, layout="plain")
    return builder.add(f"{layer.name}_channels", Permute((0, 3, 1, 2)), plain, layout="moved")


def _permute(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    value = builder.settled(values[0])
    if value.layout == "grey":
        value = builder.plain(layer, value)
    dims = layer.get("dims")
    rank = len(value.shape)
    if not isinstance(dims, list | tuple) or sorted(map(str, dims)) != sorted(map(str, range(1, rank + 1))):
        raise ModelError(f"{layer.title} has the axes {dims!r:.60} for a value of {rank} axes; save the model again")
    axes = [value.axis(axis) for axis in dims]
    if value.layout == "moved":
        axes = [axes[2], axes[0], axes[1]]
    if axes == list(range(1, rank + 1)):
        return _unmoved(builder, layer, value)
    return builder.add(layer.name, Permute((0, *axes)), value)


def _sides(layer: Layer, name: str) -> Sides:
    """``1``, ``(1, 2)`` or ``((1, 2), (3, 4))`` as ((top, bottom), (left, right))."""
    given = layer.get(name, default=1 if name == "padding" else 0)
    if type(given) is int:
        given = [given, given]
    if not isinstance(given, list | tuple) or len(given) not in {2, 4}:
        raise UnreadError(f"{layer.title} has a {name} that is not read here: {given!r:.60}")
    if len(given) == 4:  # Keras 1: top, bottom, left, right
        given = [given[:2], given[2:]]

    def side(one: Any) -> tuple[int, int]:
        both = one if isinstance(one, list | tuple) else [one, one]
        if len(both) != 2:
            raise UnreadError(f"{layer.title} has a {name} that is not read here: {given!r:.60}")
        return count(layer, both[0], name), count(layer, both[1], name)

    return side(given[0]), side(given[1])


def _pad(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    rows, columns = _sides(layer, "padding")
    padded = builder.add(layer.name, Pad((*columns, *rows)), builder.map(layer, values[0]))
    return replace(padded, untouched=values[0].untouched)


def _crop(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    (top, bottom), (left, right) = _sides(layer, "cropping")
    value = builder.map(layer, values[0])
    if top + bottom >= value.shape[1] or left + right >= value.shape[2]:
        raise ModelError(f"{layer.title} leaves nothing of its map; give a larger picture (--size)")
    cropped = builder.add(layer.name, Pad((-left, -right, -top, -bottom)), value)
    return replace(cropped, untouched=value.untouched)


def _upsample(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    rows, columns = pair(layer, "size", default=2)
    mode = layer.get("interpolation", default="nearest")
    if mode not in {"nearest", "bilinear"}:
        raise UnreadError(f"{layer.title} enlarges by {mode!r:.40}, which is not read here")
    larger = nn.Upsample(scale_factor=(float(rows), float(columns)), mode=mode)
    return builder.add(layer.name, builder.module(layer, (), lambda: larger), builder.map(layer, values[0]))


def _resize(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """``Resizing``; nothing where the picture has the size already."""
    value = values[0] if values[0].layout == "grey" else builder.map(layer, values[0])
    height = count(layer, layer.get("height"), "height", least=1)
    width = count(layer, layer.get("width"), "width", least=1)
    if value.shape[1:] == (height, width):
        return _unmoved(builder, layer, value)
    rows, columns = value.shape[1:]
    framed = any(layer.get(name) for name in ("crop_to_aspect_ratio", "pad_to_aspect_ratio"))
    mode = str(layer.get("interpolation", default="bilinear")).lower()
    if (framed and rows * width != columns * height) or layer.get("antialias") or mode not in {"nearest", "bilinear"}:
        raise UnreadError(f"{layer.title} resizes in a way that is not read here; give --size {height}x{width}")
    module = Resize((height, width), None, "nearest-exact" if mode == "nearest" else mode)
    return replace(builder.add(layer.name, module, value), untouched=value.untouched)


def _centre_crop(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """``CenterCrop``, and what ``RandomCrop`` does in a network in use."""
    value = builder.map(layer, values[0])
    height = count(layer, layer.get("height"), "height", least=1)
    width = count(layer, layer.get("width"), "width", least=1)
    rows, columns = value.shape[1:]
    if (rows, columns) == (height, width):
        return _unmoved(builder, layer, value)
    if layer.kind != "CenterCrop" or rows < height or columns < width:
        raise UnreadError(f"{layer.title} crops in a way that is not read here; give --size {height}x{width}")
    top, left = (rows - height) // 2, (columns - width) // 2
    amounts = (-left, left + width - columns, -top, top + height - rows)
    return replace(builder.add(layer.name, Pad(amounts), value), untouched=value.untouched)


def _passes(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    """What is done in training alone: random flips, noise."""
    return _unmoved(builder, layer, values[0])


def _dropout(builder: Builder, layer: Layer, _: Call, values: list[Value]) -> Value:
    share = layer.get("rate", "p", default=0.5)
    share = float(share) if isinstance(share, int | float) and 0 <= share <= 1 else 0.0
    module = builder.module(layer, (), lambda: nn.Dropout(share))
    return builder.add(layer.name, module, values[0], keeps_order=True)


MOVES: dict[str, Build] = {
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "ZeroPadding2D": _pad,
    "Cropping2D": _crop,
    "UpSampling2D": _upsample,
    "Resizing": _resize,
    "CenterCrop": _centre_crop,
    "RandomCrop": _centre_crop,
    "Dropout": _dropout,
    "SpatialDropout2D": _dropout,
    **dict.fromkeys(
        (
            "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "Identity",
            "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness",
            "RandomHeight", "RandomWidth", "RandomShear", "RandomHue", "RandomSaturation", "RandomSharpness",
            "RandomColorJitter", "RandomColorDegeneration", "RandomGrayscale", "RandomGaussianBlur", "RandomErasing",
            "RandomInvert", "RandomPosterization", "RandomPerspective", "RandomElasticTransform", "AugMix", "CutMix",
            "MixUp", "RandAugment",
        ),
        _passes,
    ),
}  # fmt: skip
