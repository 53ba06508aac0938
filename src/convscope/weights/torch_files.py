"""PyTorch's own files: which tensors are in them, under which names, and what else the file is.

Two containers hold the same pickle (``torch_pickle.py``): a zip with one member a storage, and, before PyTorch 1.6,
pickles followed by the storages. Sizes are compared with the file before anything is read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from convscope.errors import WeightsError
from convscope.weights.tensors import decode, item_size
from convscope.weights.torch_pickle import MOST_BYTES, Inert, Stored, parts, understand
from convscope.weights.value import Weights, shown
from convscope.weights.zips import opened

WRAPPERS = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params",
    "backbone", "encoder", "state_dict_ema", "model_ema", "ema_state_dict", "params_ema", "ema",
)  # fmt: skip
"""Under which names trainings put the parameters into their files; the first that holds any is taken."""
SKIPPED = ("optim", "sched", "scaler")
MOST_DEPTH, MOST_TENSORS = 64, 100_000
MOST_TEXT = 64 << 20
"""Bytes that the code of a TorchScript archive may unpack to; its numbers are never packed."""

Kind = Literal["numbers", "network", "script", "program"]


@dataclass(frozen=True, eq=False)
class TorchFile:
    """What a PyTorch file holds; no number was read yet.

    Attributes:
        kind: ``numbers`` (a state dict, or a training's checkpoint), ``network`` (a module that was pickled whole),
            ``script`` (TorchScript), ``program`` (what ``torch.export.save`` writes).
        origin: the class of a network that was pickled whole.
        tensors: by name; empty for a program.
        odd: what is in the place of a tensor and is none, by name.
    """

    kind: Kind
    origin: str = ""
    tensors: Mapping[str, Stored] = field(default_factory=dict)
    odd: Mapping[str, str] = field(default_factory=dict)


def is_torch_zip(path: Path, size: int) -> bool:
    """Whether a zip archive is one of PyTorch's.

    Raises:
        WeightsError: it is damaged.
    """
    with opened(path, size) as archive:
        return _kind(archive.namelist()) is not None


def open_torch(path: Path, size: int, *, legacy: bool) -> TorchFile:
    """What a file holds.

    Args:
        path: the file.
        size: its bytes.
        legacy: whether it is from before PyTorch 1.6.

    Raises:
        WeightsError: it is damaged or hostile.
    """
    if legacy:
        return _described(_legacy_pickles(path)[0], "numbers")
    with opened(path, size) as archive:
        kind = _kind(archive.namelist())
        _check_sizes(archive, size)
        if kind is None or kind == "program":
            return TorchFile("program")
        return _described(understand(archive.read(_described_in(archive)))[0], kind)


def read_torch(path: Path, size: int, *, legacy: bool = False) -> Weights:
    """The tensors of a file by name.

    Raises:
        WeightsError: it is damaged or hostile, or holds no tensors.
    """
    if legacy:
        root, position = _legacy_pickles(path)
        with path.open("rb") as file:
            places = _legacy_places(file, position, size, _described(root, "numbers"))

            def legacy_bytes(key: str) -> bytes:
                start, length = places[key]
                file.seek(start)
                return file.read(length)

            return _weights(_described(root, "numbers"), legacy_bytes)
    with opened(path, size) as archive:
        _check_sizes(archive, size)
        kind = _kind(archive.namelist())
        if kind is None or kind == "program":
            raise WeightsError(
                "this is a program that torch.export saved, not weights; save the module's state_dict as .safetensors"
            )
        name = _described_in(archive)
        folder = name.removesuffix("data.pkl")
        _check_order(archive, folder)
        found = _described(understand(archive.read(name))[0], kind)
        return _weights(found, lambda key: archive.read(f"{folder}data/{key}"))


def _kind(names: list[str]) -> Kind | None:
    """What an archive is; None where PyTorch did not write it."""
    files = {name.partition("/")[2] for name in names}
    if any(name.startswith(("models/", "data/weights/")) for name in files) or "archive_format" in files:
        return "program"
    if any("serialized_exported_program" in name for name in names):
        return "program"
    if "data.pkl" in files:
        return "script" if "constants.pkl" in files or "bytecode.pkl" in files else "numbers"
    return None


def _described_in(archive: zipfile.ZipFile) -> str:
    name = next(name for name in archive.namelist() if name.partition("/")[2] == "data.pkl")
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise WeightsError("its description of the tensors is far longer than weights need; refused")
    return name


def _check_sizes(archive: zipfile.ZipFile, size: int) -> None:
    """PyTorch packs nothing but code; whatever unpacks to more than the file has is a bomb."""
    plain = packed = 0
    for info in archive.infolist():
        if info.compress_type == zipfile.ZIP_STORED:
            plain += info.file_size
        elif "/code/" in info.filename or info.filename.endswith((".py", ".json", ".debug_pkl")):
            packed += info.file_size
        else:
            raise WeightsError(
                f"{shown(info.filename)} in the archive is packed ({info.compress_size} bytes become "
                f"{info.file_size}), which PyTorch never does; refused"
            )
    if plain > size or packed > MOST_TEXT:
        raise WeightsError(f"the archive has {size} bytes and its members claim {plain + packed}, a zip bomb; refused")


def _check_order(archive: zipfile.ZipFile, folder: str) -> None:
    name = f"{folder}byteorder"
    if name in archive.namelist() and archive.getinfo(name).file_size < 16 and archive.read(name).strip() != b"little":
        raise WeightsError("it was saved on a machine with another order of bytes; save it as .safetensors there")


def _legacy_pickles(path: Path) -> tuple[Any, int]:
    """What the file describes, and where its storages begin to be listed."""
    with path.open("rb") as file:
        head = file.read(2 * MOST_BYTES)
    position = 0
    for _ in range(3):  # a magic number, a version, the sizes of numbers
        _, position = understand(head, position)
    return understand(head, position)


def _legacy_places(file: Any, position: int, size: int, found: TorchFile) -> dict[str, tuple[int, int]]:
    """Where the bytes of each storage are: each has its number of numbers in front of it."""
    file.seek(0)
    keys, position = understand(file.read(position + MOST_BYTES), position)
    known = {tensor.storage.key: tensor.storage for tensor in found.tensors.values()}
    places: dict[str, tuple[int, int]] = {}
    for key in keys if isinstance(keys, list) else ():
        if key not in known:  # of an optimizer; how long its numbers are is not known
            break
        file.seek(position)
        count = int.from_bytes(file.read(8), "little")
        length = count * item_size(known[key].code)
        position += 8 + length
        if position > size or count < known[key].count:
            raise WeightsError("the file is cut off; fetch or save it again")
        places[key] = (position - length, length)
    if len(places) < len(known):
        raise WeightsError("its numbers lie in an order that is not understood; save the state_dict as .safetensors")
    return places


def _described(root: Any, kind: Kind) -> TorchFile:
    if isinstance(root, Stored):
        root = {"tensor": root}
    inside: list[Any] = []
    found = _chosen(root, inside)
    tensors = {name: value for name, value in found.items() if isinstance(value, Stored) and value.storage.code}
    odd = {
        name: "numbers of a type that is not known here" if isinstance(value, Stored) else value.origin
        for name, value in found.items()
        if name not in tensors
    }
    network = next((one for one in inside if "_modules" in one.entries), None)
    if kind == "numbers" and network is not None:
        return TorchFile("network", network.origin, tensors, odd)
    origin = root.origin if isinstance(root, Inert) else ""
    return TorchFile(kind, origin, tensors, odd)


def _chosen(value: Any, inside: list[Any], depth: int = 0) -> dict[str, Any]:
    """The tensors by name: of the first wrapper that has any, else of everything."""
    if isinstance(value, dict) and depth < 4:
        for name in WRAPPERS:
            inner = value.get(name)
            if isinstance(inner, dict | Inert):
                found = _chosen(inner, inside, depth + 1)
                if any(isinstance(one, Stored) for one in found.values()):
                    return found
    if isinstance(value, Inert):
        inside.append(value)
    found = {}
    _collect(value, "", found, set())
    return found


def _collect(value: Any, prefix: str, found: dict[str, Any], above: set[int]) -> None:
    if len(above) > MOST_DEPTH or id(value) in above:
        return
    for name, part in parts(value):
        if not prefix and name.lower().startswith(SKIPPED):
            continue
        if len(found) > MOST_TENSORS:
            raise WeightsError(f"it holds over {MOST_TENSORS} tensors, too many for a network; refused")
        if isinstance(part, Stored) or (isinstance(part, Inert) and "_rebuild_" in part.origin):
            found[prefix + name] = part
        elif isinstance(part, dict | Inert):
            _collect(part, f"{prefix}{name}.", found, above | {id(value)})


def _weights(found: TorchFile, bytes_of: Callable[[str], bytes]) -> Weights:
    if not found.tensors:
        raise WeightsError("it holds no tensors by name; save the network's state_dict as .safetensors")
    rows: dict[str, np.ndarray] = {}
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, tensor in found.tensors.items():
        layer, _, param = name.rpartition(".")
        layers.setdefault(layer, {})[param] = _array(name, tensor, rows, bytes_of)
    unread = tuple(f"{shown(name)} ({shown(what)})" for name, what in found.odd.items())
    return Weights(layers, "torch", {}, unread, in_order=True)


def _array(name: str, tensor: Stored, rows: dict[str, np.ndarray], bytes_of: Callable[[str], bytes]) -> np.ndarray:
    storage = tensor.storage
    key = f"{storage.code} {storage.key}"
    if key not in rows:
        try:
            rows[key] = decode(storage.code, bytes_of(storage.key))
        except (KeyError, ValueError):
            raise WeightsError(f"the numbers of {shown(name)} are not in the file; fetch or save it again") from None
    row = rows[key][storage.start :]
    if row.size < storage.count:
        raise WeightsError(
            f"{shown(name)} should have {storage.count} numbers and the file holds {row.size}; fetch or save it again"
        )
    steps = tuple(step * row.itemsize for step in tensor.strides)
    return np.lib.stride_tricks.as_strided(row[tensor.offset :], tensor.shape, steps, writeable=False)
