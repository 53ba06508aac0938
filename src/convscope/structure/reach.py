"""What each position along one axis of a value saw of one axis of the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from convscope.arithmetic.taps import NOWHERE, every
from convscope.structure.links import Link

NOTHING_SEEN = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Reach:
    """One axis of the picture (its rows, or its columns), as seen by a value.

    Attributes:
        axis: the axis of the value along which the view moves; None when all positions see the same.
        first, last: the first and the last row seen by each position (one entry when ``axis`` is None);
            exact, padding left out. A position that saw nothing has ``first`` beyond every row and -1.
        size, jump, start: the same in rows of an endless picture: position i sees ``size`` rows within the
            ``size + slack`` rows from ``start + i * jump``.
        slack: how far the view may lie from that regular grid, as after enlarging, where two neighbours may
            see the same.
        scattered: where the positions of the picture went to no single axis (flattening), the most rows that
            one value sees; None elsewhere.
    """

    axis: int | None
    first: Int64[np.ndarray, " n"]
    last: Int64[np.ndarray, " n"]
    size: float
    jump: float
    start: float
    slack: float = 0.0
    scattered: int | None = None

    @classmethod
    def of_input(cls, axis: int | None, size: int) -> Reach:
        """The picture itself: row i sees row i."""
        if axis is None:
            return cls.whole(0, size - 1)
        return cls(axis, every(size), every(size), 1.0, 1.0, 0.0)

    @classmethod
    def whole(cls, first: int, last: int) -> Reach:
        """Every position sees the same rows."""
        size = max(0, last - first + 1)
        begin, end = np.array([first], np.int64), np.array([last], np.int64)
        return cls(None, begin, end, float(size), 0.0, float(first) if size else 0.0)

    @classmethod
    def nothing(cls) -> Reach:
        """A value that does not come from the picture."""
        return cls.whole(int(NOTHING_SEEN), -1)

    @property
    def sees(self) -> bool:
        """Whether any position sees anything."""
        return bool((self.last >= 0).any())

    @property
    def widest(self) -> int:
        """From the first to the last row seen, for the position that sees most; rows outside do not count."""
        if self.scattered is not None:
            return self.scattered
        return int(np.where(self.last >= 0, self.last - self.first + 1, 0).max(initial=0))

    def hull(self) -> Reach:
        """All positions together."""
        if not self.last.size:
            return Reach.nothing()
        return Reach.whole(int(self.first.min()), int(self.last.max()))

    def through(self, links: list[Link]) -> Reach:
        """What the output of a step sees through one of its inputs."""
        if self.axis is None:
            merged = any(link.to is None and not link.scattered for link in links)
            return replace(self, scattered=None) if merged else self
        link = links[self.axis]
        if link.scattered:
            return replace(self.hull(), scattered=self.widest)
        if link.taps is None:
            return self.hull() if link.to is None else self.moved(link.to)
        read = self._read(link.taps)
        seen = Reach(link.to, *read, *self._endless(link))
        return seen.hull() if link.to is None else seen

    def moved(self, axis: int) -> Reach:
        """The same view along another axis of the value."""
        return replace(self, axis=axis)

    def _read(self, taps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and last row seen through the taps of every position."""
        inside = (taps >= 0) & (taps < len(self.first))
        known = np.where(inside, taps, 0)
        first = np.where(inside, self.first[known], NOTHING_SEEN).min(1, initial=NOTHING_SEEN)
        return first, np.where(inside, self.last[known], -1).max(1, initial=-1)

    def _endless(self, link: Link) -> tuple[float, float, float, float]:
        """Size, jump, start and slack through the taps of a link."""
        assert link.taps is not None
        real = link.taps != NOWHERE
        rows = np.flatnonzero(real.any(1))
        if not rows.size:
            return 0.0, 0.0, 0.0, 0.0
        low = np.where(real, link.taps, NOTHING_SEEN).min(1)[rows]
        high = np.where(real, link.taps, NOWHERE).max(1)[rows]
        span = float((high - low).max())
        begin, end = float((low - rows * link.stride).min()), float((high - rows * link.stride).max())
        return (
            self.size + span * self.jump,
            self.jump * link.stride,
            self.start + begin * self.jump,
            self.slack + (end - begin - span) * self.jump,
        )

    def joined(self, other: Reach) -> Reach:
        """What a value sees that was made of two."""
        if not other.sees:
            return self
        if not self.sees:
            return other
        if None not in (self.axis, other.axis) and (self.axis, len(self.first)) != (
            other.axis,
            len(other.first),
        ):
            return self.hull().joined(other.hull())
        if self.scattered != other.scattered:
            return replace(self, scattered=None).joined(replace(other, scattered=None))
        axis = other.axis if self.axis is None else self.axis
        first, last = np.minimum(self.first, other.first), np.maximum(self.last, other.last)
        return Reach(axis, first, last, *self._endless_union(other, len(first)), self.scattered)

    def _endless_union(self, other: Reach, count: int) -> tuple[float, float, float, float]:
        """The rows that cover both; where the jumps differ, those that do at the first and the last position."""
        both = (self, other)
        jump = max(self.jump, other.jump) if self.jump and other.jump else 0.0
        drifts = [(part, i * (part.jump - jump)) for part in both for i in (0, max(count - 1, 0))]
        start = min(part.start + drift for part, drift in drifts)
        end = max(part.start + drift + part.size for part, drift in drifts)
        last = max(part.start + drift + part.size + part.slack for part, drift in drifts)
        return end - start, jump, start, last - end

    def rows(self, position: int) -> tuple[int, int]:
        """First row and the row after the last one that a position saw; (0, 0) for none."""
        i = position if self.axis is not None else 0
        first, last = int(self.first[i]), int(self.last[i])
        return (first, last + 1) if last >= 0 else (0, 0)

    def endless_rows(self, position: int) -> tuple[int, int]:
        """As :meth:`rows`, as if the picture had no border."""
        begin = self.start + (position * self.jump if self.axis is not None else 0)
        top = math.floor(begin + 1e-9)
        return top, max(top, math.ceil(begin + self.size + self.slack - 1e-9))
