"""One JSON object of a header, whose fields are what the format says or the file is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NoReturn

from convscope.store.jsontext import Refused, restore, short


class Fields:
    """Typed access to a JSON object.

    Args:
        value: what the parser gave, supposed to be an object.
        where: what it is, for the message (``step 3``).

    >>> step = Fields({"name": "conv_1", "inputs": [0]}, "step 1")
    >>> step.text("name")
    'conv_1'
    >>> step.text("kind")
    Traceback (most recent call last):
    convscope.store.jsontext.Refused: is damaged: step 1 has no 'kind'
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise Refused(f"is damaged: {where} is {short(value)}, not an object")
        self._value: dict[str, Any] = value
        self.where = where

    def text(self, key: str) -> str:
        """A string."""
        value = self.get(key)
        return value if isinstance(value, str) else self._wrong(key, value, "text")

    def truth(self, key: str) -> bool:
        """True or false."""
        value = self.get(key)
        return value if isinstance(value, bool) else self._wrong(key, value, "true or false")

    def whole(self, key: str) -> int:
        """A whole number."""
        value = self.get(key)
        return value if type(value) is int else self._wrong(key, value, "a whole number")

    def number(self, key: str) -> float:
        """A number, which may be infinite or none."""
        value = self.get(key)
        if isinstance(value, dict) and "$float" in value:
            value = restore(value)
        fits = isinstance(value, float) or (type(value) is int and _is_finite(value))
        return float(value) if fits else self._wrong(key, value, "a number")  # type: ignore[arg-type]

    def items(self, key: str) -> list[Any]:
        """A list of anything."""
        value = self.get(key)
        return value if isinstance(value, list) else self._wrong(key, value, "a list")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self.items(key)
        return tuple(value) if all(isinstance(part, str) for part in value) else self._wrong(key, value, "texts")

    def indexes(self, key: str, count: int) -> tuple[int, ...]:
        """A list of whole numbers from 0 up to, and without, ``count``."""
        value = self.items(key)
        fits = all(type(part) is int and 0 <= part < count for part in value)
        return tuple(value) if fits else self._wrong(key, value, f"numbers of steps before {count}")

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        """A list of ``count`` finite numbers."""
        value = self.items(key)
        fits = len(value) == count and all(_is_finite(part) for part in value)
        return tuple(float(part) for part in value) if fits else self._wrong(key, value, f"{count} finite numbers")

    def values(self, key: str) -> dict[str, Any]:
        """An object with whatever a user's program put into it."""
        value = self.get(key)
        if not isinstance(value, dict) or "$float" in value:
            self._wrong(key, value, "an object")
        restored: dict[str, Any] = restore(value)
        return restored

    def child(self, key: str) -> Fields:
        """Another object of the format."""
        return Fields(self.get(key), f"{key!r} of {self.where}")

    def children(self, key: str, kind: str) -> list[Fields]:
        """A list of objects of the format; ``kind`` is what each is called in messages."""
        return [Fields(part, f"{kind} {i}") for i, part in enumerate(self.items(key))]

    def get(self, key: str) -> object:
        """The field as the parser gave it."""
        if key not in self._value:
            raise Refused(f"is damaged: {self.where} has no {key!r}")
        return self._value[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._value)

    def _wrong(self, key: str, value: object, needed: str) -> NoReturn:
        raise Refused(f"is damaged: {key!r} of {self.where} is {short(value)}; {needed} needed")


def _is_finite(value: object) -> bool:
    if type(value) is int:
        return abs(value) < 2**53
    return isinstance(value, float) and math.isfinite(value)
