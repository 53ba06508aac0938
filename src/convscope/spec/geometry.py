"""How a window moves along one axis, and which input pixels an output value can see. Whole numbers only.

``same`` is TensorFlow's: as many outputs as ``ceil(n / stride)``, the padding that needs, and when it
is odd the extra pixel behind (bottom, right).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

Padding = str | int
"""``valid``, ``same``, or a number of pixels on both sides."""


MOST_TAPS = 10**8
"""Above this many reads a dilated window is taken to see all between its first and last weight."""


@dataclass(frozen=True)
class Slide:
    """A window over one axis: ``out`` places for it, ``before`` and ``after`` pixels added to the input."""

    out: int
    before: int
    after: int


@dataclass(frozen=True)
class Spread:
    """A transposed window over one axis.

    The full output of ``(n - 1) * stride + window`` values grows by ``extra`` behind, then loses
    ``before`` and ``after`` values; ``out`` remain.
    """

    out: int
    before: int
    after: int
    extra: int


def reach(kernel: int, dilation: int) -> int:
    """Pixels from a window's first to its last weight.

    >>> reach(3, 2)
    5
    """
    return (kernel - 1) * dilation + 1


def slide(size: int, kernel: int, stride: int, dilation: int, padding: Padding) -> Slide:
    """Move a window over ``size`` pixels; ``out`` is 0 or less when it does not fit.

    >>> slide(300, 3, 2, 1, "same"), slide(28, 3, 1, 1, "valid").out
    (Slide(out=150, before=0, after=1), 26)
    """
    window = reach(kernel, dilation)
    before = after = 0
    if padding == "same":
        total = max((-(-size // stride) - 1) * stride + window - size, 0)
        before, after = total // 2, total - total // 2
    elif isinstance(padding, int):
        before = after = padding
    return Slide((size + before + after - window) // stride + 1, before, after)


def spread(size: int, kernel: int, stride: int, dilation: int, padding: Padding) -> Spread:
    """Move a transposed window over ``size`` pixels.

    ``valid`` gives ``(size - 1) * stride + max(window, stride)`` values and ``same`` ``size * stride``,
    as Keras; a number cuts that many off both ends of ``(size - 1) * stride + window``, as PyTorch.

    >>> spread(14, 3, 2, 1, "same")
    Spread(out=28, before=0, after=1, extra=0)
    """
    window = reach(kernel, dilation)
    full = (size - 1) * stride + window
    if isinstance(padding, int):
        return Spread(full - 2 * padding, padding, padding, 0)
    extra = max(stride - window, 0)
    if padding == "valid":
        return Spread(full + extra, 0, 0, extra)
    total = max(window - stride, 0)
    return Spread(size * stride, total // 2, total - total // 2, extra)


NOTHING = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Sight:
    """The first and last input pixel that each position along one axis can see.

    Both grow from position to position, but for positions that see nothing: their ``first`` is beyond every
    pixel, their ``last`` is -1.
    """

    first: Int64[np.ndarray, " n"]
    last: Int64[np.ndarray, " n"]

    @staticmethod
    def of_input(size: int) -> Sight:
        """Every pixel sees itself."""
        positions = np.arange(size, dtype=np.int64)
        return Sight(positions, positions)

    @property
    def seeing(self) -> np.ndarray:
        """Which positions see anything."""
        return self.last >= 0

    @property
    def widest(self) -> int:
        """Most pixels that one position can see, from the first to the last of them."""
        return int(np.where(self.seeing, self.last - self.first + 1, 0).max(initial=0))

    def through(self, low: np.ndarray, high: np.ndarray) -> Sight:
        """The sight of positions that read the positions ``low`` to ``high`` (both included) of this axis."""
        size = len(self.first)
        places = np.arange(size, dtype=np.int64)
        # The next position that sees anything, at or after each, and the one at or before it.
        following = np.minimum.accumulate(np.where(self.seeing, places, size)[::-1])[::-1]
        before = np.maximum.accumulate(np.where(self.seeing, places, -1))
        begin = np.append(following, size)[np.clip(low, 0, size)]
        end = np.where(high >= 0, before[np.clip(high, 0, size - 1)], -1)
        sees = (begin <= end) & (begin < size)
        first, last = self.first[np.clip(begin, 0, size - 1)], self.last[np.clip(end, 0, size - 1)]
        return Sight(np.where(sees, first, NOTHING), np.where(sees, last, -1))

    def slid(self, move: Slide, kernel: int, stride: int, dilation: int) -> Sight:
        """After a window that moved over the axis."""
        start = np.arange(move.out, dtype=np.int64) * stride - move.before
        if dilation > 1 and not self.seeing.all() and kernel * move.out < MOST_TAPS:
            return self._tapped(start, kernel, dilation)
        return self.through(start, start + reach(kernel, dilation) - 1)

    def _tapped(self, start: np.ndarray, kernel: int, dilation: int) -> Sight:
        """Weight by weight: holes of a dilated window may lie just where something is to be seen."""
        size = len(self.first)
        first, last = np.full(len(start), NOTHING), np.full(len(start), -1)
        for tap in range(kernel):
            at = start + tap * dilation
            known, inside = np.clip(at, 0, size - 1), (at >= 0) & (at < size)
            first = np.where(inside, np.minimum(first, self.first[known]), first)
            last = np.where(inside, np.maximum(last, self.last[known]), last)
        return Sight(first, last)

    def spread(self, move: Spread, kernel: int, stride: int, dilation: int) -> Sight:
        """After a transposed window."""
        place = np.arange(move.out, dtype=np.int64) + move.before
        return self.through(-(-(place - reach(kernel, dilation) + 1) // stride), place // stride)

    def enlarged(self, factor: int, *, bilinear: bool) -> Sight:
        """After upsampling: the nearest position, or the two between which the pixel's centre lies."""
        place = np.arange(len(self.first) * factor, dtype=np.int64)
        if not bilinear:
            return self.through(place // factor, place // factor)
        centre = 2 * place + 1 - factor  # in units of 1 / (2 * factor) of a position
        return self.through(centre // (2 * factor), -(-centre // (2 * factor)))

    def merged(self) -> Sight:
        """One position that reads all of them."""
        return Sight(self.first.min(keepdims=True), self.last.max(keepdims=True))
