"""Trace files that a stranger may have made: a valid one, and ways to change it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from convscope.store import dumps, layout
from convscope.traces import Map, Placement, Step, Trace


def tiny(compact: bool = False) -> bytes:
    """A valid file with every feature: shared arrays, parameters, a map, and coarse values if asked for."""
    seen = Step("input", "input", np.linspace(0, 1, 3 * 20 * 20, dtype=np.float32).reshape(3, 20, 20))
    weight = np.ones((3, 3, 1, 1), np.float32)
    conv = Step("conv", "conv2d", seen.value * 3, (seen,), {"kernel": [1, 1], "max": float("inf")}, {"weight": weight})
    flat = Step("flat", "flatten", conv.value.reshape(-1), (conv,))
    out = Step("out", "linear", np.arange(4, dtype=np.float32), (flat,))
    found = Map("gradcam", "cat", np.ones((20, 20), np.float32))
    return dumps(
        Trace(
            np.zeros((4, 4, 3), np.uint8), (seen, conv, flat, out), ("out",), Placement(0.0, 0.0, 4.0, 4.0),
            ("a", "b", "c", "d"), (found,), {"image": "cat.jpg"},
        ),
        compact=compact,
    )  # fmt: skip


def framed(header: bytes | str, body: bytes = b"") -> bytes:
    header = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(header)) + header + body


def take_apart(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """The table of tensors, the structure, and the bytes after the header."""
    (length,) = struct.unpack("<Q", data[:8])
    table = json.loads(data[8 : 8 + length])
    return table, json.loads(table["__metadata__"]["convscope"]), data[8 + length :]


def put_together(table: dict[str, Any], structure: Any, body: bytes) -> bytes:
    return framed(json.dumps({**table, "__metadata__": {"convscope": json.dumps(structure)}}), body)


def structured(text: str) -> bytes:
    """A file whose structure is any text."""
    table, _, body = take_apart(tiny())
    return framed(json.dumps({**table, "__metadata__": {"convscope": text}}), body)


Change = Callable[[dict[str, Any], dict[str, Any]], None]


def changed(change: Change, compact: bool = False) -> bytes:
    table, structure, body = take_apart(tiny(compact))
    change(table, structure)
    return put_together(table, structure, body)


def set_structure(*path: str | int, to: Any) -> bytes:
    def change(_: dict[str, Any], structure: dict[str, Any]) -> None:
        place: Any = structure
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return changed(change)


def set_tensor(name: str, **fields: Any) -> bytes:
    return changed(lambda table, _: table[name].update(fields))


def without(key: str) -> bytes:
    return changed(lambda _, structure: structure.pop(key))


def ranged(values: list[list[float]]) -> bytes:
    """A compact file with other lowest and highest values for the input's channels."""
    data = bytearray(tiny(compact=True))
    slot = layout.parse(memoryview(bytes(data))).slots["step/0/value/range"]
    data[slot.start : slot.stop] = np.float32(values).tobytes()
    return bytes(data)
