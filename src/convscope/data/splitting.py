"""Training and validation parts that stay what they are.

A picture's side is decided by its content and the seed alone: a keyed hash of its key is a number from 0 to 1, and
what is below the share is validation. So a picture never changes sides when others are added, removed or renamed
(numbers decided by place in a list do), and copies of one picture are always on the same side, also across classes.
The price is that the share is met on average only: of 1,000 pictures of a class and a share of 0.2, 200 give or take
a dozen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, UInt64

from convscope.errors import DataError


@dataclass(frozen=True, eq=False)
class Split:
    """Which samples are for training and which are held out.

    Attributes:
        train: numbers of the samples to train on, rising.
        validation: numbers of the samples that are held out, rising; none is in ``train``.
    """

    train: Int64[np.ndarray, " n"]
    validation: Int64[np.ndarray, " m"]


def split(samples: Any, validation: float = 0.2, seed: int = 1337, *, groups: Sequence[str] | None = None) -> Split:
    """Hold a share of every class out.

    Args:
        samples: asked for its ``labels`` and ``keys``.
        validation: the share to hold out, 0..0.9; 0 holds nothing out.
        seed: another seed gives another split.
        groups: in place of the keys: samples of one group stay on one side, for instance those that a check
            for near duplicates found to be alike, or the photos of one animal.

    Returns:
        the two parts. A class of at least two different pictures has one or more on either side, whatever the
        hash says (which is the one case in which a picture may change sides when others are added).

    Raises:
        DataError: the share makes no sense, or there is too little to hold anything out.

    >>> from convscope.data.samples import ArraySamples
    >>> images = np.arange(100, dtype=np.uint8).reshape(100, 1, 1)
    >>> parts = split(ArraySamples(images, [0, 1] * 50, ["even", "odd"]))
    >>> len(parts.train) + len(parts.validation), set(parts.train) & set(parts.validation)
    (100, set())
    """
    if not 0 <= validation <= 0.9:
        raise DataError(f"a share of {validation!r} cannot be held out; give a number from 0 to 0.9")
    labels = np.asarray(samples.labels)
    keys = list(samples.keys if groups is None else groups)
    if len(keys) != len(labels):
        raise DataError(f"there are {len(labels):,} samples and {len(keys):,} groups; give one group a sample")
    if validation == 0:
        return Split(np.arange(len(labels)), np.empty(0, np.int64))
    if len(set(keys)) < 2:
        raise DataError(
            f"there are {len(set(keys))} different pictures, too few to hold any out; add photos, or hold out 0 of them"
        )
    draws = keyed_draws(keys, seed)
    out = draws < validation
    _fill_empty_sides(out, draws, labels, keys)
    return Split(np.flatnonzero(~out), np.flatnonzero(out))


def keyed_draws(keys: Sequence[str], seed: int) -> Float64[np.ndarray, " n"]:
    """A number in 0..1 for each key, a pure function of the key and the seed.

    >>> float(keyed_draws(["a"], 1)[0]) == float(keyed_draws(["b", "a"], 1)[1])
    True
    """
    secret = f"split {seed}".encode()[:64]
    digests = b"".join(hashlib.blake2b(key.encode(), digest_size=8, key=secret).digest() for key in keys)
    # 53 bits are what a float holds.
    return np.asarray((np.frombuffer(digests, "<u8") >> np.uint64(11)) / 2.0**53)


def _fill_empty_sides(
    out: np.ndarray, draws: Float64[np.ndarray, " n"], labels: np.ndarray, keys: Sequence[str]
) -> None:
    """Give every class that has two different pictures one on each side; copies move together."""
    names = np.asarray(keys)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        if len(np.unique(names[mine])) < 2:
            continue
        for side, pick in ((True, np.argmin), (False, np.argmax)):
            if not (out[mine] == side).any():
                out[names == names[mine[pick(draws[mine])]]] = side


def leaks(
    parts: Split, prints: UInt64[np.ndarray, " n"], *, distance: int = 0, most: int = 1000
) -> list[tuple[int, int]]:
    """Pictures of the training part that have a likeness in the validation part.

    Args:
        parts: the split.
        prints: a 64-bit fingerprint of each sample, of a kind in which pictures that look alike differ in few bits
            (a perceptual hash, as the doctor makes).
        distance: bits in which two pictures may differ and still count as the same.
        most: stop after so many.

    Returns:
        pairs of a training sample and a validation sample.

    >>> parts = Split(np.array([0, 1]), np.array([2]))
    >>> leaks(parts, np.array([0b0111, 0b1000, 0b0110], np.uint64), distance=1)
    [(0, 2)]
    """
    found: list[tuple[int, int]] = []
    mine, theirs = prints[parts.train], prints[parts.validation]
    for place, one in enumerate(theirs):
        near = np.flatnonzero(np.bitwise_count(mine ^ one) <= distance)
        found.extend((int(parts.train[i]), int(parts.validation[place])) for i in near)
        if len(found) >= most:
            return found[:most]
    return found
