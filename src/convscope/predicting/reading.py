"""Photos read ahead by threads, in batches of one size, so that a network never waits for a disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float32


@runtime_checkable
class Photo(Protocol):
    """A photo on its way to a network."""

    @property
    def value(self) -> Float32[np.ndarray, "c h w"] | None:
        """What the network is given; None for one that could not be read."""


AnyPhoto = TypeVar("AnyPhoto", bound=Photo)


def batches(
    images: Iterable[Any], read: Callable[[Any], AnyPhoto], most: Callable[[AnyPhoto], int], *, threads: int, ahead: int
) -> Generator[list[AnyPhoto], None, None]:
    """Photos in their order; while a batch is worked on, others are read.

    Args:
        images: as many as there are; a few are taken ahead.
        read: reads one, in a thread.
        most: how many photos of the size of this one make a batch.
        threads: how many photos are read at a time.
        ahead: how many are on their way at most.

    Returns:
        batches of photos of one size; one that could not be read comes alone.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="convscope-photo") as pool:
        source = iter(images)
        reading = deque(pool.submit(read, image) for image in islice(source, ahead))
        try:
            while reading:
                batch = _next(reading, most)
                reading.extend(pool.submit(read, image) for image in islice(source, len(batch)))
                yield batch
        finally:
            for waiting in reading:
                waiting.cancel()


def _next(reading: deque[Future[AnyPhoto]], most: Callable[[AnyPhoto], int]) -> list[AnyPhoto]:
    first = reading.popleft().result()
    batch, size = [first], first.value
    limit = 1 if size is None else most(first)
    while reading and size is not None and len(batch) < limit:
        following = reading[0].result()
        if following.value is None or following.value.shape != size.shape:
            break
        batch.append(following)
        reading.popleft()
    return batch
