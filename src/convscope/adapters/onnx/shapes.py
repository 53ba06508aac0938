"""Operators that only move numbers: new shapes, joined and taken apart, turned, padded, repeated.

A number of photos that was computed from a shape shows as a multiple of :data:`~convscope.adapters.onnx.values.BATCH`;
a network that was written for one photo has a 1
in its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import nn

from convscope.adapters.elementary import Concat, Pad, Reshape, Slice
from convscope.adapters.onnx.folding import axes_of, slices
from convscope.adapters.onnx.modules import Held, Pick, Regroup, Repeat, Split
from convscope.adapters.onnx.translation import Call, Translator, weights
from convscope.adapters.onnx.values import Unsupported, Value


def reshape_to(call: Call, value: Value, target: Sequence[int]) -> Value:
    """The numbers of a value in another shape; no step where that is the shape they have.

    Args:
        call: the node.
        value: with its axes in the file's order.
        target: sizes, -1 for one that follows from the others.

    Raises:
        ValueError: there are not as many numbers.
    """
    batch, shape, target = call.translation.batch, value.shape, list(target)
    if shape and shape[0] == batch and len(target) > 1 and target[0] == call.translation.written_for:
        target[0] = batch
    rest = math.prod(size for size in target if size != -1)
    if -1 in target:
        if rest <= 0 or math.prod(shape) % rest:
            raise ValueError(f"{target} does not divide it")
        target[target.index(-1)] = math.prod(shape) // rest
    if math.prod(target) != math.prod(shape) or min(target, default=1) < 0:
        raise ValueError(f"{target} has another number of numbers")
    if tuple(target) == shape:
        return value
    if shape and target and shape[0] == target[0] == batch:
        flat = len(target) == 2 and len(shape) > 2
        return call.add(nn.Flatten() if flat else Reshape(target[1:]), value)
    if batch == 1:
        return call.add(Regroup(target, [False] * len(target), math.prod(shape)), value)
    grows = [size % batch == 0 and size > 0 for size in target]
    if sum(grows) != 1:
        raise ValueError(f"{target} does not say where the photos are")
    sizes = [size // batch if more else size for size, more in zip(target, grows, strict=True)]
    return call.add(Regroup(sizes, grows, math.prod(shape) // batch), value)


def _reshape(call: Call) -> Value:
    """Reshape; 0 stands for the size that is there."""
    value, target = call.live(), call.numbers(1, "shape")
    if target is None:
        raise ValueError("there is no shape")
    if not call.get("allowzero", 0):
        target = [value.shape[place] if size == 0 else size for place, size in enumerate(target)]
    return reshape_to(call, value, target)


def _flatten(call: Call) -> Value:
    """Flatten to two axes: those before ``axis``, and the others."""
    value, axis = call.live(), call.get("axis", 1)
    axis += value.rank * (axis < 0)
    if axis == 1 and value.rank > 1:
        return value if value.rank == 2 else call.add(nn.Flatten(), value)
    return reshape_to(call, value, [math.prod(value.shape[:axis]), math.prod(value.shape[axis:])])


def _squeeze(call: Call) -> Value:
    """Squeeze: axes of size 1 are left out."""
    value = call.live()
    axes = call.numbers(1, "axes")
    gone = (
        {place for place, size in enumerate(value.shape) if size == 1}
        if axes is None
        else {axis % value.rank for axis in axes}
    )
    if any(value.shape[axis] != 1 and not (axis == 0 and call.translation.batch == value.shape[0]) for axis in gone):
        raise ValueError(f"axes {sorted(gone)} are not all of size 1")
    return reshape_to(call, value, [size for place, size in enumerate(value.shape) if place not in gone])


def _unsqueeze(call: Call) -> Value:
    """Unsqueeze: axes of size 1 are put in."""
    value, axes = call.live(), call.numbers(1, "axes") or []
    rank = value.rank + len(axes)
    new = {axis % rank for axis in axes}
    rest = iter(value.shape)
    return reshape_to(call, value, [1 if place in new else next(rest) for place in range(rank)])


def _transpose(call: Call) -> Value:
    """Transpose: nothing is moved until somebody needs it."""
    value = call.loose()
    order = call.get("perm") or list(range(value.rank))[::-1]
    if sorted(order) != list(range(value.rank)):
        raise ValueError(f"{order} is no order of {value.rank} axes")
    return Value(value.name, value.stored, tuple(value.axes[axis] for axis in order), call.node.name)


def _concat(call: Call) -> Value:
    """Concat along an axis."""
    values = [value for value in call.given if isinstance(value, Value)]
    if len(values) < len(call.given):
        raise Unsupported("of a constant has no translation")
    if any(value.axes != values[0].axes for value in values):
        values = [call.translation.turn(value) for value in values]
    axis = values[0].axis(call.get("axis", 1))
    if axis == 0:
        raise Unsupported("of photos has no translation")
    return call.alike(Concat(axis), *values)


def _split(call: Call) -> list[Value]:
    """Split into parts, equal ones where no sizes are given."""
    value, parts = call.loose(), len(call.node.outputs)
    axis = value.axis(call.get("axis", 0))
    length = value.stored.shape[axis]
    if axis == 0:
        raise Unsupported("of photos has no translation")
    part = -(-length // parts)
    even = [min(part, length - part * place) for place in range(parts)]
    sizes = call.numbers(1, "split") or even
    made = call.translation.add(call.node.name, Split(sizes, axis), [value], len(sizes))
    return [Value(one.name, one.stored, value.axes, value.turned) for one in made]


def _slice(call: Call) -> Value:
    """Slice: a part of each axis."""
    value = call.loose()
    for place in range(1, len(call.given)):
        call.constant(place)  # none of them may be computed
    given = [None, *(one if isinstance(one, np.ndarray) else None for one in call.given[1:])]
    parts = slices(call.node, given, value.shape)
    index = [slice(None)] * value.rank
    result = value
    for place, part in enumerate(parts):
        size = value.shape[place]
        if (part.start, part.stop, part.step) == (0, size, 1):
            continue
        if size == call.translation.batch and value.axes[place] == 0:
            raise Unsupported("of photos has no translation")
        if part.step < 0:
            places = list(range(size))[part]
            result = call.alike(Pick(value.axes[place], places), result, suffix="_flip")
        else:
            index[value.axes[place]] = part
    return result if all(part == slice(None) for part in index) else call.alike(Slice(index), result)


def _gather(call: Call) -> Value:
    """Gather: places of an axis."""
    value, places = call.live(), call.constant(1)
    if places is None:
        raise ValueError("it is told no places")
    axis = value.axis(call.get("axis", 0))
    size = value.shape[axis]
    if axis == 0 and size == call.translation.batch:
        raise Unsupported("of photos has no translation")
    wanted = [place + size * (place < 0) for place in places.reshape(-1).tolist()]
    if not all(0 <= place < size for place in wanted):
        raise IndexError(f"place {wanted} of {size}")
    if places.ndim == 0:
        return call.add(Slice([*[slice(None)] * axis, wanted[0]]), value)
    if places.ndim > 1:
        raise Unsupported("of a table has no translation")
    if wanted == list(range(wanted[0], wanted[0] + len(wanted))):
        return call.add(Slice([*[slice(None)] * axis, slice(wanted[0], wanted[-1] + 1)]), value)
    return call.add(Pick(axis, wanted), value)


def _shape(call: Call) -> np.ndarray:
    """Shape: known when the file is opened."""
    return np.array(call.loose().shape[call.get("start", 0) : call.get("end")], np.int64)


def _size(call: Call) -> np.ndarray:
    return np.array(math.prod(call.loose().shape), np.int64)


_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _pad(call: Call) -> Value:
    """Pad, which may also cut."""
    value, told, given = call.loose(), call.numbers(1, "pads"), call.constant(2)
    number = call.get("value", 0.0) if given is None else float(np.asarray(given).reshape(-1)[0])
    if told is None:
        raise ValueError("it is told no amounts")
    axes = axes_of(call.node, [None, None, None, call.constant(3)], 3) or list(range(value.rank))
    if len(told) != 2 * len(axes):
        raise ValueError(f"{len(told)} amounts for {len(axes)} axes")
    amounts = [(0, 0)] * value.rank
    for place, axis in enumerate(axes):
        amounts[value.axis(axis)] = told[place], told[len(axes) + place]
    if not any(map(any, amounts)):
        return value
    mode = _MODES.get(call.get("mode", "constant"))
    if mode is None or amounts[0] != (0, 0):
        raise Unsupported("in this mode has no translation")
    while len(amounts) > 1 and amounts[0] == (0, 0) and (mode == "constant" or len(amounts) > value.rank - 2):
        amounts.pop(0)
    return call.alike(Pad([side for pair in amounts[::-1] for side in pair], mode, number), value)


def _expand(call: Call) -> Value:
    """Expand: axes of size 1 become longer."""
    value, target = call.live(), call.numbers(1) or []
    batch = call.translation.batch
    if target and len(target) >= value.rank and value.rank and value.shape[0] == batch and target[-value.rank] == 1:
        target[-value.rank] = batch
    shape = list(np.broadcast_shapes(value.shape, tuple(target)))
    if tuple(shape) == value.shape:
        return value
    if len(shape) != value.rank or shape[0] != value.shape[0]:
        raise Unsupported("to more axes or more photos has no translation")
    return call.add(Repeat([-1, *shape[1:]]), value)


def _tile(call: Call) -> Value:
    """Tile: the whole again and again."""
    value, times = call.live(), call.numbers(1) or []
    if len(times) != value.rank or times[0] != 1:
        raise Unsupported("of photos has no translation")
    result = value
    for axis, count in enumerate(times):
        if count > 1:
            result = call.add(Concat(axis), *[result] * count, suffix="" if result is value else f"_{axis}")
    return result


def _depth_to_space(call: Call) -> Value:
    """DepthToSpace: channels become rows and columns; in its usual order the channels are sorted first."""
    value, block = call.live(), int(call.get("blocksize", 1))
    if call.get("mode", "DCR") == "DCR":
        channels = np.arange(value.shape[1]).reshape(block * block, -1).T.reshape(-1)
        value = call.add(Pick(1, channels.tolist()), value, suffix="_order")
    return call.add(nn.PixelShuffle(block), value)


def _space_to_depth(call: Call) -> Value:
    """SpaceToDepth: rows and columns become channels."""
    value, block = call.live(), int(call.get("blocksize", 1))
    made = call.add(nn.PixelUnshuffle(block), value)
    channels = np.arange(made.shape[1]).reshape(-1, block * block).T.reshape(-1)
    return call.add(Pick(1, channels.tolist()), made, suffix="_order")


def _einsum(call: Call) -> Value:
    """Einsum."""
    values = [call.live(place) for place, one in enumerate(call.given) if isinstance(one, Value)]
    constants = {place: weights(one) for place, one in enumerate(call.given) if isinstance(one, np.ndarray)}
    return call.add(Held("einsum", constants, [call.get("equation")]), *values)


TABLE: dict[str, Translator] = {
    "Reshape": _reshape, "Flatten": _flatten, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Transpose": _transpose,
    "Concat": _concat, "Split": _split, "Slice": _slice, "Gather": _gather, "Shape": _shape, "Size": _size, "Pad": _pad,
    "Expand": _expand, "Tile": _tile, "DepthToSpace": _depth_to_space, "SpaceToDepth": _space_to_depth,
    "Einsum": _einsum,
}  # fmt: skip
"""By operator."""
