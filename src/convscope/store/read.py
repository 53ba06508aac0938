"""Bytes to trace. The bytes are a stranger's: every field is checked before it is used.

Two rules keep a small file from asking for much: nothing is allocated that the file does not
itself contain (times four at most, where a byte becomes a float32), and a tensor that many steps
refer to is made once.
"""

from __future__ import annotations

import math
import mmap as memory_map
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np

from convscope.errors import CallError, TraceFileError
from convscope.store import compact as coarse
from convscope.store import jsontext, layout
from convscope.store.fields import Fields
from convscope.store.jsontext import Refused, short
from convscope.store.layout import Slot
from convscope.store.params import LeftOut
from convscope.store.write import FORMAT
from convscope.traces import Map, Placement, Step, Trace


def load(path: str | PathLike[str], *, mmap: bool = True) -> Trace:
    """Read the trace in the file ``path``.

    Args:
        path: a file that :func:`~convscope.store.save` wrote.
        mmap: True maps the file: it opens in milliseconds whatever its size, and numbers are read
            from the disk when they are looked at. The file stays open while any array of the trace
            lives; it may be replaced meanwhile (not on Windows, which refuses), but must not be
            changed in place. False copies everything into memory and closes the file.

    Returns:
        the trace; its arrays are read-only. One that was saved in the compact form has ``True`` in
        ``about["compact"]``. One that was saved without parameters has False in ``about["params"]``, and
        asking a step for a parameter raises NoArithmetic.

    Raises:
        TraceFileError: there is no such file, it is no trace, or it is damaged.
    """
    with _naming(f"'{path}'"):
        try:
            data = _map_file(Path(path))
        except OSError as error:
            raise Refused(f"cannot be read: {error.strerror or type(error).__name__}") from None
        return _Reader(data, copy=not mmap).trace()


def loads(data: bytes | bytearray | memoryview) -> Trace:
    """Read the trace in ``data``, which are the bytes of a trace file.

    The arrays of the trace lie in ``data`` itself when it is ``bytes``; what can change is copied.

    Raises:
        TraceFileError: the bytes are no trace, or damaged.

    >>> loads(b"<!DOCTYPE html><title>Not found</title>")
    Traceback (most recent call last):
    convscope.errors.TraceFileError: the data is a web page, not a trace; download the file itself
    """
    with _naming("the data"):
        return _Reader(memoryview(bytes(data)), copy=False).trace()


@contextmanager
def _naming(subject: str) -> Iterator[None]:
    """Make one sentence of a refusal: what it is about, and the reason."""
    try:
        yield
    except Refused as reason:
        raise TraceFileError(f"{subject} {reason}") from None
    except CallError as reason:
        raise TraceFileError(f"{subject} is damaged: {reason}") from None


def _map_file(path: Path) -> memoryview:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise Refused("is not a file")
    if status.st_size == 0:
        return memoryview(b"")
    with path.open("rb") as file:
        return memoryview(memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_READ))


@dataclass
class _Reader:
    """Takes one file apart."""

    data: memoryview
    copy: bool
    slots: Mapping[str, Slot] = field(default_factory=dict)
    _made: dict[str, np.ndarray] = field(default_factory=dict)
    _coarse: bool = False

    def trace(self) -> Trace:
        """The whole trace, or Refused."""
        parsed = layout.parse(self.data)
        self.slots = parsed.slots
        try:
            document = jsontext.parse(parsed.text)
        except Refused as error:
            raise Refused(f"is damaged: its structure {error}") from None
        fields = Fields(document, "its structure")
        _check_format(fields)
        return self._trace(fields)

    def _trace(self, fields: Fields) -> Trace:
        steps: list[Step] = []
        for part in fields.children("steps", "step"):
            steps.append(self._step(part, steps))
        maps = tuple(self._map(part) for part in fields.children("maps", "map"))
        outputs = tuple(steps[i].name for i in fields.indexes("outputs", len(steps)))
        about = fields.values("about")
        # Also when a file forgot to say so: nobody is to take a coarse value for the exact one, or a
        # step without its weights for one that has none.
        if self._coarse:
            about["compact"] = True
        if any(isinstance(step.params, LeftOut) for step in steps):
            about["params"] = False
        return Trace(
            picture=self._picture(fields.text("picture")),
            steps=tuple(steps),
            outputs=outputs,
            placement=Placement(*fields.numbers("placement", 4)),
            labels=fields.texts("labels"),
            maps=maps,
            about=about,
        )

    def _step(self, fields: Fields, before: list[Step]) -> Step:
        name = fields.text("name")
        return Step(
            name=name,
            kind=fields.text("kind"),
            value=self._array(fields.child("value")),
            inputs=tuple(before[i] for i in fields.indexes("inputs", len(before))),
            settings=fields.values("settings"),
            params=self._params(name, fields.child("params")),
            module=fields.text("module"),
            dtype=fields.text("dtype"),
            batched=fields.truth("batched"),
        )

    def _params(self, step: str, fields: Fields) -> Mapping[str, np.ndarray]:
        names = tuple(fields)
        absent = [name for name in names if fields.get(name) is None]
        if absent and len(absent) == len(names):
            return LeftOut(step, names)
        return {name: self._array(fields.child(name)) for name in names}

    def _map(self, fields: Fields) -> Map:
        value = self._array(fields.child("value"))
        if value.ndim != 2:
            raise Refused(f"is damaged: {fields.where} has the shape {list(value.shape)}; a height and a width needed")
        return Map(
            method=fields.text("method"),
            target=fields.text("target"),
            value=value,
            layer=fields.text("layer"),
            evidence=fields.values("evidence"),
            # Files written before these fields existed lack them.
            why_layer=fields.text("why_layer") if "why_layer" in fields else "",
            score=fields.number("score") if "score" in fields else None,
            notes=fields.texts("notes") if "notes" in fields else (),
        )

    def _picture(self, name: str) -> np.ndarray:
        picture = self._tensor(name, "the picture")
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise Refused(
                f"is damaged: its picture has the shape {list(picture.shape)} and holds {picture.dtype}; "
                "a height, a width and 3 colours of uint8 are needed"
            )
        return picture

    def _array(self, reference: Fields) -> np.ndarray:
        """The float32 array behind a reference; arrays of the same tensor share its memory."""
        name, encoding = reference.text("tensor"), reference.text("encoding")
        shape = layout.shape_of(reference.get("shape"), reference.where)
        self._coarse |= encoding != "float32"
        array = self._decoded(name, encoding, reference.where)
        if array.size != math.prod(shape):
            raise Refused(f"is damaged: {reference.where} has the shape {list(shape)}, its tensor {list(array.shape)}")
        return array.reshape(shape)

    def _decoded(self, name: str, encoding: str, where: str) -> np.ndarray:
        stored = self._tensor(name, where)
        if stored.dtype != _STORED_AS.get(encoding):
            raise Refused(f"is damaged: {where} is {short(encoding)}, but its tensor holds {stored.dtype}")
        if encoding == "float32":
            return stored
        key = f"{name} decoded"
        if key not in self._made:
            self._made[key] = self._levels(name, stored) if encoding == "uint8" else _widened(stored)
        return self._made[key]

    def _levels(self, name: str, codes: np.ndarray) -> np.ndarray:
        ranges = self._tensor(f"{name}/range", f"the range of {short(name)}")
        fits = codes.ndim == 3 and ranges.dtype == np.float32 and ranges.shape == (len(codes), 2)
        if not fits or not np.isfinite(ranges).all() or (ranges[:, 0] > ranges[:, 1]).any():
            raise Refused(f"is damaged: tensor {short(name)} has no lowest and highest value for each channel")
        return coarse.from_uint8(codes, ranges)

    def _tensor(self, name: str, where: str) -> np.ndarray:
        if name not in self._made:
            if name not in self.slots:
                raise Refused(f"is damaged: {where} refers to the tensor {short(name)}, which is not there")
            self._made[name] = self._read(self.slots[name])
        return self._made[name]

    def _read(self, slot: Slot) -> np.ndarray:
        array = np.frombuffer(self.data[slot.start : slot.stop], slot.dtype).reshape(slot.shape)
        # Files that other programs wrote need not be aligned; big-endian machines need their own order.
        array = array.astype(slot.dtype.newbyteorder("="), copy=self.copy or not array.flags.aligned)
        array.flags.writeable = False
        return array


_STORED_AS = {"float32": np.float32, "float16": np.float16, "uint8": np.uint8}


def _widened(half: np.ndarray) -> np.ndarray:
    # A signalling NaN, which only a file made by hand can hold, is no reason to warn.
    with np.errstate(invalid="ignore"):
        return half.astype(np.float32)


def _check_format(fields: Fields) -> None:
    version = fields.whole("format")
    if version > FORMAT:
        raise Refused(
            f"was made by a newer convscope, in format {short(version)}; this one reads up to {FORMAT}: "
            "update convscope"
        )
    if version < 1:
        raise Refused(f"is damaged: there is no format {short(version)}")
