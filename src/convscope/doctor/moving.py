"""Move one file without ever losing it or overwriting another: at every moment its bytes lie under one whole name."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path

from convscope.store.atomic import sync_folder

_PART = ".convscope-part"


def move(source: Path, target: Path) -> None:
    """Give the file ``source`` the path ``target``; its bytes, modification time and mode stay.

    Within one file system it only gets another name. Otherwise it is copied beside the target, read back from there
    and compared, and only then removed. A link is moved as a link.

    Args:
        source: a file.
        target: where nothing is yet; its folder exists.

    Raises:
        FileExistsError: there is something at ``target``; nothing was changed.
        OSError: it cannot be moved; ``source`` is unchanged.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    try:
        # A second name, then without the first: unlike a renaming, this never replaces what came in between.
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno == errno.EXDEV:
            _copy(source, target)
        else:  # a file system without second names, or a system that forbids them
            _rename(source, target)
            return
    _finish(source, target)


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two names are of one file, as after a move that was killed half-way."""
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except OSError:
        return False


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def part_of(target: Path) -> Path:
    """Where the copy of a file grows before it becomes ``target``; a process that is killed leaves it there."""
    return target.with_name(f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}{_PART}")


def _rename(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target)
        _finish(source, target)
    else:
        sync_folder(target.parent)


def _finish(source: Path, target: Path) -> None:
    """Take the first name away; where that is forbidden, the second one."""
    sync_folder(target.parent)
    try:
        source.unlink()
    except OSError:
        target.unlink()
        raise


def _copy(source: Path, target: Path) -> None:
    part = part_of(target)
    part.unlink(missing_ok=True)
    try:
        shutil.copy2(source, part, follow_symlinks=False)
        if not part.is_symlink():
            with part.open("rb+") as copied:
                os.fsync(copied.fileno())
            if digest_of(part) != digest_of(source):
                raise OSError(errno.EIO, "the copy is not the same as the file")
        _place(part, target)
    finally:
        part.unlink(missing_ok=True)


def _place(part: Path, target: Path) -> None:
    try:
        os.link(part, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        part.rename(target)
