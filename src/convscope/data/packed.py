"""Resized pixels of a whole folder in one file, so that from the second epoch on nothing is decoded.

::

    row 0 │ row 1 │ ... │ index (JSON) │ length of the index, 8 bytes │ magic, 8 bytes

A row is the pixels of one sample, ``H x W x C`` bytes. The index says for every file of the folder its path, size and
time of change, the hash of its content, and its row, or why it has none. Index and rows are one file, so they cannot
come from different times; it takes its name when it is complete and on the disk, so a writer that is killed, meets a
full disk, or runs beside another one leaves either the old file or a whole new one. It is read, not mapped: a mapped
file that somebody cuts off kills the process.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import struct
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Integer, UInt8

from convscope.data.checking import Progress, in_parallel
from convscope.data.listing import File, Listing
from convscope.errors import OutputError
from convscope.store.atomic import replacing

VERSION = 1
_MAGIC = b"CVSPACK1"
_TRAILER = struct.Struct("<Q8s")
_CHUNK = 16
_LONGEST_INDEX = 1 << 31


@dataclass(frozen=True)
class Form:
    """What the rows of a pack are.

    Attributes:
        size: height and width.
        channels: 1 or 3.
        antialias: how they were resized.
    """

    size: tuple[int, int]
    channels: int
    antialias: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one row, as an array."""
        return (*self.size, self.channels)

    @property
    def row(self) -> int:
        """Bytes of one row."""
        return self.size[0] * self.size[1] * self.channels


@dataclass(frozen=True)
class Row:
    """What a pack knows of one file: its row, or -1 and why it has none."""

    size: int
    changed: int
    key: str
    row: int
    why: str

    def fits(self, file: File) -> bool:
        """Whether the file still is what it was."""
        return (self.size, self.changed) == (file.size, file.changed)


Make = Callable[[File], tuple[str, UInt8[np.ndarray, "h w c"] | str]]
"""From a file to the hash of its content, and its pixels or why it has none."""


class Pack:
    """A complete pack, open for reading; from any number of threads."""

    def __init__(
        self, file: BinaryIO, form: Form, rows: dict[str, Row], naming: threading.Thread | None = None
    ) -> None:
        self._file = file
        self._naming = naming
        weakref.finalize(self, file.close)
        self.form = form
        self.rows = rows

    def covers(self, files: Sequence[File]) -> bool:
        """Whether every one of these files is in it, unchanged."""
        return all((row := self.rows.get(file.path)) is not None and row.fits(file) for file in files)

    def read(self, rows: Integer[np.ndarray, " n"]) -> UInt8[np.ndarray, "n h w c"]:
        """The pixels of these rows.

        Raises:
            OSError: the file was cut off meanwhile.
        """
        made = np.empty((len(rows), *self.form.shape), np.uint8)
        for row, room in zip(np.asarray(rows).tolist(), made, strict=True):
            _read_at(self._file, row * self.form.row, room)
        return made

    def close(self) -> None:
        """Give the file back, once it has its name."""
        if self._naming is not None:
            self._naming.join()
        self._file.close()


def place(cache: Path, root: Path, form: Form) -> Path:
    """The name of the pack of a folder, in this form, in the folder ``cache``.

    >>> place(Path("c"), Path("/data/pets"), Form((300, 300), 3, True)).name[:15]
    'pets-300x300x3-'
    """
    said = re.sub(r"[^A-Za-z0-9._-]+", "_", root.name)[:40] or "folder"
    whole = f"{root}\n{form}\n{VERSION}".encode(errors="surrogateescape")
    height, width, channels = form.shape
    return cache / f"{said}-{height}x{width}x{channels}-{hashlib.sha256(whole).hexdigest()[:10]}.pixels"


def open_pack(path: Path, form: Form) -> Pack | None:
    """The pack at ``path``, or None if there is none that is whole and of this form."""
    try:
        file = path.open("rb", buffering=0)
    except OSError:
        return None
    try:
        return Pack(file, form, _read_index(file, form))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        file.close()
        return None


def write_pack(
    path: Path, listing: Listing, form: Form, make: Make, *, threads: int, progress: Progress | None = None
) -> Pack:
    """Make the pack at ``path``; rows of an earlier one there are taken over where the file has not changed.

    It can be read at once. Meanwhile another thread waits for the bytes to reach the disk and then gives the file its
    name; a program that ends waits for that, :meth:`Pack.close` as well.

    Raises:
        OutputError: it cannot be written, for instance because the disk is full; what was there is unchanged.
    """
    _check_room(path, len(listing.files) * form.row)
    earlier = open_pack(path, form)
    try:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(replacing(path))
            _write(file, listing, form, _reusing(earlier, make), threads, progress)
            file.flush()
            again = Path(file.name).open("rb", buffering=0)  # noqa: SIM115 - the pack closes it
            rest = stack.pop_all()
    finally:
        if earlier:
            earlier.close()
    naming = threading.Thread(target=_finish, args=(rest,), name="convscope-cache")
    naming.start()
    return Pack(again, form, _read_index(again, form), naming)


def _finish(rest: contextlib.ExitStack) -> None:
    # The pixels are in use all the same; next time they are made again.
    with contextlib.suppress(OutputError):
        rest.close()


def _check_room(path: Path, needed: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise OutputError(f"cannot write in '{path.parent}': {error.strerror}; give another place") from error
    if free < needed:
        raise OutputError(
            f"the resized pixels take {needed / 1e6:,.0f} MB and '{path.parent}' has {free / 1e6:,.0f} MB left; "
            "make room or give another place"
        )


def _reusing(earlier: Pack | None, make: Make) -> Make:
    def made(file: File) -> tuple[str, UInt8[np.ndarray, "h w c"] | str]:
        known = earlier.rows.get(file.path) if earlier else None
        if earlier is None or known is None or not known.fits(file):
            return make(file)
        return known.key, known.why or earlier.read(np.array([known.row]))[0]

    return made


def _write(file: BinaryIO, listing: Listing, form: Form, make: Make, threads: int, progress: Progress | None) -> None:
    index: list[list[Any]] = []
    row = 0
    for one, key, made in _all_made(listing.files, make, threads):
        why = made if isinstance(made, str) else ""
        index.append([one.path, one.size, one.changed, key, -1 if why else row, why])
        if not isinstance(made, str):
            file.write(np.ascontiguousarray(made).data)
            row += 1
        if progress:
            progress(len(index), len(listing.files))
    facts = {"version": VERSION, "size": form.size, "channels": form.channels, "antialias": form.antialias}
    text = json.dumps({**facts, "rows": row, "files": index}).encode()
    file.write(text)
    file.write(_TRAILER.pack(len(text), _MAGIC))


def _all_made(
    files: Sequence[File], make: Make, threads: int
) -> Iterator[tuple[File, str, UInt8[np.ndarray, "h w c"] | str]]:
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    for part in in_parallel(lambda chunk: [(file, *make(file)) for file in chunk], chunks, threads):
        yield from part


def _read_index(file: BinaryIO, form: Form) -> dict[str, Row]:
    size = os.fstat(file.fileno()).st_size
    trailer = bytearray(_TRAILER.size)
    _read_at(file, size - len(trailer), trailer)
    length, magic = _TRAILER.unpack(trailer)
    if magic != _MAGIC or not 0 < length <= min(size, _LONGEST_INDEX):
        raise ValueError("no pack")
    text = bytearray(length)
    _read_at(file, size - len(trailer) - length, text)
    found = json.loads(text)
    said = (found["version"], tuple(found["size"]), found["channels"], found["antialias"])
    if said != (VERSION, form.size, form.channels, form.antialias):
        raise ValueError("another form")
    if found["rows"] * form.row + length + len(trailer) != size:
        raise ValueError("rows are missing")
    rows = {path: Row(*facts) for path, *facts in found["files"]}
    if any(not -1 <= one.row < found["rows"] for one in rows.values()):
        raise ValueError("a row that is not there")
    return rows


def _read_at(file: BinaryIO, start: int, room: Any) -> None:
    """Fill ``room`` from place ``start``, without moving anybody's place in the file."""
    if start < 0:
        raise OSError(0, "the file is too short")
    view = memoryview(room).cast("B")
    while len(view):
        count = _read_into(file, view, start)
        if count == 0:
            raise OSError(0, "the file is too short")
        view, start = view[count:], start + count


if hasattr(os, "preadv"):

    def _read_into(file: BinaryIO, view: memoryview, start: int) -> int:
        return os.preadv(file.fileno(), [view], start)

else:  # Windows: one at a time
    _turn = threading.Lock()

    def _read_into(file: BinaryIO, view: memoryview, start: int) -> int:
        with _turn:
            file.seek(start)
            part = file.read(len(view))
        view[: len(part)] = part
        return len(part)
