"""What is in a folder of photos: one folder a class, by content of the files, with a list of what is left out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from convscope.errors import DataError
from convscope.image.picture import printable
from convscope.image.source import MAX_BYTES

# A name is for people; the path itself is kept beside it.
_LONGEST_NAME = 240
_DEEPEST = 32


@dataclass(frozen=True)
class File:
    """A file of a class folder.

    Attributes:
        path: below the folder, with ``/`` between the parts, exactly as the system spells it.
        label: place of its class.
        size: in bytes.
        changed: time of the last change, in nanoseconds.
    """

    path: str
    label: int
    size: int
    changed: int

    @property
    def name(self) -> str:
        """The path, safe to print."""
        return printable(self.path, _LONGEST_NAME)


@dataclass(frozen=True)
class Skipped:
    """Something in the folder that is not used.

    Attributes:
        name: its path below the folder, safe to print.
        why: what is the matter with it, to follow "because".
    """

    name: str
    why: str


@dataclass(frozen=True)
class Listing:
    """The files of a class-per-folder collection.

    Attributes:
        root: the folder, without links.
        classes: names of the class folders, sorted and safe to print.
        files: sorted by class, then by path.
        skipped: what is there but not used.
    """

    root: Path
    classes: tuple[str, ...]
    files: tuple[File, ...]
    skipped: tuple[Skipped, ...]


def list_folder(path: str | PathLike[str]) -> Listing:
    """Find the files of every class; nothing is opened yet.

    A class is a folder directly below ``path``; its files may lie in folders of their own. Names that start with a
    dot are not looked at. Links are followed to files inside of ``path`` only, never to folders, so that nothing
    is read twice, without end, or from elsewhere.

    Args:
        path: the folder.

    Raises:
        DataError: there is no such folder, it may not be read, or it has no two classes with files.
    """
    root = _root(path)
    shown = printable(str(path))
    skipped: list[Skipped] = []
    found: dict[str, list[tuple[str, os.stat_result]]] = {}
    for entry in _entries(root, "", skipped):
        if not _is_folder(entry, entry.name, skipped):
            if entry.is_file():
                skipped.append(_skip(entry.name, "it is in no class folder"))
            continue
        found[entry.name] = list(_walk(root, entry.name, skipped, 1))
    _check_classes(shown, found, skipped)
    names = sorted(name for name, files in found.items() if files)
    skipped.extend(_skip(name, "there is no file in this folder") for name, files in found.items() if not files)
    listed = (
        File(path, label, info.st_size, info.st_mtime_ns)
        for label, name in enumerate(names)
        for path, info in sorted(found[name], key=lambda pair: pair[0])
    )
    return Listing(root, _distinct(names), tuple(listed), tuple(sorted(skipped, key=lambda one: one.name)))


def read_bytes(root: Path, path: str) -> bytes:
    """All bytes of a listed file.

    Raises:
        OSError: it cannot be read, is no file any more, or is larger than pictures may be.
    """
    # Meanwhile the file may have become a pipe: never wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(os.path.join(root, path), flags), "rb", buffering=0) as file:  # noqa: PTH118 - 3 times faster
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise OSError(0, "it is no file any more")
        if info.st_size > MAX_BYTES:
            raise OSError(0, f"it is larger than {MAX_BYTES // 2**20} MiB")
        return file.readall()


def _root(path: str | PathLike[str]) -> Path:
    shown = printable(os.fsdecode(path))
    try:
        root = Path(path).resolve(strict=True)
    except FileNotFoundError as error:
        raise DataError(f"there is no folder '{shown}'; check the path") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"the folder '{shown}' cannot be opened ({_reason(error)}); check the path") from error
    if not root.is_dir():
        raise DataError(f"'{shown}' is a file; give a folder with one folder of photos for each class")
    return root


def _entries(root: Path, below: str, skipped: list[Skipped]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / below) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        if not below:
            raise DataError(
                f"the folder '{printable(str(root))}' cannot be read ({_reason(error)}); ask for permission"
            ) from error
        skipped.append(_skip(below, f"the folder cannot be read ({_reason(error)})"))
        return []


def _is_folder(entry: os.DirEntry[str], path: str, skipped: list[Skipped]) -> bool:
    if not entry.is_dir():
        return False
    if entry.is_symlink():
        skipped.append(_skip(path, "it is a link to a folder, and links to folders are not followed"))
        return False
    return True


def _walk(root: Path, below: str, skipped: list[Skipped], depth: int) -> Iterator[tuple[str, os.stat_result]]:
    for entry in _entries(root, below, skipped):
        path = f"{below}/{entry.name}"
        if entry.is_dir():
            if _is_folder(entry, path, skipped):
                if depth < _DEEPEST:
                    yield from _walk(root, path, skipped, depth + 1)
                else:
                    skipped.append(_skip(path, f"it lies more than {_DEEPEST} folders deep"))
            continue
        try:
            info = entry.stat()
            outside = entry.is_symlink() and not Path(entry.path).resolve(strict=True).is_relative_to(root)
        except (OSError, RuntimeError) as error:
            skipped.append(_skip(path, f"it cannot be looked at ({_reason(error)})"))
            continue
        if outside:
            skipped.append(_skip(path, "it is a link that leads out of the folder"))
        elif not stat.S_ISREG(info.st_mode):
            skipped.append(_skip(path, "it is no file"))
        else:
            yield path, info


def _check_classes(shown: str, found: dict[str, list[tuple[str, os.stat_result]]], skipped: list[Skipped]) -> None:
    names = sorted(name for name, files in found.items() if files)
    if len(names) >= 2:
        return
    wanted = "put the photos of each class into a folder of their own, such as cat/ and dog/"
    if not names:
        why = f"; {skipped[0].name} is left out because {skipped[0].why}" if skipped else ""
        raise DataError(f"the folder '{shown}' has no photos in class folders{why}; {wanted}")
    inner = sorted({path.split("/")[1] for path, _ in found[names[0]] if path.count("/") >= 2})
    if len(inner) >= 2:
        listed = ", ".join(printable(name, 40) for name in inner[:3])
        raise DataError(
            f"the folder '{shown}' has one class, '{printable(names[0])}', with the folders {listed} in it; "
            f"give '{printable(str(Path(shown) / names[0]))}' if those are the classes"
        )
    raise DataError(f"the folder '{shown}' has one class only, '{printable(names[0])}'; {wanted}")


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Names that are safe to print and still differ."""
    made: list[str] = []
    for name in names:
        safe = printable(name)
        again = sum(other == safe or other.startswith(f"{safe} (") for other in made)
        made.append(f"{safe} ({again + 1})" if safe in made else safe)
    return tuple(made)


def _skip(path: str, why: str) -> Skipped:
    return Skipped(printable(path, _LONGEST_NAME), why)


def _reason(error: BaseException) -> str:
    return printable(getattr(error, "strerror", None) or str(error) or type(error).__name__)
