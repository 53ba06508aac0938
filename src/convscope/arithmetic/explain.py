"""One value of a step to its :class:`Pixel`: the table of kinds, the checks, the tolerance."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from convscope.arithmetic.functions import FUNCTIONS
from convscope.arithmetic.moves import MOVES
from convscope.arithmetic.norms import NORMS
from convscope.arithmetic.operands import OPERANDS
from convscope.arithmetic.pixel import Pixel
from convscope.arithmetic.reductions import REDUCTIONS
from convscope.arithmetic.resize import RESIZE
from convscope.arithmetic.terms import Index, Terms, number
from convscope.arithmetic.windows import WINDOWS
from convscope.errors import CallError, NoArithmetic, StaleParametersError
from convscope.traces import Step

Explain = Callable[[Step, Index], Terms]

KINDS: Mapping[str, Explain] = MappingProxyType(
    {**WINDOWS, **NORMS, **FUNCTIONS, **OPERANDS, **REDUCTIONS, **MOVES, **RESIZE}
)
"""Every kind of step whose numbers can be explained, with the function that does it."""

HALF_STEP = 2.0**-24
"""Largest relative error of one float32 rounding."""

LOWER_PRECISIONS = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "tf32": 2.0**-10}
"""Relative step of what a network may compute in below float32."""

LARGEST = {"float16": 65504.0}
"""Largest number of a precision, where it is smaller than float32's."""

SMALLEST = {"float16": 2.0**-24}
"""Absolute error of a result near zero, where it is larger than float32's smallest normal number."""


def explain_value(step: Step, index: tuple[int, ...]) -> Pixel:
    """Take one output value apart.

    Args:
        step: a recorded step.
        index: a full position in ``step.value``, one whole number from 0 for every axis.

    Returns:
        the terms, the bias and the result. ``holds`` says whether they give the recorded value.

    Raises:
        CallError: the position is not in the value.
        NoArithmetic: nothing is known of how this step makes its numbers, or what is needed for it was not
            recorded.
        StaleParametersError: the step's parameters no longer give the recorded value.

    >>> from convscope.traces import Step
    >>> x = Step("x", "input", np.array([1.0, 2.0], np.float32))
    >>> weight, bias = np.array([[3.0, 4.0]], np.float32), np.array([0.5], np.float32)
    >>> y = Step("y", "linear", np.array([11.5], np.float32), (x,), {}, {"weight": weight, "bias": bias})
    >>> pixel = explain_value(y, (0,))
    >>> pixel.terms.tolist(), pixel.bias, pixel.result, pixel.holds
    ([3.0, 8.0], 0.5, 11.5, True)
    >>> pixel.formula
    '2 products (11) + bias 0.5 = 11.5'
    """
    position = _checked(step, index)
    explain = _kind(step)
    with np.errstate(all="ignore"):  # networks hold infinities and NaN too; Pixel.holds judges them
        pixel = _pixel(step, position, _terms(explain, step, position))
    if step.params and not pixel.holds:
        raise StaleParametersError(
            f"the parameters of step {step.name!r} no longer give its recorded value ({number(pixel.value)} "
            f"at {position}, they give {number(pixel.result)}): the network was changed after the trace was "
            "made; record the picture again"
        )
    return pixel


def _checked(step: Step, index: tuple[int, ...]) -> Index:
    """The position as plain whole numbers, if it is in the value."""
    try:
        position = tuple(operator.index(part) for part in index)
    except TypeError:
        position = ()
    fits = len(position) == len(index) == len(step.shape)
    if not fits or any(not 0 <= i < n for i, n in zip(position, step.shape, strict=True)):
        if not step.shape:
            raise CallError(f"the value of step {step.name!r} is one number, its position is (); got {index}")
        raise CallError(
            f"position {index} is not in the value of step {step.name!r}, whose shape is {step.shape}; give "
            "one whole number for each axis, from 0 and below its size"
        )
    return position


def _kind(step: Step) -> Explain:
    """The function that explains this kind of step."""
    if step.kind == "input":
        raise NoArithmetic(f"no arithmetic for step {step.name!r}: it is what the network was given, not computed")
    if not step.batched:
        raise NoArithmetic(
            f"no arithmetic for op {step.kind!r} (step {step.name!r}): it mixed the batch axis with others, "
            "so that its numbers are not those of one picture alone"
        )
    if step.kind not in KINDS:
        raise NoArithmetic(
            f"no arithmetic for op {step.kind!r} (step {step.name!r}); its value is recorded, how it was "
            "computed is not known"
        )
    return KINDS[step.kind]


def _terms(explain: Explain, step: Step, index: Index) -> Terms:
    """The terms, or one sentence when settings, inputs and parameters contradict each other."""
    try:
        return explain(step, index)
    except (KeyError, IndexError, TypeError, ValueError, ArithmeticError, AssertionError) as error:
        raise NoArithmetic(
            f"no arithmetic for step {step.name!r} ({step.kind}): its settings, inputs and parameters do not "
            f"fit its shape {step.shape} ({type(error).__name__}: {error})"
        ) from error


def _pixel(step: Step, index: Index, found: Terms) -> Pixel:
    reads = found.reads
    result = float(found.terms.sum()) + found.bias
    return Pixel(
        step=step,
        index=index,
        value=float(step.value[index]),
        source=reads.source,
        positions=reads.positions,
        inputs=reads.inputs,
        factors=found.factors,
        terms=found.terms,
        padded=reads.padded,
        bias=found.bias,
        result=result,
        formula=f"{found.how} = {number(result)}",
        symbols=MappingProxyType(dict(found.symbols)),
        linear=found.linear,
        tolerance=tolerance(found, step.dtype),
        others=found.others,
    )


def tolerance(found: Terms, dtype: str) -> float:
    """What rounding alone may change; the formula is at :class:`~convscope.arithmetic.pixel.Pixel`.

    Returns:
        the bound; infinite when the numbers added up can overflow, 0 when they are no finite numbers
        themselves, so that only an equal result will do.
    """
    size = found.magnitude
    if size is None:
        size = float(np.abs(found.terms).sum()) + abs(found.bias)
    if not math.isfinite(size):
        return 0.0
    if size >= LARGEST.get(dtype, float(np.finfo(np.float32).max)):
        return math.inf
    count = len(found.terms) if found.count is None else found.count
    growth = min(count, 8 * math.sqrt(count)) + 16
    relative = growth * HALF_STEP + 4 * LOWER_PRECISIONS.get(dtype, 0.0)
    return relative * size + found.spread + SMALLEST.get(dtype, float(np.finfo(np.float32).tiny))
