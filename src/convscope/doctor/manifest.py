"""The book of a quarantine: one line of JSON before each move, on the disk before the file is touched.

Whatever stops the program, the book names every file that may have been moved, so nothing is lost. A line that was
cut off belongs to a move that was not begun.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from convscope.errors import OutputError
from convscope.image.picture import printable
from convscope.store.atomic import hold

NAME = "manifest.jsonl"
FILES = "files"
"""Folder of the moved files in a quarantine."""
_HEADER = {"convscope": "quarantine", "version": 1}


@dataclass(frozen=True, slots=True)
class Entry:
    """One moved file.

    Attributes:
        file: path in the folder it came from.
        to: path in the quarantine.
        kind: the finding's kind.
        why: the finding's sentence.
        bytes: length.
        sha256: of its bytes, hexadecimal.
        mtime_ns: its modification time, in nanoseconds since 1970.
        mode: its permission bits.
    """

    file: str
    to: str
    kind: str
    why: str
    bytes: int
    sha256: str
    mtime_ns: int
    mode: int


class Manifest:
    """An open book; nobody else writes in it meanwhile.

    Attributes:
        entries: of the files that are in the quarantine, by their path in it.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.entries: dict[str, Entry] = {}
        text = stream.read()
        for line in text.splitlines():
            self._take(_parsed(line))
        if not text:
            self._write(dict(_HEADER))
        elif not text.endswith(b"\n"):
            self._stream.write(b"\n")

    def announce(self, entry: Entry) -> None:
        """Note a move that comes next; on return the line is on the disk."""
        self._write(asdict(entry))
        self.entries[entry.to] = entry

    def strike(self, entry: Entry) -> None:
        """Note that a file is back in its place."""
        self._write({"restored": entry.to})
        self.entries.pop(entry.to, None)

    def _take(self, line: dict[str, Any]) -> None:
        if isinstance(restored := line.get("restored"), str):
            self.entries.pop(restored, None)
        try:
            entry = Entry(**{name: line[name] for name in Entry.__slots__})
        except KeyError:
            return
        if _is_inside(entry.file) and _is_inside(entry.to) and entry.to.startswith(f"{FILES}/"):
            self.entries[entry.to] = entry

    def _write(self, line: dict[str, Any]) -> None:
        # In ASCII, so that names that are no UTF-8 survive.
        self._stream.write(json.dumps(line).encode() + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())


@contextmanager
def opened(quarantine: Path) -> Iterator[Manifest]:
    """The book of an existing quarantine folder; begun where there is none.

    Raises:
        OutputError: somebody else has it open, or it cannot be written.
    """
    path = quarantine / NAME
    try:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        stream = os.fdopen(os.open(path, flags, 0o644), "ab+")
    except OSError as error:
        raise OutputError(f"'{printable(str(path))}' cannot be written: {error.strerror}; choose --to DIR") from error
    with stream:
        if not hold(stream):
            raise OutputError(f"another convscope is at work on '{printable(str(quarantine))}'; wait for it")
        stream.seek(0)
        yield Manifest(stream)


def is_quarantine(folder: Path) -> bool:
    """Whether convscope made this folder to move files into."""
    return folder.is_dir() and not folder.is_symlink() and (folder / NAME).is_file()


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:  # cut off: its move was not begun
        return {}
    return value if isinstance(value, dict) else {}


def _is_inside(path: object) -> bool:
    """Whether a path stays in the folder it is relative to; a manifest may come from a stranger."""
    if not isinstance(path, str) or not path or "\0" in path or path.startswith(("/", "\\")):
        return False
    return ".." not in PurePosixPath(path).parts
