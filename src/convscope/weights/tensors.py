"""Tensors as ``.safetensors``: an 8-byte length, a JSON header, the bytes."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from convscope.errors import OutputError, WeightsError
from convscope.weights.value import shown, widen_bfloat16

if TYPE_CHECKING:
    import torch

MOST_HEADER = 8 * 1024 * 1024
"""Bytes of a header; a network of 5,000 tensors needs about 0.6 MB."""

NUMPY = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
    "C64": "<c8",
}
FLOAT8 = {"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}
CODES = {
    **{np.dtype(code).name: name for name, code in NUMPY.items()},
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}
"""Name of a dtype in numpy and PyTorch to its name in the format."""


@dataclass(frozen=True)
class Encoded:
    """One tensor as it goes into the file."""

    code: str
    shape: tuple[int, ...]
    data: bytes


def read_tensors(path: Path, size: int) -> tuple[dict[str, np.ndarray], dict[str, str], list[str]]:
    """All tensors, the metadata, and the names of tensors whose type is not understood.

    Raises:
        WeightsError: the file breaks the format's rules: a header longer than the file, holes or
            overlaps, sizes that do not fit the shapes, missing bytes.
    """
    from safetensors import SafetensorError, safe_open

    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(size - 8, MOST_HEADER):
            raise WeightsError(
                f"its header claims {length} bytes, which a file of {size} bytes cannot have; fetch it again"
            )
        header = file.read(length)
        try:
            with safe_open(path, framework="np"):  # every rule of the format is checked here
                entries: dict[str, Any] = json.loads(header)
        except (SafetensorError, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())[:100]
            raise WeightsError(f"it breaks the safetensors format ({reason}); fetch or save it again") from None
        metadata = dict(entries.pop("__metadata__", None) or {})
        tensors: dict[str, np.ndarray] = {}
        unread: list[str] = []
        for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
            array = _decode(file, 8 + length, entry)
            if array is None:
                unread.append(f"{shown(name)} (numbers of type {shown(entry['dtype'])})")
            else:
                tensors[name] = array
    return tensors, metadata, unread


def _decode(file: IO[bytes], start: int, entry: Mapping[str, Any]) -> np.ndarray | None:
    code, shape = entry["dtype"], entry["shape"]
    begin, end = entry["data_offsets"]
    if code not in NUMPY and code not in FLOAT8 and code != "BF16":
        return None
    file.seek(start + begin)
    data = file.read(end - begin)
    if len(data) != end - begin:
        raise WeightsError("the file became shorter while it was read; try again")
    return decode(code, data).reshape(shape)


def decode(code: str, data: bytes) -> np.ndarray:
    """Bytes as a row of numbers; those that numpy lacks as float32.

    Args:
        code: the type of the numbers in the words of the format.
        data: little-endian.

    >>> decode("I16", bytes([1, 0, 2, 0])).tolist()
    [1, 2]
    """
    if code in NUMPY:
        return np.frombuffer(data, NUMPY[code])
    if code == "BF16":
        return widen_bfloat16(np.frombuffer(data, "<u2"))
    return _decode_float8(data, FLOAT8[code])


def _decode_float8(data: bytes, dtype: str) -> np.ndarray:
    import torch

    if not data:
        return np.empty(0, np.float32)
    bits = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    decoded: np.ndarray = bits.view(getattr(torch, dtype)).to(torch.float32).numpy()
    return decoded


def encode(name: str, value: np.ndarray | torch.Tensor) -> Encoded:
    """One array or tensor as bytes, in its own precision.

    Raises:
        WeightsError: its type is none that the format knows.
    """
    code = CODES.get(str(value.dtype).removeprefix("torch."))
    if code is None:
        raise WeightsError(
            f"{shown(name)} has the type {value.dtype}, which safetensors cannot hold; convert it to float32"
        )
    if isinstance(value, np.ndarray):
        little = value.astype(NUMPY[code], copy=False) if code in NUMPY else value
        return Encoded(code, value.shape, little.tobytes())
    return Encoded(code, tuple(value.shape), _tensor_bytes(name, value))


def _tensor_bytes(name: str, value: torch.Tensor) -> bytes:
    import torch

    if value.layout is not torch.strided or value.device.type == "meta":
        raise WeightsError(
            f"{shown(name)} is a {value.layout} tensor on {value.device}; make it dense and give it values"
        )
    flat = value.detach().cpu().contiguous().reshape(-1)
    raw: bytes = flat.view(torch.uint8).numpy().tobytes()
    return raw


def write_tensors(tensors: Mapping[str, Encoded], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a file that depends on nothing but its content: largest type first, then by name.

    Raises:
        OutputError: the file cannot be written; what was there before is still there.
    """
    order = sorted(tensors, key=lambda name: (-item_size(tensors[name].code), name))
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    offset = 0
    for name in order:
        tensor = tensors[name]
        end = offset + len(tensor.data)
        header[name] = {"dtype": tensor.code, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    text += b" " * (-len(text) % 8)
    partial = path.with_name(f".{secrets.token_hex(6)}.partial")
    try:
        with partial.open("xb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for name in order:
                file.write(tensors[name].data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            f"cannot write {path.name!r}: {error.strerror}; choose another place or free some space"
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def item_size(code: str) -> int:
    """Bytes of one number, by its type in the words of the format.

    >>> item_size("BF16"), item_size("F64")
    (2, 8)
    """
    sizes = {"BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}
    return sizes.get(code) or np.dtype(NUMPY[code]).itemsize
