"""The order in which samples are seen: a pure function of the seed and the epoch, so that a training can resume."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, Integer

from convscope.errors import DataError


def batches(
    indices: Integer[np.ndarray, " n"], batch: int, *, seed: int, epoch: int, drop_last: bool = False
) -> list[Int64[np.ndarray, " batch"]]:
    """The samples of one epoch, shuffled and cut into batches.

    The shuffle sorts by numbers of PCG64's raw stream, which is the same in every version of numpy.

    Args:
        indices: numbers of the samples, each to be seen once.
        batch: samples a batch; the last one may be smaller.
        seed: 0 or more.
        epoch: 0 or more; every epoch has its own order.
        drop_last: leave out a last batch that is not full. Which samples that are changes with the epoch.

    Raises:
        DataError: the batch is no positive number.

    >>> [len(one) for one in batches(np.arange(10), 4, seed=0, epoch=0)]
    [4, 4, 2]
    >>> [len(one) for one in batches(np.arange(10), 4, seed=0, epoch=0, drop_last=True)]
    [4, 4]
    """
    if batch < 1:
        raise DataError(f"a batch of {batch!r} samples is none; give a whole number of at least 1")
    stream = np.random.PCG64(np.random.SeedSequence([seed, epoch]))
    shuffled = np.asarray(indices, np.int64)[np.argsort(stream.random_raw(len(indices)), kind="stable")]
    last = len(shuffled) - len(shuffled) % batch if drop_last else len(shuffled)
    return [shuffled[start : start + batch] for start in range(0, last, batch)]


def in_turn(indices: Integer[np.ndarray, " n"], batch: int) -> list[Int64[np.ndarray, " batch"]]:
    """The samples in the order given, cut into batches; for validation.

    >>> [one.tolist() for one in in_turn(np.array([5, 3, 8]), 2)]
    [[5, 3], [8]]
    """
    if batch < 1:
        raise DataError(f"a batch of {batch!r} samples is none; give a whole number of at least 1")
    whole = np.asarray(indices, np.int64)
    return [whole[start : start + batch] for start in range(0, len(whole), batch)]
