"""From whatever a caller has to an open binary stream, without hanging and without the network."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convscope.errors import ImageError
from convscope.image.picture import printable

MAX_BYTES = 256 * 2**20
"""Larger files are refused unread."""

_SAMPLES = ("astronaut", "chelsea", "coffee")


def sample_names() -> tuple[str, ...]:
    """Names of the bundled photos, which :func:`convscope.image.open_image` takes in place of a path.

    >>> sample_names()
    ('astronaut', 'chelsea', 'coffee')
    """
    return _SAMPLES


@contextmanager
def opened(source: object, name: str | None) -> Iterator[tuple[io.BufferedIOBase, str]]:
    """A seekable binary stream on ``source`` and a printable name for it; closed afterwards if opened here.

    Raises:
        ImageError: there is nothing to read, or it is too large, or it is no file.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield _in_memory(bytes(source), printable(name or "picture"))
    elif isinstance(source, (str, os.PathLike)):
        path = os.fsdecode(source)
        with _open_path(path) as stream:
            called = printable(name or Path(path).name)
            _check_size(os.fstat(stream.fileno()).st_size, called)
            yield stream, called
    elif hasattr(source, "read"):
        yield _read_file_object(source, name)
    else:
        raise ImageError(
            f"a picture cannot be read from {_a(type(source).__name__)}; give a path, bytes, a binary file, "
            "a PIL image or a numpy array"
        )


def _a(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def _open_path(path: str) -> io.BufferedIOBase:
    shown = f"'{printable(path)}'"
    _refuse_urls(path, shown)
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - the path as given, not as pathlib tidies it
        if stat.S_ISREG(mode):
            # Meanwhile the file may have become a pipe: never wait for a writer.
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            return os.fdopen(os.open(path, flags), "rb")
    except FileNotFoundError as error:
        if path in _SAMPLES:
            return Path(__file__).parents[1].joinpath("assets", f"{path}.png").open("rb")
        raise ImageError(
            f"there is no file {shown}; check the path, or name one of the bundled photos {', '.join(_SAMPLES)}"
        ) from error
    except PermissionError as error:
        raise ImageError(f"{shown} may not be read by you; ask for permission or copy the picture") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{shown} cannot be opened ({printable(reason)}); check the path") from error
    raise ImageError(_no_file(mode, shown))


def _refuse_urls(path: str, shown: str) -> None:
    if not path:
        raise ImageError("the path of the picture is empty; give the name of a file")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/|data:", path):
        raise ImageError(
            f"{shown} is a web address and convscope opens no network; save the picture first and give its path"
        )


def _no_file(mode: int, shown: str) -> str:
    if stat.S_ISDIR(mode):
        return f"{shown} is a folder; give the path of one picture in it"
    kind = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
    return f"{shown} is {kind} and no file; save the picture to a file first"


def _read_file_object(source: Any, name: str | None) -> tuple[io.BufferedIOBase, str]:
    own_name = getattr(source, "name", None)
    called = printable(name or (Path(own_name).name if isinstance(own_name, str) else "") or "picture")
    try:
        if getattr(source, "seekable", bool)():
            source.seek(0)
        data = b"".join(_chunks(source, called))
    except ImageError:
        raise
    except (OSError, ValueError) as error:
        raise ImageError(
            f"'{called}' cannot be read ({printable(str(error))}); open it again in binary mode ('rb')"
        ) from error
    return _in_memory(data, called)


def _chunks(source: Any, called: str) -> Iterator[bytes]:
    left = MAX_BYTES + 1
    while left > 0:
        part = source.read(left)
        if not isinstance(part, bytes):
            raise ImageError(f"'{called}' gave {type(part).__name__}, not bytes; open the file in binary mode ('rb')")
        if not part:
            return
        left -= len(part)
        yield part


def _in_memory(data: bytes, called: str) -> tuple[io.BufferedIOBase, str]:
    _check_size(len(data), called)
    return io.BytesIO(data), called


def _check_size(size: int, called: str) -> None:
    if size == 0:
        raise ImageError(f"'{called}' is empty; copy or download it again")
    if size > MAX_BYTES:
        raise ImageError(
            f"'{called}' is larger than the {MAX_BYTES // 2**20} MiB that convscope reads; save it as JPEG or PNG"
        )
