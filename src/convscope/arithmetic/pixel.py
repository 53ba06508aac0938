"""The answer to "where does this number come from": :class:`Pixel`, and its :class:`Share` s."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from convscope.traces import Step


@dataclass(frozen=True)
class Share:
    """What one input channel put into a value.

    Attributes:
        label: how to name it (``relu_1[5]``, ``rest (59 channels)``, ``bias``).
        source: index into the step's inputs; -1 for the rest, the bias, a parameter or a number.
        channel: the channel, which is the position on the input's first axis; None where there is none.
        sum: the sum of its terms.
        count: how many terms those are.
    """

    label: str
    source: int
    channel: int | None
    sum: float
    count: int


@dataclass(frozen=True, eq=False, repr=False)
class Pixel:
    """One output value of a step, as the sum of its terms.

    Arrays have one entry a term, and are float64 or int64.

    Attributes:
        step: the step whose value it is.
        index: the position in ``step.value``.
        value: the recorded value.
        source: index into ``step.inputs``; -1 for a parameter or a number.
        positions: where in that input's value. An input with fewer axes than the widest one keeps to the
            last columns, with -1 ahead. Padding has the position outside the value at which it was met.
        inputs: the values read there: 0 for zero padding, -inf for the padding of a maximum.
        factors: what each input was multiplied by; 1 where the term is a function of the input.
        terms: what each one contributes.
        padded: whether it is padding.
        bias: what was added to the terms, 0 if nothing.
        result: ``terms.sum() + bias``, in float64.
        formula: the whole calculation in one line, with its numbers.
        symbols: numbers of the formula by name (``mean``, ``var``, ``gamma``); ``winner`` is the number of
            the term that was the largest.
        linear: True where terms are the products ``inputs * factors``; False where they are a function of
            the input, or were chosen (activations, softmax, maximum).
        tolerance: how far apart ``result`` and ``value`` may be by rounding alone. With n numbers added,
            S the sum of their absolute values and u = 2**-24 (half a float32 step), it is
            ``(min(n, 8 sqrt n) + 16) u S``, plus ``4 e S`` when the network ran in a lower precision of
            step e, plus the smallest normal number. The bound with sqrt n holds for random rounding
            errors: Higham and Mary, A New Approach to Probabilistic Rounding Error Analysis, 2019.
        others: (input, position) of values that set a factor without being a term: the second factor of a
            product of two steps, the divisor of a quotient.
    """

    step: Step
    index: tuple[int, ...]
    value: float
    source: Int64[np.ndarray, " n"]
    positions: Int64[np.ndarray, "n rank"]
    inputs: Float64[np.ndarray, " n"]
    factors: Float64[np.ndarray, " n"]
    terms: Float64[np.ndarray, " n"]
    padded: Bool[np.ndarray, " n"]
    bias: float
    result: float
    formula: str
    symbols: Mapping[str, float]
    linear: bool
    tolerance: float
    others: tuple[tuple[int, tuple[int, ...]], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the terms give the recorded value, up to rounding.

        Two NaNs agree, and so do equal infinities. When the numbers added on the way are larger than the
        network's precision can hold, ``tolerance`` is infinite and every value is possible.
        """
        if math.isnan(self.value) or math.isnan(self.result):
            return (math.isnan(self.value) and math.isnan(self.result)) or math.isinf(self.tolerance)
        return self.value == self.result or abs(self.result - self.value) <= self.tolerance

    def position(self, term: int) -> tuple[int, ...] | None:
        """Where in its input's value a term was read; None for padding, parameters and numbers."""
        source = int(self.source[term])
        if source < 0 or self.padded[term]:
            return None
        rank = self.step.inputs[source].value.ndim
        return tuple(int(part) for part in self.positions[term][self.positions.shape[1] - rank :])

    def channels(self) -> Int64[np.ndarray, " n"]:
        """The channel of every term: its position on its input's first axis; -1 where there is none."""
        found = np.full(len(self.terms), -1, np.int64)
        for source in np.unique(self.source[self.source >= 0]):
            rank = self.step.inputs[source].value.ndim
            if rank:
                mine = self.source == source
                found[mine] = self.positions[mine, self.positions.shape[1] - rank]
        return found

    def top(self, k: int = 5) -> tuple[Share, ...]:
        """The ``k`` input channels that contribute most, the rest in one, and the bias.

        The sums of what comes back add up to ``result``, so that a reader sees the whole value.

        Args:
            k: how many channels to name, 0 or more.

        Returns:
            the largest shares by absolute sum, largest first; then ``rest`` if any channel is left, and
            ``bias`` if it is not zero.
        """
        keys = np.stack([self.source, self.channels()], 1)
        groups, member = np.unique(keys, axis=0, return_inverse=True)
        member = member.ravel()
        sums = np.bincount(member, self.terms, len(groups)) if len(groups) else np.zeros(0)
        counts = np.bincount(member, minlength=len(groups))
        order = np.argsort(-np.abs(sums), kind="stable")
        shares = [self._share(int(groups[i, 0]), int(groups[i, 1]), float(sums[i]), int(counts[i])) for i in order[:k]]
        left = order[k:]
        if len(left):
            label = f"rest ({len(left)} channels)" if len(left) > 1 else "rest (1 channel)"
            shares.append(Share(label, -1, None, float(sums[left].sum()), int(counts[left].sum())))
        if self.bias:
            shares.append(Share("bias", -1, None, self.bias, 1))
        return tuple(shares)

    def _share(self, source: int, channel: int, total: float, count: int) -> Share:
        if source < 0:
            return Share("parameter or number", -1, None, total, count)
        name = self.step.inputs[source].name
        if channel < 0:
            return Share(name, source, None, total, count)
        return Share(f"{name}[{channel}]", source, channel, total, count)

    def __str__(self) -> str:
        from convscope.arithmetic.text import table

        return table(self)

    def __repr__(self) -> str:
        return f"Pixel({self.step.name!r}, {self.index}, {self.formula})"
