"""Activations and other functions of one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope.arithmetic.terms import Index, Terms, computed, entry, number, parameter, read_one
from convscope.errors import NoArithmetic
from convscope.traces import Step

Settings = Mapping[str, Any]

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
TANH_GELU = math.sqrt(2 / math.pi)


@dataclass(frozen=True)
class Function:
    """One function.

    Attributes:
        apply: the value at x in float64, given the settings.
        text: how it is written; ``{x}`` and the settings' names are filled with numbers.
        cancels: size of the numbers that a framework may subtract on the way, such as the 1 in
            ``exp(x) - 1``; rounding errors are in proportion to it.
    """

    apply: Callable[[np.float64, Settings], Any]
    text: str
    cancels: Callable[[float, Settings], float] = lambda _x, _settings: 0.0


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    return x if x * beta > threshold else np.log1p(np.exp(x * beta)) / beta


def _exponential(x: Any, alpha: float, width: float = 1.0) -> Any:
    return x if x > 0 else alpha * np.expm1(x / width)


def _gelu(x: np.float64, settings: Settings) -> Any:
    if settings["approximate"] == "tanh":
        return 0.5 * x * (1 + np.tanh(TANH_GELU * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def _clamp(x: np.float64, settings: Settings) -> Any:
    low, high = settings["min"], settings["max"]
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def _always(size: float) -> Callable[[float, Settings], float]:
    return lambda _x, _settings: size


def _as_input(x: float, _settings: Settings) -> float:
    return abs(x)


def _underflow(x: float, _settings: Settings) -> float:
    """exp(-x) leaves float32 a little before the quotient vanishes."""
    return abs(x) * 2.0**-100


CLAMP = Function(_clamp, "{x} kept within {min} .. {max}")

TABLE = {
    "relu": Function(lambda x, _: np.maximum(x, 0), "max(0, {x})"),
    "relu6": Function(lambda x, _: np.minimum(np.maximum(x, 0), 6), "min(max(0, {x}), 6)"),
    "selu": Function(
        lambda x, _: SELU_SCALE * _exponential(x, SELU_ALPHA),
        "1.051 * ({x} if {x} > 0, else 1.673 * (exp({x}) - 1))",
        _always(2.0),
    ),
    "silu": Function(lambda x, _: x * _sigmoid(x), "{x} / (1 + exp(-({x})))", _underflow),
    "mish": Function(lambda x, _: x * np.tanh(np.logaddexp(0, x)), "{x} * tanh(log(1 + exp({x})))", _as_input),
    "sigmoid": Function(lambda x, _: _sigmoid(x), "1 / (1 + exp(-({x})))"),
    "tanh": Function(lambda x, _: np.tanh(x), "tanh({x})"),
    "hardsigmoid": Function(
        lambda x, _: np.minimum(np.maximum(x + 3, 0), 6) / 6, "min(max(0, {x} + 3), 6) / 6", _always(0.5)
    ),
    "hardswish": Function(
        lambda x, _: x * (np.minimum(np.maximum(x + 3, 0), 6) / 6),
        "{x} * min(max(0, {x} + 3), 6) / 6",
        _as_input,
    ),
    "softsign": Function(lambda x, _: x / (1 + np.abs(x)), "{x} / (1 + |{x}|)"),
    "logsigmoid": Function(lambda x, _: -np.logaddexp(0, -x), "log(1 / (1 + exp(-({x}))))"),
    "exp": Function(lambda x, _: np.exp(x), "exp({x})"),
    "log": Function(lambda x, _: np.log(x), "log({x})"),
    "sqrt": Function(lambda x, _: np.sqrt(x), "sqrt({x})"),
    "rsqrt": Function(lambda x, _: 1 / np.sqrt(x), "1 / sqrt({x})"),
    "abs": Function(lambda x, _: np.abs(x), "|{x}|"),
    "neg": Function(lambda x, _: -x, "-({x})"),
    "square": Function(lambda x, _: x * x, "({x}) ** 2"),
    "sin": Function(lambda x, _: np.sin(x), "sin({x})"),
    "cos": Function(lambda x, _: np.cos(x), "cos({x})"),
    "reciprocal": Function(lambda x, _: 1 / x, "1 / ({x})"),
    "leaky_relu": Function(
        lambda x, s: x if x > 0 else x * s["negative_slope"], "{x} if {x} > 0, else {negative_slope} * ({x})"
    ),
    "elu": Function(
        lambda x, s: _exponential(x, s["alpha"]),
        "{x} if {x} > 0, else {alpha} * (exp({x}) - 1)",
        lambda _x, s: abs(s["alpha"]),
    ),
    "celu": Function(
        lambda x, s: _exponential(x, s["alpha"], s["alpha"]),
        "{x} if {x} > 0, else {alpha} * (exp({x} / {alpha}) - 1)",
        lambda _x, s: abs(s["alpha"]),
    ),
    "gelu": Function(_gelu, "0.5 * {x} * (1 + erf({x} / sqrt(2)))", _as_input),
    "softplus": Function(
        lambda x, s: _softplus(x, s["beta"], s["threshold"]),
        "log(1 + exp({beta} * {x})) / {beta}, or {x} where {beta} * {x} > {threshold}",
    ),
    "hardtanh": CLAMP,
    "clamp": CLAMP,
    "pow": Function(lambda x, s: np.power(x, float(s["exponent"])), "({x}) ** {exponent}"),
}

GELU_TANH = "0.5 * {x} * (1 + tanh(0.7979 * ({x} + 0.04472 * ({x}) ** 3)))"


def pointwise(step: Step, index: Index) -> Terms:
    """A function of the one input value at the same position."""
    function = TABLE[step.kind]
    reads = read_one(step, 0, index)
    settings = step.settings
    x = reads.inputs[0]
    result = float(function.apply(x, settings))
    text = GELU_TANH if settings.get("approximate") == "tanh" else function.text
    return computed(
        reads,
        result,
        text.format(x=number(x), **_written(settings)),
        symbols={"x": float(x), **{name: float(v) for name, v in settings.items() if _is_number(v)}},
        magnitude=abs(result) + function.cancels(float(x), settings),
        spread=_spread(function, x, result, settings),
    )


def _spread(function: Function, x: np.float64, result: float, settings: Settings) -> float:
    """By how much the result moves when the input is one float32 step away."""
    near = np.float64(np.nextafter(np.float32(x), np.float32(np.inf)))
    moved = abs(float(function.apply(near, settings)) - result)
    return moved if math.isfinite(moved) else 0.0


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _written(settings: Settings) -> dict[str, str]:
    return {name: number(float(v)) if _is_number(v) else "no limit" for name, v in settings.items()}


def prelu(step: Step, index: Index) -> Terms:
    """``x if x > 0, else weight[channel] * x``. Source: He et al., Delving Deep into Rectifiers, 2015."""
    weight = parameter(step, "weight").ravel()
    slope = entry(weight, index[0] if weight.size > 1 else 0)
    reads = read_one(step, 0, index)
    x = float(reads.inputs[0])
    result = x if x > 0 else slope * x
    how = f"{number(x)} if {number(x)} > 0, else {number(slope)} * ({number(x)})"
    return computed(reads, result, how, symbols={"x": x, "slope": slope})


def training_only(step: Step, index: Index) -> Terms:
    """Dropout and identity: the value passes as it is."""
    reads = read_one(step, 0, index)
    if step.inputs[0].shape != step.shape:
        raise NoArithmetic(f"step {step.name!r} ({step.kind}) changed the shape of its value, which it should not")
    at = ", ".join(str(part) for part in index)
    return Terms(reads, np.ones(1), reads.inputs, 0.0, f"{step.inputs[0].name}[{at}]")


FUNCTIONS = {
    **dict.fromkeys(TABLE, pointwise),
    "prelu": prelu,
    "dropout": training_only,
    "identity": training_only,
}
