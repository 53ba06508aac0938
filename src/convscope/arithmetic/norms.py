"""Normalisation: batch, layer, group, and local response."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from convscope.arithmetic.terms import (
    Index,
    Terms,
    entry,
    number,
    optional,
    parameter,
    products,
    read_one,
    signed,
)
from convscope.traces import Step


@dataclass(frozen=True)
class Statistics:
    """Mean, variance (over n, not n - 1), and the number of values they were computed from."""

    mean: float
    var: float
    count: int

    @classmethod
    def of(cls, values: np.ndarray) -> Statistics:
        """Those of some values, in float64."""
        exact = values.astype(np.float64)
        return cls(float(exact.mean()), float(exact.var()), exact.size)


def batch_norm(step: Step, index: Index) -> Terms:
    """``(x - mean) / sqrt(var + eps) * gamma + beta``, a channel at a time.

    Source: Ioffe and Szegedy, Batch Normalization, 2015. When used, mean and variance are those that
    training left; with ``training`` they are the picture's own (variance over n, not n - 1).
    """
    channel = index[0]
    if step.settings["training"]:
        known = Statistics.of(step.inputs[0].value[channel])
    else:
        mean, var = (parameter(step, name) for name in ("running_mean", "running_var"))
        known = Statistics(entry(mean, channel), entry(var, channel), 1)
    return normalised(step, index, known, channel)


def layer_norm(step: Step, index: Index) -> Terms:
    """``(x - mean) / sqrt(var + eps) * gamma + beta``, mean and variance over the normalised axes.

    Source: Ba, Kiros and Hinton, Layer Normalization, 2016.
    """
    rank = len(index)
    axes = {int(axis) % rank for axis in step.settings["axes"]}
    among = tuple(slice(None) if axis in axes else part for axis, part in enumerate(index))
    inner = tuple(part for axis, part in enumerate(index) if axis in axes)
    return normalised(step, index, Statistics.of(step.inputs[0].value[among]), inner)


def group_norm(step: Step, index: Index) -> Terms:
    """``(x - mean) / sqrt(var + eps) * gamma + beta``, mean and variance over a group of channels.

    Source: Wu and He, Group Normalization, 2018.
    """
    channel = index[0]
    size = step.shape[0] // int(step.settings["groups"])
    first = channel // size * size
    return normalised(step, index, Statistics.of(step.inputs[0].value[first : first + size]), channel)


def local_response_norm(step: Step, index: Index) -> Terms:
    """``x / (k + alpha * mean of squares) ** beta``, over ``size`` channels around this one.

    Source: Krizhevsky et al., ImageNet Classification, 2012; the mean is over ``size`` numbers also at the
    first and last channels, where some of them do not exist, as in PyTorch.
    """
    size = int(step.settings["size"])
    alpha, beta, k = (float(step.settings[name]) for name in ("alpha", "beta", "k"))
    channel = index[0]
    low, high = max(0, channel - size // 2), channel + (size - 1) // 2 + 1
    column: tuple[slice | int, ...] = (slice(low, high), *index[1:])
    near = step.inputs[0].value[column].astype(np.float64)
    mean = float((near * near).sum()) / size
    divisor = math.pow(k + alpha * mean, beta)
    reads = read_one(step, 0, index)
    x = float(reads.inputs[0])
    how = f"{number(x)} / ({number(k)} + {number(alpha)} * {number(mean)}) ** {number(beta)}"
    symbols = {"mean_of_squares": mean, "k": k, "alpha": alpha, "beta": beta, "size": float(size)}
    factor = np.array([1.0 / divisor])
    # Four rounded intermediate results, each amplified by the power.
    magnitude = (4 + abs(beta)) * abs(x / divisor)
    return products(reads, factor, how, symbols=symbols, magnitude=magnitude, count=len(near))


def normalised(step: Step, index: Index, known: Statistics, at: int | Index) -> Terms:
    """The common formula as one product and a bias: ``x * factor + (beta - mean * factor)``.

    ``at`` is the position in the step's own ``weight`` and ``bias``.
    """
    gamma, beta = entry(optional(step, "weight"), at, 1.0), entry(optional(step, "bias"), at)
    mean, var = known.mean, known.var
    eps = float(step.settings["eps"])
    deviation = math.sqrt(var + eps) if var + eps >= 0 else math.nan
    factor = gamma / deviation if deviation else math.nan
    reads = read_one(step, 0, index)
    x = float(reads.inputs[0])
    has = {name for name in ("weight", "bias") if name in step.params}
    how = f"({number(x)} - {signed(mean)}) / sqrt({number(var)} + {number(eps)})"
    how += f" * {signed(gamma)}" if "weight" in has else ""
    how += f" + {signed(beta)}" if "bias" in has else ""
    return products(
        reads,
        np.array([factor]),
        how,
        bias=beta - mean * factor,
        symbols={"x": x, "mean": mean, "var": var, "eps": eps, "gamma": gamma, "beta": beta},
        magnitude=2 * (abs(x) + abs(mean)) * abs(factor) + abs(beta),
        count=known.count,
    )


NORMS = {
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": group_norm,
    "local_response_norm": local_response_norm,
}
