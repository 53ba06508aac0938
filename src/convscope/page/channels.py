"""What is said of every channel of a step: its range, its mean, its zeros, a small picture, its twins.

The maps are read in blocks that fit the processor's cache, so that each number is fetched from memory once for
all of it and once for the histogram, whose bins need the whole step's range.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from convscope.draw.resample import fit

BINS = 32
"""Bins of a step's histogram."""

LOW, HIGH, MEAN, SIZE, ZEROS, ODD = range(6)
"""Columns of the statistics: range of the finite values, mean, mean ``|x|``, share of zeros, count of non-finite."""

_BLOCK = 200_000  # numbers; with the copies made of them, what a core's own cache holds
_TAME = (1e-30, 1e30)  # spans and magnitudes for which float32 neither overflows nor loses its last digits

Maps = Float32[np.ndarray, "c h w"]


@dataclass(frozen=True)
class Summary:
    """Everything the page knows of the channels without reading their values.

    Attributes:
        stats: low, high (of finite values; 0 without any), mean, mean ``|x|``, share of zeros, and how many values
            are not finite.
        thumbs: each map at no more than the wanted size, 0..255 between its low and its high.
        same: the first channel with the same bytes; a channel without a twin before it names itself.
    """

    stats: Float32[np.ndarray, "c 6"]
    thumbs: UInt8[np.ndarray, "c y x"]
    same: Int32[np.ndarray, " c"]


def summarize(maps: Maps, thumb: int) -> Summary:
    """The statistics and small pictures of a stack of maps that is not empty.

    >>> found = summarize(np.array([[[0, 3]], [[0, 0]], [[0, 0]]], np.float32), 64)
    >>> found.stats[0].tolist(), found.thumbs[0].tolist(), found.same.tolist()
    ([0.0, 3.0, 1.5, 1.5, 0.5, 0.0], [[0, 255]], [0, 1, 1])
    """
    size = thumb_size(maps.shape[1:], thumb)
    stats = np.empty((len(maps), 6), np.float32)
    thumbs = np.empty((len(maps), *size), np.uint8)
    for part in _blocks(maps):
        block = maps[part]
        finite = _describe(block.reshape(len(block), -1), stats[part])
        _codes(_shrunk(block, size, finite=finite), stats[part], thumbs[part])
    return Summary(stats, thumbs, _twins(maps, stats))


def smaller(thumbs: UInt8[np.ndarray, "c y x"], thumb: int) -> UInt8[np.ndarray, "c v u"]:
    """Small pictures made smaller still, so that they have at most ``thumb`` pixels a side; to within one level."""
    size = thumb_size(thumbs.shape[1:], thumb)
    if thumbs.shape[1:] == size:
        return thumbs
    made: np.ndarray = np.rint(_averaged(thumbs.astype(np.float32), size)).astype(np.uint8)
    return made


def thumb_size(shape: tuple[int, ...], thumb: int) -> tuple[int, int]:
    """Height and width of a small picture: those of the map, or its proportions within ``thumb``.

    >>> thumb_size((28, 28), 64), thumb_size((300, 451), 64)
    ((28, 28), (43, 64))
    """
    height, width = shape
    return (height, width) if max(shape) <= thumb else fit((height, width), thumb, thumb)


def histogram(value: Float32[np.ndarray, "..."], low: float, high: float) -> Int32[np.ndarray, " n"]:
    """How many finite values lie in each of 32 equal bins from ``low`` to ``high``; all in the first if they are equal.

    The last bin holds ``high``. A value within rounding of an edge may count on either side of it; none is lost.

    >>> histogram(np.array([0, 1, 31, 32, np.nan], np.float32), 0.0, 32.0).nonzero()[0].tolist()
    [0, 1, 31]
    """
    flat = value.reshape(-1)
    counts = np.zeros(BINS, np.int64)
    span = high - low
    kind = np.float32 if _TAME[0] < span and max(-low, high) < _TAME[1] else np.float64
    factor = kind(BINS / span if span > 0 else 0)  # of the tiniest spans infinite
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        place = np.subtract(block, kind(low), dtype=kind)
        with np.errstate(invalid="ignore"):
            finite = np.isfinite(place.sum(dtype=np.float64))
        if not finite:
            place = place[np.isfinite(block)]
        place *= factor
        np.minimum(place, BINS - 1, out=place)
        counts += _counted(place.astype(np.uint8))
    return counts.astype(np.int32)


def _counted(codes: UInt8[np.ndarray, " n"]) -> np.ndarray:
    """How often each code below 32 occurs: counted two at a time, which halves the slow part."""
    even = len(codes) & ~1
    pairs = np.bincount(codes[:even].view(np.uint16), minlength=BINS * 256)[: BINS * 256].reshape(BINS, 256)[:, :BINS]
    counts: np.ndarray = pairs.sum(0) + pairs.sum(1)
    if even < len(codes):
        counts[codes[-1]] += 1
    return counts


def _blocks(maps: Maps) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, maps[0].size))
    return (slice(start, min(start + step, len(maps))) for start in range(0, len(maps), step))


def _describe(flat: Float32[np.ndarray, "c n"], stats: Float32[np.ndarray, "c 6"]) -> bool:
    """Fill the statistics of some channels; whether all their values are finite."""
    with np.errstate(invalid="ignore"):
        low, high = flat.min(axis=1), flat.max(axis=1)
    largest = max(float(-low.min()), float(high.max()))
    if not np.isfinite(largest) or not np.isfinite(low).all():
        _describe_odd(flat, stats)
        return False
    kind = np.float32 if largest < _TAME[1] else np.float64
    stats[:, LOW], stats[:, HIGH] = low, high
    stats[:, MEAN] = flat.mean(axis=1, dtype=kind)
    signed = bool((low < 0).any())
    stats[:, SIZE] = np.abs(flat).mean(axis=1, dtype=kind) if signed else stats[:, MEAN]
    stats[:, ODD] = 0
    if signed or (low <= 0).any():
        stats[:, ZEROS] = 1 - _counts(flat != 0) / flat.shape[1]
    else:
        stats[:, ZEROS] = 0
    return True


def _counts(found: Bool[np.ndarray, "c n"]) -> np.ndarray:
    """How many are true in each row: long rows one by one, which numpy counts fastest, short ones together."""
    if found.shape[1] > 1024:
        return np.array([np.count_nonzero(row) for row in found])
    counts: np.ndarray = found.sum(axis=1)
    return counts


def _describe_odd(flat: Float32[np.ndarray, "c n"], stats: Float32[np.ndarray, "c 6"]) -> None:
    """As :func:`_describe` where some values are NaN or infinite: those are counted and otherwise left out."""
    good = np.isfinite(flat)
    count = good.sum(axis=1)
    clean = np.where(good, flat, 0).astype(np.float64)
    stats[:, LOW] = np.where(count, np.where(good, flat, np.inf).min(axis=1), 0)
    stats[:, HIGH] = np.where(count, np.where(good, flat, -np.inf).max(axis=1), 0)
    stats[:, MEAN] = clean.sum(axis=1) / np.maximum(count, 1)
    stats[:, SIZE] = np.abs(clean).sum(axis=1) / np.maximum(count, 1)
    stats[:, ZEROS] = (flat == 0).mean(axis=1)
    stats[:, ODD] = flat.shape[1] - count


def _shrunk(maps: Maps, size: tuple[int, ...], *, finite: bool) -> Float32[np.ndarray, "c y x"]:
    """Each new pixel is the mean of the finite values that it covers; NaN where there are none."""
    if maps.shape[1:] == size:
        return maps if finite else np.where(np.isfinite(maps), maps, np.nan)
    if finite:
        return _averaged(maps, size)
    good = np.isfinite(maps)
    share = _averaged(good.astype(np.float32), size)
    total = _averaged(np.where(good, maps, 0), size)
    mean: np.ndarray = np.divide(total, share, out=np.full_like(total, np.nan), where=share > 1e-6)
    return mean


def _averaged(maps: Maps, size: tuple[int, ...]) -> Float32[np.ndarray, "c y x"]:
    rows, columns = (_shares(old, new) for old, new in zip(maps.shape[1:], size, strict=True))
    mean: np.ndarray = np.matmul(np.matmul(rows, maps), columns.T)
    return mean


@functools.lru_cache(maxsize=64)
def _shares(old: int, new: int) -> Float32[np.ndarray, "new old"]:
    """How much of each new pixel along one axis each old one covers; every row sums to 1."""
    edges = np.linspace(0, old, new + 1)
    at = np.arange(old)
    part = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
    shares: np.ndarray = (np.maximum(part, 0) * (new / old)).astype(np.float32)
    return shares


def _codes(
    maps: Float32[np.ndarray, "c y x"], stats: Float32[np.ndarray, "c 6"], out: UInt8[np.ndarray, "c y x"]
) -> None:
    """Levels 0..255 from each channel's low to its high, halves upwards; 0 where a channel is constant or NaN."""
    low = stats[:, LOW].astype(np.float64)
    span = stats[:, HIGH].astype(np.float64) - low
    tame = bool(((span == 0) | ((span > _TAME[0]) & (span < _TAME[1]))).all())
    kind = np.float32 if tame else np.float64
    factor = np.where(span > 0, 255 / np.where(span > 0, span, 1), 0)
    level = np.subtract(maps, low.astype(kind)[:, None, None], dtype=kind)
    level *= factor.astype(kind)[:, None, None]
    level += kind(0.5)
    # fmax and fmin put a number in the place of NaN
    out[...] = np.fmin(np.fmax(level, 0, out=level), 255, out=level)


def _twins(maps: Maps, stats: Float32[np.ndarray, "c 6"]) -> Int32[np.ndarray, " c"]:
    """For each channel the first one with the same bytes.

    Channels of different statistics cannot be twins, so only the others are hashed.
    """
    same = np.arange(len(maps), dtype=np.int32)
    keys = stats[:, [LOW, HIGH, ZEROS, ODD]]
    if len(set(keys[:, 1].tolist())) == len(maps):
        return same
    first: dict[bytes, int] = {}
    _, group, size = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    for channel in np.flatnonzero(size[group.reshape(-1)] > 1).tolist():
        digest = hashlib.blake2b(np.ascontiguousarray(maps[channel]).data, digest_size=16).digest()
        same[channel] = first.setdefault(digest, channel)
    return same
