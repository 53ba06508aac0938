"""ROAD: pixels removed so that their absence cannot be seen.

Rong, Leemann, Borisov, Kasneci and Kasneci, *A Consistent and Efficient Evaluation Strategy for Attribution Methods*,
ICML 2022, https://arxiv.org/abs/2202.00449. Where pixels are painted over, the paint itself tells the network which
ones are missing. *Noisy linear imputation* gives each removed pixel ``i`` the weighted mean of its neighbours, removed
ones included, and a little noise::

    x_i = sum over j in N(i) of w_ij x_j  /  sum over j in N(i) of w_ij

with the weight ``w`` 1/6 for the four neighbours beside a pixel and 1/12 for the four across; neighbours beyond the rim
of the photo are left out. That is one sparse linear system a picture and channel.

It is solved here by conjugate gradients (the system is symmetric and positive definite while one pixel is left), which
start from the solution on a photo of half the size, which starts from one of a quarter, and so on: Deuflhard's
*cascadic conjugate gradient method* (1994). Conjugate gradients alone would need hundreds of rounds for a wide hole.

The score of a map takes both orders, for each alone can be fooled::

    ROAD = mean over the shares q of  p(least relevant q removed) - p(most relevant q removed)

with ``p`` what the network says. It is between -1 and 1: above 0 what the map points at matters more than the rest, at
0 the order makes no difference.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64, Integer

BESIDE, ACROSS = 1 / 6, 1 / 12
"""Weights of the neighbours, as in the authors' code."""
NOISE = 0.01
"""Deviation of the noise, as a part of the photo's own, as in the authors' code on inputs of deviation 1."""
ROUNDS = 6
"""Rounds of conjugate gradients at the full size, twice as many at half of it, and so on: the coarser, the cheaper, and
the farther a round carries. In the wide holes of a photo an error of 2 to 5 % of its deviation is left."""
LARGEST = 320
"""Sides longer than this are filled in at half their size: the inside of a hole has nothing fine."""
SMALLEST = 4


def removed(
    places: Integer[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"], share: float, *, most: bool
) -> Bool[np.ndarray, "h w"]:
    """Which pixels are removed: the ``share`` that is most (or least) relevant, by the places of ``curves.ranks``.

    >>> places = np.array([[2, 0, 1, 3]])
    >>> removed(places, places >= 0, 0.25, most=False).tolist()
    [[False, False, False, True]]
    """
    whole = int(inside.sum())
    count = min(max(round(share * whole), 0), whole - 1)  # one pixel must be left to say what the others are
    return (places < count) if most else (inside & (places >= whole - count))


def impute(
    x: Float32[np.ndarray, "c h w"],
    holes: Bool[np.ndarray, "n h w"],
    inside: Bool[np.ndarray, "h w"],
    *,
    noise: Float32[np.ndarray, "c h w"] | None = None,
    rounds: int = ROUNDS,
) -> Float32[np.ndarray, "n c h w"]:
    """The photo with each set of pixels removed in turn, and filled in from its neighbours.

    Args:
        x: the input.
        holes: for each picture wanted, which pixels are removed.
        inside: which pixels show the photo; the others are no neighbours of anything, and stay.
        noise: what is added to removed pixels, of deviation 1; scaled by :data:`NOISE` and the photo's deviation in
            each channel. None for none.
        rounds: of conjugate gradients at the full size; more are more exact.

    >>> row = np.array([[[0.0, 9.0, 9.0, 3.0]]], np.float32)
    >>> hole = np.array([[[False, True, True, False]]])
    >>> impute(row, hole, np.ones((1, 4), bool)).round(3).tolist()
    [[[[0.0, 1.0, 2.0, 3.0]]]]
    """
    holes = holes & inside
    known = (inside & ~holes)[:, None]
    filled = _solve(np.where(known, x, np.float32(0)), known, inside[None, None], rounds)
    if noise is not None:
        deviation = x[:, inside].std(axis=1, dtype=np.float64).astype(np.float32)
        filled = filled + np.float32(NOISE) * deviation[:, None, None] * noise
    return np.where(holes[:, None], filled, x)


def _solve(
    values: Float32[np.ndarray, "n c h w"],
    known: Bool[np.ndarray, "n 1 h w"],
    inside: Bool[np.ndarray, "1 1 h w"],
    rounds: int,
) -> Float32[np.ndarray, "n c h w"]:
    """The system at this size, from the solution at half of it."""
    unknown = inside & ~known
    if not unknown.any():
        return values
    if min(values.shape[2:]) <= SMALLEST:
        amount = np.maximum(known.sum(axis=(2, 3), keepdims=True), 1).astype(np.float32)
        guess = np.broadcast_to(values.sum(axis=(2, 3), keepdims=True) / amount, values.shape)
    else:
        amount = _halved(known.astype(np.float32))
        means = _halved(values) / np.maximum(amount, 1)
        coarse = _solve(means, amount > 0, _halved(inside.astype(np.float32)) > 0, 2 * rounds)
        guess = _doubled(coarse, values.shape[2:])
        if max(values.shape[2:]) > LARGEST:
            return np.where(unknown, guess, values)
    return _conjugate_gradients(np.where(unknown, guess, values), unknown, inside, rounds)


def _conjugate_gradients(
    start: Float32[np.ndarray, "n c h w"],
    unknown: Bool[np.ndarray, "n 1 h w"],
    inside: Bool[np.ndarray, "1 1 h w"],
    rounds: int,
) -> Float32[np.ndarray, "n c h w"]:
    """Hestenes and Stiefel, 1952, for all pictures and channels at once; known pixels stay."""
    free, weight = unknown.astype(np.float32), _neighbours(inside.astype(np.float32))
    u = start  # 0 beyond the photo, so that nothing there is a neighbour
    residual = (_neighbours(u) - weight * u) * free
    direction = residual
    size = _dot(residual, residual)
    for _ in range(rounds):
        if not (size > 1e-12).any():
            break
        image = (weight * direction - _neighbours(direction)) * free
        length = size / np.maximum(_dot(direction, image), 1e-30)
        length = length.astype(np.float32)
        u = u + length * direction
        residual = residual - length * image
        following = _dot(residual, residual)
        direction = residual + (following / np.maximum(size, 1e-30)).astype(np.float32) * direction
        size = following
    return u


def _neighbours(u: Float32[np.ndarray, "n c h w"]) -> Float32[np.ndarray, "n c h w"]:
    """The weighted sum of the eight neighbours; beyond the rim there is nothing.

    The weights are those of ``[1, 2, 1]^T [1, 2, 1] / 12`` without the middle, so two short sums do.
    """
    down = u + u
    down[:, :, 1:] += u[:, :, :-1]
    down[:, :, :-1] += u[:, :, 1:]
    both = down + down
    both[..., 1:] += down[..., :-1]
    both[..., :-1] += down[..., 1:]
    return np.asarray((both - 4 * u) * np.float32(ACROSS), np.float32)


def _dot(a: Float32[np.ndarray, "n c h w"], b: Float32[np.ndarray, "n c h w"]) -> Float64[np.ndarray, "n c 1 1"]:
    products = np.einsum("nchw,nchw->nc", a, b, optimize=False)
    return np.asarray(products[..., None, None], np.float64)


def _halved(value: Float32[np.ndarray, "n c h w"]) -> Float32[np.ndarray, "n c y x"]:
    """The sums of 2x2 pixels; a last odd row or column stands alone."""
    height, width = value.shape[2:]
    even = np.pad(value, ((0, 0), (0, 0), (0, height % 2), (0, width % 2)))
    rows = even[:, :, ::2] + even[:, :, 1::2]
    return np.asarray(rows[..., ::2] + rows[..., 1::2], np.float32)


def _doubled(value: Float32[np.ndarray, "n c y x"], shape: tuple[int, ...]) -> Float32[np.ndarray, "n c h w"]:
    """Every pixel as 2x2, linearly between the middles."""
    tall = _between_rows(value)
    wide = _between_rows(tall.swapaxes(2, 3)).swapaxes(2, 3)
    return wide[:, :, : shape[0], : shape[1]]


def _between_rows(value: Float32[np.ndarray, "n c y x"]) -> Float32[np.ndarray, "n c h x"]:
    out = np.repeat(value, 2, axis=2)
    step = (value[:, :, 1:] - value[:, :, :-1]) * np.float32(0.25)
    out[:, :, 2::2] -= step
    out[:, :, 1:-1:2] += step
    return out
