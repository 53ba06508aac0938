"""The safetensors part of a trace file: a length, a JSON header, the tensors without holes.

Written here rather than through the library because a trace needs what the library does not offer:
an order chosen for reading by ranges, every tensor at a multiple of 64 bytes, and tensors written
one after the other without a second copy of them all. Specification of the layout:
https://github.com/safetensors/safetensors#format
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope.store import jsontext
from convscope.store.jsontext import Refused

ALIGNMENT = 64
"""Every tensor starts at a multiple of this many bytes, counted from the start of the file."""

HEADER_LIMIT = 16 * 2**20
"""Longest header, in bytes, that is written or read."""

MARKS_LIMIT = 500_000
"""Most JSON values in a header; a small text can otherwise ask for gigabytes of Python objects."""

KEY = "convscope"
"""The field of the header's ``__metadata__`` that holds a trace's structure."""

PADDING = "pad/"
"""Tensors whose name starts so only fill the space up to the next multiple of 64."""

DTYPES: dict[str, np.dtype] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "U8": np.dtype("u1")}
"""The number types of a trace file, by their safetensors names."""

_LARGEST_AXIS = 2**40
_MOST_AXES = 32

Piece = bytes | memoryview


@dataclass(frozen=True)
class Part:
    """One tensor to be written: what the header says of it, and its bytes, made when they are asked for."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    pieces: Callable[[], Iterable[Piece]]

    @property
    def nbytes(self) -> int:
        """Length of the tensor in bytes."""
        return math.prod(self.shape) * DTYPES[self.dtype].itemsize


@dataclass(frozen=True)
class Slot:
    """One tensor of a file: where it lies, in bytes from the start of the file."""

    dtype: np.dtype
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Layout:
    """What a header says: the text of the trace, and the place of every tensor by its name."""

    text: str
    slots: Mapping[str, Slot]


def frame(parts: Sequence[Part], text: str) -> tuple[bytes, list[Part]]:
    """The head of a file (length and header), and the parts that follow it, padding included.

    Raises:
        Refused: the header would be larger than any reader accepts.
    """
    padded = list(_padded(parts))
    return _header(padded, text), padded


def _padded(parts: Sequence[Part]) -> Iterator[Part]:
    count = 0
    for part in parts:
        yield part
        gap = -part.nbytes % ALIGNMENT
        if gap:
            yield Part(f"{PADDING}{count}", "U8", (gap,), functools.partial(_zeros, gap))
            count += 1


def _zeros(count: int) -> list[Piece]:
    return [bytes(count)]


def _header(parts: Sequence[Part], text: str) -> bytes:
    table: dict[str, Any] = {"__metadata__": {KEY: text}}
    offset = 0
    for part in parts:
        offsets = [offset, offset + part.nbytes]
        table[part.name] = {"dtype": part.dtype, "shape": list(part.shape), "data_offsets": offsets}
        offset = offsets[1]
    header = jsontext.write(table).encode("ascii")
    header += b" " * (-(8 + len(header)) % ALIGNMENT)
    _check_size(header)
    return len(header).to_bytes(8, "little") + header


def _check_size(header: bytes) -> None:
    if len(header) > HEADER_LIMIT:
        raise Refused(f"has a header of {len(header):,} bytes; at most {HEADER_LIMIT:,} are allowed")
    _check_marks(header)


def _check_marks(text: bytes) -> None:
    marks = text.count(b",") + text.count(b"[") + text.count(b"{")
    if marks > MARKS_LIMIT:
        raise Refused(f"has a header of about {marks:,} values; at most {MARKS_LIMIT:,} are allowed")


def parse(data: memoryview) -> Layout:
    """Read and check the header at the start of ``data``, which is the whole file.

    Raises:
        Refused: the bytes are no safetensors file, no trace, or damaged.
    """
    header, stop = _cut_header(data)
    _check_size(header)
    try:
        table = jsontext.parse(header.decode("utf-8"))
    except UnicodeDecodeError:
        raise Refused("is no safetensors file: its header is not UTF-8 text") from None
    except Refused as error:
        raise Refused(f"is no safetensors file: its header {error}") from None
    if not isinstance(table, dict):
        raise Refused("is no safetensors file: its header is no JSON object")
    metadata = table.pop("__metadata__", None)
    text = metadata.get(KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise Refused("is a safetensors file but holds no trace; to use it as weights, give it as weights")
    _check_marks(text.encode("utf-8", "surrogatepass"))
    slots = {name: _slot(name, entry, stop) for name, entry in table.items()}
    _check_gapless(slots, stop, len(data))
    return Layout(text, slots)


def _cut_header(data: memoryview) -> tuple[bytes, int]:
    """The header's bytes, and where it stops."""
    if len(data) == 0:
        raise Refused("is empty")
    if bytes(data[:64]).lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise Refused("is a web page, not a trace; download the file itself")
    if len(data) < 10:
        raise Refused(f"is no safetensors file: it has only {len(data)} bytes")
    length = int.from_bytes(data[:8], "little")
    if length > HEADER_LIMIT:
        raise Refused(
            f"is no trace: its first 8 bytes announce a header of {length:,} bytes; "
            f"at most {HEADER_LIMIT:,} are allowed"
        )
    if 8 + length > len(data):
        raise Refused(f"is cut short: its header alone needs {8 + length:,} bytes, it has {len(data):,}")
    return bytes(data[8 : 8 + length]), 8 + length


def _slot(name: str, entry: object, data_start: int) -> Slot:
    what = f"tensor {jsontext.short(name)}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise Refused(f"is damaged: {what} is not described by dtype, shape and data_offsets")
    dtype = DTYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if dtype is None:
        raise Refused(
            f"is damaged: {what} holds numbers of type {jsontext.short(entry['dtype'])}; "
            f"{', '.join(DTYPES)} are allowed"
        )
    shape = shape_of(entry["shape"], what)
    offsets = entry["data_offsets"]
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(part) is int for part in offsets)):
        raise Refused(f"is damaged: {what} has the offsets {jsontext.short(offsets)}; two whole numbers are needed")
    start, stop = offsets
    if start < 0 or stop - start != math.prod(shape) * dtype.itemsize:
        raise Refused(f"is damaged: {what} of shape {list(shape)} does not fill its bytes {jsontext.short(offsets)}")
    return Slot(dtype, shape, data_start + start, data_start + stop)


def shape_of(value: object, what: str) -> tuple[int, ...]:
    """``value`` of a header as a shape; axes and rank are limited, so that nothing overflows later.

    Raises:
        Refused: it is no shape, or an impossible one.
    """
    if not isinstance(value, list) or not all(type(axis) is int for axis in value):
        raise Refused(f"is damaged: {what} has the shape {jsontext.short(value)}; a list of whole numbers is needed")
    if len(value) > _MOST_AXES or any(not 0 <= axis <= _LARGEST_AXIS for axis in value):
        raise Refused(f"is damaged: {what} has the impossible shape {jsontext.short(value)}")
    if math.prod(max(axis, 1) for axis in value) > _LARGEST_AXIS:
        raise Refused(f"is damaged: {what} has the impossible shape {jsontext.short(value)}")
    return tuple(value)


def _check_gapless(slots: Mapping[str, Slot], data_start: int, size: int) -> None:
    """Tensors follow each other without holes or overlaps, and end where the file ends."""
    position = data_start
    for name, slot in sorted(slots.items(), key=lambda item: (item[1].start, item[1].stop)):
        if slot.start != position:
            problem = "overlaps the one before it" if slot.start < position else "leaves a gap before it"
            raise Refused(f"is damaged: tensor {jsontext.short(name)} {problem}")
        position = slot.stop
    if position > size:
        raise Refused(f"is cut short: its tensors need {position:,} bytes, it has {size:,}")
    if position < size:
        raise Refused(f"is damaged: {size - position:,} bytes follow its last tensor")
