"""Kinds that join two values (add, mul ...), and dense layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope.arithmetic import taps
from convscope.arithmetic.terms import (
    Index,
    Reads,
    Terms,
    entry,
    given,
    joined,
    largest,
    number,
    optional,
    parameter,
    products,
    read_grid,
    read_one,
    signed,
)
from convscope.arithmetic.windows import weighted_sum
from convscope.errors import NoArithmetic
from convscope.traces import Step


def linear(step: Step, index: Index) -> Terms:
    """``sum over i of weight[o, i] * x[..., i] + bias[o]``."""
    out = index[-1]
    weight = parameter(step, "weight")
    before = [np.array([part], np.int64) for part in index[:-1]]
    reads = read_grid(step, [*before, taps.every(weight.shape[1])])
    return weighted_sum(reads, weight[out].astype(np.float64), entry(optional(step, "bias"), out))


@dataclass(frozen=True)
class Operand:
    """One side of a binary operation at one position: its number, and the step it came from if any."""

    value: float
    source: int = -1
    position: Index = ()

    @property
    def is_step(self) -> bool:
        """Whether it was read from a step rather than a parameter or a number."""
        return self.source >= 0


def operand(step: Step, told: Mapping[str, Any], index: Index) -> Operand:
    """Read one operand at a position of the output, as broadcasting has it."""
    if "number" in told:
        return Operand(float(told["number"]))
    if "param" in told:
        values = parameter(step, told["param"])
        while values.ndim > len(index) and values.shape[0] == 1:
            values = values[0]  # a parameter may still have the batch axis
        return Operand(float(values[broadcast(index, values.shape)]))
    source = int(told["input"])
    value = step.inputs[source].value
    position = broadcast(index, value.shape)
    return Operand(float(value[position]), source, position)


def broadcast(index: Index, shape: Index) -> Index:
    """The position in an operand of ``shape`` that meets position ``index`` of the result.

    >>> broadcast((2, 5, 6), (3, 1, 1)), broadcast((2, 5, 6), (7,)), broadcast((2, 5, 6), ())
    ((2, 0, 0), (6,), ())
    """
    last = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else part for part, size in zip(last, shape, strict=True))


def operands(step: Step, index: Index) -> tuple[Operand, Operand]:
    """Both operands of a binary operation."""
    told = step.settings.get("operands", [])
    if len(told) != 2:
        raise NoArithmetic(f"no arithmetic for step {step.name!r} ({step.kind}): its two operands were not recorded")
    first, second = (operand(step, part, index) for part in told)
    return first, second


def reads_of(step: Step, part: Operand) -> Reads:
    """An operand as the read of a single number."""
    return read_one(step, part.source, part.position) if part.is_step else given(part.value)


def add(step: Step, index: Index) -> Terms:
    """``a + alpha * b``."""
    return _sum(step, index, float(step.settings.get("alpha", 1)))


def sub(step: Step, index: Index) -> Terms:
    """``a - alpha * b``."""
    return _sum(step, index, -float(step.settings.get("alpha", 1)))


def _sum(step: Step, index: Index, alpha: float) -> Terms:
    first, second = operands(step, index)
    reads = joined([reads_of(step, first), reads_of(step, second)])
    sign = "+" if alpha > 0 else "-"
    scaled = signed(second.value) if abs(alpha) == 1 else f"{number(abs(alpha))} * {signed(second.value)}"
    return products(reads, np.array([1.0, alpha]), f"{number(first.value)} {sign} {scaled}")


def mul(step: Step, index: Index) -> Terms:
    """``a * b``; the term is the operand that comes from a step, the other one is its factor."""
    first, second = operands(step, index)
    how = f"{number(first.value)} * {signed(second.value)}"
    term, factor = (first, second) if first.is_step or not second.is_step else (second, first)
    others = ((factor.source, factor.position),) if factor.is_step else ()
    return products(reads_of(step, term), np.array([factor.value]), how, others=others)


def div(step: Step, index: Index) -> Terms:
    """``a / b``; the term is a, its factor ``1 / b``."""
    first, second = operands(step, index)
    how = f"{number(first.value)} / {signed(second.value)}"
    others = ((second.source, second.position),) if second.is_step else ()
    factor = np.array([np.float64(1) / np.float64(second.value)])
    return products(reads_of(step, first), factor, how, others=others)


def maximum(step: Step, index: Index) -> Terms:
    """``max(a, b)``."""
    first, second = operands(step, index)
    reads = joined([reads_of(step, first), reads_of(step, second)])
    return largest(reads, f"max({number(first.value)}, {number(second.value)})")


def minimum(step: Step, index: Index) -> Terms:
    """``min(a, b)``."""
    first, second = operands(step, index)
    reads = joined([reads_of(step, first), reads_of(step, second)])
    return largest(reads, f"min({number(first.value)}, {number(second.value)})", smallest=True)


OPERANDS = {
    "linear": linear,
    "add": add,
    "sub": sub,
    "mul": mul,
    "div": div,
    "maximum": maximum,
    "minimum": minimum,
}
