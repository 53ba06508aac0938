"""Small pictures for the report, inside its one file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from convscope.doctor.checkup import Checkup
from convscope.doctor.findings import KINDS, Level
from convscope.errors import ImageError
from convscope.image import open_image
from convscope.image.picture import printable

SIDE, QUALITY = 160, 80
PER_KIND, GROUPS, PER_GROUP = 24, 60, 6
"""So many pictures for each kind of finding, so many groups of photos that are the same, so many of a group."""


def shown_files(checkup: Checkup) -> list[str]:
    """The files that the report shows a picture of."""
    files: dict[str, None] = {}
    for same in (*checkup.duplicates[:GROUPS], *checkup.near[:GROUPS]):
        files.update(dict.fromkeys(same.files[:PER_GROUP]))
    left = dict.fromkeys(KINDS, PER_KIND)
    for finding in checkup.findings:
        # A file with a problem of its own cannot be shown; copies stand in their groups.
        if finding.level is not Level.PROBLEM and finding.file and left[finding.kind]:
            left[finding.kind] -= 1
            files[finding.file] = None
    return list(files)


def thumbs(
    root: Path, files: Iterable[str], *, workers: int = 2, watch: Callable[[], None] | None = None
) -> dict[str, str]:
    """By file, its picture as an HTML element; files that cannot be opened have none.

    >>> from convscope.image.source import sample_names
    >>> thumbs(Path("/no/such/folder"), ["chelsea.png"])
    {}
    """

    def made(file: str) -> str | None:
        try:
            return _element(root, file)
        except ImageError:
            return None
        finally:
            if watch is not None:
                watch()

    asked = list(files)
    with ThreadPoolExecutor(workers, "thumbs") as pool:
        return {file: found for file, found in zip(asked, pool.map(made, asked), strict=True) if found}


def _element(root: Path, file: str) -> str:
    from PIL import Image

    path = root / file
    if path.is_symlink() or not path.is_file():
        raise ImageError("it is no file")
    picture = open_image(path, longest=SIDE)
    height, width = picture.size
    stream = io.BytesIO()
    Image.fromarray(picture.pixels).save(stream, "JPEG", quality=QUALITY)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    name, full = html.escape(printable(file, 400)), "{}x{}".format(*picture.size_in_file)
    return (
        f'<img src="data:image/jpeg;base64,{data}" width="{width}" height="{height}" alt="{name}" '
        f'title="{full} pixels in the file (height x width)">'
    )
