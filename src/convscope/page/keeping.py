"""How much of every array an excerpt keeps under one common allowance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from convscope.page.ranking import Order
from convscope.store.params import LeftOut
from convscope.traces import Step, Trace

Take = tuple[np.ndarray | None, ...]
"""For each axis the kept indices, rising; None for all."""

SMALL = 65_536
"""Vectors and matrices of at most this many numbers are kept whole."""

_WEIGHTS = 2  # a step's weights may take this many times what its values may
_INPUTS = 4  # input channels that every kept kernel has at least


@dataclass(frozen=True)
class Allowance:
    """What each step may keep.

    Attributes:
        numbers: how many numbers of its value; weights may have twice as many.
        least: channels (for dense weights: rows) that are kept even if they are larger; 0 gives the input no privilege.
        channels: keep exactly so many channels of every step, whatever their size; None to go by ``numbers``.
    """

    numbers: int
    least: int
    channels: int | None = None


class Keeping:
    """Decides for every array of a trace what is kept of it.

    Args:
        trace: the trace.
        orders: channels of each step by importance, from :func:`convscope.page.ranking.channel_orders`.
    """

    def __init__(self, trace: Trace, orders: Mapping[int, Order]) -> None:
        self.trace = trace
        self.params = [
            {} if isinstance(step.params, LeftOut) else {name: step.params[name] for name in step.params}
            for step in trace.steps
        ]
        self._orders = orders
        self._place = {id(step): i for i, step in enumerate(trace.steps)}

    def numbers(self, allowed: Allowance) -> int:
        """How many numbers are kept in all; of arrays in the same memory each counts."""
        total = 0
        for i, step in enumerate(self.trace.steps):
            total += _count(step.value, self.value(i, allowed))
            total += sum(_count(array, self.param(i, name, allowed)) for name, array in self.params[i].items())
        return total

    def value(self, i: int, allowed: Allowance) -> Take | None:
        """What is kept of a step's value; None for nothing."""
        step = self.trace.steps[i]
        if step.value.ndim != 3 or not step.value.size:
            return _leading(step.value, allowed.numbers)
        kept = self._channels(i, allowed)
        return (kept, None, None) if kept is None or len(kept) else None

    def param(self, i: int, name: str, allowed: Allowance) -> Take | None:
        """What is kept of a parameter; None for nothing."""
        step, array = self.trace.steps[i], self.params[i][name]
        if name == "weight" and step.kind in {"conv2d", "conv_transpose2d"} and array.ndim == 4 and step.inputs:
            return self._kernels(i, step, array, allowed)
        if name == "weight" and step.kind == "linear" and array.ndim == 2:
            return self._rows(i, array, allowed)
        return _leading(array, _WEIGHTS * allowed.numbers)

    def _channels(self, i: int, allowed: Allowance) -> np.ndarray | None:
        """The kept channels of maps; None for all."""
        step, order = self.trace.steps[i], self._orders[i]
        if step.kind == "input" and len(order) <= 4 and allowed.least:
            return None
        if allowed.channels is not None:
            return _first(order, allowed.channels)
        return _first(order, max(allowed.least, allowed.numbers // step.value[0].size))

    def _kernels(self, i: int, step: Step, array: np.ndarray, allowed: Allowance) -> Take | None:
        """Kernels between kept channels only; where that is still too much, those from the strongest inputs."""
        source = self._place[id(step.inputs[0])]
        # Transposed, the first axis counts inputs. With groups, the second one counts the channels of each group.
        into, out = (0, 1) if step.kind == "conv_transpose2d" else (1, 0)
        take: list[np.ndarray | None] = [None] * 4
        count = array.shape[out]
        if self._fits(i, array.shape[out]):
            take[out] = self._channels(i, allowed)
            count = _length(take[out], count)
        if self._fits(source, array.shape[into]):
            take[into] = self._inputs(source, count * math.prod(array.shape[2:]), allowed)
        return tuple(take) if all(part is None or len(part) for part in take) else None

    def _fits(self, i: int, size: int) -> bool:
        """Whether an axis of kernels counts the channels of that step."""
        return self.trace.steps[i].value.ndim == 3 and len(self._orders.get(i, ())) == size

    def _inputs(self, source: int, size: int, allowed: Allowance) -> np.ndarray | None:
        """The kept channels of an input, or as many as there is room for; ``size`` numbers belong to each."""
        kept, order = self._channels(source, allowed), self._orders[source]
        if allowed.channels is not None or (self.trace.steps[source].kind == "input" and kept is None):
            return kept
        count = _length(kept, len(order))
        room = _WEIGHTS * allowed.numbers // max(1, size)
        return kept if room >= count else _first(order, min(count, max(_INPUTS, room)))

    def _rows(self, i: int, array: np.ndarray, allowed: Allowance) -> Take | None:
        order = self._orders.get(i)
        if order is None or len(order) != len(array):
            return _leading(array, _WEIGHTS * allowed.numbers)
        count = allowed.channels or max(allowed.least, _WEIGHTS * allowed.numbers // max(1, array.shape[1]))
        kept = _first(order, count)
        return (kept, None) if kept is None or len(kept) else None


def everything(array: np.ndarray) -> Take:
    """All of an array."""
    return (None,) * array.ndim


def _length(part: np.ndarray | None, size: int) -> int:
    return size if part is None else len(part)


def _first(order: Order, count: int) -> np.ndarray | None:
    return None if count >= len(order) else np.sort(order[:count])


def _leading(array: np.ndarray, numbers: int) -> Take | None:
    """All of a small array; of a larger one as many rows of its first axis as may be; nothing of a long vector."""
    if array.size <= max(SMALL, numbers):
        return everything(array)
    rows = numbers // max(1, array.size // array.shape[0]) if array.ndim > 1 else 0
    return (np.arange(rows), *everything(array)[1:]) if rows else None


def _count(array: np.ndarray, take: Take | None) -> int:
    if take is None:
        return 0
    return math.prod(_length(part, size) for size, part in zip(array.shape, take, strict=True))
