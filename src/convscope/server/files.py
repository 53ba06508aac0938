"""The page's own files: a list made at the start, so that no request ever becomes a path."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
"""What a page may load; everything else in the folder stays there."""

INDEX, INDEX_TYPE = "index.html", "text/html; charset=utf-8"

ICON = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#21918c" d="M1 5h10v10H1z"/>'
    b'<path fill="#440154" d="M3 3h10v10H3z"/><path fill="#fde725" d="M5 1h10v10H5z"/></svg>'
)


@dataclass(frozen=True)
class File:
    """One file of the page."""

    content: bytes
    type: str


def page_files(folder: Traversable | None = None) -> dict[str, File]:
    """The files by the name that a request gives them, ``styles/base.css``.

    Args:
        folder: where they lie; the package's ``web`` folder by default.
    """
    root = resources.files("convscope") / "web" if folder is None else folder
    found: dict[str, File] = {}
    _collect(root, "", found)
    index = root / INDEX
    if index.is_file():
        found[INDEX] = File(index.read_bytes(), INDEX_TYPE)
    return found


def _collect(folder: Traversable, prefix: str, found: dict[str, File]) -> None:
    for entry in folder.iterdir() if folder.is_dir() else ():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            _collect(entry, f"{name}/", found)
            continue
        kind = TYPES.get(f".{entry.name.rpartition('.')[2]}")
        if kind is not None:
            found[name] = File(entry.read_bytes(), kind)
