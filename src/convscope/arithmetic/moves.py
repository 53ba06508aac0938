"""Kinds in which a number only changes its place: flatten, permute, slice, pad, cat, shuffles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from convscope.arithmetic import taps
from convscope.arithmetic.operands import operand
from convscope.arithmetic.terms import (
    Index,
    Terms,
    copied,
    given,
    number,
    parameter,
    products,
    read_grid,
    read_one,
)
from convscope.errors import NoArithmetic
from convscope.traces import Step


def reshape(step: Step, index: Index) -> Terms:
    """Row by row, the order of the numbers stays: the k-th number is the k-th number."""
    source = step.inputs[0]
    if source.value.size != step.value.size:
        raise NoArithmetic(
            f"step {step.name!r} ({step.kind}) has {step.value.size} numbers and its input "
            f"{source.value.size}; only as many can keep their order"
        )
    flat = int(np.ravel_multi_index(index, step.shape)) if index else 0
    position = tuple(int(part) for part in np.unravel_index(flat, source.shape)) if source.shape else ()
    return copy(step, position)


def permute(step: Step, index: Index) -> Terms:
    """Axis i of the output is axis ``axes[i]`` of the input."""
    position = [0] * len(index)
    for part, axis in zip(index, step.settings["axes"], strict=True):
        position[int(axis)] = part
    return copy(step, tuple(position))


def take(step: Step, index: Index) -> Terms:
    """``x[start + i * step]`` along every axis; a whole number drops its axis."""
    kept = iter(index)
    position = []
    for size, told in zip(step.inputs[0].shape, step.settings["index"], strict=True):
        at = 0 if isinstance(told, int) else next(kept)
        position.append(int(taps.sliced(np.array([at]), size, told)[0, 0]))
    return copy(step, tuple(position))


def pad(step: Step, index: Index) -> Terms:
    """The number that was moved or mirrored here, or the filling."""
    settings = step.settings
    told = zip(index, step.inputs[0].shape, settings["padding"], strict=True)
    axes = [taps.padded(np.array([at]), size, int(before), settings["mode"])[0] for at, size, (before, _) in told]
    fill = float(settings.get("value") or 0.0)
    reads = read_grid(step, axes, fill)
    if reads.padded[0]:
        return products(reads, np.ones(1), f"padding {number(fill)}")
    return copied(reads, step.inputs[0].name)


def cat(step: Step, index: Index) -> Terms:
    """Values one after the other along an axis."""
    axis = int(step.settings["axis"]) % len(index)
    left = index[axis]
    for told in joined_parts(step):
        length = part_length(step, told, axis)
        if left < length:
            return _part(step, told, (*index[:axis], left, *index[axis + 1 :]))
        left -= length
    raise NoArithmetic(f"the parts of step {step.name!r} (cat) are shorter than its value; they do not fit")


def stack(step: Step, index: Index) -> Terms:
    """Values one behind the other along a new axis."""
    axis = int(step.settings["axis"]) % len(index)
    return _part(step, joined_parts(step)[index[axis]], index[:axis] + index[axis + 1 :])


def joined_parts(step: Step) -> list[Mapping[str, Any]]:
    """What was joined, in order: the inputs, unless ``operands`` says otherwise."""
    told = step.settings.get("operands")
    return list(told) if told else [{"input": i} for i in range(len(step.inputs))]


def part_length(step: Step, told: Mapping[str, Any], axis: int) -> int:
    """How much of the joined axis one part fills."""
    values = parameter(step, told["param"]) if "param" in told else step.inputs[int(told["input"])].value
    shape = values.shape[max(0, values.ndim - len(step.shape)) :]  # a parameter may still have the batch axis
    return int(shape[axis]) if len(shape) == len(step.shape) else 0  # PyTorch lets empty vectors join anything


def _part(step: Step, told: Mapping[str, Any], position: Index) -> Terms:
    found = operand(step, told, position)
    if found.is_step:
        return copied(read_one(step, found.source, position), step.inputs[found.source].name)
    where = ", ".join(str(part) for part in position)
    return products(given(found.value, len(position)), np.ones(1), f"parameter {told.get('param')}[{where}]")


def pixel_shuffle(step: Step, index: Index) -> Terms:
    """``x[c r^2 + (y mod r) r + x mod r, y // r, x // r]``. Source: Shi et al., Sub-Pixel CNN, 2016."""
    factor = int(step.settings["factor"])
    *before, channel, y, x = index
    source = channel * factor**2 + y % factor * factor + x % factor
    return copy(step, (*before, source, y // factor, x // factor))


def channel_shuffle(step: Step, index: Index) -> Terms:
    """Channels dealt out like cards: ``x[(o mod g) C / g + o // g]``.

    Source: Zhang et al., ShuffleNet, 2017.
    """
    groups = int(step.settings["groups"])
    out = index[0]
    return copy(step, (out % groups * (step.shape[0] // groups) + out // groups, *index[1:]))


def copy(step: Step, position: Index) -> Terms:
    """The number at one position of the first input."""
    return copied(read_one(step, 0, position), step.inputs[0].name)


MOVES = {
    **dict.fromkeys(("flatten", "reshape", "squeeze", "unsqueeze"), reshape),
    "permute": permute,
    "slice": take,
    "pad": pad,
    "cat": cat,
    "stack": stack,
    "pixel_shuffle": pixel_shuffle,
    "channel_shuffle": channel_shuffle,
}
