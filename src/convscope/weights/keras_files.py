"""Keras files: which description and which weights belong together, and how much may be unpacked."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import IO

from convscope.errors import WeightsError
from convscope.weights.hdf5 import open_tree
from convscope.weights.keras_config import MOST_CONFIG, LayerConfig, parse_config
from convscope.weights.keras_h5 import stored_layers
from convscope.weights.keras_params import Params, to_torch
from convscope.weights.value import Weights

WEIGHTS_MEMBER, CONFIG_MEMBER = "model.weights.h5", "config.json"
MOST_RATIO = 100
"""A member that unpacks to over this many times its packed size is a bomb."""
MOST_DIRECTORY = 1024 * 1024
"""Bytes of a zip's table of contents; Keras writes four entries."""
TAIL = 22 + 65_535
"""The end record of a zip lies within this many bytes of its end."""


def read_hdf5(path: Path, size: int) -> Weights:
    """The weights of an HDF5 file of any Keras version.

    Raises:
        WeightsError: it is damaged, hostile, or not written by Keras.
    """
    return _weights(str(path), size, None)


def read_zip(path: Path, size: int) -> Weights:
    """The weights of a ``.keras`` archive; only its two known members are opened, in memory.

    Raises:
        WeightsError: it is damaged, unpacks to far more than its size, or is no Keras archive.
    """
    try:
        with path.open("rb") as file:
            _check_directory(file, size)
            with zipfile.ZipFile(file) as archive:
                names = set(archive.namelist())
                if WEIGHTS_MEMBER not in names:
                    raise WeightsError(_not_keras(names))
                config = _member(archive, CONFIG_MEMBER, size, MOST_CONFIG) if CONFIG_MEMBER in names else None
                description = parse_config(config) if config is not None else None
                weights = _member(archive, WEIGHTS_MEMBER, size, None)
    except (
        OSError,
        RuntimeError,
        ValueError,
        EOFError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"the archive is damaged ({error}); fetch or save it again") from None
    return _weights(io.BytesIO(weights), len(weights), description)


def _weights(source: str | io.BytesIO, size: int, config: LayerConfig | None) -> Weights:
    layers: dict[str, Params] = {}
    unread: list[str] = []
    with open_tree(source, size) as root:
        saved = root.groups.get("model_weights", root)
        text = root.text("model_config")
        if config is None and text is not None:
            config = parse_config(text)
        backend = saved.text("backend") or root.text("backend")
        stored = stored_layers(root, config)
        if not stored:
            raise WeightsError("the HDF5 file holds no layers as Keras writes them; save the weights with Keras")
        for layer in stored:
            found, not_read = to_torch(layer, theano=backend == "theano")
            layers |= found
            unread += not_read
    channels_first = config is not None and config.flattens_channels_first
    return Weights(layers, "keras", {}, tuple(unread), flattens_channels_first=channels_first)


def _check_directory(file: IO[bytes], size: int) -> None:
    """Refuse a zip whose table of contents alone would fill the memory, before it is read."""
    file.seek(max(0, size - TAIL))
    tail = file.read(TAIL)
    end = tail.rfind(b"PK\x05\x06")
    directory = int.from_bytes(tail[end + 12 : end + 16], "little")
    large = tail[max(0, end - 76) : end]  # the record of large archives, and where it is
    if large[:4] == b"PK\x06\x06" and large[56:60] == b"PK\x06\x07":
        directory = int.from_bytes(large[40:48], "little")
    if end < 0 or len(tail) - end < 22:
        raise WeightsError("the archive is cut off; fetch or save it again")
    if directory > MOST_DIRECTORY:
        raise WeightsError("the archive's table of contents is too large for a Keras file; refused")


def _member(archive: zipfile.ZipFile, name: str, size: int, most: int | None) -> bytes:
    """One member's bytes, after its sizes were found possible."""
    info = archive.getinfo(name)
    packed = min(info.compress_size, size)
    if info.file_size > packed * MOST_RATIO or (most is not None and info.file_size > most):
        raise WeightsError(
            f"{name} in the archive unpacks from {packed} to {info.file_size} bytes, a zip bomb; refused"
        )
    return archive.read(info)


def _not_keras(names: set[str]) -> str:
    """One sentence on a zip without Keras weights."""
    if any(name.endswith("data.pkl") for name in names):
        return "this is a PyTorch checkpoint, whose pickle can run code; save its state_dict as .safetensors"
    for member, what in (
        ("model.weights.json", "spread over several files"),
        ("model.weights.npz", "stored as .npz"),
    ):
        if member in names:
            return f"its weights are {what}; save them with model.save_weights('name.weights.h5')"
    return f"this zip archive holds no {WEIGHTS_MEMBER}; save the network with Keras as a .keras file"
