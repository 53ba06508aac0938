"""Random numbers that belong to a sample: a pure function of (seed, epoch, sample, purpose).

A generator with a state would give a sample other numbers in another batch, in another process, or after a resume.
Here each number is the counter-based SplitMix64 of its place (Steele, Lea and Flood, "Fast Splittable Pseudorandom
Number Generators", 2014).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Integer, UInt64

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def draws(
    which: Integer[np.ndarray, " n"], purposes: int, *, seed: int, epoch: int
) -> Float64[np.ndarray, "n purposes"]:
    """Numbers of 0..1 (1 not included), evenly spread: a row a sample, a column a purpose.

    Args:
        which: numbers of the samples.
        purposes: columns wanted; the first ones stay the same when more are asked for.
        seed: any whole number.
        epoch: any whole number.

    >>> one, other = draws(np.array([7]), 2, seed=1, epoch=0), draws(np.array([3, 7]), 4, seed=1, epoch=0)
    >>> bool((one[0] == other[1, :2]).all())
    True
    """
    state = _mixed(np.uint64(seed % 2**64))
    state = _mixed(state ^ np.uint64(epoch % 2**64))
    rows = _mixed(state ^ np.asarray(which, np.int64).astype(np.uint64))
    with np.errstate(over="ignore"):
        columns = np.arange(1, purposes + 1, dtype=np.uint64) * _STEP
        words = _mixed(rows[:, None] + columns[None, :])
    # 53 bits are what a float holds.
    return np.asarray((words >> np.uint64(11)) / 2.0**53)


def _mixed(state: UInt64[np.ndarray, "..."] | np.uint64) -> UInt64[np.ndarray, "..."]:
    with np.errstate(over="ignore"):
        word = np.asarray(state, np.uint64) + _STEP
        word = (word ^ (word >> np.uint64(30))) * _FIRST
        word = (word ^ (word >> np.uint64(27))) * _SECOND
        return np.asarray(word ^ (word >> np.uint64(31)))
