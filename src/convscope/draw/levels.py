"""Values to levels: which of a table's 256 colours a number gets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8

from convscope.draw.colors import MIDDLE
from convscope.errors import CallError

Scale = Literal["each", "shared", "byte"]
"""``each``: every map on its own range; ``shared``: one range for all; ``byte``: the tutorials' 0..255."""

Maps = Float32[np.ndarray, "c h w"]


@dataclass(frozen=True)
class Limits:
    """The range on which each map is drawn.

    Attributes:
        low, high: one per map; equal where the map is constant. Only finite values count.
        scale: how they were chosen.
        signed: whether zero is kept in the middle (then ``low == -high``).
        finite: False if some value is NaN or infinite.
    """

    low: Float64[np.ndarray, " c"]
    high: Float64[np.ndarray, " c"]
    scale: str
    signed: bool
    finite: bool

    def take(self, channels: np.ndarray | slice) -> Limits:
        """The limits of some of the maps."""
        return replace(self, low=self.low[channels], high=self.high[channels])


def as_maps(value: Float32[np.ndarray, "..."]) -> Maps:
    """Any value as a stack of maps ``(C, H, W)``, without copying.

    A vector becomes C maps of one pixel, a matrix one map, more than three axes are folded into the first.

    >>> as_maps(np.zeros((2, 3, 4, 5), np.float32)).shape, as_maps(np.zeros(7, np.float32)).shape
    ((6, 4, 5), (7, 1, 1))
    """
    if value.ndim <= 1:
        return value.reshape(-1, 1, 1)
    if value.ndim == 2:
        return value[None]
    return value.reshape(int(np.prod(value.shape[:-2])), *value.shape[-2:])


def limits(maps: Maps, scale: str, *, signed: bool) -> Limits:
    """The range of each map, or of all of them.

    Maps of a single pixel have no range of their own, so they share one on every scale.

    Raises:
        CallError: no such scale.

    >>> found = limits(np.array([[[0, 2]], [[-1, 4]]], np.float32), "each", signed=False)
    >>> found.low.tolist(), found.high.tolist()
    ([0.0, -1.0], [2.0, 4.0])
    """
    if scale not in get_args(Scale):
        raise CallError(f"there is no scale {scale!r}; use one of {', '.join(get_args(Scale))}")
    flat = maps.reshape(len(maps), maps.shape[1] * maps.shape[2])
    if flat.size == 0:
        nothing = np.zeros(len(maps))
        return Limits(nothing, nothing, scale, signed, finite=True)
    low, high = flat.min(axis=1).astype(np.float64), flat.max(axis=1).astype(np.float64)
    finite = bool(np.isfinite(low).all() and np.isfinite(high).all())
    if not finite:
        low, high = _finite_range(flat)
    if scale == "shared" or flat.shape[1] == 1:
        low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
    if signed:
        high = np.maximum(np.abs(low), np.abs(high))
        low = -high
    return Limits(low, high, scale, signed, finite)


def _finite_range(
    flat: Float32[np.ndarray, "c n"],
) -> tuple[Float64[np.ndarray, " c"], Float64[np.ndarray, " c"]]:
    good = np.isfinite(flat)
    low = np.where(good, flat, np.inf).min(axis=1).astype(np.float64)
    high = np.where(good, flat, -np.inf).max(axis=1).astype(np.float64)
    nothing = ~good.any(axis=1)
    low[nothing] = high[nothing] = 0
    return low, high


def levels(maps: Float[np.ndarray, "c h w"], on: Limits) -> UInt8[np.ndarray, "c h w"]:
    """The level, 0..255, of every value; never divides by zero.

    * ``byte``: ``(x - min) / (max - min) * 255`` in float32, cut off as ``astype(uint8)`` does; a constant
      map is 0.
    * signed: ``128 + x / max|x| * 127`` to the nearest, halves upwards: 1..255, and zero is exactly 128.
    * otherwise ``1 + (x - min) / (max - min) * 254`` to the nearest, halves upwards: 1..255. A constant map
      has no range: it is 1 if it is all zero (dead) and 128 if it is anything else.

    Level 0 is left free outside ``byte``: it is the page between the maps. Values that are not finite get
    the level of ``low``; whoever draws paints over them.

    >>> x = np.array([[[-2, 0, 1]]], np.float32)
    >>> levels(x, limits(x, "each", signed=True)).tolist()
    [[[1, 128, 192]]]
    """
    span = on.high - on.low
    # float32 cannot hold 255 / span for the tiniest spans, nor the span of the largest values
    tame = not span.size or (np.all((span == 0) | (span > 1e-30)) and span.max() < 1e30)
    kind = np.float32 if tame else np.float64
    factor, offset = _line(on, span)
    low = (np.zeros_like(on.low) if on.signed else on.low).astype(kind)[:, None, None]
    out = np.empty(maps.shape, np.uint8)
    block = max(1, 250_000 // max(1, maps[:1].size))  # a block stays in the processor's cache
    for start in range(0, len(maps), block):
        part = slice(start, start + block)
        values = maps[part] if on.finite else np.where(np.isfinite(maps[part]), maps[part], low[part])
        work = np.subtract(values, low[part], dtype=kind)
        if on.scale == "byte":
            # the subtraction in the maps' own precision, so that the levels are numpy's to the last bit
            own = np.subtract(on.high[part].astype(kind), on.low[part].astype(kind))
            work /= np.where(own == 0, 1, own)[:, None, None]
        work *= factor.astype(kind)[part, None, None]
        work += offset.astype(kind)[part, None, None]
        out[part] = work
    return out


def _line(on: Limits, span: Float64[np.ndarray, " c"]) -> tuple[Float64[np.ndarray, " c"], Float64[np.ndarray, " c"]]:
    """Factor and offset that turn distance from ``low`` (signed: from zero) into a level, to be cut off."""
    constant = span == 0
    safe = np.where(constant, 1, span)
    if on.scale == "byte":
        return np.where(constant, 0.0, 255.0), np.zeros_like(span)
    if on.signed:
        return np.where(constant, 0.0, 254 / safe), np.full_like(span, MIDDLE + 0.5)
    factor = np.where(constant, 0.0, 254 / safe)
    return factor, np.where(constant & (on.low != 0), MIDDLE + 0.5, 1.5)
