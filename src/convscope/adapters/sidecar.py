"""What people write beside a model's file: ``cat.toml`` says how photos reach ``cat.onnx``, and what its classes are.

The format is specified in ``docs/models.md``. It is read as if a stranger had written it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, get_args

from convscope.adapters.saved import (
    MOST_LABEL,
    MOST_LABELS,
    MOST_TITLE,
    good_labels,
    good_scale,
    good_size,
    naming,
)
from convscope.errors import ModelError
from convscope.network import Fit, Preprocessing

MOST_BYTES = 4_000_000
"""Of the text, and of a file with labels."""
WORDS = {"title", "labels", "preprocessing"}
SETTINGS = {"size", "fit", "crop", "channels", "scale", "mean", "std"}


@dataclass(frozen=True)
class Sidecar:
    """What is said beside a file; None and empty where nothing is.

    Attributes:
        title: what people call the network.
        labels: names of its classes.
        size, fit, channels, scale, crop: as in :class:`convscope.network.Preprocessing`.

    >>> Sidecar.read({"labels": ["cat", "dog"], "preprocessing": {"size": 32, "mean": 0.5, "std": 0.5}})
    Sidecar(title='', labels=('cat', 'dog'), size=(32, 32), fit=None, channels=None, scale=((0.5,), (0.5,)), crop=None)
    """

    title: str = ""
    labels: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    fit: Fit | None = None
    channels: int | None = None
    scale: Any = None
    crop: float | None = None

    @classmethod
    def beside(cls, path: str | PathLike[str]) -> Sidecar:
        """Read the text file beside a model's file: the same name, ending in ``.toml``.

        Raises:
            ModelError: it is there and cannot be understood.
        """
        place = Path(path).with_suffix(".toml")
        if place == Path(path) or not place.is_file():
            return cls()
        with naming(place):
            try:
                entries = tomllib.loads(_text(place))
            except (ValueError, RecursionError) as error:
                raise ModelError(f"it is no TOML ({_line(error)}); docs/models.md shows how to write it") from None
            return cls.read(entries, folder=place.parent)

    @classmethod
    def read(cls, entries: Mapping[str, Any], folder: Path | None = None) -> Sidecar:
        """Understand what was written.

        Args:
            entries: the text as a mapping.
            folder: where a file with labels is looked for.

        Raises:
            ModelError: a word is unknown, or a value is none that it can have.
        """
        _known(entries, WORDS, "")
        said = entries.get("preprocessing", {})
        if not isinstance(said, dict):
            raise ModelError(f"preprocessing is {_shown(said)}; write a section [preprocessing]")
        _known(said, SETTINGS, " in [preprocessing]")
        title = entries.get("title", "")
        if not isinstance(title, str) or len(title) > MOST_TITLE:
            raise ModelError(f"title is {_shown(title)}; write a text of at most {MOST_TITLE} characters")
        channels = said.get("channels")
        if channels is not None and (type(channels) is not int or channels not in (1, 3)):
            raise ModelError(f"channels is {_shown(channels)}; write 1 for grey or 3 for RGB")
        fit = said.get("fit")
        if fit is not None and fit not in get_args(Fit):
            raise ModelError(f"fit is {_shown(fit)}; write stretch, crop or pad")
        crop = said.get("crop")
        if crop is not None and (type(crop) not in (int, float) or not 0 < crop <= 1):
            raise ModelError(f"crop is {_shown(crop)}; write the share of the middle that is kept, such as 0.875")
        labels = _labels(entries.get("labels"), folder)
        return cls(title, labels, _size(said), fit, channels, _scale(said, channels), crop)

    def over(self, preprocessing: Preprocessing) -> Preprocessing:
        """What is said here goes before what the file says of itself."""
        return replace(
            preprocessing,
            size=self.size or preprocessing.size,
            fit=self.fit or preprocessing.fit,
            channels=self.channels or preprocessing.channels,
            scale=preprocessing.scale if self.scale is None else self.scale,
            crop=self.crop or preprocessing.crop,
        )


def read_labels(path: str | PathLike[str]) -> tuple[str, ...]:
    """A text file with one class a line, in the order of the network's answers; empty lines at the end are let be.

    Raises:
        ModelError: it cannot be read, is no text, or names a class twice.
    """
    with naming(path):
        lines = _text(Path(path)).removeprefix("\ufeff").rstrip().splitlines()
        labels = [line.strip() for line in lines]
        if good_labels(labels) is None:
            raise ModelError(_bad_labels(labels))
        return tuple(labels)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ModelError(f"it cannot be read: {getattr(error, 'strerror', None) or error}; check the path") from None
    if len(data) > MOST_BYTES:
        raise ModelError(f"it has over {MOST_BYTES:,} bytes; a text that short sentences fill is meant here")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"it is no UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8") from None


def _known(entries: Mapping[str, Any], words: set[str], where: str) -> None:
    strange = sorted(set(entries) - words)
    if strange:
        raise ModelError(f"{_shown(strange[0])}{where} is unknown; it may say {', '.join(sorted(words))}")


def _size(said: Mapping[str, Any]) -> tuple[int, int] | None:
    size = said.get("size")
    if size is None:
        return None
    pair = [size, size] if type(size) is int else size
    found = good_size(pair)
    if found is None:
        raise ModelError(f"size is {_shown(size)}; write [height, width] in pixels, or one number for a square")
    return found


def _scale(said: Mapping[str, Any], channels: int | None) -> Any:
    scale, mean, deviation = (said.get(name) for name in ("scale", "mean", "std"))
    if scale is None and mean is None and deviation is None:
        return None
    if scale is not None and (mean is not None or deviation is not None):
        raise ModelError("scale and mean, std say the same thing in two ways; write one of them")
    if scale is None and (mean is None or deviation is None):
        raise ModelError("mean and std belong together; write both, of values in 0..1, one number a channel")
    try:
        value = scale if scale is not None else (_listed(mean), _listed(deviation))
        found = good_scale(value, 3 if channels is None else channels)
    except (ValueError, TypeError, OverflowError):
        found = None
    if found is None or not (isinstance(scale, str) or scale is None):
        wrong = scale if scale is not None else (mean, deviation)
        raise ModelError(
            f"the scale is {_shown(wrong)}; write scale = 'unit', 'byte' or 'imagenet', or mean and std of values in "
            "0..1, one number a channel"
        )
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _labels(value: Any, folder: Path | None) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        if folder is None or Path(value).name != value or value in ("", ".", ".."):
            raise ModelError(f"labels is {_shown(value)}; write the name of a file beside this one, or a list of texts")
        return read_labels(folder / value)
    if good_labels(value) is None:
        raise ModelError(_bad_labels(value))
    return tuple(value)


def _bad_labels(value: Any) -> str:
    if isinstance(value, list):
        twice = next((one for number, one in enumerate(value) if one in value[:number]), None)
        if twice is not None and len(value) <= MOST_LABELS:
            return f"the label {_shown(twice)} is there twice; every class needs a name of its own"
    return (
        f"labels is {_shown(value)}; write at most {MOST_LABELS:,} texts of 1 to {MOST_LABEL} characters, in the order "
        "of the network's answers"
    )


def _shown(value: Any, most: int = 60) -> str:
    text = ascii(value)
    return text if len(text) <= most else f"{text[:most]}..."


def _line(error: Exception) -> str:
    return ascii(" ".join(str(error).split())[:100])[1:-1] or "too deep"
