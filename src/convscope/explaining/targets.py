"""Which class is asked about, and against which other one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import CallError

if TYPE_CHECKING:
    from torch import Tensor

PREDICTED = "predicted"
AGAINST = re.compile(r"\s*:\s*|\s+against\s+|\s+vs\.?\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """A class, or a class against another one.

    Attributes:
        label: what people call it: ``cat``, or ``cat against dog``.
        index: of the class, from 0.
        against: index of the other class of a contrast.

    >>> Target("cat", 0).weights(2)
    (1.0, 0.0)
    >>> Target("cat against dog", 0, 1).weights(2)
    (1.0, -1.0)
    """

    label: str
    index: int
    against: int | None = None

    def of(self, scores: Tensor) -> Tensor:
        """The number that is explained, one a photo, of scores (N, K): ``score[index]``, less ``score[against]``."""
        chosen = scores[:, self.index]
        return chosen if self.against is None else chosen - scores[:, self.against]

    def weights(self, classes: int) -> tuple[float, ...]:
        """The same as a weighted sum of all scores."""
        found = [0.0] * classes
        found[self.index] += 1.0
        if self.against is not None:
            found[self.against] -= 1.0
        return tuple(found)


def find_target(text: str | int | None, labels: Sequence[str], probabilities: Any) -> Target:
    """The class that a person means.

    Args:
        text: None or ``"predicted"`` for the likeliest class; a class's index; its name, in any case, or a beginning of
            it that only one name has; ``"cat:dog"`` or ``"cat against dog"`` for what speaks for the first rather than
            for the second.
        labels: names of the classes, or empty.
        probabilities: (K,) what the network says of each class.

    Raises:
        CallError: there is no such class, or the text fits several.

    >>> find_target("DOG", ("cat", "dog"), [0.9, 0.1])
    Target(label='dog', index=1, against=None)
    >>> find_target(None, ("cat", "dog"), [0.9, 0.1]).label
    'cat'
    >>> find_target("dog against cat", ("cat", "dog"), [0.9, 0.1])
    Target(label='dog against cat', index=1, against=0)
    """
    values = np.asarray(probabilities, np.float64).ravel()
    names = tuple(labels) if len(labels) == len(values) else tuple(map(str, range(len(values))))
    if text is None:
        return _likeliest(names, values)
    if isinstance(text, bool) or not isinstance(text, int | np.integer | str):
        raise CallError(f"a class is a name, a number or 'predicted'; got {type(text).__name__}")
    whole = _find(text, names, values)
    if isinstance(whole, int):
        return Target(names[whole], whole)
    parts = AGAINST.split(str(text).strip())
    if len(parts) == 2 and all(parts):
        first, second = (_must(_find(part, names, values)) for part in parts)
        if first == second:
            raise CallError(f"{str(text)!r} sets class {names[first]!r} against itself; name two classes")
        return Target(f"{names[first]} against {names[second]}", first, second)
    raise whole


def _likeliest(names: Sequence[str], values: Any) -> Target:
    if not np.isfinite(values).any():
        raise CallError("the network says NaN of every class, so there is no predicted one; name a class")
    index = int(np.nanargmax(values))
    return Target(names[index], index)


def _must(found: int | CallError) -> int:
    if isinstance(found, CallError):
        raise found
    return found


def _find(text: str | int, names: Sequence[str], values: Any) -> int | CallError:
    """The index, or what is wrong with the text."""
    if not isinstance(text, str):
        return _numbered(int(text), names)
    wanted = text.strip()
    if wanted in names:
        return names.index(wanted)
    if wanted.lower() == PREDICTED:
        return _likeliest(names, values).index
    named = _named(wanted, names)
    if named is not None:
        return named
    return _numbered(int(wanted), names) if re.fullmatch(r"-?\d{1,9}", wanted) else _unknown(wanted, names)


def _named(wanted: str, names: Sequence[str]) -> int | CallError | None:
    """The only name that is, or begins like, the text in any case."""
    folded = wanted.casefold()
    for fits in (str.__eq__, str.startswith):
        found = [index for index, name in enumerate(names) if folded and fits(name.casefold(), folded)]
        if len(found) == 1:
            return found[0]
        if found:
            some = ", ".join(repr(names[index]) for index in found[:5])
            return CallError(f"{wanted!r} may be {some}{' ...' if len(found) > 5 else ''}; write more of the name")
    return None


def _unknown(wanted: str, names: Sequence[str]) -> CallError:
    near = difflib.get_close_matches(wanted.casefold(), [name.casefold() for name in names], n=1)
    hint = next((f"did you mean {name!r}?" for name in names if near and name.casefold() == near[0]), "")
    listed = ", ".join(map(repr, names[:6])) + (" ..." if len(names) > 6 else "")
    return CallError(f"there is no class {wanted!r}; {hint or f'the network knows {listed}'}")


def _numbered(index: int, names: Sequence[str]) -> int | CallError:
    if 0 <= index < len(names):
        return index
    return CallError(f"class {index} does not exist; the network has {len(names)}, numbered from 0")
