"""A folder of results appears whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convscope.errors import OutputError

REPORT = "report.json"
REPORTS = (REPORT, "explain.json")
"""One of these is in every folder that convscope wrote."""
HOME = Path("convscope-out")
#: Bytes; file systems stop at 255, and a number and an ending are added.
LONGEST_NAME = 120
PARTIAL = re.compile(r"\.convscope-(\d+)-\w+\.partial")


@contextmanager
def new_folder(out: Path | None, name: str, *, overwrite: bool) -> Iterator[tuple[Path, Callable[[], Path]]]:
    """A temporary folder to write into, and a function that puts it in its place and tells where.

    Args:
        out: where it shall be; None for a new folder ``convscope-out/NAME``, ``NAME-2`` and so on.
        name: what to call it then.
        overwrite: replace ``out`` if it is an earlier result of convscope.

    Raises:
        OutputError: ``out`` exists and may not be replaced, or cannot be made.
    """
    parent = HOME if out is None else out.resolve().parent
    if out is not None:
        _check_free(out, overwrite=overwrite)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        folder = Path(tempfile.mkdtemp(prefix=f".convscope-{os.getpid()}-", suffix=".partial", dir=parent))
    except OSError as error:
        raise OutputError(
            f"cannot write to {str(parent)!r}: {error.strerror}; choose another place with --out"
        ) from error
    try:
        folder.chmod(0o755)
        yield folder, lambda: _place(folder, out, name, overwrite=overwrite)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_free(out: Path, *, overwrite: bool) -> None:
    if not out.exists() and not out.is_symlink():
        return
    if out.is_dir() and not any(out.iterdir()):
        return
    if not overwrite:
        raise OutputError(f"{str(out)!r} exists already; choose another name, or add --overwrite to replace it")
    if not (out.is_dir() and not out.is_symlink() and any((out / name).is_file() for name in REPORTS)):
        raise OutputError(
            f"{str(out)!r} was not written by convscope, so --overwrite leaves it alone; choose another name"
        )


def _place(folder: Path, out: Path | None, name: str, *, overwrite: bool) -> Path:
    if out is None:
        return _first_free(folder, name)
    _check_free(out, overwrite=overwrite)
    if not out.exists():
        folder.rename(out)
        return out
    aside = folder.with_name(folder.name.replace(".partial", "old.partial"))
    out.rename(aside)
    folder.rename(out)
    shutil.rmtree(aside, ignore_errors=True)
    return out


def _first_free(folder: Path, name: str) -> Path:
    stem = safe_name(name)
    for number in range(1, 100_000):
        target = HOME / (stem if number == 1 else f"{stem}-{number}")
        if target.exists():
            continue
        try:
            folder.rename(target)
        except OSError:  # somebody else took the name in between
            continue
        return target
    raise OutputError(f"{str(HOME)!r} holds too many results called {stem!r}; remove some, or give --out")


def _sweep(parent: Path) -> None:
    """Remove what killed processes left behind."""
    for stray in parent.glob(".convscope-*.partial"):
        found = PARTIAL.fullmatch(stray.name)
        if found and not _alive(int(found[1])):
            shutil.rmtree(stray, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def safe_name(text: str) -> str:
    """A name for a file: letters of any script, digits, dots, dashes; whatever the layer, class or photo is called.

    >>> safe_name("../layer1.0/<img>"), safe_name("猫 1")
    ('layer1.0_img', '猫_1')
    """
    kept = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", text)).strip("._")
    return kept.encode("utf-8", "ignore")[:LONGEST_NAME].decode("utf-8", "ignore") or "unnamed"


def write_report(folder: Path, report: Mapping[str, Any]) -> None:
    """The object that ``--json`` prints, as a file beside the pictures."""
    (folder / REPORT).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
