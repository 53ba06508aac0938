"""The cats-vs-dogs photos: the archive that Microsoft publishes, about 25,000 photos of cats and dogs of all sizes.

Elson, Douceur, Howell and Saul, "Asirra: A CAPTCHA that Exploits Interest-Aligned Manual Image Categorization", 2007.
Some of its files are broken on purpose or by accident; they are left out when they are read, not deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from convscope.data.archives import unpack
from convscope.data.download import Progress, Remote, fetch, present
from convscope.errors import DataError

HOMEPAGE = "https://www.microsoft.com/en-us/download/details.aspx?id=54765"
#: Length and SHA-256 as Hugging Face's datasets 2 recorded them.
ARCHIVE = Remote(
    url="https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip",
    name="kagglecatsanddogs_5340.zip",
    sha256="b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
    size=824_887_076,
)
#: Where the classes are in the archive.
INSIDE = "PetImages"


def find(places: Iterable[Path]) -> Path | None:
    """The first folder ``cats-vs-dogs`` in ``places`` that has the unpacked photos, or None."""
    return next((found for place in places if (found := place / "cats-vs-dogs" / INSIDE).is_dir()), None)


def bring(home: Path, *, download: bool, progress: Progress | None) -> Path | None:
    """The unpacked photos in ``home``: from the archive there, or else from the network if ``download``.

    The archive is removed once it is unpacked.

    Returns:
        The folder of the classes; None where there is no archive and nothing may be downloaded.

    Raises:
        DataError: see :func:`~convscope.data.download.fetch` and :func:`~convscope.data.archives.unpack`.
    """
    archive = fetch(ARCHIVE, home, progress=progress) if download else present(ARCHIVE, home)
    if archive is None:
        return None
    folder = unpack(archive, home / "cats-vs-dogs", progress=progress)
    if not (folder / INSIDE).is_dir():
        shutil.rmtree(folder)
        raise DataError(f"'{archive}' has no folder '{INSIDE}' in it; it is not the archive that was published")
    archive.unlink(missing_ok=True)
    return folder / INSIDE
