"""Calls of TensorFlow in a network that ``tf.keras`` saved: those that are layers under another name."""

from __future__ import annotations

from collections.abc import Mapping

from convscope.adapters.keras.building import Build, Builder
from convscope.adapters.keras.description import Call, Layer, UnreadError
from convscope.adapters.keras.values import Value

FUNCTIONS: Mapping[str, str] = {
    "math.add": "Add", "__operators__.add": "Add", "add": "Add",
    "math.subtract": "Subtract", "__operators__.sub": "Subtract", "subtract": "Subtract",
    "math.multiply": "Multiply", "__operators__.mul": "Multiply", "multiply": "Multiply",
    "math.truediv": "Divide", "math.divide": "Divide", "__operators__.truediv": "Divide",
    "math.maximum": "Maximum", "math.minimum": "Minimum",
    "nn.relu": "Relu", "nn.relu6": "Relu6", "nn.sigmoid": "Sigmoid", "math.sigmoid": "Sigmoid", "nn.silu": "Silu",
    "nn.swish": "Silu", "nn.tanh": "Tanh", "math.tanh": "Tanh", "nn.selu": "Selu", "math.exp": "Exp",
    "nn.softplus": "Softplus", "math.softplus": "Softplus", "nn.softsign": "Softsign", "nn.softmax": "Softmax",
    "math.reduce_mean": "Mean", "math.reduce_sum": "Sum", "math.reduce_max": "Max",
    "concat": "Concatenate", "identity": "Identity",
}  # fmt: skip
"""TensorFlow's name after ``tf.`` to the kind of layer that does the same."""


def _called(builder: Builder, layer: Layer, call: Call, values: list[Value]) -> Value:
    function = layer.get("function", default="")
    kind = FUNCTIONS.get(function) if isinstance(function, str) else None
    if kind is None:
        raise UnreadError(f"{layer.title} calls tf.{function!s:.60}, which is not read here")
    inner = Layer(layer.name, kind, {})
    result = builder.common.kinds[kind](builder, inner, call, values)
    assert isinstance(result, Value)
    return result


OPERATIONS: dict[str, Build] = {"TFOpLambda": _called}
