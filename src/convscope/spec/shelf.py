"""The shelf of named networks, one text file each in ``nets/``, and :func:`load`."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from pathlib import Path

from convscope.errors import SpecError
from convscope.spec.grammar import MAX_TEXT
from convscope.spec.network import Spec, parse


@lru_cache(maxsize=1)
def shelf() -> tuple[str, ...]:
    """The names of the networks on the shelf.

    >>> "tutorial-1" in shelf()
    True
    """
    folder = resources.files("convscope.spec") / "nets"
    return tuple(sorted(file.name.removesuffix(".txt") for file in folder.iterdir() if file.name.endswith(".txt")))


def load(source: str) -> Spec:
    """A spec from a text file, from the shelf, or from text.

    Args:
        source: the path of an existing file, a name of :func:`shelf`, or the text itself.

    Raises:
        SpecError: it is none of these, or no network.

    >>> load("fashion-cnn").input
    (28, 28, 1)
    """
    name = source.strip()
    path = _existing_file(name)
    if path is not None:
        return parse(_text_of(path))
    if name in shelf():
        return parse((resources.files("convscope.spec") / "nets" / f"{name}.txt").read_text("utf-8"))
    if _looks_like_path(name):
        raise SpecError(f"there is no file {name!r}; pass an existing file, one of {', '.join(shelf())}, or layers")
    return parse(source)


def _existing_file(name: str) -> Path | None:
    if not name or len(name) > 4096 or "\n" in name or "\0" in name:
        return None
    try:
        path = Path(name)
        return path if path.is_file() else None
    except (OSError, ValueError):  # a name too long for the file system is no file
        return None


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(4 * MAX_TEXT + 1)  # UTF-8 has at most four bytes a character
    except OSError as error:
        raise SpecError(f"the file {str(path)!r} cannot be read ({error.strerror}); pass a text file") from None
    if len(data) > 4 * MAX_TEXT:
        raise SpecError(f"the file {str(path)!r} has over {MAX_TEXT:,} characters; a spec is a short text, pass one")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecError(f"the file {str(path)!r} is no UTF-8 text; pass a spec as a text file") from None


def _looks_like_path(name: str) -> bool:
    return "(" not in name and "|" not in name and "\n" not in name and (name.endswith(".txt") or "/" in name)
