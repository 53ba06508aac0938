"""Steps of every kind with PyTorch's values, for tests that compare two implementations of the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from convscope.traces import Step

Draw = np.random.Generator
STRANGE = [float("inf"), float("-inf"), float("nan"), 3e38, -3e38, -0.0, 0.0, 1e-30, 1000.5, 6.0, -6.0, 21.0, -90.0]


def random(draw: Draw, *shape: int) -> Tensor:
    """Normal numbers around a mean that is not 0, so that a forgotten mean or bias shows."""
    return torch.from_numpy(draw.normal(0.3, 1.0, (1, *shape)).astype(np.float32))


def made(
    kind: str, result: Tensor, *inputs: Tensor | Step, params: dict[str, Tensor] | None = None, **told: Any
) -> Step:
    """A recorded step; values carry a batch axis of one, which goes."""
    sources = tuple(
        part if isinstance(part, Step) else Step(f"in{i}", "input", part[0].float().numpy().copy())
        for i, part in enumerate(inputs)
    )
    held = {name: value.float().numpy() for name, value in (params or {}).items()}
    precision = str(result.dtype).removeprefix("torch.")
    return Step("made", kind, result[0].float().numpy().copy(), sources, told, held, dtype=precision)


def every_step(seed: int) -> Iterator[Step]:
    """Steps of all kinds, with other sizes and settings for every seed."""
    draw = np.random.default_rng(seed)
    for family in (convolutions, pools, norms, functions, operands, reductions, moves, joins, resizes, strange_maps):
        yield from family(draw)


def sizes(draw: Draw, low: int, high: int, count: int = 2) -> list[int]:
    return [int(part) for part in draw.integers(low, high + 1, count)]


def convolutions(draw: Draw) -> Iterator[Step]:
    for _ in range(6):
        groups, per_group, out = sizes(draw, 1, 3, 3)
        kernel, stride, dilation = (sizes(draw, 1, 3) for _ in range(3))
        top, bottom, left, right = sizes(draw, 0, 3, 4)
        x, weight = random(draw, groups * per_group, *sizes(draw, 7, 9)), random(draw, groups * out, per_group, *kernel)
        params = {"weight": weight[0]} | ({"bias": random(draw, groups * out)[0]} if draw.random() < 0.6 else {})
        told = {"kernel": kernel, "stride": stride, "dilation": dilation, "groups": groups}
        padded = F.pad(x, (left, right, top, bottom))
        result = F.conv2d(padded, params["weight"], params.get("bias"), stride, 0, dilation, groups)
        yield made("conv2d", result, x, params=params, padding=[top, bottom, left, right], **told)

        extra = [int(draw.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True)]
        cut = sizes(draw, 0, 2)
        x, params["weight"] = random(draw, groups * per_group, 5, 6), random(draw, groups * per_group, out, *kernel)[0]
        result = F.conv_transpose2d(x, params["weight"], params.get("bias"), stride, cut, extra, groups, dilation)
        padding = [cut[0], cut[0], cut[1], cut[1]]
        yield made("conv_transpose2d", result, x, params=params, padding=padding, output_padding=extra, **told)
    x, weight, bias = (part.bfloat16() for part in (random(draw, 8, 5, 5), random(draw, 3, 8, 3, 3), random(draw, 3)))
    told = {"kernel": [3, 3], "stride": [1, 1], "padding": [1, 1, 1, 1], "dilation": [1, 1], "groups": 1}
    result = F.conv2d(x, weight[0], bias[0], 1, 1)
    yield made("conv2d", result, x, params={"weight": weight[0], "bias": bias[0]}, **told)
    wide, weight = random(draw, 300, 3, 3), random(draw, 2, 300, 3, 3)
    yield made("conv2d", F.conv2d(wide, weight[0], None, 1, 1), wide, params={"weight": weight[0]}, **told)


def pools(draw: Draw) -> Iterator[Step]:
    for _ in range(8):
        kernel, stride, dilation = (sizes(draw, 1, 3) for _ in range(3))
        pad = [int(draw.integers(0, k // 2 + 1)) for k in kernel]
        ceil, counted = (bool(draw.integers(2)) for _ in range(2))
        told = {"kernel": kernel, "stride": stride, "padding": [pad[0], pad[0], pad[1], pad[1]], "ceil_mode": ceil}
        x = torch.round(random(draw, 2, *sizes(draw, 7, 9)))  # with ties
        yield made("max_pool2d", F.max_pool2d(x, kernel, stride, pad, dilation, ceil), x, dilation=dilation, **told)
        divisor = int(draw.integers(1, 9)) if draw.random() < 0.4 else None
        x = random(draw, 2, *sizes(draw, 5, 9))
        result = F.avg_pool2d(x, kernel, stride, pad, ceil, counted, divisor)
        yield made("avg_pool2d", result, x, count_include_pad=counted, divisor=divisor, **told)
        x, out = random(draw, 2, *sizes(draw, 1, 9)), sizes(draw, 1, 7)
        yield made("adaptive_avg_pool2d", F.adaptive_avg_pool2d(x, out), x, output=out)
        yield made("adaptive_max_pool2d", F.adaptive_max_pool2d(x, out), x, output=out)
    x = random(draw, 1, 6, 6)
    told = {"kernel": [3, 3], "stride": [2, 2], "padding": [1, 1, 1, 1], "ceil_mode": True, "divisor": None}
    yield made("avg_pool2d", F.avg_pool2d(x, 3, 2, 1, True, True), x, count_include_pad=True, **told)


def norms(draw: Draw) -> Iterator[Step]:
    for shape in [(4,), (3, 5), (6, 4, 5)]:
        x, channels = random(draw, *shape) * 3 + 1, shape[0]
        weight, bias = random(draw, channels)[0], random(draw, channels)[0]
        known = {"running_mean": random(draw, channels)[0], "running_var": random(draw, channels)[0] ** 2 + 0.1}
        for training in [False] + [True] * (len(shape) > 1):
            for params in (known, known | {"weight": weight, "bias": bias}):
                means = (v.clone() for v in known.values())
                result = F.batch_norm(x, *means, params.get("weight"), params.get("bias"), training, 0.1, 1e-3)
                yield made("batch_norm", result, x, params=params, eps=1e-3, training=training)
        for count in range(1, len(shape) + 1):
            inner, axes = shape[-count:], list(range(-count, 0))
            params = {"weight": random(draw, *inner)[0], "bias": random(draw, *inner)[0]} if count % 2 else {}
            result = F.layer_norm(x, inner, params.get("weight"), params.get("bias"), 1e-5)
            yield made("layer_norm", result, x, params=params, eps=1e-5, axes=axes)
    x = random(draw, 6, 4, 3) * 2 + 5
    params = {"weight": random(draw, 6)[0], "bias": random(draw, 6)[0]}
    for groups in (1, 2, 3):
        yield made("group_norm", F.group_norm(x, groups, **params, eps=1e-5), x, params=params, eps=1e-5, groups=groups)
    for size in (1, 4, 5):
        told = {"size": size, "alpha": 0.3, "beta": 0.75, "k": 1.5}
        yield made("local_response_norm", F.local_response_norm(x, *told.values()), x, **told)


PLAIN = {
    "relu": F.relu, "relu6": F.relu6, "selu": F.selu, "silu": F.silu, "mish": F.mish,
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "hardsigmoid": F.hardsigmoid, "hardswish": F.hardswish,
    "softsign": F.softsign, "logsigmoid": F.logsigmoid, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt, "abs": torch.abs, "neg": torch.neg, "square": torch.square, "sin": torch.sin,
    "cos": torch.cos, "reciprocal": torch.reciprocal,
}  # fmt: skip
TOLD = [
    ("leaky_relu", {"negative_slope": 0.2}, lambda x: F.leaky_relu(x, 0.2)),
    ("elu", {"alpha": 0.7}, lambda x: F.elu(x, 0.7)),
    ("celu", {"alpha": 0.7}, lambda x: F.celu(x, 0.7)),
    ("gelu", {"approximate": "none"}, F.gelu),
    ("gelu", {"approximate": "tanh"}, lambda x: F.gelu(x, approximate="tanh")),
    ("softplus", {"beta": 2.0, "threshold": 5.0}, lambda x: F.softplus(x, 2.0, 5.0)),
    ("hardtanh", {"min": -0.4, "max": 0.8}, lambda x: F.hardtanh(x, -0.4, 0.8)),
    ("clamp", {"min": None, "max": 0.5}, lambda x: x.clamp(max=0.5)),
    ("clamp", {"min": 0.1, "max": None}, lambda x: x.clamp(min=0.1)),
    ("pow", {"exponent": 3}, lambda x: x**3),
    ("pow", {"exponent": -1.5}, lambda x: x**-1.5),
    ("pow", {"exponent": 0}, lambda x: x**0),
    ("dropout", {"p": 0.5}, lambda x: x.clone()),
    ("identity", {}, lambda x: x.clone()),
    *((kind, {}, run) for kind, run in PLAIN.items()),
]


def functions(draw: Draw) -> Iterator[Step]:
    for kind, told, run in TOLD:
        x = torch.cat([random(draw, 12) * 3, torch.tensor([STRANGE])], 1)
        yield made(kind, run(x), x, **told)
    x = torch.from_numpy(np.linspace(-8, 6, 41, dtype=np.float32))[None]
    yield made("gelu", F.gelu(x), x, approximate="none")
    x = random(draw, 3, 4, 2)
    for size in (1, 3):
        weight = random(draw, size)[0]
        yield made("prelu", F.prelu(x, weight), x, params={"weight": weight})


BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum,
    "minimum": torch.minimum,
}  # fmt: skip
SIDES = [(3, 4, 5), (3, 1, 1), (1, 4, 5), (4, 1), (5,), (1,), ()]


def operands(draw: Draw) -> Iterator[Step]:
    for kind, run in BINARY.items():
        for ways in [
            ("input", "input"),
            ("input", "param"),
            ("param", "input"),
            ("input", "number"),
            ("number", "input"),
        ]:
            told, inputs, params, values = [], [], {}, []
            for i, way in enumerate(ways):
                value = random(draw, *SIDES[draw.integers(len(SIDES))])
                if way == "input":
                    told.append({"input": len(inputs)})
                    inputs.append(value)
                elif way == "param":
                    told.append({"param": f"scale{i}"})
                    params[f"scale{i}"] = value if draw.random() < 0.5 else value[0]
                else:
                    value = torch.tensor([1.25])
                    told.append({"number": 1.25})
                values.append(value[0])
            alpha = float(draw.choice([1, 2.5, -1.5])) if kind in {"add", "sub"} else None
            result = run(*values, **({"alpha": alpha} if alpha is not None else {}))[None]
            extra = {"alpha": alpha} if alpha is not None and alpha != 1 else {}
            yield made(kind, result, *inputs, params=params, operands=told, **extra)
    x, gate = random(draw, 2, 3, 3), Step("x", "input", random(draw, 2, 3, 3)[0].numpy())
    both = torch.from_numpy(np.array(gate.value))[None]
    yield made("add", both + both, gate, operands=[{"input": 0}, {"input": 0}])
    yield made("mul", both * both, gate, gate, operands=[{"input": 0}, {"input": 1}])
    yield made("div", x / 0, x, operands=[{"input": 0}, {"number": 0}])
    for before in [(), (3,), (2, 3)]:
        x, weight, bias = random(draw, *before, 7), random(draw, 4, 7)[0], random(draw, 4)[0]
        yield made("linear", F.linear(x, weight), x, params={"weight": weight})
        yield made("linear", F.linear(x, weight, bias), x, params={"weight": weight, "bias": bias})


def reductions(draw: Draw) -> Iterator[Step]:
    x = random(draw, 3, 4, 5)
    for kind in ("mean", "sum", "amax"):
        for axes in ([0], [1, 2], [-3, 2], [0, 1, 2]):
            for keepdim in (False, True):
                named = [axis % 3 + 1 for axis in axes]
                yield made(kind, getattr(torch, kind)(x, named, keepdim), x, axes=axes, keepdim=keepdim)
        yield made(kind, getattr(torch, kind)(x, [1, 2, 3]), x, axes=[], keepdim=False)
    for shape in [(8,), (3, 6), (2, 3, 4)]:
        for scale in (1, 100):
            x, axis = random(draw, *shape) * scale, int(draw.integers(len(shape)))
            yield made("softmax", F.softmax(x, axis + 1), x, axis=axis)
            yield made("log_softmax", F.log_softmax(x, axis + 1), x, axis=axis - len(shape))


MOVES = [
    ("flatten", {}, lambda x: x.flatten(1)),
    ("reshape", {}, lambda x: x.reshape(1, 4, 2, -1)),
    ("unsqueeze", {}, lambda x: x.unsqueeze(2)),
    ("squeeze", {}, lambda x: x.squeeze()[None]),
    ("permute", {"axes": [1, 2, 0]}, lambda x: x.permute(0, 2, 3, 1)),
    ("permute", {"axes": [2, 0, -2]}, lambda x: x.permute(0, 3, 1, 2)),
    ("slice", {"index": [[1, 4, 2], 3, [0, 5, 1]]}, lambda x: x[:, 1:4:2, 3]),
    ("slice", {"index": [[0, 4, 1], [2, 6, 3], [-3, None, 1]]}, lambda x: x[:, :, 2::3, -3:]),
    ("slice", {"index": [[None, None, None], -2, [-9, 9, 2]]}, lambda x: x[:, :, -2, ::2]),
    ("slice", {"index": [0, 5, 4]}, lambda x: x[:, 0, 5, 4]),
    ("pixel_shuffle", {"factor": 2}, lambda x: F.pixel_shuffle(x, 2)),
    ("channel_shuffle", {"groups": 2}, lambda x: F.channel_shuffle(x, 2)),
]
PADS = [
    ([[0, 0], [1, 2], [2, 1]], "reflect", 0, (2, 1, 1, 2)),
    ([[0, 0], [1, 2], [3, 4]], "replicate", 0, (3, 4, 1, 2)),
    ([[0, 0], [1, 2], [3, 4]], "circular", None, (3, 4, 1, 2)),
    ([[1, 0], [-1, 2], [2, -2]], "constant", 0.5, (2, -2, -1, 2, 1, 0)),
    ([[-1, 1], [0, 0], [0, 0]], "constant", 0, (0, 0, 0, 0, -1, 1)),
]


def moves(draw: Draw) -> Iterator[Step]:
    x = random(draw, 4, 6, 5)
    for kind, told, run in MOVES:
        yield made(kind, run(x), x, **told)
    for padding, mode, value, told in PADS:
        yield made("pad", F.pad(x, told, mode, value or None), x, padding=padding, mode=mode, value=value)


def joins(draw: Draw) -> Iterator[Step]:
    for axis in range(3):
        shapes = [[2, 3, 4] for _ in range(3)]
        for i, shape in enumerate(shapes):
            shape[axis] = i + 1
        parts = [random(draw, *shape) for shape in shapes]
        told = [{"input": 0}, {"param": "token"}, {"input": 1}]
        joined = torch.cat(parts, axis + 1)
        yield made("cat", joined, *parts, axis=axis - 3)
        token = parts[1][0] if axis else parts[1]
        yield made("cat", joined, parts[0], parts[2], params={"token": token}, axis=axis, operands=told)
        same = [random(draw, 2, 3) for _ in range(3)]
        yield made("stack", torch.stack(same, axis + 1), *same, axis=axis)


def resizes(draw: Draw) -> Iterator[Step]:
    for mode in ("nearest", "bilinear"):
        for turn in range(10):
            x = random(draw, 2, *sizes(draw, 2, 8))
            align = mode == "bilinear" and turn % 3 == 0
            extra = {"align_corners": align} if mode == "bilinear" else {}
            scale = [float(part) for part in draw.uniform(0.6, 3.7, 2)] if turn % 2 else None
            size = None if scale else (sizes(draw, 1, 13) if turn else [2 * part for part in x.shape[2:]])
            result = F.interpolate(x, size, tuple(scale) if scale else None, mode=mode, **extra)
            told = {"mode": mode, "size": list(result.shape[2:]), "scale": scale, "align_corners": align}
            yield made("interpolate", result, x, **told)
    x = random(draw, 1, 1, 6)  # float32 puts column 25 one further than float64 would
    told = {"mode": "nearest", "size": [1, 50], "scale": None, "align_corners": False}
    yield made("interpolate", F.interpolate(x, (1, 50), mode="nearest"), x, **told)


def strange_maps(draw: Draw) -> Iterator[Step]:
    """Maps with NaN and infinities through the kinds that add up or compare many values."""
    x = random(draw, 2, 6, 6)
    x[0, 0, 1, 1], x[0, 0, 1, 2] = np.nan, np.nan
    x[0, 1, 5, 5], x[0, 1, 0, 0], x[0, 1, 4, 4], x[0, 0, 5, 5] = np.nan, np.inf, -np.inf, 3e38
    told = {"kernel": [3, 3], "stride": [1, 1], "padding": [1, 1, 1, 1]}
    weight = random(draw, 2, 2, 3, 3)[0]
    groups = {"dilation": [1, 1], "groups": 1}
    yield made("conv2d", F.conv2d(x, weight, None, 1, 1), x, params={"weight": weight}, **told, **groups)
    yield made("max_pool2d", F.max_pool2d(x, 3, 1, 1), x, ceil_mode=False, dilation=[1, 1], **told)
    told |= {"ceil_mode": False, "count_include_pad": True, "divisor": None}
    yield made("avg_pool2d", F.avg_pool2d(x, 3, 1, 1), x, **told)
    yield made("softmax", F.softmax(x, 1), x, axis=0)
    yield made("amax", x.amax((2, 3)), x, axes=[1, 2], keepdim=False)
    yield made("sum", x.sum((2, 3)), x, axes=[1, 2], keepdim=False)
    both = [{"input": 0}, {"input": 1}]
    yield made("minimum", torch.minimum(x, -x), x, -x, operands=both)
