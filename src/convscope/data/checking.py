"""Whether a file will open when its turn comes, and the hash of its content: one reading of every file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from convscope.data.decode import decode
from convscope.data.jpeg import read_head
from convscope.data.listing import File, read_bytes
from convscope.errors import ImageError
from convscope.image.picture import MAX_PIXELS, printable

In = TypeVar("In")
Out = TypeVar("Out")
Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do."""

_CHUNK = 64


@dataclass(frozen=True)
class Checked:
    """What is known of a file once it was read.

    Attributes:
        key: SHA-256 of its bytes, in hexadecimal; empty when it could not be read.
        why: why it cannot be used, or empty.
    """

    key: str
    why: str


def check(root: Path, file: File) -> Checked:
    """Read a file and say whether it can be used.

    A JPEG whose head is in order and whose end is there is believed: what may be wrong in between, libjpeg makes the
    best of. Everything else is decoded in full.
    """
    try:
        data = read_bytes(root, file.path)
    except OSError as error:
        return Checked("", unreadable(error))
    key = hashlib.sha256(data).hexdigest()
    head = read_head(data)
    if head and head.usual and head.complete(data) and head.height * head.width <= MAX_PIXELS and not head.progressive:
        return Checked(key, "")
    try:
        decode(data, file.name, (1, 1))
    except ImageError as error:
        return Checked(key, str(error))
    return Checked(key, "")


def check_all(root: Path, files: Sequence[File], *, threads: int, progress: Progress | None = None) -> list[Checked]:
    """:func:`check` for every file, in parallel, in their order."""
    done: list[Checked] = []
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    for part in in_parallel(lambda chunk: [check(root, file) for file in chunk], chunks, threads):
        done.extend(part)
        if progress:
            progress(len(done), len(files))
    return done


def in_parallel(work: Callable[[In], Out], items: Sequence[In], threads: int) -> Iterator[Out]:
    """``work`` on every item, in ``threads`` threads, results in order and only a few ahead of whoever takes them."""
    with ThreadPoolExecutor(threads, thread_name_prefix="convscope-folder") as pool:
        try:
            left = iter(items)
            waiting = [pool.submit(work, item) for item in islice(left, 2 * threads)]
            while waiting:
                done = waiting.pop(0).result()
                waiting.extend(pool.submit(work, item) for item in islice(left, 1))
                yield done
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def unreadable(error: OSError) -> str:
    """Why a file cannot be read, in words."""
    return f"it cannot be read ({printable(error.strerror or type(error).__name__)})"
