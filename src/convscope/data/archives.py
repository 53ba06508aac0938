"""Unpack a zip or tar archive that may be hostile: every entry is judged, and the folder appears whole or not at all.

What an archive can do to whoever unpacks it: name a place outside the destination (``../``, an absolute path, a
drive, a link to follow), ask for a device, hold terabytes in a few bytes, or hold two entries that are one file where
case does not count. All of it is refused, with one sentence that names the entry.
"""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import lzma
import os
import secrets
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from convscope.data.archive_entries import MOST_RATIO, RATIO_FROM, Entry, Judge, Limits
from convscope.errors import DataError
from convscope.image.picture import printable

#: Told what is being unpacked, how many bytes are done, and how many there will be (None: not known).
Progress = Callable[[str, int, int | None], None]


@runtime_checkable
class _Stream(Protocol):
    """Bytes to read; what the libraries return has no class in common."""

    def read(self, size: int = -1, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...

    def close(self) -> None: ...


_BLOCK = 1 << 20
_PREFIX, _SUFFIX = ".convscope-", ".unpacking"


def unpack(archive: Path, destination: Path, *, limits: Limits | None = None, progress: Progress | None = None) -> Path:
    """The content of ``archive`` as the new folder ``destination``.

    Args:
        archive: a zip file, or a tar file, plain or packed with gzip, bzip2 or xz; told by its content.
        destination: does not exist yet.
        limits: the most it may hold.
        progress: called for every block that is written.

    Returns:
        The destination.

    Raises:
        DataError: it is no archive, is damaged or hostile, or there is no room. Nothing is left behind.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     packed = Path(folder) / "photos.zip"
        ...     with zipfile.ZipFile(packed, "w") as file:
        ...         file.writestr("cat/1.txt", "not really a photo")
        ...     unpacked = unpack(packed, Path(folder) / "photos")
        ...     (unpacked / "cat" / "1.txt").read_text()
        'not really a photo'
    """
    if os.path.lexists(destination):
        raise DataError(f"'{destination}' already exists; remove it first, or give another place to unpack into")
    called = printable(archive.name)
    with _explained(called, destination):
        judge = Judge(called, archive.stat().st_size, limits or Limits())
        with _temporary(destination.parent) as folder:
            writer = _Writer(folder, judge, progress)
            if _starts_like_zip(archive):
                _unzip(archive, writer)
            else:
                _untar(archive, writer)
            if not judge.files:
                raise DataError(f"'{called}' has no files in it; give another archive")
            folder.rename(destination)
    return destination


@contextlib.contextmanager
def _explained(called: str, destination: Path) -> Iterator[None]:
    """What the libraries raise, as one sentence."""
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(
            f"'{called}' is damaged ({printable(str(error)) or type(error).__name__}); fetch the archive again"
        ) from error
    except (NotImplementedError, RuntimeError) as error:
        raise DataError(f"'{called}' is packed in a way that is not read here; unpack it yourself") from error
    except (MemoryError, OverflowError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"'{called}' is damaged: it states impossible sizes; fetch the archive again") from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DataError(
                f"there is no room in '{destination.parent}' to unpack '{called}'; make room and try again"
            ) from error
        if error.errno is None:  # the word of bz2 for damage
            raise DataError(f"'{called}' is damaged ({printable(str(error))}); fetch the archive again") from error
        raise DataError(
            f"cannot unpack '{called}' into '{destination}': {error.strerror}; give another place"
        ) from error


@contextlib.contextmanager
def _temporary(parent: Path) -> Iterator[Path]:
    """A new folder in ``parent``, removed at the end unless it was renamed; also removes what killed unpackers left."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError), _held(left) as nobodys:
            if nobodys:
                shutil.rmtree(left, ignore_errors=True)
    folder = parent / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
    folder.mkdir()
    try:
        with _held(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold ``folder`` for this process; False where another holds it, or where folders cannot be held."""
    try:
        import fcntl
    except ImportError:
        yield False
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


class _Writer:
    """Writes admitted entries below a temporary folder."""

    def __init__(self, folder: Path, judge: Judge, progress: Progress | None) -> None:
        self.folder, self.judge, self.progress = folder, judge, progress
        self.done = 0
        self.total: int | None = None

    def make_sure_of_room(self) -> None:
        """Raise as a full disk does, where the admitted files cannot fit."""
        if shutil.disk_usage(self.folder).free < self.judge.size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def make_folder(self, parts: tuple[str, ...]) -> None:
        self.folder.joinpath(*parts).mkdir(parents=True, exist_ok=True)

    def write(self, entry: Entry, parts: tuple[str, ...], content: _Stream) -> None:
        """The bytes of ``entry``, which must be as many as it said."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        left = entry.size
        # "x" fails on anything that is there, a link included.
        with path.open("xb") as file:
            while block := content.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise self.judge.refusal(entry, "is longer than it says")
                file.write(block)
                self.done += len(block)
                if self.progress:
                    self.progress(self.judge.archive, self.done, self.total)
        if left:
            raise EOFError(f"'{printable(entry.name)}' is cut short")


def _starts_like_zip(archive: Path) -> bool:
    with archive.open("rb") as file:
        start = file.read(4)
    # The second is a zip file without entries.
    return start in {b"PK\x03\x04", b"PK\x05\x06"} or (start[:2] == b"PK" and zipfile.is_zipfile(archive))


def _unzip(archive: Path, writer: _Writer) -> None:
    """All names are in the table at the end, so everything is judged before the first byte is written."""
    with zipfile.ZipFile(archive) as file:
        table = file.infolist()
        admitted = [(info, entry := _zip_entry(info), writer.judge.admit(entry)) for info in table]
        writer.total = writer.judge.size
        writer.make_sure_of_room()
        for info, entry, parts in admitted:
            if entry.folder:
                writer.make_folder(parts)
            else:
                with file.open(info) as content:
                    writer.write(entry, parts, content)


def _zip_entry(info: zipfile.ZipInfo) -> Entry:
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    refused = ""
    if info.flag_bits & 1:
        refused = "is locked with a password; unpack the archive yourself"
    elif kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        refused = "is a link, which may lead outside" if stat.S_ISLNK(mode) else "is no file and no folder"
    # Python cuts the name at a NUL; what the archive says is in orig_filename.
    return Entry(info.orig_filename, info.is_dir(), info.file_size, info.compress_size, refused)


def _untar(archive: Path, writer: _Writer) -> None:
    """A tar file has no table: each entry is judged when it comes, and what was written before it goes."""
    with archive.open("rb") as packed, contextlib.closing(_Guarded(_unpacked(packed), writer.judge)) as stream:
        try:
            file = tarfile.open(fileobj=stream, mode="r:")  # type: ignore[call-overload]  # noqa: SIM115
        except tarfile.ReadError as error:
            raise DataError(
                f"'{writer.judge.archive}' is not a zip or tar archive, or is damaged; fetch the archive again"
            ) from error
        with file:
            for info in file:
                entry = _tar_entry(info)
                parts = writer.judge.admit(entry)
                file.members = []  # it would keep every entry it has seen
                if entry.folder:
                    writer.make_folder(parts)
                    continue
                content = file.extractfile(info)
                assert content is not None
                with content:
                    writer.write(entry, parts, content)
            # tarfile takes a damaged header for the end. Reading it again would unpack everything again.
            if stream.last != (file.offset, bytes(tarfile.BLOCKSIZE)):
                raise EOFError("it ends in the middle, or has a broken header")


def _tar_entry(info: tarfile.TarInfo) -> Entry:
    refused = ""
    if info.issym() or info.islnk():
        refused = "is a link, which may lead outside"
    elif info.issparse():
        refused = "is a file with holes, which can be larger than any disk"
    elif not (info.isreg() or info.isdir()):
        refused = "is a device or another special file"
    return Entry(info.name, info.isdir(), info.size, None, refused)


def _unpacked(file: _Stream) -> _Stream:
    """What is in ``file``, whichever way it is packed."""
    start = file.read(6)
    file.seek(0)
    # None of them reads before it is asked to, so a bomb has not gone off yet.
    opened: Any = file
    if start.startswith(b"\x1f\x8b"):
        opened = gzip.GzipFile(fileobj=opened)
    elif start.startswith(b"BZh"):
        opened = bz2.BZ2File(opened)
    elif start == b"\xfd7zXZ\0":
        opened = lzma.LZMAFile(opened)  # noqa: SIM115
    assert isinstance(opened, _Stream)
    return opened


class _Guarded:
    """A stream that tarfile reads from, which ends the reading of bombs.

    Headers may state any length for a name, which tarfile would read into memory, and what is between the entries is
    not counted by their sizes.
    """

    _longest_read = 16 << 20

    def __init__(self, stream: _Stream, judge: Judge) -> None:
        self.stream, self.judge = stream, judge
        self.last = (0, b"")
        self.most = max(RATIO_FROM, MOST_RATIO * judge.packed) + 10 * tarfile.RECORDSIZE

    def close(self) -> None:
        self.stream.close()

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._longest_read:
            raise DataError(f"'{self.judge.archive}' is refused: it has a header of {size:,} bytes")
        position = self.stream.tell()
        self._check(position + size)
        data = self.stream.read(size)
        self.last = (position, data)
        return data

    def seek(self, position: int, whence: int = 0) -> int:
        if whence == 0:
            self._check(position)
        return self.stream.seek(position, whence)

    def tell(self) -> int:
        return self.stream.tell()

    def _check(self, position: int) -> None:
        if position > self.most:
            raise DataError(
                f"'{self.judge.archive}' is refused: it unpacks to more than {MOST_RATIO} times what is packed, "
                "which is made to fill disks"
            )
