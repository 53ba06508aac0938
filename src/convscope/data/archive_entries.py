"""Which entries of an archive may be unpacked, and where to: names and sizes are judged before a byte is written."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import PureWindowsPath

from convscope.errors import DataError
from convscope.image.picture import printable

#: A file of more than a megabyte, or the whole, may unpack to at most this many times what is packed.
MOST_RATIO = 100
RATIO_FROM = 1 << 20
_LONGEST_NAME, _DEEPEST = 255, 64


def _is_special_on_windows(part: str) -> bool:
    """Whether Windows would not take this for the name of a file in its folder: a drive, a stream, a device."""
    drive = len(part) > 1 and part[1] == ":" and part[0].isalpha()
    return drive or (os.name == "nt" and (":" in part or PureWindowsPath(part).is_reserved()))


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold: files and folders, and bytes in all."""

    entries: int = 1_000_000
    size: int = 64 << 30


@dataclass(frozen=True)
class Entry:
    """One name in an archive.

    Attributes:
        name: as the archive spells it.
        folder: whether it is a folder.
        size: bytes once unpacked.
        packed: bytes in the archive, where each entry has its own.
        refused: why it is refused for what it is, or nothing.
    """

    name: str
    folder: bool
    size: int
    packed: int | None = None
    refused: str = ""


@dataclass
class Judge:
    """Says of one entry after the other whether it may be unpacked.

    Attributes:
        archive: what to call the archive.
        packed: its length in bytes.
        limits: what it may hold.
        files: how many files were admitted.
        size: bytes of all of them.
    """

    archive: str
    packed: int
    limits: Limits
    files: int = 0
    size: int = 0
    _entries: int = 0
    #: Paths as they compare where case does not count, with how each was spelled and whether it is a folder.
    _known: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def admit(self, entry: Entry) -> tuple[str, ...]:
        """The parts of the entry's path below the folder, if nothing speaks against it.

        Raises:
            DataError: it would be written somewhere else or over something, is no file or folder, or there is too much.

        >>> judge = Judge("photos.zip", 1000, Limits())
        >>> judge.admit(Entry("cats/./1.jpg", folder=False, size=900))
        ('cats', '1.jpg')
        >>> judge.admit(Entry("../1.jpg", folder=False, size=900))
        Traceback (most recent call last):
        ...
        convscope.errors.DataError: 'photos.zip' is refused: its entry '../1.jpg' names a place outside the folder
        """
        self._entries += 1
        if self._entries > self.limits.entries:
            raise DataError(
                f"'{self.archive}' is refused: it has more than {self.limits.entries:,} entries; "
                "unpack it yourself if you trust it"
            )
        if entry.refused:
            raise self.refusal(entry, entry.refused)
        parts = self._parts(entry)
        if not entry.folder:
            self._count(entry)
        for length in range(1, len(parts) + 1):
            self._place(entry, "/".join(parts[:length]), folder=entry.folder or length < len(parts))
        return parts

    def refusal(self, entry: Entry, why: str) -> DataError:
        """The sentence that refuses the archive for one entry."""
        return DataError(f"'{self.archive}' is refused: its entry '{printable(entry.name)}' {why}")

    def _parts(self, entry: Entry) -> tuple[str, ...]:
        # Some archives made on Windows separate folders with backslashes; elsewhere they would hide a "..\".
        name = entry.name.replace("\\", "/")
        if "\0" in name:
            raise self.refusal(entry, "has a NUL character in its name")
        parts = tuple(part for part in name.split("/") if part not in {"", "."})
        if name.startswith("/") or ".." in parts or any(map(_is_special_on_windows, parts)):
            raise self.refusal(entry, "names a place outside the folder")
        if not parts and not entry.folder:
            raise self.refusal(entry, "has no name")
        if len(parts) > _DEEPEST or any(len(part.encode("utf-8", "surrogateescape")) > _LONGEST_NAME for part in parts):
            raise self.refusal(entry, "has a name that is too long, or too many folders in it")
        return parts

    def _count(self, entry: Entry) -> None:
        self.files += 1
        self.size += entry.size
        if self.size > self.limits.size:
            raise DataError(
                f"'{self.archive}' is refused: it unpacks to more than {self.limits.size / 1e9:,.3g} GB; "
                "unpack it yourself if you trust it"
            )
        alone = entry.packed is not None and entry.size > max(RATIO_FROM, MOST_RATIO * entry.packed)
        if alone or self.size > max(RATIO_FROM, MOST_RATIO * self.packed):
            raise self.refusal(
                entry, f"unpacks to more than {MOST_RATIO} times what is packed, which is made to fill disks"
            )

    def _place(self, entry: Entry, path: str, *, folder: bool) -> None:
        key = unicodedata.normalize("NFC", path.casefold())
        known = self._known.get(key)
        if known is None:
            self._known[key] = (path, folder)
            return
        spelled, was_folder = known
        if spelled != path:
            raise self.refusal(entry, f"differs from '{printable(spelled)}' in upper and lower case only")
        if was_folder != folder:
            raise self.refusal(entry, "is both a file and a folder")
        if not folder:
            raise self.refusal(entry, "is there twice")
