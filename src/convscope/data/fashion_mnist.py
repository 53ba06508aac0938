"""Fashion-MNIST: 70,000 photos of clothes of 28x28 grey pixels in ten classes, and the IDX files they come in.

Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms", 2017
(https://arxiv.org/abs/1708.07747). The same four files, packed with gzip, come from the project itself and from
Debian's package ``dataset-fashion-mnist``; Debian leaves names and dates out of the packing, so what identifies them
is the SHA-256 of the unpacked bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from convscope.data.download import Progress, Remote, fetch
from convscope.errors import DataError

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
#: The four files: photos and labels of the training part, then of the test part.
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
HOMEPAGE = "https://github.com/zalandoresearch/fashion-mnist"
_SITE = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
#: The files as the project publishes them. Debian's, with name and date put back, have these very checksums.
REMOTE = tuple(
    Remote(_SITE + name, name, sha256, size)
    for name, sha256, size in (
        (FILES[0], "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
        (FILES[1], "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
        (FILES[2], "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
        (FILES[3], "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
    )
)
#: SHA-256 of each file once unpacked.
CONTENT = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
#: Where Debian's package puts them.
DEBIAN = Path("/usr/share/datasets/fashion-mnist")

_SIDE = 28
#: More than this is not Fashion-MNIST, whatever the header says: a limit before memory is asked for.
_MOST = 1_000_000
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Part:
    """The training or the test part, as arrays.

    Attributes:
        images: grey values 0 (background) to 255.
        labels: 0 to 9, the place in ``CLASSES``.
        original: whether both files are byte for byte the published ones.
    """

    images: UInt8[np.ndarray, "n 28 28 1"]
    labels: Int64[np.ndarray, " n"]
    original: bool


def find(places: Iterable[Path]) -> Path | None:
    """The first folder that has all four files, of ``fashion-mnist`` in one of ``places``, and Debian's; or None."""
    folders = [*(place / "fashion-mnist" for place in places), DEBIAN]
    return next((folder for folder in folders if all((folder / name).is_file() for name in FILES)), None)


def bring(home: Path, *, progress: Progress | None) -> Path:
    """Download the four files into ``home / "fashion-mnist"``, which is returned.

    Raises:
        DataError: see :func:`~convscope.data.download.fetch`.
    """
    for remote in REMOTE:
        fetch(remote, home / "fashion-mnist", progress=progress)
    return home / "fashion-mnist"


def read_part(folder: Path, part: str) -> Part:
    """The part ``"train"`` or ``"test"`` from the IDX files in ``folder``.

    Raises:
        DataError: a file is missing or damaged, is not such an IDX file, or the two do not belong together.

    Example:
        >>> folder = find([])
        >>> if folder:  # Debian's package is installed
        ...     test = read_part(folder, "test")
        ...     assert test.images.shape == (10_000, 28, 28, 1) and test.original
    """
    photos, answers = (FILES[0], FILES[1]) if part == "train" else (FILES[2], FILES[3])
    images, images_hash = read_idx(folder / photos, (None, _SIDE, _SIDE))
    labels, labels_hash = read_idx(folder / answers, (None,))
    if len(images) != len(labels):
        raise DataError(
            f"'{folder / photos}' has {len(images):,} photos and '{answers}' has {len(labels):,} labels; "
            "take both from the same place"
        )
    if labels.max() >= len(CLASSES):
        raise DataError(
            f"'{folder / answers}' has the label {labels.max()}, but Fashion-MNIST has 0 to {len(CLASSES) - 1}; "
            "fetch the file again"
        )
    return Part(
        images=images[..., None],
        labels=labels.astype(np.int64),
        original=images_hash == CONTENT[photos] and labels_hash == CONTENT[answers],
    )


def read_idx(path: Path, shape: tuple[int | None, ...]) -> tuple[UInt8[np.ndarray, "..."], str]:
    """The bytes of a gzipped IDX file as an array, and the SHA-256 of what was packed.

    IDX is two zero bytes, 8 for "unsigned byte", the number of dimensions, each in 4 bytes (big-endian), then the
    values.

    Args:
        path: the file.
        shape: what its dimensions must be; None leaves one open, up to a million.

    Raises:
        DataError: it cannot be read, is damaged, too short or too long, or has other dimensions.
    """
    try:
        with gzip.open(path, "rb") as file:
            return _idx(file, path, shape)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"cannot read '{path}': {why}; fetch the file again") from error


def _idx(file: gzip.GzipFile, path: Path, shape: tuple[int | None, ...]) -> tuple[UInt8[np.ndarray, "..."], str]:
    expected = bytes([0, 0, 8, len(shape)])
    header = file.read(4 + 4 * len(shape))
    if header[:4] != expected or len(header) < 4 + 4 * len(shape):
        raise DataError(
            f"'{path}' is not an IDX file of bytes with {len(shape)} dimensions: it starts with "
            f"{header[:4].hex(' ') or 'nothing'}, not {expected.hex(' ')}; fetch the file again"
        )
    found = tuple(int(n) for n in np.frombuffer(header, ">u4", offset=4))
    fits = all(want is None or got == want for got, want in zip(found, shape, strict=True))
    if not fits or not 1 <= found[0] <= _MOST:
        wanted = "x".join("N" if n is None else str(n) for n in shape)
        raise DataError(
            f"'{path}' says its values are {'x'.join(map(str, found))}, but Fashion-MNIST has {wanted} "
            f"with N from 1 to {_MOST:,}; fetch the file again"
        )
    values = np.empty(found, np.uint8)
    filled = _fill(file, values.data.cast("B"))
    # Reading on past the values also makes gzip compare its checksum.
    if filled < values.size or file.read(1):
        raise DataError(
            f"'{path}' has {'fewer' if filled < values.size else 'more'} values than the {values.size:,} "
            "that its header says; fetch the file again"
        )
    digest = hashlib.sha256(header)
    digest.update(values.data)
    return values, digest.hexdigest()


def _fill(file: gzip.GzipFile, room: memoryview) -> int:
    """Read into ``room`` until it is full or the file ends; how many bytes came."""
    filled = 0
    while filled < len(room):
        block = file.read(min(_BLOCK, len(room) - filled))
        if not block:
            break
        room[filled : filled + len(block)] = block
        filled += len(block)
    return filled
