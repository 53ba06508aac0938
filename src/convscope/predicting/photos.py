"""Which photos are meant: files, folders and patterns as a list of files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from convscope.errors import CallError
from convscope.image import sample_names
from convscope.image.picture import printable
from convscope.image.sniff import FORMATS, HEAD_BYTES, sniff

ENDINGS = frozenset(ending for _, endings in FORMATS.values() for ending in endings)
MOST = 1_000_000


def find_photos(wanted: Sequence[str]) -> list[str]:
    """The files that are meant, in the order given, those of a folder sorted by name.

    Args:
        wanted: files, names of bundled photos, folders (searched to the bottom), patterns such as ``cats/*.jpg``. A
            file is taken as it is; of a folder or pattern, what looks like a picture by its first bytes or is called
            like one.

    Raises:
        CallError: a folder or a pattern has no picture, or there are a million of them.

    >>> find_photos(["chelsea", "holidays/cat.jpg"])  # whether a file can be read is seen when it is opened
    ['chelsea', 'holidays/cat.jpg']
    """
    found: list[str] = []
    for path in wanted:
        found += _files(path)
        if len(found) > MOST:
            raise CallError(f"over {MOST:,} photos are more than one run takes; give fewer folders")
    return found


def _files(path: str) -> list[str]:
    if os.path.isdir(path):  # noqa: PTH112 - the path as typed, also where pathlib would tidy it
        inside = sorted(_walk(path))
        if not inside:
            raise CallError(f"the folder '{printable(path)}' holds no picture; give a folder of photos")
        return inside
    if os.path.lexists(path) or path in sample_names() or not glob.has_magic(path):
        return [path]
    matched = sorted(one for one in glob.glob(path, recursive=True) if os.path.isfile(one) and _is_picture(one))  # noqa: PTH207, PTH113
    if not matched:
        raise CallError(f"no picture matches '{printable(path)}'; check the pattern")
    return matched


def _walk(folder: str) -> Iterator[str]:
    """Pictures below a folder; hidden files and folders are let be, links to folders not followed."""
    for at, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = os.path.join(at, name)  # noqa: PTH118
            if not name.startswith(".") and _is_picture(path):
                yield path


def _is_picture(path: str) -> bool:
    """By its name, or by its first bytes; a damaged picture is one, so that it is told of."""
    if Path(path).suffix[1:].lower() in ENDINGS:
        return True
    try:
        if not Path(path).is_file():
            return False
        with open(path, "rb") as file:  # noqa: PTH123
            return sniff(file.read(HEAD_BYTES)) is not None
    except (OSError, ValueError):
        return False
