"""Strict JSON: what any language's parser reads the same way, and nothing that harms ours.

Settings may hold infinities (a clamp without an upper end), which JSON lacks. They are written as
``{"$float": "inf"}``; a mapping's own key that starts with ``$`` gets a second one.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from convscope.errors import CallError

_TAG = "$float"
_DEEPEST = 32
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxlist, _BRIEF.maxstring, _BRIEF.maxlong = 1, 8, 80, 40


class Refused(Exception):  # noqa: N818 (a reason on its way to becoming a TraceFileError)
    """Why some bytes are no trace, as the end of a sentence that starts with the file's name."""


def short(value: object) -> str:
    """``value`` for an error message: escaped, and never long.

    >>> short("<img src=x>")
    "'<img src=x>'"
    """
    if isinstance(value, dict):
        return f"an object of {len(value)} fields"
    return _BRIEF.repr(value).encode("ascii", "backslashreplace").decode("ascii")


def write(value: Any) -> str:
    """The one way in which a value made by :func:`plain` is written: no spaces, ASCII only."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def parse(text: str) -> Any:
    """Parse JSON as strictly as its standard says: no NaN, no key twice in an object.

    Raises:
        Refused: it is no JSON, or too deeply nested to be ours.

    >>> parse('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    convscope.store.jsontext.Refused: names 'a' twice
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise Refused("is nested too deeply") from None
    except ValueError as error:
        raise Refused(f"is not JSON ({short(str(error))[1:-1]})") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Refused(f"names {short(key)} twice")
            seen.add(key)
    return result


def _no_constant(name: str) -> None:
    raise Refused(f"is not JSON ({name} is no JSON number)")


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """``value`` in terms that JSON has; numpy scalars become Python's, tuples become lists.

    Raises:
        CallError: it holds something that is no JSON value.

    >>> plain({"max": math.inf, "size": (2, np.int64(3))}, "a setting")
    {'max': {'$float': 'inf'}, 'size': [2, 3]}
    """
    if depth > _DEEPEST:
        raise CallError(f"{where} is nested more than {_DEEPEST} levels deep; a trace file holds flatter values")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return _whole(value, where)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_TAG: str(float(value))}
    if isinstance(value, list | tuple):
        return [plain(part, where, depth + 1) for part in value]
    if isinstance(value, Mapping):
        return {_escape(key, where): plain(part, where, depth + 1) for key, part in value.items()}
    raise CallError(f"{where} holds a {type(value).__name__}, which JSON cannot; give numbers, text, lists or mappings")


def _whole(value: int, where: str) -> int:
    if abs(value) >= 2**64:
        raise CallError(f"{where} holds a whole number of {value.bit_length()} bits; a trace file holds up to 64")
    return int(value)


def _escape(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise CallError(f"{where} has the key {short(key)}, which is no text; JSON keys are text")
    return f"${key}" if key.startswith("$") else str(key)


def restore(value: Any, depth: int = 0) -> Any:
    """The inverse of :func:`plain`.

    Raises:
        Refused: a tag that format 1 does not know, or nesting that it does not allow.
    """
    if depth > _DEEPEST:
        raise Refused("is nested too deeply")
    if isinstance(value, list):
        return [restore(part, depth + 1) for part in value]
    if isinstance(value, dict):
        if _TAG in value:
            return _special(value)
        return {_unescape(key): restore(part, depth + 1) for key, part in value.items()}
    return value


def _special(value: dict[str, Any]) -> float:
    name = value[_TAG]
    if len(value) != 1 or not isinstance(name, str) or name not in _SPECIAL:
        raise Refused(f"is damaged: a number is written as {short(name)}")
    return _SPECIAL[name]


def _unescape(key: str) -> str:
    if key.startswith("$") and not key.startswith("$$"):
        raise Refused(f"is damaged: it uses the unknown mark {short(key)}")
    return key.removeprefix("$")
