"""Fetch a published file once: verified by its SHA-256, continued where it stopped, there whole or not at all.

pooch compares checksums and moves the finished file. It begins every download anew, so the transfer itself is ours,
given to pooch as its downloader: what has arrived stays in a folder ``.NAME.download`` beside the destination, with
the server's ETag, and the next attempt asks for the rest (HTTP Range with If-Range, RFC 9110 sections 13.1.5 and 14).
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.errors import DataError
from convscope.image.picture import printable
from convscope.store.atomic import hold

if TYPE_CHECKING:
    from requests import Response

#: Told what is being fetched, how many bytes are there, and how many there will be (None: not known).
Progress = Callable[[str, int, int | None], None]

_BLOCK = 1 << 18


@dataclass(frozen=True)
class Remote:
    """A file that somebody publishes.

    Attributes:
        url: its address, http or https.
        name: what it is called here.
        sha256: the checksum it must have, 64 hexadecimal digits.
        size: its length in bytes.
    """

    url: str
    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server.

    Attributes:
        connect: seconds until it must have accepted the connection.
        read: seconds that it may be silent.
        attempts: how often in a row it may fail without sending anything new.
        pause: seconds before the second attempt; doubled before each further one.
    """

    connect: float = 10.0
    read: float = 30.0
    attempts: int = 4
    pause: float = 1.0


class _TryAgainError(Exception):
    """The transfer stopped for a reason that may pass; ``str(error)`` says which."""


def present(remote: Remote, folder: Path) -> Path | None:
    """The file ``remote`` in ``folder``, if it is there with the right checksum; nothing is downloaded.

    >>> present(Remote("https://example.org/a.zip", "a.zip", "0" * 64, 10), Path("nowhere")) is None
    True
    """
    import pooch

    path = folder / remote.name
    try:
        right = path.is_file() and path.stat().st_size == remote.size and pooch.file_hash(str(path)) == remote.sha256
    except OSError as error:
        raise DataError(f"cannot read '{path}': {error.strerror}; remove it, or ask for permission") from error
    return path if right else None


def fetch(remote: Remote, folder: Path, *, progress: Progress | None = None, patience: Patience | None = None) -> Path:
    """The file ``remote`` in ``folder``; downloaded, unless a file with the right checksum is there.

    Args:
        remote: what to fetch.
        folder: where it goes; made if needed.
        progress: called for every block that arrives.
        patience: time-outs and attempts.

    Raises:
        DataError: the server cannot be reached, has no such file, stops or sends something else, or there is no room.
            What has arrived is kept for the next call, except where its checksum is wrong.

    Example:
        >>> remote = Remote("https://example.org/a.zip", "a.zip", "0" * 64, 10)
        >>> fetch(remote, Path("data"))  # doctest: +SKIP
        PosixPath('data/a.zip')
    """
    import pooch

    target = folder / remote.name
    if present(remote, folder):
        return target
    try:
        with _workplace(remote, folder) as work:
            transfer = _Transfer(remote, work, progress or _silent, patience or Patience())
            # pooch's own files stay in the workplace until the checksum is right.
            with _quiet(pooch.get_logger()):
                done = pooch.retrieve(
                    remote.url, f"sha256:{remote.sha256}", fname="whole", path=work, downloader=transfer
                )
            Path(done).replace(target)
    except DataError:
        raise
    except ValueError as error:  # pooch's word for a wrong checksum; it has removed the file
        found = re.findall(r"\b[0-9a-f]{64}\b", str(error))
        got = next((text for text in found if text != remote.sha256), "another one")
        raise DataError(
            f"'{remote.name}' from {remote.url} has the SHA-256 {got}, not {remote.sha256}, so it was removed; "
            "try again, and if it stays wrong, the file was changed where it is published"
        ) from error
    except OSError as error:
        raise DataError(_disk_sentence(remote, folder, error)) from error
    return target


def _silent(name: str, done: int, total: int | None) -> None:
    """Nobody watches."""


@contextlib.contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _workplace(remote: Remote, folder: Path) -> Iterator[Path]:
    """The folder for what is under way, held by one process; removed when the block ends well."""
    work = folder / f".{remote.name}.download"
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("wb") as lock:
        if not hold(lock):
            raise DataError(
                f"'{remote.name}' is being downloaded by another process into '{folder}'; wait until it is done"
            )
        for path in work.iterdir():  # a killed process may have left pooch's temporary file
            if path.name not in {"lock", "part", "part.json"}:
                path.unlink()
        yield work
    shutil.rmtree(work, ignore_errors=True)


def _disk_sentence(remote: Remote, folder: Path, error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return (
            f"there is no room for '{remote.name}' ({_megabytes(remote.size)}) in '{folder}'; make room and try again: "
            "what has arrived is kept"
        )
    return f"cannot write '{remote.name}' in '{folder}': {error.strerror or type(error).__name__}; give another place"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


class _Transfer:
    """pooch's downloader: bring the file at ``remote.url`` to the path that pooch names."""

    def __init__(self, remote: Remote, work: Path, progress: Progress, patience: Patience) -> None:
        self.remote = remote
        self.part = work / "part"
        self.facts = work / "part.json"
        self.progress = progress
        self.patience = patience

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        del url, pooch
        failures = 0
        while True:
            before = self._have()
            try:
                self._attempt(before)
            except _TryAgainError as error:
                failures = 1 if self._have() > before else failures + 1
                if failures >= self.patience.attempts:
                    raise DataError(self._gave_up(str(error))) from error
                time.sleep(self.patience.pause * 2 ** (failures - 1))
            else:
                break
        self.part.replace(output_file)

    def _gave_up(self, why: str) -> str:
        have = self._have()
        kept = f"; {_megabytes(have)} of {_megabytes(self.remote.size)} are kept for the next attempt" if have else ""
        return f"cannot download {self.remote.url}: {why}; check the network and try again{kept}"

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _validator(self) -> str | None:
        """What the server called the version that the partial file is of, where it can be asked for again."""
        try:
            facts = json.loads(self.facts.read_text(encoding="utf-8"))
            return str(facts["validator"]) if facts["url"] == self.remote.url and facts["validator"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _attempt(self, have: int) -> None:
        """One request, for the rest of the file where that can be done safely."""
        import requests
        import urllib3

        # Packing on the way would make the lengths mean something else.
        headers = {"Accept-Encoding": "identity", "User-Agent": "convscope"}
        validator = self._validator()
        if have and validator:
            headers |= {"Range": f"bytes={have}-", "If-Range": validator}
        try:
            with requests.get(
                self.remote.url, headers=headers, stream=True, timeout=(self.patience.connect, self.patience.read)
            ) as answer:
                self._receive(answer, self._start(answer, have))
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise _TryAgainError(f"the server was silent for {self.patience.read:g} s") from error
        except requests.exceptions.SSLError as error:
            raise DataError(
                f"cannot download {self.remote.url}: the certificate of the server is not trusted; "
                "the network may ask to log in first"
            ) from error
        except requests.exceptions.ConnectionError as error:
            raise _TryAgainError("the server cannot be reached") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _TryAgainError("the connection was cut") from error

    def _start(self, answer: Response, have: int) -> int:
        """How many bytes of the partial file this answer continues; 0 for a new beginning."""
        status = answer.status_code
        if status == 206:
            stated = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
            if not stated or int(stated[1]) != have or stated[2] not in {"*", str(self.remote.size)}:
                self._forget()
                raise _TryAgainError("the server sent another piece than the one asked for")
            return have
        if status == 416:
            self._forget()
            raise _TryAgainError("the server has no bytes after those already here")
        if status == 429 or status >= 500:
            raise _TryAgainError(f"the server answered {status} {printable(answer.reason or '')}".rstrip())
        if status != 200:
            raise DataError(
                f"{self.remote.url} cannot be had: the server answered {status} {printable(answer.reason or '')}; "
                "download the file in another way, or wait for a new version of convscope"
            )
        length = answer.headers.get("Content-Length", "")
        if length.isdigit() and int(length) != self.remote.size:
            raise DataError(
                f"{self.remote.url} is {int(length):,} bytes long, not {self.remote.size:,}: it is not the file that "
                "was published, or a page that asks to log in to the network; nothing was downloaded"
            )
        return 0

    def _receive(self, answer: Response, start: int) -> None:
        """Write what arrives behind the first ``start`` bytes of the partial file."""
        size, done = self.remote.size, start
        with self.part.open("r+b" if start else "wb") as file:
            if not start:
                self._remember(answer)
            self._make_sure_of_room(size - start)
            file.seek(start)
            self.progress(self.remote.name, done, size)
            for block in answer.raw.stream(_BLOCK, decode_content=False):
                done += len(block)
                if done > size:
                    break
                file.write(block)
                self.progress(self.remote.name, done, size)
        if done > size:
            self._forget()
            raise DataError(f"{self.remote.url} sends more than the {size:,} bytes that were published; it was removed")
        if done < size:
            raise _TryAgainError("the connection was cut")

    def _remember(self, answer: Response) -> None:
        tag = answer.headers.get("ETag", "")
        # A weak tag promises the same meaning, not the same bytes, so it cannot be asked for.
        validator = tag if tag.startswith('"') else answer.headers.get("Last-Modified")
        self.facts.write_text(json.dumps({"url": self.remote.url, "validator": validator}), encoding="utf-8")

    def _make_sure_of_room(self, needed: int) -> None:
        if shutil.disk_usage(self.part.parent).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.facts.unlink(missing_ok=True)
