"""Keras files: which description and which weights belong together, and how much may be unpacked."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from convscope.errors import WeightsError
from convscope.weights.hdf5 import open_tree
from convscope.weights.keras_config import MOST_CONFIG, LayerConfig, parse_config
from convscope.weights.keras_h5 import stored_layers
from convscope.weights.keras_params import Params, to_torch
from convscope.weights.value import Weights
from convscope.weights.zips import opened

WEIGHTS_MEMBER, CONFIG_MEMBER, FACTS_MEMBER = "model.weights.h5", "config.json", "metadata.json"
MOST_FACTS = 64 * 1024
MOST_RATIO = 100
"""A member that unpacks to over this many times its packed size is a bomb."""


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
    with opened(path, size) as archive:
        names = set(archive.namelist())
        if WEIGHTS_MEMBER not in names:
            raise WeightsError(_not_keras(names))
        config = _member(archive, CONFIG_MEMBER, size, MOST_CONFIG) if CONFIG_MEMBER in names else None
        description = parse_config(config) if config is not None else None
        weights = _member(archive, WEIGHTS_MEMBER, size, None)
    return _weights(io.BytesIO(weights), len(weights), description)


@dataclass(frozen=True)
class Said:
    """What a Keras file says beside its weights.

    Attributes:
        config: the network as JSON text; None in a file of weights alone.
        version: of the Keras that wrote it, "" where it does not say.
        layout: ``HDF5`` or ``zip``.
    """

    config: str | bytes | None
    version: str
    layout: str


def read_said(path: Path) -> Said:
    """The description in a file that :func:`convscope.weights.read` has read; its weights are left alone.

    Raises:
        WeightsError: it is damaged or hostile.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        packed = file.read(2) == b"PK"
    if not packed:
        with open_tree(str(path), size) as root:
            saved = root.groups.get("model_weights", root)
            version = root.text("keras_version") or saved.text("keras_version") or ""
            return Said(root.text("model_config"), version, "HDF5")
    with opened(path, size) as archive:
        names = set(archive.namelist())
        config = _member(archive, CONFIG_MEMBER, size, MOST_CONFIG) if CONFIG_MEMBER in names else None
        facts = _member(archive, FACTS_MEMBER, size, MOST_FACTS) if FACTS_MEMBER in names else b"{}"
    try:
        version = json.loads(facts).get("keras_version")
    except (ValueError, AttributeError, RecursionError):
        version = ""
    return Said(config, version if isinstance(version, str) else "", "zip")


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
        if not stored and config is None:
            raise WeightsError("the HDF5 file holds no layers as Keras writes them; save the weights with Keras")
        for layer in stored:
            found, not_read = to_torch(layer, theano=backend == "theano")
            layers |= found
            unread += not_read
    channels_first = config is not None and config.flattens_channels_first
    return Weights(layers, "keras", {}, tuple(unread), flattens_channels_first=channels_first)


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
    for member, what in (
        ("model.weights.json", "spread over several files"),
        ("model.weights.npz", "stored as .npz"),
    ):
        if member in names:
            return f"its weights are {what}; save them with model.save_weights('name.weights.h5')"
    return f"this zip archive holds no {WEIGHTS_MEMBER}; save the network with Keras as a .keras file"
