"""Nodes that read only constants are computed when the file is opened: mostly shapes, on their way to a Reshape.

Specifications of the operators: https://onnx.ai/onnx/operators/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convscope.adapters.onnx.reading import FileNode
from convscope.adapters.onnx.tensors import BFLOAT16, TYPES
from convscope.adapters.onnx.values import BATCH, MOST_NUMBERS, Unsupported
from convscope.errors import ModelError

Arrays = Sequence[np.ndarray | None]
Fold = Callable[[FileNode, int, list[Any]], np.ndarray]


def fold(node: FileNode, opset: int, given: Arrays) -> np.ndarray:
    """The result of a node, computed with numpy.

    Args:
        node: the node.
        opset: version of ONNX's operators.
        given: its inputs, None for those that are left out.

    Raises:
        Unsupported: there is no such operator here, or the result depends on the number of photos.
        ModelError: the result would be absurdly large.
    """
    operation = FOLDS.get(node.operator)
    if operation is None:
        raise Unsupported("of constants alone is not computed")
    with np.errstate(all="ignore"):
        result = np.asarray(operation(node, opset, list(given)))
    if result.dtype == np.float64:
        result = result.astype(np.float32)
    return checked(result)


def checked(array: np.ndarray) -> np.ndarray:
    """An array that can be a constant: of sensible size, and no longer for more photos."""
    _check_shape(array.shape)
    return array


def _check_shape(shape: Sequence[int]) -> None:
    if any(size and size % BATCH == 0 for size in shape):
        raise Unsupported("makes a tensor as long as there are photos")
    if math.prod(shape) > MOST_NUMBERS or any(size < 0 for size in shape):
        raise ModelError(
            f"a constant of {'x'.join(map(str, shape[:8]))} numbers is more than any network needs; refused"
        )


def whole(array: np.ndarray | None) -> list[int]:
    """The numbers of a constant as Python's.

    >>> whole(np.array([[1, 2]])), whole(None)
    ([1, 2], [])
    """
    return [] if array is None else [int(number) for number in np.asarray(array).reshape(-1)]


def axes_of(node: FileNode, given: Arrays, place: int = 1) -> list[int] | None:
    """The axes that a node is told, by an input (new) or an attribute (old); None for none."""
    if len(given) > place and given[place] is not None:
        return whole(given[place])
    told: list[int] | None = node.attributes.get("axes")
    return told


def _constant(node: FileNode, _: int, __: list[Any]) -> np.ndarray:
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        value = node.attributes.get(name)
        if value is not None:
            return np.asarray(value, None if name == "value" else np.float32 if "float" in name else np.int64)
    raise Unsupported("of a kind other than numbers is not read")


def _filled(node: FileNode, _: int, given: list[Any]) -> np.ndarray:
    shape, value = whole(given[0]), node.attributes.get("value", np.zeros(1, np.float32))
    _check_shape(shape)
    return np.full(shape, value.reshape(-1)[0])


def _cast(node: FileNode, _: int, given: list[Any]) -> np.ndarray:
    kind = int(node.attributes.get("to", 1))
    if kind != BFLOAT16 and kind not in TYPES:
        raise Unsupported("to something other than numbers is not computed")
    found = np.dtype(np.float32 if kind in {10, 11, BFLOAT16} else TYPES[kind])
    return np.asarray(given[0]).astype(found)


def _gather(node: FileNode, _: int, given: list[Any]) -> np.ndarray:
    return np.asarray(np.take(given[0], given[1], axis=node.attributes.get("axis", 0)))


def slices(node: FileNode, given: Arrays, shape: Sequence[int]) -> list[slice]:
    """What a Slice takes of each axis of a value of this shape.

    Raises:
        IndexError: it names an axis that is not there.
    """
    if len(given) > 1:
        starts, ends = whole(given[1]), whole(given[2])
        axes = whole(given[3]) if len(given) > 3 and given[3] is not None else list(range(len(starts)))
        steps = whole(given[4]) if len(given) > 4 and given[4] is not None else [1] * len(starts)
    else:
        starts, ends = node.attributes.get("starts"), node.attributes.get("ends")
        axes, steps = node.attributes.get("axes", list(range(len(starts)))), [1] * len(starts)
    found = [slice(0, size, 1) for size in shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        known = slice(start, end, step).indices(shape[axis])
        found[axis] = slice(known[0], None if known[1] < 0 else known[1], known[2])
    return found


def _slice(node: FileNode, _: int, given: list[Any]) -> np.ndarray:
    data = np.asarray(given[0])
    return data[tuple(slices(node, given, data.shape))]


def _squeeze(node: FileNode, _: int, given: list[Any]) -> np.ndarray:
    axes = axes_of(node, given)
    return np.asarray(np.squeeze(given[0], None if axes is None else tuple(axes)))


def _unsqueeze(node: FileNode, _: int, given: list[Any]) -> np.ndarray:
    return np.expand_dims(given[0], tuple(axes_of(node, given) or ()))


def _reshape(node: FileNode, _: int, given: list[Any]) -> np.ndarray:
    data, target = np.asarray(given[0]), whole(given[1])
    if not node.attributes.get("allowzero", 0):
        target = [data.shape[place] if size == 0 else size for place, size in enumerate(target)]
    return data.reshape(target)


def _concat(node: FileNode, _: int, given: list[Any]) -> np.ndarray:
    return np.concatenate(given, axis=node.attributes.get("axis", 0))


def _transpose(node: FileNode, _: int, given: list[Any]) -> np.ndarray:
    return np.transpose(given[0], node.attributes.get("perm"))


def _expand(_: FileNode, __: int, given: list[Any]) -> np.ndarray:
    shape = np.broadcast_shapes(np.asarray(given[0]).shape, tuple(whole(given[1])))
    _check_shape(shape)
    return np.broadcast_to(given[0], shape)


def _tile(_: FileNode, __: int, given: list[Any]) -> np.ndarray:
    repeats = whole(given[1])
    _check_shape([size * times for size, times in zip(np.asarray(given[0]).shape, repeats, strict=True)])
    return np.tile(given[0], repeats)


def _range(_: FileNode, __: int, given: list[Any]) -> np.ndarray:
    start, limit, step = (np.asarray(part).reshape(()).item() for part in given)
    _check_shape([max(0, math.ceil((limit - start) / step))])
    return np.arange(start, limit, step, dtype=np.asarray(given[0]).dtype)


def _divide(_: FileNode, __: int, given: list[Any]) -> np.ndarray:
    first: np.ndarray = np.asarray(given[0])
    second: np.ndarray = np.asarray(given[1])
    if first.dtype.kind in "iu":
        if not second.all():
            raise Unsupported("divides by zero")
        shares = np.abs(first) // np.abs(second) * np.sign(first) * np.sign(second)
        return np.asarray(shares, first.dtype)
    return np.asarray(first / second)


def _dequantised(node: FileNode, _: int, given: list[Any]) -> np.ndarray:
    data, scale = np.asarray(given[0]), np.asarray(given[1], np.float32)
    zero = np.zeros_like(scale) if len(given) < 3 or given[2] is None else np.asarray(given[2], np.float32)
    if scale.ndim == 1 and scale.size > 1:
        along = [1] * data.ndim
        along[node.attributes.get("axis", 1)] = scale.size
        scale, zero = scale.reshape(along), zero.reshape(along)
    return (data.astype(np.float32) - zero) * scale


def _of(function: Callable[..., Any]) -> Fold:
    return lambda _, __, given: function(*given)


def _reduced(function: Callable[..., Any]) -> Fold:
    def reduce(node: FileNode, _: int, given: list[Any]) -> np.ndarray:
        axes = axes_of(node, given)
        keep = bool(node.attributes.get("keepdims", 1))
        return np.asarray(function(given[0], axis=None if axes is None else tuple(axes), keepdims=keep))

    return reduce


FOLDS: dict[str, Fold] = {
    "Constant": _constant, "ConstantOfShape": _filled, "Cast": _cast, "Gather": _gather, "Slice": _slice,
    "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Reshape": _reshape, "Concat": _concat, "Transpose": _transpose,
    "Expand": _expand, "Tile": _tile, "Range": _range, "Div": _divide, "DequantizeLinear": _dequantised,
    "Identity": _of(lambda data: data), "Dropout": _of(lambda data, *_: data),
    "Shape": lambda node, _, given: np.array(
        np.asarray(given[0]).shape[node.attributes.get("start", 0) : node.attributes.get("end")], np.int64
    ),
    "Size": _of(lambda data: np.int64(np.asarray(data).size)),
    "Add": _of(np.add), "Sub": _of(np.subtract), "Mul": _of(np.multiply), "Pow": _of(np.power),
    "Mod": _of(np.mod), "Neg": _of(np.negative), "Abs": _of(np.abs), "Floor": _of(np.floor), "Ceil": _of(np.ceil),
    "Round": _of(np.round), "Sqrt": _of(np.sqrt), "Exp": _of(np.exp), "Log": _of(np.log),
    "Reciprocal": _of(np.reciprocal), "Min": _of(lambda *data: np.minimum.reduce(np.broadcast_arrays(*data))),
    "Max": _of(lambda *data: np.maximum.reduce(np.broadcast_arrays(*data))), "Equal": _of(np.equal),
    "Less": _of(np.less), "Greater": _of(np.greater), "Not": _of(np.logical_not), "And": _of(np.logical_and),
    "Or": _of(np.logical_or), "Where": _of(np.where), "MatMul": _of(np.matmul), "ReduceProd": _reduced(np.prod),
    "ReduceSum": _reduced(np.sum), "ReduceMax": _reduced(np.max), "ReduceMin": _reduced(np.min),
    "ReduceMean": _reduced(np.mean),
}  # fmt: skip
"""By operator."""
