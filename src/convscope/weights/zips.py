"""Zip archives of strangers: how much may be in their table of contents, and what a member may unpack to."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from convscope.errors import WeightsError

MOST_DIRECTORY = 4 << 20
"""Bytes of a table of contents: about 60,000 members. PyTorch writes one a tensor, Keras four."""
TAIL = 22 + 65_535
"""The end record of a zip lies within this many bytes of its end."""


@contextmanager
def opened(path: Path, size: int) -> Iterator[zipfile.ZipFile]:
    """An archive whose table of contents was found possible; what goes wrong in it becomes one sentence.

    Raises:
        WeightsError: it is cut off or damaged, or its table of contents would fill the memory.
    """
    try:
        with path.open("rb") as file:
            check_directory(file, size)
            with zipfile.ZipFile(file) as archive:
                yield archive
    except (
        OSError,
        RuntimeError,
        ValueError,
        EOFError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"the archive is damaged ({error}); fetch or save it again") from None


def check_directory(file: IO[bytes], size: int) -> None:
    """Refuse a zip whose table of contents alone would fill the memory, before it is read.

    Raises:
        WeightsError: it is too large, or there is none.
    """
    file.seek(max(0, size - TAIL))
    tail = file.read(TAIL)
    end = tail.rfind(b"PK\x05\x06")
    directory = int.from_bytes(tail[end + 12 : end + 16], "little")
    large = tail[max(0, end - 76) : end]  # the record of large archives, and where it is
    if large[:4] == b"PK\x06\x06" and large[56:60] == b"PK\x06\x07":
        directory = int.from_bytes(large[40:48], "little")
    if end < 0 or len(tail) - end < 22:
        raise WeightsError("the archive is cut off; fetch or save it again")
    if directory > MOST_DIRECTORY:
        raise WeightsError("the archive's table of contents is too large for a network's file; refused")
