"""The numbers of an ONNX file as numpy arrays, also those that lie in a file beside it.

External data has been a way out of a model's folder three times (``../``, absolute paths, links), and onnxruntime
follows hard links , so its files are opened here: by a plain name in the model's own folder, never through a link.
"""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np

from convscope.adapters.onnx.wire import quoted
from convscope.errors import ModelError

MOST_NUMBERS = 2**31
"""Of one tensor: 8 GiB of float32."""

#: By ONNX's number of a data type: how its bytes are read.
TYPES: dict[int, Any] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
    10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64,
}  # fmt: skip
BFLOAT16 = 16
_NAMES = {8: "text", 14: "complex64", 15: "complex128", 17: "float8", 18: "float8", 19: "float8", 20: "float8",
          21: "uint4", 22: "int4", 23: "float4"}  # fmt: skip
_IN_INT32 = frozenset({2, 3, 4, 5, 6, 9, 10, 16})


def put_inside(graph: Any, folder: Path) -> None:
    """Read the numbers that lie beside the file into the message, also those of graphs within nodes.

    Args:
        graph: a ``GraphProto`` or ``FunctionProto``.
        folder: where the model's file is.

    Raises:
        ModelError: they are kept where they must not be, or are not all there.
    """
    waiting = [graph]
    while waiting:
        holder = waiting.pop()
        tensors = list(getattr(holder, "initializer", ()))
        for node in holder.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    tensors.append(attribute.t)
                if attribute.HasField("g"):
                    waiting.append(attribute.g)
                tensors += attribute.tensors
                waiting += attribute.graphs
        for tensor in tensors:
            if tensor.data_location == 1:
                _put_inside(tensor, folder)


def _put_inside(tensor: Any, folder: Path) -> None:
    name, kind = quoted(str(tensor.name or "(without a name)")), tensor.data_type
    shape, width = _checked_shape(tensor, name), _checked_width(kind, name)
    tensor.raw_data = _external(tensor, folder, math.prod(shape) * width, name)
    tensor.data_location = 0
    del tensor.external_data[:]


def array_of(tensor: Any) -> np.ndarray:
    """The numbers of a ``TensorProto`` that has them inside.

    Args:
        tensor: the message.

    Returns:
        an array of its shape; float16, bfloat16 and float64 become float32.

    Raises:
        ModelError: its numbers are missing, too many or too few, of a type without numbers, or kept where they must
            not be.
    """
    name, kind = quoted(str(tensor.name or "(without a name)")), tensor.data_type
    shape, width = _checked_shape(tensor, name), _checked_width(kind, name)
    count = math.prod(shape)
    if tensor.data_location == 1:
        raise ModelError(f"tensor {name} is kept outside of the file at a place that is not read; save it inside")
    flat = _from_bytes(_whole(tensor.raw_data, width, name), kind) if tensor.raw_data else _from_list(tensor, kind)
    if flat.size != count:
        raise ModelError(
            f"tensor {name} has the shape {_written(shape)}, {count} numbers, and holds {flat.size}; the file is "
            "damaged"
        )
    if flat.dtype in {np.dtype(np.float16), np.dtype(np.float64)}:
        flat = flat.astype(np.float32)
    return flat.reshape(shape)


def _written(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[:8])) or "a single number"


def _checked_shape(tensor: Any, name: str) -> tuple[int, ...]:
    shape = tuple(tensor.dims)
    if any(size < 0 for size in shape) or math.prod(shape) > MOST_NUMBERS:
        raise ModelError(f"tensor {name} claims the shape {_written(shape)}, which no network needs; refused")
    return shape


def _checked_width(kind: int, name: str) -> int:
    """Bytes of one number of this type."""
    if kind == BFLOAT16:
        return 2
    if kind not in TYPES:
        raise ModelError(
            f"tensor {name} holds {_NAMES.get(kind, f'data of type {kind}')}, which convscope does not read; export "
            "the network with float weights"
        )
    return int(np.dtype(TYPES[kind]).itemsize)


def _whole(data: bytes, width: int, name: str) -> bytes:
    if len(data) % width:
        raise ModelError(f"tensor {name} holds {len(data)} bytes, no multiple of {width}; the file is damaged")
    return data


def _from_bytes(data: bytes, kind: int) -> np.ndarray:
    if kind == BFLOAT16:
        return _widened(np.frombuffer(data, "<u2"))
    return np.frombuffer(data, np.dtype(TYPES[kind]).newbyteorder("<"))


def _widened(halves: np.ndarray) -> np.ndarray:
    return (halves.astype(np.uint32) << 16).view(np.float32)


def _from_list(tensor: Any, kind: int) -> np.ndarray:
    """Numbers that are written one by one."""
    if kind in _IN_INT32:
        whole = np.asarray(tensor.int32_data, np.int64)
        if kind == BFLOAT16:
            return _widened(whole.astype(np.uint16))
        return whole.astype(np.uint16).view(np.float16) if kind == 10 else whole.astype(TYPES[kind])
    listed = {1: "float_data", 7: "int64_data", 11: "double_data", 12: "uint64_data", 13: "uint64_data"}[kind]
    return np.asarray(getattr(tensor, listed), TYPES[kind])


def _external(tensor: Any, folder: Path, wanted: int, name: str) -> bytes:
    """The bytes of a tensor in a file beside the model."""
    said = {str(entry.key): str(entry.value) for entry in tensor.external_data}
    where = said.get("location", "")
    if not where or where in {".", ".."} or not where.isprintable() or set(where) & set("/\\:"):
        raise ModelError(
            f"tensor {name} is kept in {quoted(where)}; only a file beside the model is opened, by its plain name: put "
            "it there, or save the model with its weights inside"
        )
    offset, length = _whole_number(said, "offset", 0, name), _whole_number(said, "length", wanted, name)
    if length != wanted:
        raise ModelError(
            f"tensor {name} needs {wanted} bytes of {quoted(where)}, and the model says {length}; the file is damaged"
        )
    try:
        return _read(folder / where, offset, length, f"{quoted(where)}, where tensor {name} is kept,")
    except OSError as error:
        raise ModelError(
            f"{quoted(where)}, where tensor {name} is kept, cannot be read beside the model: {error.strerror}; put the "
            "files of the model into one folder"
        ) from None


def _whole_number(said: dict[str, str], key: str, default: int, name: str) -> int:
    text = said.get(key, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ModelError(f"tensor {name} has the {key} {quoted(text)} in its external data, which is no whole number")
    return int(text)


def _read(path: Path, offset: int, length: int, what: str) -> bytes:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode) or status.st_nlink > 1:
        raise ModelError(f"{what} is a link, which may lead anywhere; put the file itself beside the model")
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())  # of what was opened, in case the name was given to something else meanwhile
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise ModelError(f"{what} is no plain file; put the file itself beside the model")
        if offset + length > status.st_size:
            raise ModelError(
                f"{what} has {status.st_size} bytes, and the model asks for {length} from {offset} on; fetch it again"
            )
        file.seek(offset)
        return file.read(length)
