"""Operators over whole axes: matrix products, normalisations, softmax, sums and means."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from convscope.adapters.elementary import Reduce, Reshape
from convscope.adapters.onnx.folding import axes_of
from convscope.adapters.onnx.modules import Held, Power
from convscope.adapters.onnx.translation import Call, Translator, filled
from convscope.adapters.onnx.values import Unsupported, Value


def _linear(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    """A dense layer with a weight (out, in)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    return filled(layer, weight=weight.contiguous(), bias=bias)


def _gemm(call: Call) -> Value:
    """Gemm: ``alpha * A * B + beta * C`` with a matrix B of the file."""
    value, weight, offset = call.live(), call.needed(1), call.tensor(2)
    if call.get("transA", 0) or value.rank != 2:
        raise Unsupported("of a turned matrix has no translation")
    weight = weight if call.get("transB", 0) else weight.T
    weight = weight * call.get("alpha", 1.0)
    if offset is None:
        return call.add(_linear(weight, None), value)
    if offset.dim() > 1 and math.prod(offset.shape[:-1]) != 1:
        raise Unsupported("with a matrix added has no translation")
    bias = offset.reshape(-1).expand(weight.shape[0]) * call.get("beta", 1.0)
    return call.add(_linear(weight, bias.contiguous()), value)


def _matmul(call: Call) -> Value:
    """MatMul: a dense layer where the second matrix is the file's."""
    values = [call.live(place) for place in (0, 1) if isinstance(call.at(place), Value)]
    if len(values) == 2:
        return call.add(Held("matmul", {}), *values)
    place = 0 if isinstance(call.at(1), Value) else 1
    matrix = call.needed(place)
    if place == 1 and matrix.dim() == 2:
        return call.add(_linear(matrix.T, None), values[0])
    return call.add(Held("matmul", {place: matrix}), *values)


def _batch_norm(call: Call) -> Value:
    """BatchNormalization, with the statistics of the file."""
    value = call.live()
    if call.get("training_mode", 0) or not call.get("spatial", 1) or not 2 <= value.rank <= 4:
        raise Unsupported("in this mode has no translation")
    kind = nn.BatchNorm2d if value.rank == 4 else nn.BatchNorm1d
    weight = call.needed(1)
    layer = kind(weight.numel(), eps=call.get("epsilon", 1e-5), device="meta")
    filled(layer, weight=weight, bias=call.needed(2), running_mean=call.needed(3), running_var=call.needed(4))
    layer.num_batches_tracked = torch.tensor(0)
    return call.add(layer, value)


def _instance_norm(call: Call) -> Value:
    """InstanceNormalization: groups of one channel each."""
    value, weight = call.live(), call.needed(1)
    layer = nn.GroupNorm(weight.numel(), weight.numel(), call.get("epsilon", 1e-5), device="meta")
    return call.add(filled(layer, weight=weight, bias=call.needed(2)), value)


def _group_norm(call: Call) -> Value:
    """GroupNormalization, whose weights are one a group in its first version."""
    value, groups = call.live(), int(call.get("num_groups", 1))
    weight, bias, channels = call.needed(1), call.needed(2), value.shape[1]
    if weight.numel() == groups != channels:
        weight, bias = (one.repeat_interleave(channels // groups) for one in (weight, bias))
    layer = nn.GroupNorm(groups, channels, call.get("epsilon", 1e-5), device="meta")
    return call.add(filled(layer, weight=weight, bias=bias), value)


def _layer_norm(call: Call) -> Value:
    """LayerNormalization over the last axes."""
    value, weight, bias = call.live(), call.needed(1), call.tensor(2)
    axis = call.get("axis", -1)
    shape = value.shape[axis:] if axis else value.shape
    if axis % value.rank == 0:
        raise Unsupported("over the photos has no translation")
    layer = nn.LayerNorm(shape, call.get("epsilon", 1e-5), bias=bias is not None, device="meta")
    return call.add(filled(layer, weight=weight.expand(shape).contiguous(), bias=bias), value)


def _local_response(call: Call) -> Value:
    """LRN, which in PyTorch is centred for an odd number of channels only."""
    size = int(call.get("size"))
    if size % 2 == 0:
        raise Unsupported("of an even size has no translation")
    layer = nn.LocalResponseNorm(size, call.get("alpha", 1e-4), call.get("beta", 0.75), call.get("bias", 1.0))
    return call.add(layer, call.live())


def _softmax(kind: type[nn.Softmax | nn.LogSoftmax]) -> Translator:
    """Over one axis since opset 13; before that over all axes from ``axis`` on."""

    def translate(call: Call) -> Value:
        value = call.loose()
        axis = call.get("axis", -1 if call.opset >= 13 else 1)
        axis += value.rank * (axis < 0)
        behind = value.shape[axis + 1 :]
        if call.opset >= 13 or math.prod(behind) == 1:
            if axis == 0 and value.shape[0] == call.translation.batch:
                raise Unsupported("over the photos has no translation")
            return call.alike(kind(dim=value.axis(axis)), value)
        value = call.live()
        if axis != 1:
            raise Unsupported(f"from axis {axis} on has no translation")
        flat = call.add(nn.Flatten(), value, suffix="_flatten")
        return call.add(Reshape(value.shape[1:]), call.add(kind(dim=1), flat), suffix="_reshape")

    return translate


def _reduced(function: str) -> Callable[[Call], Value]:
    """A mean, sum, maximum or minimum over some axes."""

    def translate(call: Call) -> Value:
        value = call.loose()
        axes = axes_of(call.node, [None, call.constant(1)])
        if not axes:
            if call.get("noop_with_empty_axes", 0):
                return value
            axes = list(range(value.rank))
        stored = sorted({value.axis(axis) for axis in axes})
        if 0 in stored:
            raise Unsupported("over the photos has no translation")
        keep = bool(call.get("keepdims", 1))
        made = call.add(Reduce(function, stored, keepdim=keep), value)
        if keep:
            return Value(made.name, made.stored, value.axes, value.turned)
        left = [axis for axis in value.axes if axis not in stored]
        order = sorted(left)
        return Value(made.name, made.stored, tuple(order.index(axis) for axis in left), value.turned)

    return translate


def _length(call: Call) -> Value:
    """ReduceL2: the square root of the sum of squares."""
    squares = call.alike(Power(2.0), call.loose(), suffix="_square")
    inner = Call(call.node, (squares, *call.given[1:]), call.translation)
    return inner.alike(Power(0.5), _reduced("sum")(inner), suffix="_sqrt")


TABLE: dict[str, Translator] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "BatchNormalization": _batch_norm,
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
    "LayerNormalization": _layer_norm,
    "LRN": _local_response,
    "Softmax": _softmax(nn.Softmax),
    "LogSoftmax": _softmax(nn.LogSoftmax),
    "ReduceMean": _reduced("mean"),
    "ReduceSum": _reduced("sum"),
    "ReduceMax": _reduced("amax"),
    "ReduceMin": _reduced("amin"),
    "ReduceL2": _length,
}
"""By operator."""
