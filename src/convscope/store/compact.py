"""Smaller numbers for sharing, with a known bound on the error.

==========  ===================================================  ===========================================
encoding    used in the compact form for                         error against the exact value x
==========  ===================================================  ===========================================
float32     outputs, vectors, up to 1,024 numbers, non-finite    none
uint8       feature maps of 64 pixels or more                    (high - low) / 510 of the channel
float16     everything else that fits                            max(abs(x) / 2048, 2**-25)
==========  ===================================================  ===========================================

The bound of uint8 is met up to the rounding of the result to float32. A constant channel is exact.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32, UInt8

SMALL = 1024
"""Arrays of at most this many numbers are kept exact: nothing is saved by making them coarser."""

MAP_PIXELS = 64
"""Maps of fewer pixels than this are too small for two numbers of their own (low and high) to pay."""

_TOP = 255.0
_HALF_LARGEST = 65504.0
_HALF_SMALLEST = 2.0**-14


def encoding_of(array: Float32[np.ndarray, "..."]) -> str:
    """The encoding that the compact form uses for a step's value, unless it must be exact.

    >>> encoding_of(np.ones((16, 32, 32), np.float32)), encoding_of(np.ones(10, np.float32))
    ('uint8', 'float32')
    """
    is_map = array.ndim == 3 and array.shape[1] * array.shape[2] >= MAP_PIXELS
    if is_map and array.size > SMALL and np.isfinite(_ends(array)).all():
        return "uint8"
    return flat_encoding_of(array)


def flat_encoding_of(array: Float32[np.ndarray, "..."]) -> str:
    """The encoding that the compact form uses for parameters and explanations.

    Vectors (biases, the statistics of a batch norm) stay exact: they are small, and an error in one
    of them is an error in a whole channel.

    >>> flat_encoding_of(np.ones((64, 32, 3, 3), np.float32)), flat_encoding_of(np.ones(64, np.float32))
    ('float16', 'float32')
    """
    if array.ndim < 2 or array.size <= SMALL:
        return "float32"
    low, high = _ends(array)
    largest = max(abs(low), abs(high))
    # A NaN fails every comparison, an infinity the second one.
    return "float16" if low == high == 0 or _HALF_SMALLEST <= largest <= _HALF_LARGEST else "float32"


def _ends(array: np.ndarray) -> tuple[float, float]:
    # A NaN comes out of both and is no warning here: its step is kept exact.
    with np.errstate(invalid="ignore"):
        return float(array.min()), float(array.max())


def channel_range(value: Float32[np.ndarray, "c h w"]) -> Float32[np.ndarray, "c 2"]:
    """Smallest and largest value of each channel, all finite."""
    flat = value.reshape(len(value), -1)
    return np.stack([flat.min(axis=1), flat.max(axis=1)], axis=1)


def to_uint8(
    value: Float32[np.ndarray, "c h w"], ranges: Float32[np.ndarray, "c 2"]
) -> Iterator[UInt8[np.ndarray, "h w"]]:
    """Each channel as the nearest of 256 levels from its smallest value (0) to its largest (255)."""
    for plane, (low, high) in zip(value, ranges.astype(np.float64), strict=True):
        unit = (high - low) / _TOP
        if unit == 0:
            yield np.zeros(plane.shape, np.uint8)
        else:
            yield np.rint((plane.astype(np.float64) - low) / unit).astype(np.uint8)


def from_uint8(codes: UInt8[np.ndarray, "c h w"], ranges: Float32[np.ndarray, "c 2"]) -> Float32[np.ndarray, "c h w"]:
    """The values that the levels stand for: ``low + code * ((high - low) / 255)`` in float64, then float32.

    >>> codes = np.array([[[0, 51, 255]]], np.uint8)
    >>> from_uint8(codes, np.array([[-1, 4]], np.float32)).tolist()
    [[[-1.0, 0.0, 4.0]]]
    """
    value = np.empty(codes.shape, np.float32)
    levels = np.arange(256, dtype=np.float64)
    for plane, code, (low, high) in zip(value, codes, ranges.astype(np.float64), strict=True):
        table = (low + levels * ((high - low) / _TOP)).astype(np.float32)
        # A byte is always an index of the table; without "clip" numpy checks that, and buffers.
        np.take(table, code, out=plane, mode="clip")
    return value
