"""What a kind of step hands back: the numbers that were added up, and where they were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from convscope.errors import NoArithmetic
from convscope.traces import Step

Vector = Float64[np.ndarray, " n"]
Index = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Reads:
    """Where values were read: ``source`` is an index into ``step.inputs``, -1 for parameters and numbers."""

    source: Int64[np.ndarray, " n"]
    positions: Int64[np.ndarray, "n rank"]
    inputs: Vector
    padded: Bool[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, eq=False)
class Terms:
    """The parts of one value: ``terms.sum() + bias`` is the value.

    Attributes:
        how: the left side of the formula, with this value's numbers.
        magnitude: sum of the absolute numbers that were added on the way; None for that of the terms and
            the bias. Rounding errors are in proportion to it.
        count: how many numbers were added on the way; None for the number of terms.
        spread: a further uncertainty of the result, as it stands.
        others: (input, position) of values that set a factor.
    """

    reads: Reads
    factors: Vector
    terms: Vector
    bias: float
    how: str
    symbols: Mapping[str, float] = field(default_factory=dict)
    linear: bool = True
    magnitude: float | None = None
    count: int | None = None
    spread: float = 0.0
    others: tuple[tuple[int, Index], ...] = ()


def number(value: float) -> str:
    """A number for people: four digits that count.

    >>> number(0.123456), number(-2.0), number(float("nan"))
    ('0.1235', '-2', 'nan')
    """
    return f"{value + 0.0:.4g}"


def signed(value: float) -> str:
    """As :func:`number`, in brackets when an operator before a minus sign would be unreadable.

    >>> signed(-2.0)
    '(-2)'
    """
    text = number(value)
    return f"({text})" if text.startswith("-") else text


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "product"), plural(27, "product")
    ('1 product', '27 products')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def read_grid(step: Step, axes: Sequence[Int64[np.ndarray, " _"]], fill: float = 0.0, source: int = 0) -> Reads:
    """Read one input at every combination of the positions along each axis; outside it, ``fill``."""
    value = step.inputs[source].value
    if len(axes) != value.ndim:
        raise NoArithmetic(
            f"step {step.name!r} ({step.kind}) reads {step.inputs[source].name!r} of shape {value.shape}, "
            f"where {len(axes)} axes were expected; its numbers cannot be explained"
        )
    grid = np.meshgrid(*axes, indexing="ij") if axes else []
    positions = np.stack([part.ravel() for part in grid], 1) if axes else np.zeros((1, 0), np.int64)
    sizes = np.array(value.shape, np.int64)
    padded = np.asarray(np.any((positions < 0) | (positions >= sizes), axis=1))
    inputs = np.full(len(positions), fill)
    inside = positions[~padded]
    inputs[~padded] = value[tuple(inside.T)]
    return Reads(np.full(len(positions), source, np.int64), positions, inputs, padded)


def read_one(step: Step, source: int, position: Sequence[int]) -> Reads:
    """Read one number of one input."""
    return read_grid(step, [np.array([part], np.int64) for part in position], source=source)


def given(value: float, rank: int = 0) -> Reads:
    """A number that was read from no step: a parameter, or a constant of the operation."""
    nowhere = np.full((1, rank), -1, np.int64)
    return Reads(np.array([-1], np.int64), nowhere, np.array([value], np.float64), np.array([False]))


def joined(parts: Sequence[Reads]) -> Reads:
    """Reads one after the other; a position of lower rank keeps to the last axes, -1 ahead of it."""
    rank = max(part.positions.shape[1] for part in parts)
    wide = [np.pad(part.positions, [(0, 0), (rank - part.positions.shape[1], 0)], constant_values=-1) for part in parts]
    return Reads(
        np.concatenate([part.source for part in parts]),
        np.concatenate(wide),
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.padded for part in parts]),
    )


def products(reads: Reads, factors: Vector, how: str, *, bias: float = 0.0, **rest: Any) -> Terms:
    """Terms that are the products of inputs and factors."""
    terms = np.where(reads.padded & (reads.inputs == 0), 0.0, reads.inputs * factors)
    return Terms(reads, factors, terms, bias, how, **rest)


def computed(reads: Reads, result: float, how: str, **rest: Any) -> Terms:
    """A single term that is a function of its input rather than a product."""
    return Terms(reads, np.ones(1), np.array([result]), 0.0, how, linear=False, **rest)


def copied(reads: Reads, name: str) -> Terms:
    """A number that only changed its place."""
    at = ", ".join(str(part) for part in reads.positions[0])
    return products(reads, np.ones(1), f"{name}[{at}]")


def largest(reads: Reads, how: str, *, smallest: bool = False) -> Terms:
    """The largest (or smallest) value read, the first one where several are; padding never wins.

    A NaN wins over every number, as in PyTorch.
    """
    real = np.flatnonzero(~reads.padded)
    choose = np.argmin if smallest else np.argmax
    winner = int(real[choose(reads.inputs[real])])
    factors = np.zeros(len(reads))
    factors[winner] = 1.0
    terms = np.zeros(len(reads))
    terms[winner] = reads.inputs[winner]
    return Terms(reads, factors, terms, 0.0, how, {"winner": float(winner)}, linear=False)


def parameter(step: Step, name: str) -> np.ndarray:
    """A parameter that the step cannot do without."""
    found = optional(step, name)
    if found is None:
        raise NoArithmetic(
            f"step {step.name!r} ({step.kind}) needs its parameter {name!r}, which this trace does not hold; "
            "record the picture again, or save the trace with its parameters"
        )
    return found


def optional(step: Step, name: str) -> np.ndarray | None:
    """A parameter that the step may do without, or None."""
    return step.params.get(name)


def entry(values: np.ndarray | None, index: int | Index, default: float = 0.0) -> float:
    """One number of a parameter; ``default`` where there is none."""
    return default if values is None else float(values[index])
