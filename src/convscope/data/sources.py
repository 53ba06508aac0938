"""What the word after ``train`` opens: a folder of photos, a data set known by name, or one of the Hugging Face hub.

Nothing is fetched from the network unless ``download=True`` says so.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from convscope.data import cats_vs_dogs, fashion_mnist
from convscope.data.layout import find_layout
from convscope.data.samples import ArraySamples, Samples
from convscope.errors import DataError
from convscope.image.picture import printable

if TYPE_CHECKING:
    from convscope.data.download import Progress
    from convscope.data.folder import FolderSamples

#: Height and width for photos where nobody says which.
DEFAULT_SIZE = (224, 224)
#: Data sets that are found by name.
NAMED = ("fashion-mnist", "cats-vs-dogs")
#: Pixels that are kept in memory take at most so many bytes.
_MOST_IN_MEMORY = 4 << 30
_CHUNK = 4096


@dataclass(frozen=True)
class Source:
    """A data set that can be trained on.

    Attributes:
        name: what was asked for, safe to print.
        train: what training and its validation split are taken from.
        test: samples kept apart by whoever made the data set, or None.
        about: facts for reports, as JSON has them: ``kind``, ``place``, ``notes`` (sentences for people) and, where
            known, ``licence``, ``homepage`` and ``original`` (whether the files are byte for byte the published ones).
    """

    name: str
    train: Samples
    test: Samples | None = None
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Wish:
    """How the pictures should come."""

    size: tuple[int, int] | None
    channels: int | None
    download: bool
    cache: Path | None
    antialias: bool
    progress: Progress | None
    threads: int = 0


def home() -> Path:
    """Where downloads are kept: ``$CONVSCOPE_DATA``, or else the user's cache folder."""
    return places()[0]


def places() -> tuple[Path, ...]:
    """The folders in which data sets with a name are looked for: ``$CONVSCOPE_DATA``, then the user's cache folder."""
    import pooch

    given = os.environ.get("CONVSCOPE_DATA")
    cache = Path(pooch.os_cache("convscope"))
    return (Path(given), cache) if given else (cache,)


def open_source(
    text: str,
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    download: bool = False,
    cache: Path | None = None,
    antialias: bool = True,
    threads: int = 0,
    progress: Progress | None = None,
) -> Source:
    """The data set that ``text`` names.

    Args:
        text: ``fashion-mnist``, ``cats-vs-dogs``, ``hf:OWNER/NAME`` (``hf:OWNER/NAME:CONFIG``), or a folder: one
            sub-folder a class, or ``train`` and ``test`` (or ``validation``) with one sub-folder a class in each.
        size: height and width of what ``take`` returns; by default 28x28 for Fashion-MNIST and 224x224 for photos.
        channels: 1 (grey) or 3 (RGB); by default 1 for Fashion-MNIST and 3 for photos.
        download: fetch what is not here. Without it the network is never used.
        cache: a folder for resized pixels of photos, so that they are decoded once.
        antialias: whether shrinking averages; see :func:`convscope.data.folder.open_folder`.
        threads: that decode photos of a folder; 0 is one for each processor.
        progress: told what is under way, how much of it is done and how much there is: bytes of a download or an
            archive, and photos that were looked at.

    Raises:
        DataError: there is no such data set, or it cannot be used.

    Example:
        >>> from PIL import Image
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, colour in (("lemon", "yellow"), ("tomato", "red")):
        ...         Path(folder, name).mkdir()
        ...         Image.new("RGB", (40, 30), colour).save(Path(folder, name, "1.png"))
        ...     source = open_source(folder, size=(8, 8))
        ...     source.train.classes, source.train.take(np.array([1]))[0, 0, 0].tolist()
        (('lemon', 'tomato'), [255, 0, 0])
    """
    wish = _Wish(size, _checked_channels(channels), download, cache, antialias, progress, threads)
    if text == "fashion-mnist":
        return _fashion_mnist(wish)
    if text == "cats-vs-dogs":
        return _cats_vs_dogs(wish)
    if text.startswith("hf:"):
        return _hub(text, wish)
    if not os.path.lexists(text) and os.sep not in text:
        raise DataError(
            f"there is no data set '{printable(text)}' and no folder of this name; give a folder of photos, "
            f"{', '.join(NAMED)}, or hf:OWNER/NAME"
        )
    return _folder(Path(text), printable(text), wish)


def _fashion_mnist(wish: _Wish) -> Source:
    folder = fashion_mnist.find(places())
    if folder is None and wish.download:
        folder = fashion_mnist.bring(home(), progress=wish.progress)
    if folder is None:
        raise DataError(
            "Fashion-MNIST is not on this machine: add --download to fetch it (31 MB), install Debian's package "
            f"dataset-fashion-mnist, or put its four .gz files into '{home() / 'fashion-mnist'}'"
        )
    parts = {name: fashion_mnist.read_part(folder, name) for name in ("train", "test")}
    train, test = (
        ArraySamples(_in_form(part.images, wish), part.labels, fashion_mnist.CLASSES, names=name)
        for name, part in parts.items()
    )
    return Source(
        name="fashion-mnist",
        train=train,
        test=test,
        about={
            "kind": "fashion-mnist",
            "place": str(folder),
            "notes": [],
            "licence": "MIT",
            "homepage": fashion_mnist.HOMEPAGE,
            "original": all(part.original for part in parts.values()),
        },
    )


def _cats_vs_dogs(wish: _Wish) -> Source:
    folder = cats_vs_dogs.find(places()) or cats_vs_dogs.bring(home(), download=wish.download, progress=wish.progress)
    if folder is None:
        raise DataError(
            f"the cats-vs-dogs photos are not on this machine: add --download to fetch them "
            f"({cats_vs_dogs.ARCHIVE.size / 1e6:,.0f} MB, unpacked once more as much), or put "
            f"{cats_vs_dogs.ARCHIVE.name} into '{home()}'"
        )
    source = _folder(folder, "cats-vs-dogs", wish)
    facts = {"kind": "cats-vs-dogs", "licence": "CDLA-Permissive-2.0", "homepage": cats_vs_dogs.HOMEPAGE}
    return Source(source.name, source.train, source.test, source.about | facts)


def _folder(folder: Path, name: str, wish: _Wish) -> Source:
    layout = find_layout(folder)
    train = _photos(layout.train, wish)
    test = _photos(layout.test, wish) if layout.test else None
    if test and test.classes != train.classes:
        only = min(set(train.classes) ^ set(test.classes))
        raise DataError(
            f"the folders '{printable(str(layout.train))}' and '{printable(test.root.name)}' have different "
            f"classes: '{only}' is in one of them only; give both the same classes"
        )
    notes = [*layout.notes, *(note for part in filter(None, (train, test)) for note in _notes(part))]
    return Source(name, train, test, {"kind": "folder", "place": str(folder.resolve()), "notes": notes})


def _photos(folder: Path, wish: _Wish) -> FolderSamples:
    from convscope.data.folder import open_folder

    told = wish.progress
    return open_folder(
        folder,
        wish.size or DEFAULT_SIZE,
        channels=wish.channels or 3,
        cache=wish.cache,
        antialias=wish.antialias,
        threads=wish.threads,
        progress=None if told is None else lambda done, total: told(f"photos of {folder.name}", done, total),
    )


def _notes(samples: FolderSamples) -> list[str]:
    notes = list(samples.notes)
    if samples.skipped:
        first, count = samples.skipped[0], len(samples.skipped)
        others = f", and {count - 1:,} other{'s' * (count > 2)}" if count > 1 else ""
        notes.append(f"left out: {first.name} because {first.why}{others}; convscope doctor lists all that is wrong")
    return notes


def _hub(text: str, wish: _Wish) -> Source:
    from convscope.data.hub import open_hub

    dataset = open_hub(
        text.removeprefix("hf:"),
        wish.size or DEFAULT_SIZE,
        channels=wish.channels or 3,
        download=wish.download,
        antialias=wish.antialias,
    )
    return Source(printable(text), dataset.train, dataset.test, {"kind": "hf", **dataset.about})


def _checked_channels(channels: int | None) -> int | None:
    if channels not in (None, 1, 3):
        raise DataError(f"pictures have 1 channel (grey) or 3 (RGB), not {channels!r}; give one of these")
    return channels


def _in_form(images: UInt8[np.ndarray, "n 28 28 1"], wish: _Wish) -> UInt8[np.ndarray, "n h w c"]:
    """The pictures in the size and with the channels that were asked for."""
    height, width = wish.size or images.shape[1:3]
    channels = wish.channels or 1
    if height < 1 or width < 1:
        raise DataError(f"pictures cannot be brought to {height}x{width}; give height and width of at least 1 pixel")
    needed = len(images) * height * width * channels
    if needed > _MOST_IN_MEMORY:
        raise DataError(
            f"{len(images):,} pictures of {height}x{width}x{channels} take {needed / 1e9:.1f} GB of memory; "
            f"{_MOST_IN_MEMORY / 1e9:.1f} GB is the most, so use a network with a smaller input"
        )
    if (height, width) != images.shape[1:3]:
        images = _resized(images, (height, width), antialias=wish.antialias)
    return np.repeat(images, channels, axis=3) if channels > 1 else images


def _resized(
    images: UInt8[np.ndarray, "n 28 28 1"], size: tuple[int, int], *, antialias: bool
) -> UInt8[np.ndarray, "n h w 1"]:
    """As :func:`convscope.data.decode.resize` does with one photo, a few thousand at a time."""
    import torch
    from torch.nn.functional import interpolate

    made = np.empty((len(images), *size, 1), np.uint8)
    for start in range(0, len(images), _CHUNK):
        planes = torch.from_numpy(images[start : start + _CHUNK]).permute(0, 3, 1, 2)
        shrunk = interpolate(planes, size, mode="bicubic" if antialias else "bilinear", antialias=antialias)
        made[start : start + _CHUNK] = shrunk.permute(0, 2, 3, 1).numpy()
    return made
