"""Read weights from a file of any kind, save them as safetensors."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ConvscopeError, WeightsError
from convscope.weights.tensors import Encoded, encode, read_tensors, write_tensors
from convscope.weights.value import Weights, shown

if TYPE_CHECKING:
    import torch

HDF5 = b"\x89HDF\r\n\x1a\n"
LEGACY_TORCH = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
"""How PyTorch's files from before version 1.6 begin: a magic number as a pickle."""
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
MOST_BYTES = 8 * 1024**3
"""A larger file is refused: the largest common classifier has 2.5 GB."""
MOST_RATIO = 100
"""A file whose size is over this many times what it takes on the disk is mostly a hole."""


def read(path: str | PathLike[str]) -> Weights:
    """The weights in a file, by layer name.

    What the file is is decided by its content, never by its name. No code in it is run, nothing is
    unpacked to the disk, nothing outside it is opened.

    Args:
        path: a ``.safetensors`` file; a ``.pt``, ``.pth``, ``.th`` or ``.bin`` file of PyTorch, whose pickle is read
            without running it; a ``.h5``, ``.hdf5``, ``.weights.h5`` or ``.keras`` file of any Keras version.

    Returns:
        the parameters in PyTorch's layout; see :class:`Weights`.

    Raises:
        WeightsError: the file does not exist, is something else, or is damaged or hostile.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "edge.safetensors"
    >>> save({"conv.weight": np.ones((1, 1, 3, 3), np.float32)}, path)
    >>> read(path).layers["conv"]["weight"].shape
    (1, 1, 3, 3)
    """
    place = Path(path)
    with said_plainly(place):
        start, size = beginning(place)
        return _read(place, start, size)


@contextmanager
def said_plainly(path: Path) -> Iterator[None]:
    """Name the file in front of what is wrong with it.

    Raises:
        WeightsError: whatever goes wrong when it is read.
    """
    try:
        yield
    except WeightsError as error:
        raise WeightsError(f"{shown(path.name)}: {error}") from None
    except ConvscopeError:
        raise
    except (OSError, ValueError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "not enough memory"
        raise WeightsError(f"{shown(path.name)} cannot be read: {reason}; check the path") from None


def beginning(path: Path) -> tuple[bytes, int]:
    """The first 512 bytes of a plain file of a possible size, and its size.

    Raises:
        WeightsError: it is a folder or a device, empty, or claims more than a network needs.
        OSError: it cannot be read.
    """
    size = _checked_size(path)
    with path.open("rb") as file:
        return file.read(512), size


def _read(path: Path, start: bytes, size: int) -> Weights:
    if start.startswith(ZIP):
        from convscope.weights.keras_files import read_zip
        from convscope.weights.torch_files import is_torch_zip, read_torch

        return read_torch(path, size) if is_torch_zip(path, size) else read_zip(path, size)
    if start.startswith(LEGACY_TORCH):
        from convscope.weights.torch_files import read_torch

        return read_torch(path, size, legacy=True)
    if _is_hdf5(path, start):
        from convscope.weights.keras_files import read_hdf5

        return read_hdf5(path, size)
    if start[8:9] == b"{":
        tensors, metadata, unread = read_tensors(path, size)
        if "step/0/value" in tensors:
            raise WeightsError(
                "this is a trace that convscope saved, not weights; give the weights.safetensors that lies beside it"
            )
        layers: dict[str, dict[str, np.ndarray]] = {}
        for name, array in tensors.items():
            layer, _, param = name.rpartition(".")
            layers.setdefault(layer, {})[param] = array
        return Weights(layers, "torch", metadata, tuple(unread))
    raise WeightsError(what_else(start))


def _is_hdf5(path: Path, start: bytes) -> bool:
    """The signature may also stand after a block of 512 bytes, or of twice as many, and so on."""
    if start.startswith(HDF5):
        return True
    with path.open("rb") as file:
        for offset in (512, 1024, 2048):
            file.seek(offset)
            if file.read(8) == HDF5:
                return True
    return False


def _checked_size(path: Path) -> int:
    """Its size in bytes, where it is a plain file of a possible size."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise WeightsError("this is not a file but a folder or a device; name the file with the weights")
    if status.st_size == 0:
        raise WeightsError("the file is empty; fetch or save it again")
    held = getattr(status, "st_blocks", None)
    hollow = held is not None and status.st_size > MOST_RATIO * max(512 * held, 4096)
    if status.st_size > MOST_BYTES or hollow:
        raise WeightsError(
            f"the file claims {status.st_size} bytes, more than weights of an image network need; refused"
        )
    return status.st_size


def what_else(start: bytes) -> str:
    """One sentence on what a file is that holds no weights."""
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "this is a web page, not weights; the download went wrong, fetch the file itself"
    if text.startswith(b"version https://git-lfs"):
        return "this is a Git LFS pointer, not the weights; run 'git lfs pull' to fetch them"
    if start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "this is a pickle, which can run code when it is loaded; save the state_dict as .safetensors"
    kinds = "give a .safetensors file or one saved by Keras (.keras, .weights.h5, .h5) or PyTorch (.pt, .pth)"
    return f"it is no weights file, it starts with {start[:12]!r}; {kinds}"


def save(
    module_or_mapping: torch.nn.Module | Weights | Mapping[str, Any],
    path: str | PathLike[str],
    *,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Save weights as safetensors under ``<layer>.<param>``, each in its own precision.

    The same weights give the same bytes. The file appears whole or not at all.

    Args:
        module_or_mapping: a network, :class:`Weights`, or arrays by name: ``{"conv.weight": array}`` or
            ``{"conv": {"weight": array}}``.
        path: where to; what is there is replaced.
        metadata: texts to store beside the tensors.

    Raises:
        WeightsError: there is nothing to save, or something that is no tensor.
        OutputError: the file cannot be written; an older file at ``path`` is still there.
    """
    if isinstance(module_or_mapping, Weights):
        tensors = _flat(module_or_mapping.layers)
    elif isinstance(module_or_mapping, Mapping):
        tensors = _flat(module_or_mapping)
    else:
        tensors = _state(module_or_mapping)
    if not tensors:
        raise WeightsError("there are no weights to save: none of the layers has a parameter")
    texts = dict(metadata or {})
    if not all(isinstance(part, str) for item in texts.items() for part in item):
        raise WeightsError(
            f"metadata holds texts by name, got {texts!r}; turn the values into text, for example with json"
        )
    write_tensors(tensors, Path(path), texts)


def _flat(mapping: Mapping[str, Any]) -> dict[str, Encoded]:
    tensors: dict[str, Encoded] = {}
    for name, value in mapping.items():
        params = value.items() if isinstance(value, Mapping) else [("", value)]
        for param, array in params:
            full = ".".join(part for part in (name, param) if part)
            if not hasattr(array, "dtype"):
                raise WeightsError(
                    f"{shown(full)} is a {type(array).__name__}, not an array; give numpy arrays or tensors"
                )
            tensors[full] = encode(full, array)
    return tensors


def _state(module: torch.nn.Module) -> dict[str, Encoded]:
    from convscope.weights.assign import state_tensors

    return {name: encode(name, tensor) for name, tensor in state_tensors(module).items()}
