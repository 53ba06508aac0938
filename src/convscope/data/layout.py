"""Which sub-folder of a folder of photos is what: training and test parts, or the classes, or a folder around them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from convscope.errors import DataError
from convscope.image.picture import printable

TRAIN = frozenset({"train", "training"})
TEST = frozenset({"test", "testing"})
VALIDATION = frozenset({"validation", "val", "valid"})

#: How many folders around the classes are entered; an archive unpacked into a folder of its name has one or two.
_WRAPPINGS = 3
#: What macOS and Windows put beside what one wanted.
_NOT_OURS = frozenset({"__MACOSX", "$RECYCLE.BIN", "System Volume Information"})


@dataclass(frozen=True)
class Layout:
    """Folders with one sub-folder a class.

    Attributes:
        train: what to train on.
        test: what was set apart, or None.
        notes: sentences on what was decided.
    """

    train: Path
    test: Path | None
    notes: tuple[str, ...] = ()


def find_layout(folder: Path) -> Layout:
    """Where the classes are in ``folder``.

    A folder with ``train`` and ``test`` (or ``validation``) has them in each of the two. A single folder around the
    classes, as archives have it, is entered. Everything else is taken as it is: one sub-folder a class.

    Raises:
        DataError: there is no such folder, or the photos are in ``train`` and ``test`` without folders of classes.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("train/cat", "train/dog", "val/cat", "val/dog"):
    ...         Path(folder, name).mkdir(parents=True)
    ...     layout = find_layout(Path(folder))
    >>> layout.train.name, layout.test.name
    ('train', 'val')
    """
    given, notes = folder, list[str]()
    for _ in range(_WRAPPINGS):
        inside = _folders(folder)
        parts = _parts(folder, inside)
        if parts:
            train, test, unused = parts
            if unused:
                notes.append(
                    f"its folder '{printable(unused.name)}' is not used; training sets samples of '{train.name}' apart"
                )
            return Layout(train, test, tuple(notes))
        if len(inside) >= 2:
            return Layout(folder, None, tuple(notes))
        if not inside:
            break
        folder = inside[0]
        notes = [f"the classes are in its folder '{printable(folder.relative_to(given).as_posix())}'"]
    return Layout(given, None)


def _parts(folder: Path, inside: list[Path]) -> tuple[Path, Path, Path | None] | None:
    """The folders of the training part, the test part, and a validation part beside the two; None for other folders."""
    named = {path.name.casefold(): path for path in inside}
    known = {
        kind: next((named[name] for name in sorted(kind & named.keys())), None) for kind in (TRAIN, TEST, VALIDATION)
    }
    train, test, validation = known[TRAIN], known[TEST], known[VALIDATION]
    # A class may be called "train" too, beside "bus" and "car".
    if not named or named.keys() - (TRAIN | TEST | VALIDATION) or len(named) < 2:
        return None
    if train is None:
        raise DataError(
            f"the folder '{printable(str(folder))}' has {_listed(inside)} and no 'train'; add it, with a folder a class"
        )
    for part in filter(None, (train, test or validation)):
        if not _folders(part):
            raise DataError(
                f"the folder '{printable(str(part))}' has no folders of classes in it; put the photos of each class "
                f"into a folder of their own, such as '{part.name}/cat' and '{part.name}/dog'"
            )
    apart = test or validation
    return (train, apart, validation if test else None) if apart else None


def _listed(folders: list[Path]) -> str:
    return " and ".join(f"'{printable(path.name)}'" for path in folders)


def _folders(folder: Path) -> list[Path]:
    """Sub-folders that somebody made on purpose, sorted; links are not followed."""
    try:
        with os.scandir(folder) as entries:
            found = [
                Path(entry.path)
                for entry in entries
                if entry.is_dir(follow_symlinks=False)
                and not entry.name.startswith(".")
                and entry.name not in _NOT_OURS
            ]
    except FileNotFoundError as error:
        raise DataError(f"there is no folder '{printable(str(folder))}'; check the path") from error
    except NotADirectoryError as error:
        raise DataError(
            f"'{printable(str(folder))}' is a file; give a folder with one folder of photos for each class"
        ) from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "that is no path"
        raise DataError(f"the folder '{printable(str(folder))}' cannot be read ({why}); check the path") from error
    return sorted(found)
