"""Insertion and deletion: what the network says while the photo is taken away, or comes back, in the order of a map.

Petsiuk, Das and Saenko, *RISE: Randomized Input Sampling for Explanation of Black-box Models*, BMVC 2018,
https://arxiv.org/abs/1806.07421. With ``p_k`` what the network says after the share ``k / n`` of the pixels was
replaced, largest values of the map first, both curves are scored by the area under them, by trapezoids::

    AUC = sum over k = 1 .. n of (p_(k-1) + p_k) / (2 n)

* **deletion** begins with the photo, and each pixel becomes the photo's mean colour. A good map makes ``p`` fall at
  once: a small area is good.
* **insertion** begins with the blurred photo, and each pixel becomes what it was. A good map makes ``p`` rise at once:
  a large area is good.

The two begin differently for the reason the paper gives: a blurred pixel still has the colour of what was there, so a
blur does not delete, while sharp pixels on an even ground bring edges that are not the photo's, so an even ground
is no place to insert into.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, Integer

BLUR = 0.08
"""Deviation of the blur as a part of the shorter side of the photo: 18 pixels of 224. The paper's 5 leave an animal
that fills the photo well recognisable, and then the curve has nothing to tell."""


def ranks(
    value: Float[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"], ties: Float[np.ndarray, "h w"]
) -> Int[np.ndarray, "h w"]:
    """The place of each pixel in the order of a map: 0 for its largest value.

    Args:
        value: finite numbers.
        inside: which pixels show the photo; all others come after every one of these, and are never replaced.
        ties: what decides between equal values, larger first; many maps are zero in most places.

    >>> everything = np.ones((1, 4), bool)
    >>> ranks(np.array([[0.0, 3.0, 0.0, 1.0]]), everything, np.array([[0.1, 0.2, 0.3, 0.4]])).tolist()
    [[3, 0, 2, 1]]
    """
    order = np.lexsort((-ties[inside], -value[inside]))
    within = np.empty(len(order), np.int64)
    within[order] = np.arange(len(order))
    places = np.full(value.shape, value.size, np.int64)
    places[inside] = within
    return places


def altered(
    x: Float32[np.ndarray, "c h w"],
    other: Float32[np.ndarray, "c h w"],
    places: Integer[np.ndarray, "h w"],
    count: int,
) -> Float32[np.ndarray, "c h w"]:
    """``x`` with its ``count`` first pixels, in the order of :func:`ranks`, taken from ``other``."""
    return np.where(places < count, other, x)


def counts(inside: Bool[np.ndarray, "h w"], steps: int) -> list[int]:
    """How many pixels are replaced at each inner point of a curve of ``steps`` steps; its two ends are known.

    >>> counts(np.ones((2, 4), bool), 4)
    [2, 4, 6]
    """
    whole = int(inside.sum())
    return [round(whole * step / steps) for step in range(1, steps)]


def area(values: Sequence[float] | Float64[np.ndarray, " n"]) -> float:
    """The area under a curve over 0..1, by trapezoids.

    >>> area([1.0, 0.5, 0.0])
    0.5
    """
    points = np.asarray(values, np.float64)
    return float((points[1:] + points[:-1]).mean() / 2)


def mean_colour(x: Float32[np.ndarray, "c h w"], inside: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "c h w"]:
    """A picture of the photo's mean colour; what is not the photo stays as it is.

    >>> mean_colour(np.array([[[1.0, 3.0, 9.0]]], np.float32), np.array([[True, True, False]])).tolist()
    [[[2.0, 2.0, 9.0]]]
    """
    means = x[:, inside].mean(axis=1, dtype=np.float64).astype(np.float32)
    return np.where(inside, means[:, None, None], x)


def blurred(
    x: Float32[np.ndarray, "c h w"], inside: Bool[np.ndarray, "h w"], part: float = BLUR
) -> Float32[np.ndarray, "c h w"]:
    """The photo after a Gaussian blur, in which only pixels of the photo take part; what is not the photo stays.

    Args:
        x: the input.
        inside: which pixels show the photo.
        part: deviation of the Gaussian, as a part of the shorter side of the photo.
    """
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    deviation = part * min(len(rows), len(columns))
    down, across = _gaussian(x.shape[1], deviation), _gaussian(x.shape[2], deviation)
    share = inside.astype(np.float32)
    weight = np.maximum(down @ share @ across, np.float32(1e-12))
    return np.where(inside, down @ (x * share) @ across / weight, x)


def _gaussian(length: int, deviation: float) -> Float32[np.ndarray, "n n"]:
    """The weight of each position for each other."""
    distance = np.subtract.outer(np.arange(length), np.arange(length))
    return np.exp(-0.5 * (distance / max(deviation, 1e-3)) ** 2).astype(np.float32)
