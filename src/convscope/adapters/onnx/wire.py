"""What an ONNX file would unpack to, counted before the library unpacks it.

A message of protocol buffers can take fifty times its size once it is in memory: two bytes are enough for an empty
node. So the file is walked field by field first, which reads no numbers and builds nothing, along the few messages
that a network is made of (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Weights are stepped over.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from convscope.errors import ModelError

MOST_BYTES = 2**31 - 1
"""Protocol buffers end there; larger networks keep their weights in files beside."""
SPARE = 256 * 2**20
"""Bytes that a small file may unpack to."""
MOST_DEPTH = 60
_PER_FIELD, _PER_MESSAGE = 64, 400
_FIXED = {1: 8, 5: 4}
"""Bytes of the kinds of fields that have a length of their own."""


@dataclass(frozen=True, eq=False)
class _Message:
    """Which fields of a message are messages themselves, and which hold many whole numbers in a row."""

    messages: dict[int, _Message] = field(default_factory=dict)
    packed: frozenset[int] = frozenset()


_TEXTS = _Message()
_TENSOR = _Message({13: _TEXTS, 16: _TEXTS}, frozenset({1, 5, 7, 11}))
_DIMENSION = _Message()
_SHAPE = _Message({1: _DIMENSION})
_TENSOR_TYPE = _Message({2: _SHAPE})
_TYPE = _Message({1: _TENSOR_TYPE, 8: _TENSOR_TYPE})
_VALUE = _Message({2: _TYPE, 4: _TEXTS})
_SPARSE = _Message({1: _TENSOR, 2: _TENSOR}, frozenset({3}))
_ATTRIBUTE = _Message({5: _TENSOR, 10: _TENSOR, 14: _TYPE, 15: _TYPE, 22: _SPARSE, 23: _SPARSE}, frozenset({8}))
_NODE = _Message({5: _ATTRIBUTE, 9: _TEXTS})
_GRAPH = _Message({1: _NODE, 5: _TENSOR, 11: _VALUE, 12: _VALUE, 13: _VALUE, 14: _TEXTS, 15: _SPARSE, 16: _TEXTS})
_ATTRIBUTE.messages.update({6: _GRAPH, 11: _GRAPH})
_FUNCTION = _Message({7: _NODE, 9: _TEXTS, 11: _ATTRIBUTE, 12: _VALUE, 14: _TEXTS})
_MODEL = _Message({7: _GRAPH, 8: _TEXTS, 14: _TEXTS, 20: _Message({1: _GRAPH, 2: _GRAPH}), 25: _FUNCTION})


def check_size(data: bytes) -> None:
    r"""Let through what unpacks to a sensible size.

    Args:
        data: a whole ONNX file.

    Raises:
        ModelError: it is cut short, is something else, or unpacks to far more than its size.

    >>> check_size(b"\x3a\x00")
    >>> check_size(b"<html>")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    convscope.errors.ModelError: it is damaged or no ONNX file: its bytes end in the middle of something; ...
    """
    allowed = SPARE + min(2 * len(data), 4 * SPARE)
    spent, waiting = 0, [(0, len(data), _MODEL, 0)]
    try:
        while waiting and spent <= allowed:
            start, end, message, depth = waiting.pop()
            if depth > MOST_DEPTH:
                raise ModelError(f"its graphs are nested more than {MOST_DEPTH} deep; refused")
            cost, inside = _walked(data, start, end, message, allowed - spent)
            spent += cost
            waiting += [(*part, depth + 1) for part in inside]
    except IndexError:
        raise _broken() from None
    if spent > allowed:
        raise ModelError(
            f"its {len(data):,} bytes would unpack to more than {allowed >> 20:,} MiB, far more than a network of this "
            "size needs; refused"
        )


def _walked(
    data: bytes, place: int, end: int, message: _Message, most: int
) -> tuple[int, list[tuple[int, int, _Message]]]:  # fmt: skip
    """What a message takes by itself, as far as ``most``, and where the messages in it begin and end."""
    spent, inside = 0, []
    while place < end and spent <= most:
        tag = data[place]
        place += 1
        if tag > 127:
            tag, place = _number(data, place - 1, end)
        kind = tag & 7
        spent += _PER_FIELD
        if kind == 2:
            length, place = (data[place], place + 1) if data[place] < 128 else _number(data, place, end)
            inner = message.messages.get(tag >> 3)
            if inner is not None:
                spent += _PER_MESSAGE
                inside.append((place, min(place + length, end), inner))
            elif tag >> 3 in message.packed:
                spent += 8 * length
            place += length
        elif kind == 0:
            _, place = _number(data, place, end)
        else:
            place += _FIXED.get(kind, end)
    if place != end and spent <= most:
        raise _broken()
    return spent, inside


def quoted(name: str, most: int = 80) -> str:
    r"""A name out of a file for people: on one line, in quotes, of bounded length.

    >>> print(quoted("conv\n1"), quoted("x" * 100, 5))
    'conv\n1' 'xxxxx...'
    """
    return repr(name if len(name) <= most else f"{name[:most]}...")


def _number(data: bytes, place: int, end: int) -> tuple[int, int]:
    """A whole number of up to ten bytes, and where it ends."""
    found = shift = 0
    while place < end and shift < 70:
        byte = data[place]
        place += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found, place
        shift += 7
    raise _broken()


def _broken() -> ModelError:
    return ModelError(
        "it is damaged or no ONNX file: its bytes end in the middle of something; fetch or export it again"
    )
