"""Keras' layers and operations that join values: sums, products, concatenation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from convscope.adapters.elementary import Average, Concat, Merge, Reduce, Reshape, With
from convscope.adapters.keras.building import Build, Builder
from convscope.adapters.keras.description import Call, Layer, UnreadError
from convscope.adapters.keras.values import Value
from convscope.errors import ModelError


def _operands(call: Call) -> list[Any]:
    """Values and constants in order, those given by name last."""
    found: list[Any] = []
    waiting = [*reversed((*call.args, *(call.options.get(name) for name in ("x1", "x", "x2", "y"))))]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += reversed(one)
        elif isinstance(one, Value | np.ndarray) or (isinstance(one, int | float) and not isinstance(one, bool)):
            found.append(one)
    return found


def _same_axes(builder: Builder, layer: Layer, values: list[Value]) -> list[Value]:
    """Values whose numbers and axes lie in the same way; vectors beside maps stand for their channels."""
    if len({value.signature[:3] for value in values}) == 1:
        return values
    values = [builder.settled(value) for value in values]
    values = [builder.plain(layer, value) if value.layout == "grey" else value for value in values]
    layouts = {value.layout for value in values if len(value.shape) == 3}
    if len(layouts) > 1:
        values = [builder.plain(layer, value) for value in values]
        layouts = {"plain"}
    rank = max(len(value.shape) for value in values)
    return [
        value if len(value.shape) == rank else _widened(builder, layer, value, rank, moved=layouts == {"moved"})
        for value in values
    ]


def _widened(builder: Builder, layer: Layer, value: Value, rank: int, *, moved: bool) -> Value:
    """More axes of size 1 behind the batch, as Keras puts them there."""
    ones = (1,) * (rank - len(value.shape))
    if moved:
        if len(value.shape) != 1:
            raise UnreadError(f"{layer.title} joins {len(value.shape)} with {rank} axes, which is not read here")
        return builder.add(f"{layer.name}_channels", Reshape((value.shape[0], 1, 1)), value, layout="moved")
    return builder.add(f"{layer.name}_axes", Reshape((*ones, *value.shape)), value)


def _merge(make: Callable[[], torch.nn.Module]) -> Build:
    def build(builder: Builder, layer: Layer, call: Call, values: list[Value]) -> Value:
        operands = [one for one in _operands(call) if isinstance(one, Value)] or values
        if len(operands) < 2:
            return replace(builder.add(layer.name, torch.nn.Identity(), operands[0], keeps_order=True))
        ready = _same_axes(builder, layer, operands)
        return builder.add(layer.name, builder.module(layer, (), make), *ready, keeps_order=True)

    return build


def _concatenate(builder: Builder, layer: Layer, call: Call, values: list[Value]) -> Value:
    operands = [one for one in _operands(Call(call.args)) if isinstance(one, Value)] or values
    axis = layer.get("axis", "concat_axis", default=call.options.get("axis", -1))
    if type(axis) is not int:
        raise ModelError(f"{layer.title} says axis = {axis!r:.40}, which is no axis; save the model again")
    orders = [value.order for value in operands]
    if all(len(value.shape) == 1 for value in operands) and any(order is not None for order in orders):
        joined = builder.add(layer.name, Concat(1), *operands)
        return replace(joined, order=_joined_order(operands))
    if len({value.layout for value in operands}) > 1:
        operands = [builder.plain(layer, value) for value in operands]
    where = operands[0].axis(axis)
    if where == 0:
        raise UnreadError(f"{layer.title} joins the photos of a batch")
    return builder.add(layer.name, builder.module(layer, (where,), lambda: Concat(where)), *operands)


def _joined_order(values: list[Value]) -> np.ndarray:
    parts, start = [], 0
    for value in values:
        size = value.shape[0]
        parts.append(start + (np.arange(size) if value.order is None else value.order))
        start += size
    return np.concatenate(parts)


def _arithmetic(function: str) -> Build:
    """An operator between two values, or a value and a constant."""

    def build(builder: Builder, layer: Layer, call: Call, _: list[Value]) -> Value:
        operands = _operands(call)
        if len(operands) != 2:
            raise UnreadError(f"{layer.title} has {len(operands)} operands, which is not read here")
        left, right = operands
        if isinstance(left, Value) and isinstance(right, Value):
            ready = _same_axes(builder, layer, [left, right])
            return builder.add(layer.name, Merge(function), *ready, keeps_order=True)
        value, constant = (left, right) if isinstance(left, Value) else (right, left)
        first = not isinstance(left, Value)
        array = np.asarray(constant, np.float32)
        if array.size == 1:
            return builder.add(layer.name, With(function, float(array), first=first), value, keeps_order=True)
        value = builder.settled(value)
        fitted = torch.from_numpy(np.array(_fitted(array, value), np.float32, order="C"))
        return builder.add(layer.name, With(function, fitted, first=first), value)

    return build


def _fitted(array: np.ndarray, value: Value) -> np.ndarray:
    """A constant as Keras broadcasts it against a value, with the axes of PyTorch's tensor."""
    rank = len(value.keras_shape)
    if array.ndim == rank + 1 and len(array) == 1:
        array = array[0]
    if array.ndim > rank:
        raise ValueError(f"a constant of {array.ndim} axes")
    array = array.reshape((1,) * (rank - array.ndim) + array.shape)
    return array.transpose(2, 0, 1) if value.layout == "moved" else array


def _reduce(function: str) -> Build:
    """``keras.ops.mean`` and the like."""

    def build(builder: Builder, layer: Layer, call: Call, values: list[Value]) -> Value:
        axes = layer.get("axis", default=call.options.get("axis"))
        keep = bool(layer.get("keepdims", default=call.options.get("keepdims", False)))
        value = builder.settled(values[0])
        axes = [axes] if type(axes) is int else axes
        if not isinstance(axes, list | tuple) or not all(type(axis) is int for axis in axes):
            raise UnreadError(f"{layer.title} works along axes that are not read here: {axes!r:.40}")
        where = sorted({value.axis(axis) for axis in axes})
        whole = where == [2, 3] or keep or value.layout == "plain"
        if 0 in where or not whole:
            raise UnreadError(f"{layer.title} works along axes that are not read here: {axes!r:.40}")
        return builder.add(layer.name, Reduce(function, where, keepdim=keep), value, layout=None if keep else "plain")

    return build


def _old_merge(builder: Builder, layer: Layer, call: Call, values: list[Value]) -> Value:
    """``Merge`` of Keras 1, whose mode is a setting."""
    mode = layer.get("mode", default="sum")
    kinds = {"sum": "Add", "mul": "Multiply", "concat": "Concatenate", "ave": "Average", "max": "Maximum"}
    if mode not in kinds:
        raise UnreadError(f"{layer.title} merges by {mode!r:.40}, which is not read here")
    result = JOINS[kinds[mode]](builder, layer, call, values)
    assert isinstance(result, Value)
    return result


_LAYERS: Mapping[str, Build] = {
    "Add": _merge(lambda: Merge("add")),
    "Subtract": _merge(lambda: Merge("sub")),
    "Multiply": _merge(lambda: Merge("mul")),
    "Maximum": _merge(lambda: Merge("maximum")),
    "Minimum": _merge(lambda: Merge("minimum")),
    "Average": _merge(Average),
    "Concatenate": _concatenate,
}


def _either(name: str) -> Build:
    """``Add`` is a layer, given a list, and an operation, given two operands, of which one may be a constant."""
    layer_of, operation = _LAYERS[name], _arithmetic(_FUNCTIONS[name])

    def build(builder: Builder, layer: Layer, call: Call, values: list[Value]) -> Value:
        constants = any(not isinstance(one, Value) for one in _operands(call))
        result = (operation if constants else layer_of)(builder, layer, call, values)
        assert isinstance(result, Value)
        return result

    return build


_FUNCTIONS: Mapping[str, str] = {
    "Add": "add", "Subtract": "sub", "Multiply": "mul", "Maximum": "maximum", "Minimum": "minimum", "Divide": "div",
    "TrueDivide": "div",
}  # fmt: skip
JOINS: dict[str, Build] = {
    **_LAYERS,
    **{name: _either(name) for name in ("Add", "Subtract", "Multiply", "Maximum", "Minimum")},
    "Divide": _arithmetic("div"),
    "TrueDivide": _arithmetic("div"),
    "Merge": _old_merge,
    "Mean": _reduce("mean"),
    "Sum": _reduce("sum"),
    "Max": _reduce("amax"),
}
