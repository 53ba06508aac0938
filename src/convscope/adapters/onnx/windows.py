"""Operators whose result at a place is made of a window of the input: convolutions and poolings.

ONNX pads each side by an amount of its own, or as TensorFlow does (``auto_pad``); PyTorch pads opposite sides alike.
Where that is not enough, a step ``NAME_pad`` or ``NAME_crop`` stands beside the layer.

https://onnx.ai/onnx/operators/onnx__Conv.html and its neighbours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from convscope.adapters.elementary import Pad
from convscope.adapters.onnx.modules import MeanWithoutPadding
from convscope.adapters.onnx.translation import Call, Translator, filled
from convscope.adapters.onnx.values import Unsupported, Value

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """How a window moves over rows and columns.

    Attributes:
        kernel, stride, dilation: (rows, columns).
        before, after: padding above and left, below and right.
    """

    kernel: Pair
    stride: Pair
    dilation: Pair
    before: Pair
    after: Pair

    @property
    def reach(self) -> Pair:
        """Rows and columns from the first to the last that a window reads."""
        rows, columns = (d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))
        return rows, columns

    @property
    def even(self) -> bool:
        """Whether opposite sides are padded alike, and none is cut."""
        return self.before == self.after and min(self.before) >= 0

    def places(self, size: Pair, *, ceil: bool) -> Pair:
        """How many windows fit, where with ``ceil`` the last may hang over the edge, but not begin behind it."""
        found = []
        for axis in (0, 1):
            room = size[axis] + self.before[axis] + self.after[axis] - self.reach[axis]
            count = (math.ceil if ceil else math.floor)(room / self.stride[axis]) + 1
            if ceil and (count - 1) * self.stride[axis] >= size[axis] + self.before[axis]:
                count -= 1
            found.append(count)
        return found[0], found[1]

    def missing(self, size: Pair, places: Pair) -> Pair:
        """How many rows and columns must be put behind ``size`` so that so many windows fit exactly."""
        rows, columns = (
            (places[axis] - 1) * self.stride[axis] + self.reach[axis] - size[axis] - self.before[axis]
            for axis in (0, 1)
        )
        return rows, columns


def window(call: Call, size: tuple[int, ...], kernel: tuple[int, ...]) -> Window:
    """The window of a node over maps of this size.

    Raises:
        Unsupported: it does not move over rows and columns.
        ValueError: what it is told does not fit together.
    """
    if len(kernel) != 2 or len(size) != 2:
        raise Unsupported(f"over {len(kernel)} axes has no translation")
    stride, dilation = call.get("strides") or [1, 1], call.get("dilations") or [1, 1]
    if min(*stride, *dilation, *kernel) < 1 or len(stride) != 2 or len(dilation) != 2:
        raise ValueError(f"kernel {kernel}, stride {stride}, dilation {dilation}")
    plain = Window(_pair(kernel), _pair(stride), _pair(dilation), (0, 0), (0, 0))
    auto = call.get("auto_pad", "NOTSET")
    if auto == "VALID":
        return plain
    if auto == "NOTSET":
        top, left, bottom, right = call.get("pads") or [0, 0, 0, 0]
        return Window(plain.kernel, plain.stride, plain.dilation, (top, left), (bottom, right))
    before, after = [], []
    for axis in (0, 1):
        count = -(-size[axis] // stride[axis])
        total = max(0, (count - 1) * stride[axis] + plain.reach[axis] - size[axis])
        less, more = total // 2, total - total // 2
        before.append(less if auto == "SAME_UPPER" else more)
        after.append(more if auto == "SAME_UPPER" else less)
    return Window(plain.kernel, plain.stride, plain.dilation, _pair(before), _pair(after))


def _pair(sizes: list[int] | tuple[int, ...]) -> Pair:
    return sizes[0], sizes[1]


def _padded(call: Call, value: Value, before: Pair, after: Pair, number: float = 0.0, suffix: str = "_pad") -> Value:
    """The value with rows and columns put around it, or cut off where negative."""
    if not any((*before, *after)):
        return value
    amounts = (before[1], after[1], before[0], after[0])
    return call.add(Pad(amounts, value=number), value, suffix=suffix)


def conv(call: Call) -> Value:
    """Conv."""
    value, weight, bias = call.live(), call.needed(1), call.tensor(2)
    move, group = window(call, value.shape[2:], tuple(weight.shape[2:])), int(call.get("group", 1))
    if not move.even:
        value = _padded(call, value, move.before, move.after)
    layer = nn.Conv2d(
        weight.shape[1] * group, weight.shape[0], move.kernel, move.stride, move.before if move.even else 0,
        move.dilation, group, bias is not None, device="meta",
    )  # fmt: skip
    return call.add(filled(layer, weight=weight, bias=bias), value)


def conv_transpose(call: Call) -> Value:
    """ConvTranspose: its padding is what is cut off."""
    value, weight, bias = call.live(), call.needed(1), call.tensor(2)
    size, kernel = value.shape[2:], tuple(weight.shape[2:])
    extra = _pair(call.get("output_padding") or [0, 0])
    move = window(call, size, kernel)
    wanted = call.get("output_shape")
    if wanted is None and call.get("auto_pad", "NOTSET") in {"SAME_UPPER", "SAME_LOWER"}:
        wanted = [count * stride for count, stride in zip(size, move.stride, strict=True)]
    if wanted is not None:
        full = [
            move.stride[axis] * (size[axis] - 1) + extra[axis] + move.reach[axis] - wanted[-2:][axis] for axis in (0, 1)
        ]
        less, more = [part // 2 for part in full], [part - part // 2 for part in full]
        upper = call.get("auto_pad", "NOTSET") == "SAME_UPPER"
        move = Window(
            move.kernel, move.stride, move.dilation, _pair(less if upper else more), _pair(more if upper else less)
        )
    padding = _pair([max(0, min(sides)) for sides in zip(move.before, move.after, strict=True)])
    group = int(call.get("group", 1))
    layer = nn.ConvTranspose2d(
        weight.shape[0], weight.shape[1] * group, move.kernel, move.stride, padding, extra, group, bias is not None,
        move.dilation, device="meta",
    )  # fmt: skip
    made = call.add(filled(layer, weight=weight, bias=bias), value)
    before = _pair([padding[axis] - move.before[axis] for axis in (0, 1)])
    after = _pair([padding[axis] - move.after[axis] for axis in (0, 1)])
    return _padded(call, made, before, after, suffix="_crop")


def _pooling(call: Call, value: Value) -> tuple[Window, Pair]:
    move = window(call, value.shape[2:], tuple(call.get("kernel_shape") or ()))
    places = move.places(_pair(value.shape[2:]), ceil=bool(call.get("ceil_mode", 0)))
    if min(places) < 1:
        raise ValueError(f"a window of {move.reach} does not fit")
    return move, places


def _plain(move: Window) -> bool:
    """Whether PyTorch's own padding can do it: alike on both sides, and at most half a window."""
    return move.even and all(2 * move.before[axis] <= move.kernel[axis] for axis in (0, 1))


def max_pool(call: Call) -> Value:
    """MaxPool; padding never wins."""
    value = call.live()
    move, places = _pooling(call, value)
    if _plain(move):
        ceil = bool(call.get("ceil_mode", 0))
        return call.add(nn.MaxPool2d(move.kernel, move.stride, move.before, move.dilation, ceil_mode=ceil), value)
    after = move.missing(_pair(value.shape[2:]), places)
    value = _padded(call, value, move.before, after, -math.inf)
    return call.add(nn.MaxPool2d(move.kernel, move.stride, 0, move.dilation), value)


def average_pool(call: Call) -> Value:
    """AveragePool, in which padding counts or does not."""
    value = call.live()
    move, places = _pooling(call, value)
    if move.dilation != (1, 1):
        raise Unsupported("with dilation has no translation")
    counts, ceil = bool(call.get("count_include_pad", 0)), bool(call.get("ceil_mode", 0))
    if _plain(move):
        layer = nn.AvgPool2d(move.kernel, move.stride, move.before, ceil_mode=ceil, count_include_pad=counts)
        return call.add(layer, value)
    size = _pair(value.shape[2:])
    if counts and not ceil:
        value = _padded(call, value, move.before, move.after)
        return call.add(nn.AvgPool2d(move.kernel, move.stride), value)
    if counts:
        raise Unsupported("with counted padding and windows that hang over the edge has no translation")
    return _average_of_what_is_there(call, value, move, size, places)


def _average_of_what_is_there(call: Call, value: Value, move: Window, size: Pair, places: Pair) -> Value:
    """TensorFlow's padding, which has one row or column more behind than before.

    With a stride of 2 or more PyTorch's ``ceil_mode`` makes the place for it. With a stride of 1 both sides get the
    larger padding, which puts windows in front that are cut off.
    """
    cut, padding = [0, 0], list(move.before)
    for axis in (0, 1):
        more = move.after[axis] - move.before[axis]
        if more > 0 and move.stride[axis] == 1:
            cut[axis], padding[axis] = more, move.after[axis]
    fits = all(0 <= 2 * padding[axis] <= move.kernel[axis] for axis in (0, 1))
    made = [math.ceil((size[axis] + 2 * padding[axis] - move.kernel[axis]) / move.stride[axis]) + 1 for axis in (0, 1)]
    if fits and all(made[axis] - cut[axis] >= places[axis] for axis in (0, 1)):
        layer = nn.AvgPool2d(move.kernel, move.stride, _pair(padding), ceil_mode=True, count_include_pad=False)
        pooled = call.add(layer, value)
        rest = pooled.shape[2:]
        if all(rest[axis] - cut[axis] >= places[axis] for axis in (0, 1)):
            behind = _pair([places[axis] + cut[axis] - rest[axis] for axis in (0, 1)])
            return _padded(call, pooled, (-cut[0], -cut[1]), behind, suffix="_crop")
    below, right = move.missing(size, places)
    around = (move.before[0], below, move.before[1], right)
    return call.add(MeanWithoutPadding(move.kernel, move.stride, around), value)


def global_average(call: Call) -> Value:
    """GlobalAveragePool."""
    return call.add(nn.AdaptiveAvgPool2d(1), _maps(call))


def global_max(call: Call) -> Value:
    """GlobalMaxPool."""
    return call.add(nn.AdaptiveMaxPool2d(1), _maps(call))


def _maps(call: Call) -> Value:
    value = call.live()
    if value.rank != 4:
        raise Unsupported(f"over {value.rank - 2} axes has no translation")
    return value


TABLE: dict[str, Translator] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average,
    "GlobalMaxPool": global_max,
}
"""By operator."""
