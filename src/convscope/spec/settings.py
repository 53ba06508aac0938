"""Settings of layers: what one is, how its value is read, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from convscope.errors import SpecError
from convscope.spec.grammar import Value, problem
from convscope.spec.initial import initialiser

MAX_COUNT = 1_000_000
"""Largest whole number in a spec."""

REQUIRED: Any = object()
"""Marks a setting that has no default."""


class Settings(Mapping[str, Any]):
    """The settings of a layer: an immutable, hashable mapping in the order of the table.

    Values are ints, floats, bools, strings and ``(height, width)`` tuples.

    >>> Settings({"kernel": (3, 3)})["kernel"]
    (3, 3)
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any]) -> None:
        self._items = tuple(items.items())

    def __getitem__(self, name: str) -> Any:
        for key, value in self._items:
            if key == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items))

    def __repr__(self) -> str:
        return f"Settings({dict(self)!r})"


@dataclass(frozen=True)
class Setting:
    """One setting of a kind of layer.

    Attributes:
        name: canonical name.
        read: turns a written value into the canonical one; raises SpecError.
        default: canonical default; REQUIRED if there is none; ``"=size"`` for that of another setting.
        aliases: other accepted names.
    """

    name: str
    read: Callable[[Value, str], Any]
    default: Any = REQUIRED
    aliases: tuple[str, ...] = ()


def _nothing_to_finish(settings: dict[str, Any]) -> None:
    """Most kinds have settings that do not depend on each other."""
    del settings


@dataclass(frozen=True)
class Kind:
    """One kind of layer.

    Attributes:
        word: canonical name.
        settings: in the order in which they can be given without a name.
        aliases: other accepted words, in lower case, without ``_`` and ``-``.
        prefix: of automatic names.
        finish: completes and checks settings that depend on each other; raises SpecError.
    """

    word: str
    settings: tuple[Setting, ...] = ()
    aliases: tuple[str, ...] = ()
    prefix: str = ""
    finish: Callable[[dict[str, Any]], None] = _nothing_to_finish

    def setting(self, name: str) -> Setting | None:
        """The setting of that name or alias, or None."""
        wanted = plain(name)
        for setting in self.settings:
            if wanted in {plain(setting.name), *map(plain, setting.aliases)}:
                return setting
        return None


def plain(word: str) -> str:
    """A word without case, ``_`` and ``-``, for comparing.

    >>> plain("Max_Pooling2D")
    'maxpooling2d'
    """
    return word.lower().replace("_", "").replace("-", "")


def read_count(value: Value, what: str) -> int:
    """A whole number from 1."""
    if isinstance(value.data, int) and 1 <= value.data <= MAX_COUNT:
        return value.data
    raise problem(f"{what} must be a whole number from 1 to {MAX_COUNT:,}; got {value}", value.place)


def read_size(value: Value, what: str) -> tuple[int, int]:
    """A size, ``(height, width)``; one number stands for both."""
    return _pair(value, what, 1)


def _pair(value: Value, what: str, least: int) -> tuple[int, int]:
    parts = (value.data, value.data) if value.kind == "number" else value.data
    if (
        isinstance(parts, tuple)
        and len(parts) == 2
        and all(isinstance(part, int) and least <= part <= MAX_COUNT for part in parts)
    ):
        return parts
    raise problem(f"{what} must be a whole number or HxW from {least}, such as 3 or 3x5; got {value}", value.place)


def read_padding(value: Value, what: str) -> str | tuple[int, int]:
    """``valid``, ``same``, or pixels ``(rows, columns)``."""
    if value.kind in {"number", "size"}:
        return _pair(value, what, 0)
    if isinstance(value.data, str) and value.data.lower() in {"valid", "same"}:
        return value.data.lower()
    raise problem(f"{what} must be valid, same, a number or HxW; got {value}", value.place)


def read_yes_no(value: Value, what: str) -> bool:
    """Yes or no."""
    word = str(value.data).lower()
    if word in {"yes", "true", "1"}:
        return True
    if word in {"no", "false", "none", "0"}:
        return False
    raise problem(f"{what} must be yes or no; got {value}", value.place)


def read_number(low: float, high: float) -> Callable[[Value, str], float]:
    """A reader of numbers from ``low`` to ``high``."""

    def read(value: Value, what: str) -> float:
        if isinstance(value.data, int | float) and low <= value.data <= high:
            return float(value.data) + 0.0
        raise problem(f"{what} must be a number from {low:g} to {high:g}; got {value}", value.place)

    return read


def read_choice(*words: str) -> Callable[[Value, str], str]:
    """A reader of one of a few words."""

    def read(value: Value, what: str) -> str:
        if isinstance(value.data, str) and value.data.lower() in words:
            return value.data.lower()
        raise problem(f"{what} must be {' or '.join(words)}; got {value}", value.place)

    return read


def read_init(value: Value, what: str) -> str:
    """An initialiser, as its canonical text."""
    try:
        return str(initialiser(value))
    except SpecError as error:
        raise SpecError(f"{error} (for {what})") from None


def read_plain_init(value: Value, what: str) -> str:
    """An initialiser that is not a kernel."""
    if initialiser(value).is_kernel:
        raise problem(f"{what} cannot be a kernel; got {value}, use zeros, constant(0.1) or normal(0.05)", value.place)
    return read_init(value, what)


def setting_text(value: Any) -> str:
    """A canonical value as text.

    >>> setting_text((3, 5)), setting_text((2, 2)), setting_text(True), setting_text(0.5)
    ('3x5', '2', 'yes', '0.5')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return str(value[0]) if value[0] == value[1] else size_text(value)
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else repr(value)
    return str(value)


def size_text(size: tuple[int, ...]) -> str:
    """A size as people write it: ``3x5``."""
    return "x".join(str(part) for part in size)


def listing(names: list[str], last: str = "and") -> str:
    """Names in a sentence: ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}" if names else ""
