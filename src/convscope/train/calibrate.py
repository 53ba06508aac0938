"""Probabilities that mean what they say: one temperature for all scores, fitted on photos kept out of training.

A network that was trained long is often right 90 times out of 100 where it says 0.99. Dividing its scores by a
temperature T before the softmax (or the sigmoid) leaves the order of the classes alone and takes that back:

    p = softmax(z / T),    T = argmin of the mean of -log p[label]

Guo, Pleiss, Sun and Weinberger, *On Calibration of Modern Neural Networks*, 2017, https://arxiv.org/abs/1706.04599.
The expected calibration error is theirs too: the mean of |share that is right - mean confidence| over 15 equal bins
of the confidence, weighted by how many photos a bin holds (Naeini et al., AAAI 2015).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, Real

from convscope.errors import CallError

BINS = 15
LOWEST, HIGHEST = 0.05, 20.0
"""Between these the temperature is sought: outside them every probability is 1, or none means anything."""


@dataclass(frozen=True)
class Calibration:
    """What a temperature does to the probabilities of a network.

    Attributes:
        temperature: the scores are divided by it; above 1 where the network was too sure of itself.
        error_before: expected calibration error without it, 0..1.
        error_after: with it, on the same photos.
        loss_before: mean of ``-log p[label]`` without it, in nats.
        loss_after: with it.
        samples: how many photos it was fitted on.
    """

    temperature: float
    error_before: float
    error_after: float
    loss_before: float
    loss_after: float
    samples: int

    def facts(self) -> dict[str, Any]:
        """What a network's file keeps of it.

        >>> Calibration(1.5, 0.1, 0.02, 0.5, 0.4, 4000).facts()
        {'temperature': 1.5, 'error': 0.02, 'samples': 4000}
        """
        return {"temperature": self.temperature, "error": self.error_after, "samples": self.samples}


def fit_temperature(logits: Real[np.ndarray, "n k"], labels: Int64[np.ndarray, " labels"]) -> Calibration:
    """The temperature under which the labels are likeliest.

    Args:
        logits: scores before the softmax, one row a photo; ``(n, 1)`` for scores before one sigmoid.
        labels: the right class of each, 0..k-1; 0 or 1 for one sigmoid.

    Returns:
        the temperature and what it does. 1 where nothing can be said, because all photos are classified rightly and
        more confidence would always be better, or wrongly and less would.

    Raises:
        CallError: there are no photos, the numbers of photos differ, a label is no class, or a score is not finite.

    >>> logits = np.array([[8.0, 0.0]] * 10)  # sure of the first class, and right 7 times out of 10
    >>> found = fit_temperature(logits, np.array([0] * 7 + [1] * 3))
    >>> round(8 / found.temperature, 3) == round(math.log(7 / 3), 3)
    True
    >>> round(found.error_before, 2), round(found.error_after, 2)
    (0.3, 0.0)
    """
    scores, right = _checked(logits, labels)
    temperature = _minimum(scores, right)
    before, after = _log_probabilities(scores), _log_probabilities(scores / temperature)
    return Calibration(
        temperature, _error(np.exp(before), right), _error(np.exp(after), right), _loss(before, right),
        _loss(after, right), len(right),
    )  # fmt: skip


def calibrated(logits: Real[np.ndarray, "n k"], temperature: float = 1.0) -> Float64[np.ndarray, "n classes"]:
    """Probabilities of the classes, rows that sum to 1; two columns for one sigmoid.

    >>> calibrated(np.array([[0.0], [2.0]]), 2.0).round(3).tolist()
    [[0.5, 0.5], [0.269, 0.731]]
    """
    return np.asarray(np.exp(_log_probabilities(_two_columns(np.asarray(logits, np.float64)) / temperature)))


def calibration_error(probabilities: Real[np.ndarray, "n k"], labels: Int64[np.ndarray, " n"]) -> float:
    """Expected calibration error, 0..1, over 15 bins of equal width, ``(i / 15, (i + 1) / 15]``.

    Args:
        probabilities: one row a photo; its largest is the confidence of the answer.
        labels: the right class of each.

    >>> calibration_error(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1]))  # says 0.9, is right half the time
    0.4
    """
    return round(_error(np.asarray(probabilities, np.float64), np.asarray(labels)), 12)


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often a network is right, by how sure it is; one entry a bin.

    Attributes:
        count: photos in the bin.
        confidence: the mean of what the network says, NaN for an empty bin.
        accuracy: the share that is right, NaN for an empty bin.
    """

    count: Int64[np.ndarray, " bins"]
    confidence: Float64[np.ndarray, " bins"]
    accuracy: Float64[np.ndarray, " bins"]

    @property
    def error(self) -> float:
        """Expected calibration error."""
        filled = self.count > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(gaps @ self.count[filled] / self.count.sum())


def reliability(probabilities: Real[np.ndarray, "n k"], labels: Int64[np.ndarray, " n"]) -> Reliability:
    """Sort answers into 15 bins of equal width by their confidence.

    >>> found = reliability(np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5]]), np.array([0, 1, 0]))
    >>> found.count[[7, 13]].tolist(), float(found.accuracy[13])
    ([1, 2], 0.5)
    """
    rows = np.asarray(probabilities, np.float64)
    confidence, right = rows.max(axis=1), rows.argmax(axis=1) == np.asarray(labels)
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    some = np.where(count, count, 1)

    def mean(weights: np.ndarray) -> Float64[np.ndarray, " bins"]:
        return np.where(count, np.bincount(bins, weights, BINS) / some, np.nan)

    return Reliability(count.astype(np.int64), mean(confidence), mean(right.astype(np.float64)))


def _checked(logits: np.ndarray, labels: np.ndarray) -> tuple[Float64[np.ndarray, "n classes"], np.ndarray]:
    if not len(logits) or len(logits) != len(labels):
        raise CallError(
            f"a temperature is fitted on photos with one label each; got {len(logits)} rows of scores and "
            f"{len(labels)} labels"
        )
    scores = _two_columns(np.asarray(logits, np.float64))
    if not np.isfinite(scores).all():
        raise CallError("a score is not finite, so no temperature can be fitted; the training went wrong")
    classes = scores.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        raise CallError(f"labels run from {labels.min()} to {labels.max()}, but there are {classes} classes, from 0")
    return scores, labels


def _two_columns(scores: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, "n classes"]:
    """One sigmoid as a softmax over two scores, of which the first is zero."""
    return np.concatenate([np.zeros_like(scores), scores], axis=1) if scores.shape[1] == 1 else scores


def _log_probabilities(scores: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, "n k"]:
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _loss(log_probabilities: Float64[np.ndarray, "n k"], labels: np.ndarray) -> float:
    return float(-log_probabilities[np.arange(len(labels)), labels].mean())


def _error(probabilities: Float64[np.ndarray, "n k"], labels: np.ndarray) -> float:
    return reliability(probabilities, labels).error


def _minimum(scores: Float64[np.ndarray, "n k"], labels: np.ndarray) -> float:
    """Where the loss is least.

    It is convex in 1 / T, so its slope there has at most one change of sign, which is halved into: 60 times gives
    every digit of a float.
    """
    own = scores[np.arange(len(labels)), labels]

    def slope(inverse: float) -> float:
        """The mean score under the probabilities, less the score of the right class."""
        probabilities = np.exp(_log_probabilities(scores * inverse))
        return float(((probabilities * scores).sum(axis=1) - own).mean())

    low, high = math.log(1 / HIGHEST), math.log(1 / LOWEST)
    if slope(math.exp(low)) >= 0 or slope(math.exp(high)) <= 0:
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(math.exp(middle)) < 0 else (low, middle)
    return math.exp(-(low + high) / 2)
