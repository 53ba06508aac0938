"""A trace as the bytes of its file, readable by ranges, without a copy of its numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from convscope.store.layout import Piece
from convscope.store.write import pieces
from convscope.traces import Trace

CHUNK = 1 << 20
"""Most bytes that are handed out at a time."""


class TraceFile:
    """What :func:`convscope.store.dumps` would give, in the memory in which the trace's arrays lie.

    Parameters are read when this is made: afterwards the file never changes, and nothing can fail.

    >>> import numpy as np
    >>> from convscope.store import dumps
    >>> from convscope.traces import Placement, Step
    >>> seen = Step("input", "input", np.ones((3, 4, 4), np.float32))
    >>> trace = Trace(np.zeros((4, 4, 3), np.uint8), (seen,), ("input",), Placement(0.0, 0.0, 4.0, 4.0))
    >>> file = TraceFile(trace)
    >>> b"".join(file.read(0, file.size)) == dumps(trace)
    True
    """

    def __init__(self, trace: Trace) -> None:
        self._pieces: list[Piece] = [piece for piece in pieces(trace, params=True, compact=False) if len(piece)]
        self._starts = [0, *accumulate(len(piece) for piece in self._pieces)]

    @property
    def size(self) -> int:
        """Length of the file in bytes."""
        return self._starts[-1]

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to, not including, ``stop``, in parts of at most :data:`CHUNK`."""
        place = bisect_right(self._starts, start) - 1
        while start < stop:
            piece, offset = self._pieces[place], start - self._starts[place]
            length = min(len(piece) - offset, stop - start, CHUNK)
            yield bytes(piece[offset : offset + length])
            start += length
            place += offset + length == len(piece)
