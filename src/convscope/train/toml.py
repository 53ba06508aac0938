r"""Write TOML: tables of texts, numbers, yes and no, and lists of them.

Python reads TOML (``tomllib``) but does not write it. What a run writes needs no more than this.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from convscope.errors import DataError


def document(tables: Mapping[str, Mapping[str, Any]], comment: str = "") -> str:
    r"""A TOML document of named tables; keys whose value is None are left out.

    >>> print(document({"recipe": {"epochs": 3, "augment": "flip", "sizes": [[0.5, 96]]}}))
    [recipe]
    epochs = 3
    augment = "flip"
    sizes = [[0.5, 96]]
    <BLANKLINE>
    """
    head = [f"# {line}" for line in comment.splitlines()] + ([""] if comment else [])
    parts = []
    for name, fields in tables.items():
        lines = [f"[{_text(name) if not name.isidentifier() else name}]"]
        lines += [f"{_key(key)} = {_value(value)}" for key, value in fields.items() if value is not None]
        parts.append("\n".join(lines))
    return "\n".join(head) + ("\n" if head else "") + "\n\n".join(parts) + "\n"


def table(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The table ``name`` of a document that was read.

    Raises:
        DataError: there is none.
    """
    value = found.get(name)
    if not isinstance(value, Mapping):
        raise DataError(f"this document has no table [{name}]; give the config.toml that a training wrote")
    return value


def _key(text: str) -> str:
    return text if text.isidentifier() and text.isascii() else _text(text)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    text = repr(value)
    return text if "." in text or "e" not in text else text.replace("e", ".0e")


def _text(text: str) -> str:
    """A basic string: JSON's escapes, and what JSON lets pass but TOML does not (DEL, lone surrogates)."""
    safe = text.encode("utf-8", "replace").decode()
    return json.dumps(safe, ensure_ascii=False).replace("\x7f", "\\u007f")
