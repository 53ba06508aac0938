"""Batches made ahead of the training that asks for them."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

Batch = tuple[Int64[np.ndarray, " batch"], UInt8[np.ndarray, "batch h w c"]]


class Feed:
    """An iterator over ``(indices, pixels)`` that prepares the next batches while one is in use.

    An error in ``take`` is raised where its batch would have come, after all batches before it. Leaving the ``with``
    block, or :meth:`close`, drops what was not started and waits for what was; nothing is left running. Without
    either, the end of the batches does the same.

    Args:
        samples: asked for ``take(indices)``, from ``workers`` threads at once.
        batches: numbers of the samples of each batch, as :func:`convscope.data.order.batches` gives them.
        first: batches to leave out at the beginning, when a training resumes.
        ahead: batches that may wait, finished or in work; this bounds the memory.
        workers: threads that call ``take``. Two keep the decoders busy where one batch ends and the next begins.

    >>> from convscope.data.samples import ArraySamples
    >>> samples = ArraySamples(np.zeros((3, 2, 2), np.uint8), [0, 1, 1], ["shirt", "bag"])
    >>> with Feed(samples, [np.array([2, 0]), np.array([1])]) as feed:
    ...     [(indices.tolist(), pixels.shape) for indices, pixels in feed]
    [([2, 0], (2, 2, 2, 1)), ([1], (1, 2, 2, 1))]
    """

    def __init__(
        self,
        samples: Any,
        batches: Sequence[Int64[np.ndarray, " _"]],
        *,
        first: int = 0,
        ahead: int = 3,
        workers: int = 2,
    ) -> None:
        self._samples = samples
        self._left = iter(batches[first:])
        self._pool = ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="convscope-feed")
        self._waiting: deque[tuple[Int64[np.ndarray, " _"], Future]] = deque()
        # A feed that is dropped without being closed must not leave its threads waiting.
        self._stop = weakref.finalize(self, self._pool.shutdown, wait=False, cancel_futures=True)
        for _ in range(max(1, ahead)):
            self._start_one()

    def _start_one(self) -> None:
        indices = next(self._left, None)
        if indices is not None:
            self._waiting.append((indices, self._pool.submit(self._samples.take, indices)))

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if not self._waiting:
            self.close()
            raise StopIteration
        indices, future = self._waiting.popleft()
        try:
            pixels = future.result()
        except BaseException:
            self.close()
            raise
        self._start_one()
        return indices, pixels

    def close(self) -> None:
        """Stop; may be called more than once, and from an ``except`` block."""
        self._left = iter(())
        self._waiting.clear()
        self._stop.detach()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Feed:  # noqa: PYI034 - beartype cannot check Self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
