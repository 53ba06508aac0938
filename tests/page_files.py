"""Reads what the page reads, with nothing of ours: html.parser, base64, gzip, json and struct."""

from __future__ import annotations

import base64
import gzip
import json
import struct
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import numpy as np

DTYPES = {"F32": "<f4", "I32": "<i4", "U8": "u1"}


@dataclass
class File:
    """A safetensors file with one JSON text in it."""

    text: Any
    arrays: dict[str, np.ndarray]


def parse(data: bytes, key: str) -> File:
    (length,) = struct.unpack("<Q", data[:8])
    table = json.loads(data[8 : 8 + length])
    text = json.loads(table.pop("__metadata__")[key])
    arrays, position = {}, 0
    for name, entry in sorted(table.items(), key=lambda item: item[1]["data_offsets"]):
        start, stop = entry["data_offsets"]
        assert start == position, f"a gap before {name}"
        assert (8 + length + start) % 64 == 0 or name.startswith("pad/")
        position = stop
        part = data[8 + length + start : 8 + length + stop]
        arrays[name] = np.frombuffer(part, DTYPES[entry["dtype"]]).reshape(entry["shape"])
    assert 8 + length + position == len(data)
    return File(text, arrays)


def overview(data: bytes) -> File:
    return parse(data, "convscope_overview")


@dataclass
class Html(HTMLParser):
    """The elements of a page, as a browser would find them."""

    source: bytes
    scripts: dict[str, str] = field(default_factory=dict)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    _open: str = ""
    _id: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.source.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open, self._id = tag, dict(attrs).get("id") or ""
        if tag == "script":
            self.scripts[self._id] = ""

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts[self._id] += data
        elif self._open:
            self.texts[self._open] = self.texts.get(self._open, "") + data

    @property
    def code(self) -> str:
        """The script that runs."""
        return self.scripts[""]

    def stream(self, name: str) -> bytes:
        """``trace`` or ``overview``, put together from its blocks."""
        part = json.loads(self.scripts["convscope-data"])[name]
        data = b""
        for block in part["blocks"]:
            assert block["start"] == len(data)
            data += gzip.decompress(base64.b64decode(self.scripts[block["id"]], validate=True))
            assert block["stop"] == len(data)
        assert len(data) == part["size"]
        return data

    def trace(self) -> File:
        return parse(self.stream("trace"), "convscope")

    def overview(self) -> File:
        return overview(self.stream("overview"))
