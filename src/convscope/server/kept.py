"""A bounded number of things, of which the longest unused goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Kept(Generic[Thing]):
    """Things by their name, within bounds.

    Args:
        most: how many.
        most_bytes: how many bytes together; one thing alone may be larger.
        size: bytes of a thing; may grow while it is kept.
        pinned: whether a thing has to stay for now.

    >>> kept = Kept(2, 100, size=len)
    >>> for word in ("one", "two", "three"):
    ...     kept.put(word, word)
    >>> list(kept)
    ['two', 'three']
    """

    def __init__(
        self,
        most: int,
        most_bytes: int,
        size: Callable[[Thing], int],
        pinned: Callable[[Thing], bool] = lambda _: False,
    ) -> None:
        self._most, self._most_bytes, self._size, self._pinned = most, most_bytes, size, pinned
        self._things: OrderedDict[str, Thing] = OrderedDict()

    def put(self, name: str, thing: Thing) -> None:
        """Keep ``thing``, as the one used last."""
        self._things[name] = thing
        self._things.move_to_end(name)
        self.trim()

    def get(self, name: str) -> Thing | None:
        """The thing, which now is the one used last; None where it is not kept."""
        thing = self._things.get(name)
        if thing is not None:
            self._things.move_to_end(name)
        return thing

    def drop(self, name: str) -> None:
        """Keep it no longer."""
        self._things.pop(name, None)

    def trim(self) -> None:
        """Drop the longest unused until the bounds hold; the one used last stays."""
        total = sum(map(self._size, self._things.values()))
        for name in list(self._things)[:-1]:
            if len(self._things) <= self._most and total <= self._most_bytes:
                return
            if not self._pinned(self._things[name]):
                total -= self._size(self._things[name])
                del self._things[name]

    def values(self) -> list[Thing]:
        """All of them, the longest unused first."""
        return list(self._things.values())

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._things))

    def __len__(self) -> int:
        return len(self._things)
