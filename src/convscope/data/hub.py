"""Data sets of the Hugging Face hub, through its own library ``datasets``, which is an extra.

The library decides how a data set is stored, fetched and kept. Here its columns are understood: the first one of
images, and one of classes. Pictures are decoded as those of a folder are, when they are taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, Integer, UInt8

from convscope.data.decode import decode_to
from convscope.errors import DataError, ImageError
from convscope.image.picture import printable
from convscope.image.source import MAX_BYTES

_TRAIN = ("train", "training")
_TEST = ("test", "validation", "valid", "val")
#: Where several columns have classes.
_USUAL = ("label", "labels", "fine_label", "class")
#: So many others of a class are tried in place of a picture that is damaged.
_MOST_TRIED = 50
_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_CONFIG = re.compile(r"[\w.+-]*")


class HubSamples:
    """One split of a data set of the hub, made by :func:`open_hub`; every picture is read once now, for its hash.

    Args:
        table: the split, with its image column not decoded.
        columns: names of the image column and of the class column.
        classes: names of the classes.
        split: what to call its samples.
        shape: height, width and channels of what :meth:`take` returns.
        antialias: see :func:`convscope.data.decode.decode_to`.

    Attributes:
        classes: as given.
        labels: the class of each sample.
        names: the split and the row of each sample.
        keys: SHA-256 of the bytes of each picture.
        missing: how many rows have no picture, and are left out.
        replaced: pictures that could not be decoded when their turn came, and why; see :meth:`take`.

    Raises:
        DataError: there are samples without a class, or none at all.
    """

    def __init__(
        self,
        table: Any,
        columns: tuple[str, str],
        classes: Sequence[str],
        split: str,
        shape: tuple[int, int, int],
        *,
        antialias: bool = True,
    ) -> None:
        self.classes = tuple(classes)
        self.shape = shape
        self._table, self._image, self._antialias = table, columns[0], antialias
        labels = list(table[columns[1]])
        hashes = [_hash(self._bytes(row)) for row in range(len(labels))]
        self._rows = [row for row, found in enumerate(hashes) if found]
        if not self._rows or any(label is None or not 0 <= label < len(self.classes) for label in labels):
            what = "samples without a class" if self._rows else "no pictures"
            raise DataError(f"the split '{split}' has {what}; take another configuration or data set")
        self.labels: Int64[np.ndarray, " n"] = np.array([labels[row] for row in self._rows], np.int64)
        self.names: Sequence[str] = [f"{split} {row}" for row in self._rows]
        self.keys: Sequence[str] = [found for found in hashes if found]
        self.missing = len(labels) - len(self._rows)
        self.replaced: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        height, width, channels = self.shape
        return f"HubSamples({len(self):,} of {height}x{width}x{channels}, {len(self.classes)} classes)"

    def take(self, indices: Integer[np.ndarray, " m"]) -> UInt8[np.ndarray, "m h w c"]:
        """The pixels of these samples, in this order; several threads may call it at once.

        A picture that is damaged is replaced by the next one of its class, as in a folder; ``replaced`` says so.

        Raises:
            DataError: there is none that could take its place.
        """
        made = np.empty((len(indices), *self.shape), np.uint8)
        for place, i in enumerate(np.asarray(indices).tolist()):
            made[place] = self._pixels(i)
        return made

    def _pixels(self, index: int) -> UInt8[np.ndarray, "h w c"]:
        height, width, channels = self.shape
        same = np.flatnonzero(self.labels == self.labels[index])
        why = ""
        for i in np.roll(same, -int(np.searchsorted(same, index)))[:_MOST_TRIED].tolist():
            data = self._bytes(self._rows[i])
            try:
                pixels = decode_to(
                    data or b"", self.names[i], (height, width), channels=channels, antialias=self._antialias
                )
            except ImageError as error:
                why = why or str(error)
                continue
            if why:
                self.replaced[self.names[index]] = f"{why}; {self.names[i]} took its place"
            return pixels
        raise DataError(
            f"neither {self.names[index]} nor others of its class can be used: {why}; take another data set"
        )

    def _bytes(self, row: int) -> bytes | None:
        """What is stored in a row: the bytes of a file, or where it is on this machine."""
        stored = self._table[row][self._image]
        if not isinstance(stored, dict):
            return None
        if stored.get("bytes") is not None:
            return bytes(stored["bytes"])
        try:
            path = Path(stored.get("path") or "")
            return path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
        except OSError:
            return None


def _hash(data: bytes | None) -> str:
    return hashlib.sha256(data).hexdigest() if data else ""


@dataclass(frozen=True)
class HubData:
    """What :func:`open_hub` found.

    Attributes:
        train: the training split.
        test: the test split, else the validation split, else None.
        about: ``place``, ``notes`` and, where the data set says so, ``licence`` and ``homepage``.
    """

    train: HubSamples
    test: HubSamples | None
    about: dict[str, Any]


def open_hub(
    name: str, size: tuple[int, int], *, channels: int = 3, download: bool = False, antialias: bool = True
) -> HubData:
    """A data set of the hub, or a local folder in one of the forms that the library reads (Parquet, for instance).

    Args:
        name: ``OWNER/NAME`` or a local folder, either with ``:CONFIG`` behind it.
        size: height and width of what ``take`` returns.
        channels: 3, or 1 for grey.
        download: fetch it if it is not kept on this machine already; otherwise the network is not used.
        antialias: see :func:`convscope.data.decode.decode_to`.

    Raises:
        DataError: the library is not installed, there is no such data set, it is not here and may not be downloaded,
            or it has no column of images or none of classes.

    Example:
        >>> data = open_hub("ylecun/mnist", (28, 28), channels=1, download=True)  # doctest: +SKIP
        >>> data.train.take(np.array([0])).shape  # doctest: +SKIP
        (1, 28, 28, 1)
    """
    library = _library()
    path, config = _split_name(name)
    shown = printable(name)
    with _network(library, allowed=download):
        splits = _loaded(library, path, config, shown, download=download)
    train_name = next((split for split in _TRAIN if split in splits), next(iter(splits)) if len(splits) == 1 else None)
    if train_name is None:
        raise DataError(f"'hf:{shown}' has the splits {_listed(splits)} and none is 'train'; take another data set")
    test_name = next((split for split in _TEST if split in splits and split != train_name), None)
    notes: list[str] = []
    columns, classes = _columns(library, splits[train_name].features, shown, notes)

    def samples(split: str) -> HubSamples:
        # Bytes as they are stored, and nothing of the other columns.
        table = splits[split].select_columns(list(columns)).cast_column(columns[0], library.Image(decode=False))
        made = HubSamples(table, columns, classes, split, (*size, channels), antialias=antialias)
        if made.missing:
            notes.append(f"{made.missing:,} rows of '{printable(split)}' have no picture and are left out")
        return made

    train, test = samples(train_name), None
    if test_name:
        try:
            test = samples(test_name)
        except DataError as error:  # tests of competitions keep their answers to themselves
            notes.append(f"its test samples are not used: {error}")
    info = splits[train_name].info
    about = {
        "place": path,
        "notes": notes,
        "licence": printable(str(info.license or "")),
        "homepage": printable(str(info.homepage or "")),
    }
    return HubData(train, test, about)


def _library() -> Any:
    # Read once, when the library is imported.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            "data sets of the Hugging Face hub need the library datasets; install it with: pip install 'convscope[hf]'"
        ) from error
    return datasets


def _split_name(name: str) -> tuple[str, str | None]:
    """The path and the configuration in ``OWNER/NAME:CONFIG``.

    >>> _split_name("ylecun/mnist"), _split_name("owner/name:small")
    (('ylecun/mnist', None), ('owner/name', 'small'))
    """
    if os.path.isdir(name):  # noqa: PTH112 - it may hold what is no path at all
        return name, None
    path, colon, config = name.rpartition(":")
    path, config = (path, config) if colon else (name, "")
    known = os.path.isdir(path) or _NAME.fullmatch(path)  # noqa: PTH112
    if not known or not _CONFIG.fullmatch(config):
        raise DataError(f"'hf:{printable(name)}' is no name of a data set; write hf:OWNER/NAME or hf:OWNER/NAME:CONFIG")
    return path, config or None


@contextlib.contextmanager
def _network(library: Any, *, allowed: bool) -> Iterator[None]:
    """Keep the library off the network, as HF_HUB_OFFLINE=1 does, which it reads only once."""
    import huggingface_hub.constants

    places = [(huggingface_hub.constants, "HF_HUB_OFFLINE"), (library.config, "HF_HUB_OFFLINE")]
    places += [(library.config, "HF_DATASETS_OFFLINE")] if hasattr(library.config, "HF_DATASETS_OFFLINE") else []
    before = [getattr(module, name) for module, name in places]
    try:
        if not allowed:
            for module, name in places:
                setattr(module, name, True)
        yield
    finally:
        for (module, name), value in zip(places, before, strict=True):
            setattr(module, name, value)


def _loaded(library: Any, path: str, config: str | None, shown: str, *, download: bool) -> dict[str, Any]:
    """The splits by name."""
    try:
        if Path(path, "dataset_dict.json").is_file() or Path(path, "state.json").is_file():
            loaded = library.load_from_disk(path)
        else:
            loaded = library.load_dataset(path, config)
    except Exception as error:  # a library that raises what its many dependencies raise
        why = printable(str(error).partition("\n")[0], 200) or type(error).__name__
        if isinstance(error, (ConnectionError, TimeoutError)) and not download:
            raise DataError(f"'hf:{shown}' is not on this machine; add --download to fetch it") from error
        raise DataError(f"'hf:{shown}' cannot be opened: {why}; check the name and the network") from error
    return dict(loaded) if isinstance(loaded, dict) else {"train": loaded}


def _columns(library: Any, features: Any, shown: str, notes: list[str]) -> tuple[tuple[str, str], Sequence[str]]:
    """The image column and the class column by the types that the data set declares, and the names of the classes."""
    images = [name for name, kind in features.items() if isinstance(kind, library.Image)]
    labels = [name for name, kind in features.items() if isinstance(kind, library.ClassLabel)]
    for found, what in ((images, "images"), (labels, "classes")):
        if not found:
            raise DataError(
                f"'hf:{shown}' has the columns {_listed(features)} and none of {what}; take another data set"
            )
    label = next((name for name in _USUAL if name in labels), labels[0])
    for found, taken, what in ((images, images[0], "images"), (labels, label, "classes")):
        if len(found) > 1:
            notes.append(f"it has several columns of {what}; '{printable(taken)}' is used")
    return (images[0], label), [printable(str(name)) for name in features[label].names]


def _listed(names: Any) -> str:
    return ", ".join(f"'{printable(str(name), 40)}'" for name in list(names)[:8])
