"""What is in a folder, without leaving it: no link is followed, nothing hidden is entered, nothing is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from convscope.doctor.findings import Finding
from convscope.errors import DataError
from convscope.image.picture import printable

_OF_THE_SYSTEM = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_FOLDERS_OF_THE_SYSTEM = {"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"}
# Results of our own, written there when a command runs inside the folder.
_OUR_FOLDERS = {"convscope-out"}


@dataclass
class Content:
    """Everything under a folder, sorted.

    Attributes:
        root: the folder, absolute; a link given as the folder itself is resolved.
        files: regular files, as paths relative to ``root`` with ``/``.
        classes: names of the folders directly in ``root``.
        findings: what is not looked into and why.
    """

    root: Path
    files: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def content_of(folder: str | os.PathLike[str]) -> Content:
    """List what is in ``folder`` and the folders in it.

    Raises:
        DataError: it is no folder, cannot be read, or holds nothing at all.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "cat").mkdir(), Path(folder, "cat", "1.jpg").touch(), Path(folder, ".DS_Store").touch()
    ...     found = content_of(folder)
    >>> found.files, found.classes, [finding.kind for finding in found.findings]
    (['cat/1.jpg'], ['cat'], ['hidden'])
    """
    content = Content(_checked(folder))
    waiting = [""]
    while waiting:
        _list(content, waiting.pop(), waiting)
    if not content.files and not content.findings and not content.classes:
        raise DataError(f"'{printable(str(folder))}' is empty; give a folder with one folder of photos a class")
    content.files.sort()
    content.classes.sort()
    content.findings.sort(key=lambda finding: finding.file)
    return content


def class_of(file: str) -> str:
    """The class of a file: the first folder of its path, empty for a file that lies in the folder itself.

    >>> class_of("cat/garden/1.jpg"), class_of("1.jpg")
    ('cat', '')
    """
    return file.partition("/")[0] if "/" in file else ""


def _checked(folder: str | os.PathLike[str]) -> Path:
    shown = f"'{printable(os.fspath(folder))}'"
    try:
        root = Path(folder).resolve(strict=True)
        with os.scandir(root):
            return root
    except NotADirectoryError as error:
        raise DataError(f"{shown} is a file and no folder; give the folder that the photos are in") from error
    except FileNotFoundError as error:
        raise DataError(f"there is no folder {shown}; check the path") from error
    except PermissionError as error:
        raise DataError(f"the folder {shown} may not be read by you; ask for permission") from error
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"the folder {shown} cannot be opened ({printable(reason)}); check the path") from error


def _list(content: Content, inside: str, waiting: list[str]) -> None:
    try:
        with os.scandir(content.root / inside) as entries:
            for entry in entries:
                _sort_in(content, entry, f"{inside}/{entry.name}" if inside else entry.name, waiting)
    except OSError as error:
        content.findings.append(Finding("unreadable", inside, f"the folder cannot be read: {error.strerror}"))


def _sort_in(content: Content, entry: os.DirEntry[str], file: str, waiting: list[str]) -> None:
    name = entry.name.lower()
    if entry.is_symlink():
        content.findings.append(Finding("link", file, "a link; not followed"))
    elif entry.is_dir(follow_symlinks=False):
        if name.startswith(".") or name in _FOLDERS_OF_THE_SYSTEM | _OUR_FOLDERS:
            content.findings.append(Finding("hidden", file, "a folder; not looked into"))
            return
        waiting.append(file)
        if "/" not in file:
            content.classes.append(file)
    elif not entry.is_file(follow_symlinks=False):
        content.findings.append(Finding("special", file, "a pipe, socket or device"))
    elif name.startswith(".") or name in _OF_THE_SYSTEM:
        content.findings.append(Finding("hidden", file, "a hidden file or one of the system"))
    else:
        content.files.append(file)
