"""Named arrays and one JSON text as a safetensors file, every array at a multiple of 64 bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from convscope.store.jsontext import write
from convscope.store.layout import ALIGNMENT, PADDING

NAMES = {"uint8": "U8", "float32": "F32", "int32": "I32"}
"""The number types of the page's files, by their numpy names."""


def pack(key: str, structure: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The file: ``structure`` as JSON in the header's ``__metadata__`` under ``key``, then the arrays in order.

    >>> import json, struct
    >>> data = pack("about", {"name": "three"}, {"three": np.arange(3, dtype=np.int32)})
    >>> (length,) = struct.unpack("<Q", data[:8])
    >>> header = json.loads(data[8 : 8 + length])
    >>> header["__metadata__"], header["three"]
    ({'about': '{"name":"three"}'}, {'dtype': 'I32', 'shape': [3], 'data_offsets': [0, 12]})
    """
    table: dict[str, Any] = {"__metadata__": {key: write(structure)}}
    body: list[np.ndarray] = []
    offset = 0
    for name, array in _padded(arrays):
        stop = offset + array.nbytes
        table[name] = {"dtype": NAMES[array.dtype.name], "shape": list(array.shape), "data_offsets": [offset, stop]}
        body.append(np.asarray(array, array.dtype.newbyteorder("<"), order="C").reshape(-1).view(np.uint8))
        offset = stop
    header = write(table).encode("ascii")
    header += b" " * (-(8 + len(header)) % ALIGNMENT)
    return b"".join([len(header).to_bytes(8, "little"), header, *(part.data for part in body)])


def _padded(arrays: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    for count, (name, array) in enumerate(arrays.items()):
        yield name, array
        if gap := -array.nbytes % ALIGNMENT:
            yield f"{PADDING}{count}", np.zeros(gap, np.uint8)
