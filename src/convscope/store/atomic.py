"""Replace a file whole: who looks sees the old one or the new one, never a part.

A plain write that is killed, or meets a full disk, has already destroyed what was there. Here the
bytes go to a temporary file in the same folder, reach the disk, and then take the name. A writer
that is killed outright leaves its temporary file; the next writer in that folder, knowing from its
lock that nobody is at work on it, removes it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from convscope.errors import OutputError

_PREFIX, _SUFFIX = ".convscope-", ".part"


@contextlib.contextmanager
def replacing(path: str | PathLike[str], *, overwrite: bool = True) -> Iterator[BinaryIO]:
    """A file to write to, which takes the name ``path`` when the block ends without an exception.

    Args:
        path: the destination; a link is followed, so that the file behind it is replaced.
        overwrite: False refuses a destination that exists.

    Raises:
        OutputError: it cannot be written, for instance because the disk is full. Whatever was there
            before is unchanged.
    """
    target = Path(os.path.realpath(path))
    _check(target, overwrite)
    _sweep(target.parent)
    try:
        file, temporary = _create(target.parent)
    except OSError as error:
        raise OutputError(f"cannot write in '{target.parent}': {_why(error)}; give another place") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _check(target, overwrite)
        temporary.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise OutputError(
            f"cannot write '{target}': {_why(error)}; nothing was changed, so make room or give another place"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _check(target: Path, overwrite: bool) -> None:
    if target.is_dir():
        raise OutputError(f"cannot write '{target}': it is a folder; give the name of a file")
    if not target.parent.is_dir():
        raise OutputError(f"cannot write '{target}': there is no folder '{target.parent}'; make it first")
    if not overwrite and target.exists():
        raise OutputError(f"'{target}' already exists; give another name, or allow it to be overwritten")


def _create(folder: Path) -> tuple[BinaryIO, Path]:
    """A new temporary file, locked for as long as it is open."""
    while True:
        path = folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
        file = path.open("xb")
        hold(file)
        # Between the two lines above, a sweeper may have taken it for abandoned.
        if path.exists():
            return file, path
        file.close()


def hold(file: BinaryIO) -> bool:
    """Take ``file`` until it is closed; False where another process holds it.

    Always true on Windows, where an open file cannot be removed.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@functools.cache
def _sweep(folder: Path) -> None:
    """Remove what killed writers left in ``folder``; once per process is enough."""
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError), path.open("rb") as file:
            abandoned = hold(file)
            if abandoned and os.name == "posix":
                path.unlink()
        if os.name != "posix":
            with contextlib.suppress(OSError):
                path.unlink()


def sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut; a system that cannot do that for folders is let be."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
