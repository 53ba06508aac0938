"""Checkpoints: safetensors files with a JSON state, a checksum, and an older one to fall back on.

A file appears whole or not at all, and says itself whether it is as it was written: its header holds
the SHA-256 of the state, of the tensors' names and shapes, and of their bytes. ``last`` takes the place of ``previous``
only when its successor is on the disk, so that a good one is always there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.errors import DataError
from convscope.store.atomic import replacing

if TYPE_CHECKING:
    import torch

FORMAT = "convscope checkpoint 1"
LAST, PREVIOUS, BEST, NEXT = (f"{name}.safetensors" for name in ("last", "previous", "best", "next"))
LARGEST_HEADER = 100 << 20

State = dict[str, Any]
Tensors = dict[str, "torch.Tensor"]


def encode(state: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> bytes:
    """A checkpoint as bytes: a safetensors file whose metadata hold ``state`` and the checksum.

    >>> import torch
    >>> decode(encode({"epoch": 3}, {"weight": torch.arange(2.0)}))
    ({'epoch': 3}, {'weight': tensor([0., 1.])})
    """
    import torch
    from safetensors.torch import save

    plain = {
        name: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format).contiguous()
        for name, value in tensors.items()
    }
    written = save(plain)
    start = 8 + int.from_bytes(written[:8], "little")
    body = memoryview(written)[start:]
    text, table = json.dumps(state), json.loads(written[8:start])
    header = {"__metadata__": {"format": FORMAT, "state": text, "sha256": _checksum(text, table, body)}, **table}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    return b"".join((len(head).to_bytes(8, "little"), head, body))


def decode(data: bytes) -> tuple[State, Tensors]:
    """The state and the tensors of a checkpoint.

    Raises:
        DataError: the bytes are no checkpoint, or not as they were written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        start = 8 + int.from_bytes(data[:8], "little")
        if not 8 < start <= min(len(data), LARGEST_HEADER):
            raise DataError("it is cut short")
        table = json.loads(data[8:start])
        about = table.pop("__metadata__")
        if about["format"] != FORMAT:
            raise DataError(f"it is not a {FORMAT!r}")
        if about["sha256"] != _checksum(about["state"], table, memoryview(data)[start:]):
            raise DataError("its checksum is wrong")
        return json.loads(about["state"]), load(data)
    except (ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError("it is no checkpoint") from None


def _checksum(state: str, table: Any, body: memoryview) -> str:
    """Of the state, of what the tensors are called and shaped, and of their bytes."""
    found = hashlib.sha256(json.dumps([state, table], sort_keys=True).encode())
    found.update(body)
    return found.hexdigest()


class Checkpoints:
    """The checkpoints of one run, in its folder ``checkpoints``.

    Args:
        folder: where they are; it exists.
        note: told in a sentence when one is damaged.
    """

    def __init__(self, folder: Path, note: Callable[[str], None]) -> None:
        self.folder = folder
        self._note = note
        self._last_is_good = False

    def save(self, state: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        """Write the newest checkpoint; the one before it becomes ``previous``.

        Raises:
            OutputError: it cannot be written, for instance because the disk is full; the older ones are as they were.
        """
        data = encode(state, tensors)
        with replacing(self.folder / NEXT) as file:
            file.write(data)
        if self._last_is_good:
            _link(self.folder / LAST, self.folder / PREVIOUS)
        (self.folder / NEXT).replace(self.folder / LAST)
        self._last_is_good = True

    def save_best(self, state: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        """Write the best weights so far.

        Raises:
            OutputError: they cannot be written; the older ones are as they were.
        """
        data = encode(state, tensors)
        with replacing(self.folder / BEST) as file:
            file.write(data)

    def newest(self) -> bytes | None:
        """The newest checkpoint that is whole, as :func:`decode` reads it; None when there is none at all.

        Raises:
            DataError: there are checkpoints, but none is whole.
        """
        damaged: list[str] = []
        for name in (LAST, PREVIOUS):
            data = self._read(name, damaged)
            if data is not None:
                self._last_is_good = name == LAST
                if damaged:
                    self._note(f"{damaged[0]}, so training goes on from the one before it")
                return data
        if damaged:
            raise DataError(f"{'; '.join(damaged)}; start again in a new folder")
        return None

    def best(self) -> tuple[State, Tensors] | None:
        """The best weights, None when there are none or they are damaged."""
        damaged: list[str] = []
        data = self._read(BEST, damaged)
        for text in damaged:
            self._note(f"{text}, so the last weights are kept in place of the best")
        return None if data is None else decode(data)

    def _read(self, name: str, damaged: list[str]) -> bytes | None:
        path = self.folder / name
        try:
            data = path.read_bytes()
            decode(data)
        except FileNotFoundError:
            return None
        except (OSError, DataError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            damaged.append(f"the checkpoint {name} cannot be used: {why}")
            return None
        return data


def _link(old: Path, new: Path) -> None:
    """Give ``old``'s file the name ``new`` as well, in one stroke; where links are not known, only the new name."""
    beside = new.with_suffix(".link")
    try:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        os.link(old, beside)
        beside.replace(new)
        beside.unlink(missing_ok=True)  # a rename between two names of one file does nothing
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            old.replace(new)
