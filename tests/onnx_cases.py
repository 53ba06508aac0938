"""Single nodes of ONNX, a case for each thing that an operator can be told, and the module that is made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from convscope.adapters.onnx.operators import OPERATORS
from convscope.adapters.onnx.reading import source_of
from convscope.adapters.onnx.translation import Translation
from convscope.adapters.onnx.values import BATCH, straight
from onnx_files import model, node, numbers

N = numbers


@dataclass(frozen=True)
class Case:
    """A node that reads ``x`` and makes ``y``, or several nodes."""

    operator: str
    settings: dict[str, Any] = field(default_factory=dict)
    shape: tuple[Any, ...] = ("N", 3, 8, 8)
    inputs: str = "x"
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    opset: int = 13
    outputs: str = "y"
    modules: int = 1
    positive: bool = False


def conv(out: int, inside: int, *kernel: int, bias: bool = True) -> dict[str, np.ndarray]:
    """Weights."""
    return {"w": N(out, inside, *kernel)} | ({"b": N(out, seed=1)} if bias else {})


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


WB = "x w b"
CASES: dict[str, Case] = {
    "conv": Case("Conv", {"pads": [1, 1, 1, 1]}, inputs=WB, constants=conv(5, 3, 3, 3)),
    "conv without bias": Case("Conv", inputs="x w", constants=conv(5, 3, 2, 3, bias=False)),
    "conv, strides, dilations": Case(
        "Conv", {"strides": [2, 1], "dilations": [1, 2], "pads": [2, 0, 2, 0]}, inputs=WB, constants=conv(4, 3, 3, 3)
    ),
    "conv, uneven": Case("Conv", {"pads": [0, 1, 2, 0]}, inputs=WB, constants=conv(4, 3, 3, 3), modules=2),
    "conv, groups": Case(
        "Conv", {"group": 2, "pads": [1, 1, 1, 1]}, ("N", 4, 6, 6), WB, constants=conv(6, 2, 3, 3)
    ),
    "conv, same upper": Case(
        "Conv", {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, inputs=WB, constants=conv(4, 3, 3, 3), modules=2
    ),
    "conv, same lower": Case(
        "Conv", {"auto_pad": "SAME_LOWER", "strides": [2, 2]}, inputs=WB, constants=conv(4, 3, 3, 3), modules=2
    ),
    "conv, valid": Case("Conv", {"auto_pad": "VALID"}, inputs=WB, constants=conv(4, 3, 3, 3)),
    "transposed": Case("ConvTranspose", {"strides": [2, 2]}, inputs=WB, constants={"w": N(3, 4, 3, 3), "b": N(4)}),
    "transposed, all": Case(
        "ConvTranspose",
        {"strides": [2, 3], "pads": [1, 0, 1, 0], "output_padding": [1, 2], "dilations": [2, 1], "group": 3},
        inputs="x w", constants={"w": N(3, 2, 3, 3)},
    ),
    "transposed, uneven": Case(
        "ConvTranspose", {"strides": [2, 2], "pads": [0, 1, 1, 0]}, inputs="x w", constants={"w": N(3, 2, 3, 3)},
        modules=2,
    ),
    "transposed, same": Case(
        "ConvTranspose", {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, inputs="x w", constants={"w": N(3, 2, 3, 3)},
        modules=2,
    ),
    "transposed, to a size": Case(
        "ConvTranspose", {"strides": [2, 2], "output_shape": [16, 17]}, inputs="x w", constants={"w": N(3, 2, 3, 3)},
        modules=2,
    ),
    "max": Case("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "max, every place": Case("MaxPool", {"kernel_shape": [3, 3]}),
    "max, padded": Case("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "max, ceil": Case("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    "max, ceil and padded": Case(
        "MaxPool", {"kernel_shape": [2, 2], "strides": [3, 3], "ceil_mode": 1, "pads": [1, 1, 1, 1]}, ("N", 2, 7, 8)
    ),
    "max, uneven": Case("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [0, 0, 1, 1]}, modules=2),
    "max, same": Case("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}, modules=2),
    "max, dilated": Case("MaxPool", {"kernel_shape": [3, 3], "dilations": [2, 2]}),
    "max, wide padding": Case("MaxPool", {"kernel_shape": [3, 3], "pads": [0, 2, 0, 2]}, modules=2),
    "mean": Case("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "mean, padding left out": Case("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    "mean, padding counted": Case(
        "AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}
    ),
    "mean, counted, uneven": Case(
        "AveragePool", {"kernel_shape": [3, 3], "pads": [0, 1, 1, 0], "count_include_pad": 1}, modules=2
    ),
    "mean, ceil": Case("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    "mean, same, stride 2": Case(
        "AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}
    ),
    "mean, same, stride 1": Case("AveragePool", {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"}, modules=2),
    "mean, same lower": Case(
        "AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"}, ("N", 3, 8, 9), modules=2
    ),
    "mean, other than PyTorch's": Case(
        "AveragePool", {"kernel_shape": [4, 4], "strides": [2, 2], "pads": [1, 2, 0, 0]}, ("N", 2, 9, 9), modules=2
    ),
    "mean, wide padding": Case("AveragePool", {"kernel_shape": [3, 3], "pads": [2, 2, 2, 1]}),
    "global mean": Case("GlobalAveragePool"),
    "global max": Case("GlobalMaxPool"),
    "batch norm": Case(
        "BatchNormalization", {"epsilon": 1e-3}, inputs="x s b m v",
        constants={"s": N(3), "b": N(3, seed=1), "m": N(3, seed=2), "v": np.abs(N(3, seed=3))},
    ),
    "batch norm of a list": Case(
        "BatchNormalization", shape=("N", 9), inputs="x s b m v",
        constants={"s": N(9), "b": N(9, seed=1), "m": N(9, seed=2), "v": np.abs(N(9, seed=3))},
    ),
    "instance norm": Case("InstanceNormalization", inputs="x s b", constants={"s": N(3), "b": N(3, seed=1)}),
    "layer norm": Case(
        "LayerNormalization", {"axis": -1}, inputs="x s b", constants={"s": N(8), "b": N(8, seed=1)}, opset=17
    ),
    "layer norm over all": Case("LayerNormalization", {"axis": 1}, inputs="x s", constants={"s": N(3, 8, 8)}, opset=17),
    "group norm": Case(
        "GroupNormalization", {"num_groups": 2}, ("N", 4, 6, 6), "x s b", {"s": N(4), "b": N(4, seed=1)}, opset=21
    ),
    "group norm, first version": Case(
        "GroupNormalization", {"num_groups": 2}, ("N", 4, 6, 6), "x s b", {"s": N(2), "b": N(2, seed=1)}, opset=18
    ),
    "lrn": Case("LRN", {"size": 5, "alpha": 0.01, "beta": 0.7, "bias": 2.0}, ("N", 9, 4, 4)),
    "gemm": Case("Gemm", {"transB": 1}, ("N", 6), "x w b", {"w": N(4, 6), "b": N(4)}),
    "gemm, scaled": Case(
        "Gemm", {"alpha": 0.5, "beta": 2.0}, ("N", 6), "x w b", {"w": N(6, 4), "b": N(1, 4)}
    ),
    "gemm without bias": Case("Gemm", {}, ("N", 6), "x w", {"w": N(6, 4)}),
    "gemm, one number added": Case("Gemm", {}, ("N", 6), "x w b", {"w": N(6, 4), "b": N(1)}),
    "matmul": Case("MatMul", {}, ("N", 6), "x w", {"w": N(6, 4)}),
    "matmul of maps": Case("MatMul", inputs="x w", constants={"w": N(8, 4)}),
    "matmul from the left": Case("MatMul", inputs="w x", constants={"w": N(4, 8)}),
    "matmul of both": Case("MatMul", inputs="x x"),
    "einsum": Case("Einsum", {"equation": "nchw,dc->ndhw"}, inputs="x w", constants={"w": N(4, 3)}),
    "softmax, new": Case("Softmax", {"axis": 1}),
    "softmax, new, last": Case("Softmax"),
    "softmax, old": Case("Softmax", opset=11, modules=3),
    "softmax, old, of a list": Case("Softmax", shape=("N", 9), opset=11),
    "softmax, old, of single maps": Case("Softmax", shape=("N", 9, 1, 1), opset=9),
    "log softmax": Case("LogSoftmax", {"axis": 1}, ("N", 9)),
    "mean over rows and columns": Case("ReduceMean", {"axes": [2, 3], "keepdims": 0}),
    "mean, new": Case("ReduceMean", {"keepdims": 1}, inputs="x a", constants={"a": ints(-1, -2)}, opset=18),
    "sum": Case("ReduceSum", {"keepdims": 0}, inputs="x a", constants={"a": ints(1)}),
    "largest": Case("ReduceMax", {"axes": [3]}),
    "smallest": Case("ReduceMin", {"axes": [1, 2], "keepdims": 0}),
    "length": Case("ReduceL2", {"axes": [1], "keepdims": 1}, modules=3),
    "hard sigmoid": Case("HardSigmoid", modules=3),
    "hard sigmoid of PyTorch": Case("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "hard swish": Case("HardSwish", opset=14),
    "relu": Case("Relu"),
    "leaky": Case("LeakyRelu", {"alpha": 0.3}),
    "elu": Case("Elu", {"alpha": 0.7}),
    "celu": Case("Celu", {"alpha": 0.7}),
    "selu": Case("Selu"),
    "thresholded": Case("ThresholdedRelu", {"alpha": 0.4}),
    "gelu": Case("Gelu", opset=20),
    "gelu, tanh": Case("Gelu", {"approximate": "tanh"}, opset=20),
    "mish": Case("Mish", opset=18),
    "softplus": Case("Softplus"),
    "softsign": Case("Softsign"),
    "prelu, one slope": Case("PRelu", inputs="x s", constants={"s": floats(0.3)}),
    "prelu, channels": Case("PRelu", inputs="x s", constants={"s": N(3, 1, 1)}),
    "prelu, places": Case("PRelu", inputs="x s", constants={"s": N(3, 8, 8)}, modules=4),
    "clip": Case("Clip", inputs="x l h", constants={"l": floats(-0.5)[0], "h": floats(0.6)[0]}),
    "clip, old": Case("Clip", {"min": 0.0, "max": 6.0}, opset=9),
    "clip, one side": Case("Clip", inputs="x - h", constants={"h": floats(0.6)[0]}),
    "clip, no side": Case("Clip", modules=0),
    "dropout": Case("Dropout", inputs="x r", constants={"r": floats(0.4)[0]}),
    "identity": Case("Identity", modules=0),
    "cast": Case("Cast", {"to": 1}, modules=0),
    "sum of three": Case("Sum", inputs="x x x"),
    "sum with constants": Case("Sum", inputs="x c x", constants={"c": N(3, 1, 1)}, modules=2),
    "max of two": Case("Max", inputs="x c", constants={"c": N(8)}),
    "min of two": Case("Min", inputs="c x", constants={"c": floats(0.2)[0]}),
    "mean of two": Case("Mean", inputs="x x"),
    "add a number": Case("Add", inputs="x c", constants={"c": floats(3.0)}),
    "add channels": Case("Add", inputs="c x", constants={"c": N(3, 1, 1)}),
    "one minus": Case("Sub", inputs="c x", constants={"c": floats(1.0)[0]}),
    "times itself": Case("Mul", inputs="x x"),
    "divided": Case("Div", inputs="x c", constants={"c": N(1, 3, 1, 1)}),
    "a number divided": Case("Div", inputs="c x", constants={"c": floats(2.0)[0]}, positive=True),
    "more axes": Case("Add", {}, ("N", 8), "x c", {"c": N(3, 1, 8)}),
    "squared": Case("Pow", inputs="x e", constants={"e": floats(2.0)[0]}),
    "powers": Case("Pow", inputs="x e", constants={"e": floats(1, 2, 3).reshape(3, 1, 1)}, positive=True),
    "where": Case("Where", inputs="c x z", constants={"c": N(8) > 0, "z": N(1)}),
    "flatten": Case("Flatten"),
    "flatten a list": Case("Flatten", shape=("N", 9), modules=0),
    "flatten from the third axis": Case("Flatten", {"axis": 2}),
    "reshape": Case("Reshape", inputs="x s", constants={"s": ints(0, 6, -1)}),
    "reshape for one photo": Case("Reshape", inputs="x s", constants={"s": ints(1, 192)}, shape=(1, 3, 8, 8)),
    "reshape, inferred photos": Case("Reshape", inputs="x s", constants={"s": ints(-1, 192)}),
    "reshape to itself": Case("Reshape", inputs="x s", constants={"s": ints(0, 0, 0, -1)}, modules=0),
    "squeeze": Case("Squeeze", {}, ("N", 3, 1, 1), "x a", {"a": ints(2, 3)}),
    "squeeze, old": Case("Squeeze", {"axes": [2]}, ("N", 3, 1, 5), opset=11),
    "unsqueeze": Case("Unsqueeze", {}, ("N", 3), "x a", {"a": ints(2, -1)}),
    "transpose": Case("Transpose", {"perm": [0, 2, 3, 1]}),
    "concat": Case("Concat", {"axis": 1}, inputs="x x"),
    "concat, columns": Case("Concat", {"axis": -1}, inputs="x x x"),
    "split": Case("Split", {"axis": 1}, inputs="x s", constants={"s": ints(1, 2)}, outputs="z y"),
    "split, old": Case("Split", {"axis": 2, "split": [3, 5]}, opset=11, outputs="y z"),
    "split, even": Case("Split", {"axis": 3}, outputs="y z"),
    "split, new": Case("Split", {"axis": 3, "num_outputs": 3}, outputs="y z q", opset=18),
    "slice": Case(
        "Slice", {}, inputs="x s e a t",
        constants={"s": ints(1, -3), "e": ints(9999, 8), "a": ints(2, -1), "t": ints(2, 1)},
    ),
    "slice, old": Case("Slice", {"starts": [0, 1], "ends": [2, -1], "axes": [1, 2]}, opset=9),
    "slice, backwards": Case(
        "Slice", {}, inputs="x s e a t", constants={"s": ints(-1), "e": ints(-9999), "a": ints(3), "t": ints(-1)}
    ),
    "slice, everything": Case("Slice", {}, inputs="x s e", constants={"s": ints(0), "e": ints(2**62)}, modules=0),
    "gather one": Case("Gather", {"axis": 1}, inputs="x i", constants={"i": np.array(-1)}),
    "gather a run": Case("Gather", {"axis": 2}, inputs="x i", constants={"i": ints(1, 2, 3)}),
    "gather a shuffle": Case("Gather", {"axis": 1}, inputs="x i", constants={"i": ints(2, 0, 1, 0)}),
    "pad": Case(
        "Pad", {}, inputs="x p v", constants={"p": ints(0, 1, 2, 0, 0, 0, 1, 3), "v": floats(0.5)[0]}
    ),
    "pad, old": Case("Pad", {"pads": [0, 0, 1, 1, 0, 0, 2, 2], "mode": "reflect"}, opset=9),
    "pad, edge": Case("Pad", {"mode": "edge"}, inputs="x p", constants={"p": ints(0, 0, 1, 1, 0, 0, 2, 2)}),
    "pad, cut": Case("Pad", {}, inputs="x p", constants={"p": ints(0, 0, -1, 1, 0, 0, 2, -2)}),
    "pad, some axes": Case(
        "Pad", {}, inputs="x p - a", constants={"p": ints(1, 2), "a": ints(-1)}, opset=18
    ),
    "pad nothing": Case("Pad", {}, inputs="x p", constants={"p": ints(*[0] * 8)}, modules=0),
    "expand": Case("Expand", {}, ("N", 3, 1, 1), "x s", {"s": ints(1, 3, 4, 5)}),
    "tile": Case("Tile", {}, inputs="x r", constants={"r": ints(1, 2, 1, 3)}, modules=2),
    "depth to space": Case("DepthToSpace", {"blocksize": 2}, ("N", 8, 3, 3), modules=2),
    "depth to space, crd": Case("DepthToSpace", {"blocksize": 2, "mode": "CRD"}, ("N", 8, 3, 3)),
    "space to depth": Case("SpaceToDepth", {"blocksize": 2}, modules=2),
}  # fmt: skip

CASES |= {
    name.lower(): Case(name, positive=name in {"Log", "Sqrt", "Reciprocal"})
    for name in ("Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Abs", "Neg", "Reciprocal", "Sin", "Cos", "Tan", "Atan",
                 "Sinh", "Cosh", "Erf", "Floor", "Ceil", "Round", "Sign")
}  # fmt: skip


def sized(case: Case, photos: int) -> tuple[int, ...]:
    return tuple(photos if size == "N" else size for size in case.shape)


def file_of(case: Case) -> Any:
    made = node(case.operator, case.inputs, case.outputs, "it", **case.settings)
    return model([made], case.shape, outputs=case.outputs, constants=case.constants, opset=case.opset)


def module_of(case: Case, proto: Any) -> torch.nn.Module:
    """The node as modules; its input may have any shape, which no picture has."""
    translation = Translation(source_of(proto))
    translation.known["x"] = straight("in", torch.empty(BATCH, *case.shape[1:], device="meta"))
    translation.follow(OPERATORS)
    assert not translation.lost
    return translation.graph(["in"], case.outputs.split())
