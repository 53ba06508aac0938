"""A file as text inside an HTML page: cut into blocks, each compressed (gzip) and written in base64.

A page decodes only the blocks that it needs, so cuts fall between tensors, and between the channels of large ones.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

BLOCK = 256 * 1024
"""About how many bytes of the file a block holds; one row of a tensor's first axis is never cut."""

LEVEL = 3
"""How hard gzip tries: 6 takes a third longer for 1 to 2 % less, 1 saves little time and gives 2 % more."""

_TAG = 140
"""No fewer bytes than the tags around a block and its entry in the index."""


@dataclass(frozen=True)
class Block:
    """The bytes ``start`` to ``stop`` of a file, compressed by gzip and written in base64."""

    start: int
    stop: int
    text: bytes


@dataclass(frozen=True)
class Packed:
    """A file in blocks, which follow each other without gaps.

    Attributes:
        size: length of the file.
    """

    size: int
    blocks: tuple[Block, ...]

    @property
    def cost(self) -> int:
        """Bytes that it takes in a page, tags included."""
        return sum(len(block.text) + _TAG for block in self.blocks)

    def unpacked(self) -> bytes:
        """The file itself."""
        return b"".join(gzip.decompress(base64.b64decode(block.text)) for block in self.blocks)


def packed(data: bytes) -> Packed:
    """Cut and compress a safetensors file.

    >>> import numpy as np
    >>> from convscope.page.tensors import pack
    >>> data = pack("about", {}, {"zeros": np.zeros((3, 256, 256), np.float32)})
    >>> found = packed(data)
    >>> [block.stop - block.start for block in found.blocks[1:]]
    [262144, 262144, 262144]
    >>> found.unpacked() == data
    True
    """
    view = memoryview(data)
    spans = list(itertools.pairwise(_edges(data)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # compressing leaves Python free
        texts = pool.map(lambda span: _text(view[span[0] : span[1]]), spans)
        return Packed(len(data), tuple(Block(*span, text) for span, text in zip(spans, texts, strict=True)))


def _text(part: memoryview) -> bytes:
    return base64.b64encode(gzip.compress(part, LEVEL, mtime=0))  # without the time, the same bytes every time


def _edges(data: bytes) -> Iterator[int]:
    """Where to cut: after the header, then whenever a block is full."""
    begin = 8 + int.from_bytes(data[:8], "little")
    yield 0
    last = begin
    if begin < len(data):
        yield begin
    for start, stop, row in _tensors(json.loads(data[8:begin])):
        if begin + stop - last > BLOCK and begin + start > last:
            last = begin + start
            yield last
        rows = max(1, BLOCK // row) * row
        while begin + stop - last > max(BLOCK, rows) and last + rows < begin + stop:
            last += rows
            yield last
    yield len(data)


def _tensors(header: dict[str, Any]) -> Iterator[tuple[int, int, int]]:
    """Start, stop and bytes of a row of every tensor, in the order of the file."""
    found = (entry for name, entry in header.items() if name != "__metadata__")
    for entry in sorted(found, key=lambda entry: entry["data_offsets"]):
        start, stop = entry["data_offsets"]
        yield start, stop, max(1, (stop - start) // max(1, (entry["shape"] or [1])[0]))
