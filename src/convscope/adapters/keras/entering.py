"""How a photo enters a Keras network: which of its axes is which, and what is guessed where the network is silent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from convscope.adapters.keras.description import Layer, Network
from convscope.adapters.keras.values import Value, flattened_order
from convscope.errors import ModelError
from convscope.weights.value import named, shown

GUESSED_SIDE = 224
"""Of a picture whose size the network leaves open."""
MOST_SIDE, MOST_PIXELS = 16_384, 50_000_000
PICTURE_CHANNELS = (1, 3)

Shape = tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Entry:
    """The way in.

    Attributes:
        photo: (C, H, W) of what the network that is built is given.
        value: what its first layers read.
        as_keras: from such a photo to what Keras' own network reads, without the batch.
        flattens: whether a step that makes a vector of the photo stands in front.
        notes: what was guessed, for people.
    """

    photo: tuple[int, int, int]
    value: Value
    as_keras: Callable[[np.ndarray], np.ndarray]
    flattens: bool = False
    notes: tuple[str, ...] = ()


def entry_of(network: Network, *, channels_first: bool, size: tuple[int, int] | None) -> Entry:
    """The way into a network.

    Args:
        network: as described.
        channels_first: whether its layers take axis 1 for the channels.
        size: (height, width) where the network leaves it open; None for a guess.

    Raises:
        ModelError: it takes no photo, or several inputs that are not one photo.
    """
    by_name = {layer.name: layer for layer in network.layers}
    shapes: dict[str, Shape] = {}
    for reference in network.inputs:
        layer = by_name.get(reference.layer)
        if layer is None or layer.kind != "InputLayer":
            raise ModelError(f"the network's input {shown(reference.layer)} is no input layer; save the model again")
        shapes[layer.name] = _shape(layer)
    if len(set(shapes.values())) > 1:
        wanted = named([f"{shown(name)} {_text(one)}" for name, one in shapes.items()])
        raise ModelError(
            f"its inputs are not all the same photo: {wanted}; make a network of the layers "
            "that take one photo (keras.Model) and give that"
        )
    shape = next(iter(shapes.values()))
    if len(shape) == 1:
        return _vector(shape[0])
    if len(shape) == 2:
        return _grey(shape, network, size)
    return _map(shape, network, size, channels_first=channels_first)


def _shape(layer: Layer) -> Shape:
    given = layer.get("batch_shape", "batch_input_shape")
    if isinstance(given, dict):  # a tuple as Keras 3 writes some
        given = given.get("items")
    if given is None and isinstance(layer.get("shape", "input_shape"), list):
        given = [None, *layer.get("shape", "input_shape")]
    if not isinstance(given, list):
        raise ModelError(
            "it does not say the size of its input; begin it with keras.Input, or run it once before it is saved"
        )
    sides = tuple(given[1:])
    if not all(side is None or (type(side) is int and 1 <= side <= MOST_PIXELS) for side in sides):
        raise ModelError(f"its input {shown(layer.name)} has an impossible size: {given!r:.60}; save the model again")
    if not 1 <= len(sides) <= 3:
        raise ModelError(f"its input {shown(layer.name)} takes {len(sides)} axes beside the batch, which is no photo")
    return sides


def _filled(height: int | None, width: int | None, network: Network, size: tuple[int, int] | None) -> tuple[Any, ...]:
    """(height, width) and what to say of them."""
    notes: tuple[str, ...] = ()
    if height is None or width is None:
        guess = size or _resized(network) or (GUESSED_SIDE, GUESSED_SIDE)
        height, width = height or guess[0], width or guess[1]
        if size is None:
            guessed = f"{height}x{width} is a guess, give another with --size"
            notes = (f"the network leaves the size of its pictures open; {guessed}",)
    if max(height, width) > MOST_SIDE or height * width > MOST_PIXELS:
        raise ModelError(f"its input of {height}x{width} is larger than any photo; refused")
    return height, width, notes


def _resized(network: Network) -> tuple[int, int] | None:
    """The size to which the network itself brings its pictures."""
    for layer in network.walk():
        sides = layer.get("height"), layer.get("width")
        if layer.kind == "Resizing" and all(type(side) is int and 1 <= side <= MOST_SIDE for side in sides):
            return sides[0], sides[1]
    return None


def _map(shape: Shape, network: Network, size: tuple[int, int] | None, *, channels_first: bool) -> Entry:
    front, behind = shape[0] in PICTURE_CHANNELS, shape[2] in PICTURE_CHANNELS
    first = front if front != behind else channels_first
    channels = (shape[0] if first else shape[2]) or 3
    sides = shape[1:] if first else shape[:2]
    height, width, notes = _filled(sides[0], sides[1], network, size)
    if channels not in PICTURE_CHANNELS:
        notes = (*notes, f"its input has {channels} channels; a photo has 1 or 3, so it takes only arrays")
    photo = (channels, height, width)
    like = torch.empty(0, *photo)
    value = Value("photo", like, "plain" if first else "moved", untouched=True)
    return Entry(photo, value, (lambda one: one) if first else (lambda one: one.transpose(1, 2, 0)), notes=notes)


def _grey(shape: Shape, network: Network, size: tuple[int, int] | None) -> Entry:
    height, width, notes = _filled(shape[0], shape[1], network, size)
    like = torch.empty(0, 1, height, width)
    return Entry((1, height, width), Value("photo", like, "grey", untouched=True), lambda one: one[0], notes=notes)


def _vector(count: int | None) -> Entry:
    count = count or 0
    for channels in (1, 3):
        side = math.isqrt(count // channels)
        if side > 1 and channels * side * side == count and side <= MOST_SIDE:
            order = flattened_order(channels, side, side)
            like = torch.empty(0, count)
            grid = None if order is None else (channels, side, side)
            colours = "grey" if channels == 1 else "colour"
            note = (
                f"the network takes a list of {count} numbers; the photo goes in as {side}x{side} {colours}, row by "
                "row, which is a guess"
            )
            value = Value("photo", like, "plain", order, grid, untouched=True)
            photo = (channels, side, side)
            return Entry(photo, value, lambda one: one.transpose(1, 2, 0).reshape(-1), flattens=True, notes=(note,))
    raise ModelError(f"it takes a list of {count} numbers, which is no photo")


def _text(shape: Shape) -> str:
    return "x".join("?" if side is None else str(side) for side in shape)
