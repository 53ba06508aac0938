"""Kinds that make one number of many: mean, sum, largest; softmax."""

from __future__ import annotations

import numpy as np

from convscope.arithmetic import taps
from convscope.arithmetic.terms import (
    Index,
    Reads,
    Terms,
    number,
    plural,
    products,
    read_grid,
    read_one,
    signed,
)
from convscope.arithmetic.windows import average, largest_of
from convscope.traces import Step


def mean(step: Step, index: Index) -> Terms:
    """``sum of x over the axes / their number``."""
    return average(reduced(step, index), None)


def total(step: Step, index: Index) -> Terms:
    """``sum of x over the axes``."""
    reads = reduced(step, index)
    return products(reads, np.ones(len(reads)), f"sum of {plural(len(reads), 'value')}")


def amax(step: Step, index: Index) -> Terms:
    """``max of x over the axes``."""
    return largest_of(reduced(step, index))


def reduced(step: Step, index: Index) -> Reads:
    """Everything along the reduced axes, at one position of the others."""
    shape = step.inputs[0].shape
    axes = reduced_axes(step)
    kept = iter(index)
    where = []
    for axis, size in enumerate(shape):
        if axis not in axes:
            where.append(np.array([next(kept)], np.int64))
            continue
        where.append(taps.every(size))
        if step.settings["keepdim"]:
            next(kept)
    return read_grid(step, where)


def reduced_axes(step: Step) -> frozenset[int]:
    """The axes of the input that a reduction goes over; all of them where none are named."""
    rank = step.inputs[0].value.ndim
    named = step.settings["axes"]
    return frozenset(int(axis) % rank for axis in named) if named else frozenset(range(rank))


def softmax(step: Step, index: Index) -> Terms:
    """``exp(x - largest) / sum of exp(x_j - largest)``."""
    x, top, weight, count, reads = _logits(step, index)
    share = float(np.exp(x - top) / weight)
    how = f"exp({number(x)} - {signed(top)}) / {number(weight)} (sum of {count} such numbers)"
    return Terms(
        reads,
        np.ones(1),
        np.array([share]),
        0.0,
        how,
        {"x": x, "largest": top, "sum": weight},
        linear=False,
        magnitude=share * (1 + abs(x - top)) if share else share,
        count=count,
    )


def log_softmax(step: Step, index: Index) -> Terms:
    """``x - largest - log(sum of exp(x_j - largest))``."""
    x, top, weight, count, reads = _logits(step, index)
    log = float(np.log(weight))
    how = f"{number(x)} - {signed(top)} - log({number(weight)} (sum of exp over {count} numbers))"
    return Terms(
        reads,
        np.ones(1),
        np.array([x]),
        -(top + log),
        how,
        {"x": x, "largest": top, "sum": weight},
        linear=False,
        magnitude=abs(x) + abs(top) + log + 1,
        count=count,
    )


def _logits(step: Step, index: Index) -> tuple[float, float, float, int, Reads]:
    """The number itself, the largest along the axis, the sum of exp, how many, and where it was read."""
    value = step.inputs[0].value
    axis = int(step.settings["axis"]) % value.ndim
    among = tuple(slice(None) if i == axis else part for i, part in enumerate(index))
    logits = value[among].astype(np.float64)
    top = float(logits.max())
    reads = read_one(step, 0, index)
    return float(reads.inputs[0]), top, float(np.exp(logits - top).sum()), logits.size, reads


REDUCTIONS = {"mean": mean, "sum": total, "amax": amax, "softmax": softmax, "log_softmax": log_softmax}
