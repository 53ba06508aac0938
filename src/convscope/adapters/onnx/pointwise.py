"""Operators that make each number of one or several numbers: activations, sums, comparisons.

They leave every number in its place, so the order in which the axes are kept is handed on.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from convscope.adapters.elementary import Apply, Average, Merge, With
from convscope.adapters.onnx.modules import Clamp, Held, Numbers, Power
from convscope.adapters.onnx.tensors import BFLOAT16
from convscope.adapters.onnx.translation import Call, Translator, filled, weights
from convscope.adapters.onnx.values import Unsupported, Value


def _layer(make: Callable[[Call], nn.Module]) -> Translator:
    return lambda call: call.alike(make(call), call.loose())


def _function(name: str) -> Translator:
    return lambda call: call.alike(Apply(name), call.loose())


def _as_it_is(call: Call) -> Value:
    """Identity: the same value under another name."""
    return call.loose()


def _selu(call: Call) -> nn.Module:
    usual = 1.67326319217681884765625, 1.05070102214813232421875
    if not np.allclose((call.get("alpha", usual[0]), call.get("gamma", usual[1])), usual, rtol=1e-5):
        raise Unsupported("with constants of its own has no translation")
    return nn.SELU()


def _swish(call: Call) -> nn.Module:
    if call.get("alpha", 1.0) != 1.0:
        raise Unsupported("with a slope of its own has no translation")
    return nn.SiLU()


def _hard_sigmoid(call: Call) -> Value:
    slope, offset = call.get("alpha", 0.2), call.get("beta", 0.5)
    if math.isclose(slope, 1 / 6, rel_tol=1e-6) and offset == 0.5:
        return call.alike(nn.Hardsigmoid(), call.loose())
    steeper = call.alike(With("mul", slope), call.loose(), suffix="_mul")
    moved = call.alike(With("add", offset), steeper, suffix="_add")
    return call.alike(Clamp(0.0, 1.0), moved)


def _clip(call: Call) -> Value:
    """Clip: ReLU6 where it is that."""
    bounds = []
    for place, name in ((1, "min"), (2, "max")):
        given = call.constant(place)
        bounds.append(call.get(name) if given is None else float(np.asarray(given).reshape(-1)[0]))
    least, most = bounds
    if (least, most) == (0.0, 6.0):
        return call.alike(nn.ReLU6(), call.loose())
    if least is None and most is None:
        return call.loose()
    if least is not None and most is not None and least < most:
        return call.alike(nn.Hardtanh(least, most), call.loose())
    return call.alike(Clamp(least, most), call.loose())


def _prelu(call: Call) -> Value:
    """PRelu: with one slope, or one for each channel; otherwise put together."""
    value, slopes = call.live(), call.needed(1)
    while slopes.dim() > value.rank and slopes.shape[0] == 1:
        slopes = slopes[0]
    spread = slopes.reshape(*[1] * (value.rank - slopes.dim()), *slopes.shape)
    if spread.numel() in {1, spread.shape[1]}:
        layer = filled(nn.PReLU(spread.numel(), device="meta"), weight=slopes.reshape(-1).clone())
        return call.add(layer, value)
    above = call.add(Clamp(0.0, None), value, suffix="_above")
    below = call.add(Clamp(None, 0.0), value, suffix="_below")
    return call.add(Merge("add"), above, call.add(With("mul", slopes), below, suffix="_slopes"))


def _cast(call: Call) -> Value:
    """Cast: between kinds of floating-point numbers nothing happens, since all is computed in float32."""
    value, kind = call.loose(), call.get("to")
    if kind not in {1, 10, 11, BFLOAT16}:
        raise Unsupported("to whole numbers has no translation")
    return value if value.stored.is_floating_point() else call.alike(Numbers(), value)


def _dropout(call: Call) -> Value:
    """Dropout, which does nothing in a network that is used."""
    given = call.constant(1)
    share = call.get("ratio", 0.5) if given is None else float(np.asarray(given).reshape(-1)[0])
    training = call.constant(2)
    if training is not None and bool(np.asarray(training).reshape(-1)[0]):
        raise Unsupported("in training mode has no translation")
    return call.alike(nn.Dropout(min(max(share, 0.0), 1.0)), call.loose())


def _binary(function: str) -> Translator:
    """Two operands, one of which may be a constant; shapes broadcast."""

    def translate(call: Call) -> Value:
        if not isinstance(call.at(1), Value):
            return _with(call, function, call.loose(0), _constant(call, 1), first=False)
        if not isinstance(call.at(0), Value):
            return _with(call, function, call.loose(1), _constant(call, 0), first=True)
        return _together(call, Merge(function), [call.loose(0), call.loose(1)])

    return translate


def _constant(call: Call, place: int) -> np.ndarray:
    found = call.constant(place)
    if found is None:
        raise ValueError(f"input {place} is left out")
    return found


def _with(
    call: Call, function: str, value: Value, constant: np.ndarray, *, first: bool, suffix: str = ""
) -> Value:  # fmt: skip
    if constant.ndim > value.rank:
        value = call.translation.turn(value)
    elif constant.size > 1 and not value.straight:
        spread = constant.reshape([1] * (value.rank - constant.ndim) + list(constant.shape))
        constant = spread.transpose(np.argsort(value.axes))
    if constant.size == 1 and constant.ndim <= value.rank and function in _WITH_A_NUMBER:
        operand: torch.Tensor | float = float(constant.reshape(-1)[0])
    else:
        operand = weights(constant)
    made = With(function, operand, first=first)
    return call.add(made, value, suffix=suffix) if value.straight else call.alike(made, value, suffix=suffix)


_WITH_A_NUMBER = frozenset({"add", "sub", "mul", "div", "maximum", "minimum"})


def _together(call: Call, module: nn.Module, values: list[Value]) -> Value:
    """Several computed operands: in whatever order, where all are kept alike."""
    if all(value.axes == values[0].axes for value in values):
        return call.alike(module, *values)
    return call.add(module, *[call.translation.turn(value) for value in values])


def _several(function: str) -> Translator:
    """Sum, Max, Min of any number of operands."""

    def translate(call: Call) -> Value:
        values = [value for value in call.given if isinstance(value, Value)]
        constants = [value for value in call.given if isinstance(value, np.ndarray)]
        result = values[0]
        if len(values) > 1:
            result = _together(call, Merge(function), values)
        for place, constant in enumerate(constants):
            suffix = "" if len(values) == 1 and place == 0 else f"_{place + 2}"
            result = _with(call, function, result, constant, first=False, suffix=suffix)
        return result

    return translate


def _mean(call: Call) -> Value:
    """Mean of several tensors."""
    values = [call.loose(place) for place in range(len(call.given))]
    return _together(call, Average(), values) if len(values) > 1 else values[0]


def _pow(call: Call) -> Value:
    exponent = call.at(1)
    if isinstance(exponent, np.ndarray) and exponent.size == 1 and exponent.ndim <= call.loose().rank:
        return call.alike(Power(float(exponent.reshape(-1)[0])), call.loose())
    return _held("pow")(call)


def _held(function: str) -> Callable[[Call], Value]:
    """A function of several operands of which some may be constants, with all axes in the file's order."""

    def translate(call: Call) -> Value:
        values = [call.live(place) for place, one in enumerate(call.given) if isinstance(one, Value)]
        constants = {place: weights(one) for place, one in enumerate(call.given) if isinstance(one, np.ndarray)}
        return call.add(Held(function, constants), *values)

    return translate


TABLE: dict[str, Translator] = {
    "Relu": _layer(lambda _: nn.ReLU()),
    "LeakyRelu": _layer(lambda call: nn.LeakyReLU(call.get("alpha", 0.01))),
    "Elu": _layer(lambda call: nn.ELU(call.get("alpha", 1.0))),
    "Celu": _layer(lambda call: nn.CELU(call.get("alpha", 1.0))),
    "Selu": _layer(_selu),
    "ThresholdedRelu": _layer(lambda call: nn.Threshold(call.get("alpha", 1.0), 0.0)),
    "Gelu": _layer(lambda call: nn.GELU(call.get("approximate", "none"))),
    "Mish": _layer(lambda _: nn.Mish()),
    "Swish": _layer(_swish),
    "HardSwish": _layer(lambda _: nn.Hardswish()),
    "HardSigmoid": _hard_sigmoid,
    "Sigmoid": _layer(lambda _: nn.Sigmoid()),
    "Tanh": _layer(lambda _: nn.Tanh()),
    "Softplus": _layer(lambda _: nn.Softplus()),
    "Softsign": _layer(lambda _: nn.Softsign()),
    "PRelu": _prelu,
    "Clip": _clip,
    "Dropout": _dropout,
    "Identity": _as_it_is,
    "Cast": _cast,
    "Sum": _several("add"), "Max": _several("maximum"), "Min": _several("minimum"), "Mean": _mean,
    "Add": _binary("add"), "Sub": _binary("sub"), "Mul": _binary("mul"), "Div": _binary("div"), "Pow": _pow,
    "Where": _held("where"),
}  # fmt: skip
"""By operator."""

TABLE |= {
    name: _function(function)
    for name, function in {
        "Exp": "exp", "Log": "log", "Sqrt": "sqrt", "Abs": "abs", "Neg": "neg", "Reciprocal": "reciprocal",
        "Sin": "sin", "Cos": "cos", "Tan": "tan", "Atan": "atan", "Sinh": "sinh", "Cosh": "cosh", "Erf": "erf",
        "Floor": "floor", "Ceil": "ceil", "Round": "round", "Sign": "sign", "Not": "logical_not",
    }.items()
}  # fmt: skip
TABLE |= {
    name: _held(function)
    for name, function in {
        "Equal": "eq", "Greater": "gt", "Less": "lt", "GreaterOrEqual": "ge", "LessOrEqual": "le", "And": "logical_and",
        "Or": "logical_or", "Xor": "logical_xor",
    }.items()
}  # fmt: skip
