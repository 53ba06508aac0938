"""Maps that know nothing of the network: what an explanation has to beat.

* **random**: noise, one number for each cell of the explanation's own grid, drawn out to the photo's size.
* **edges**: the Sobel edge detector. It finds the contours that people look at, whatever the network is.
* **centre**: the nearer to the middle of the photo, the more. Photographers put the thing there.

Coarse blobs and fine dots change a photo in different ways: a hundred single pixels spread over it disturb a
network more than a hundred pixels in one place. So that only *where* is compared, random and edges get the grid of the
explanation they stand beside: 14x14 cells where that came from a layer of 14x14.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64

CONTROLS = ("random", "edges", "centre")


def random_map(
    shape: tuple[int, int], grid: tuple[int, int], generator: np.random.Generator
) -> Float32[np.ndarray, "h w"]:
    """Normally distributed numbers on ``grid``, drawn out to ``shape``.

    >>> random_map((4, 6), (2, 2), np.random.default_rng(0)).shape
    (4, 6)
    """
    noise = generator.standard_normal(grid)
    return spread(noise, shape)


def edge_map(
    x: Float32[np.ndarray, "c h w"], inside: Bool[np.ndarray, "h w"], grid: tuple[int, int]
) -> Float32[np.ndarray, "h w"]:
    """Strength of the photo's edges, averaged over the cells of ``grid`` and drawn out to the size of ``x``.

    The strength is ``sqrt(sum over channels of Gx^2 + Gy^2)`` with Sobel's kernels
    ``Gx = [1, 2, 1]^T [-1, 0, 1]`` and ``Gy = [-1, 0, 1]^T [1, 2, 1]`` (Sobel and Feldman, 1968). The rim of the photo,
    where they would see something else than the photo, is 0.

    >>> step = np.zeros((1, 5, 6), np.float32); step[..., 3:] = 1
    >>> edge_map(step, np.ones((5, 6), bool), (5, 6))[2].tolist()
    [0.0, 0.0, 4.0, 4.0, 0.0, 0.0]
    """
    padded = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    left, right = padded[:, :, :-2], padded[:, :, 2:]
    beside = right - left
    gx = beside[:, :-2] + 2 * beside[:, 1:-1] + beside[:, 2:]
    above = padded[:, 2:] - padded[:, :-2]
    gy = above[:, :, :-2] + 2 * above[:, :, 1:-1] + above[:, :, 2:]
    strength = np.sqrt((gx**2 + gy**2).sum(axis=0))
    around = np.pad(inside, 1)
    height, width = inside.shape
    whole = np.logical_and.reduce([around[i : i + height, j : j + width] for i in range(3) for j in range(3)])
    found = np.where(whole, strength, 0.0)
    return spread(pooled(found, grid), inside.shape)


def centre_map(inside: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """1 in the middle of the photo, 0 in its corners: ``1 - r^2 / 2``, ``r`` the distance in half sides of the photo.

    >>> centre_map(np.ones((4, 4), bool))[:2].tolist()
    [[0.4375, 0.6875, 0.6875, 0.4375], [0.6875, 0.9375, 0.9375, 0.6875]]
    """
    offsets = []
    for axis in (0, 1):
        seen = np.flatnonzero(inside.any(axis=1 - axis))
        first, size = int(seen[0]), int(seen[-1] - seen[0] + 1)
        offsets.append((np.arange(inside.shape[axis]) + 0.5 - first - size / 2) / (size / 2))
    return (1 - (offsets[0][:, None] ** 2 + offsets[1] ** 2) / 2).astype(np.float32)


def pooled(value: Float64[np.ndarray, "h w"], grid: tuple[int, int]) -> Float64[np.ndarray, "y x"]:
    """The means over the cells of a coarser grid.

    >>> pooled(np.array([[1.0, 2.0, 3.0]]), (1, 2)).round(3).tolist()
    [[1.333, 2.667]]
    """
    return np.asarray(_means(value.shape[0], grid[0]) @ value @ _means(value.shape[1], grid[1]).T, np.float64)


def spread(value: Float64[np.ndarray, "y x"], shape: tuple[int, int]) -> Float32[np.ndarray, "h w"]:
    """A grid drawn out to a larger size, linearly between the middles of its cells.

    >>> spread(np.array([[0.0, 1.0]]), (1, 4)).tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    down, across = _between(value.shape[0], shape[0]), _between(value.shape[1], shape[1])
    return np.asarray(down @ value @ across.T, np.float32)


def _means(length: int, cells: int) -> Float64[np.ndarray, "cells length"]:
    """What part of each cell each position is."""
    ends = np.linspace(0, length, cells + 1)
    at = np.arange(length)
    covered = np.minimum(ends[1:, None], at + 1) - np.maximum(ends[:-1, None], at)
    return np.asarray(np.maximum(covered, 0) / (length / cells), np.float64)


def _between(cells: int, length: int) -> Float64[np.ndarray, "length cells"]:
    """The two weights with which the nearest middles of cells make each position."""
    at = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
    distance = np.abs(at[:, None] - np.arange(cells))
    return np.asarray(np.maximum(1 - distance, 0), np.float64)
