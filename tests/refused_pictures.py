"""Pictures that are refused: PNG files made by hand, and the sentence that must come."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from convscope.errors import ImageError
from convscope.image import open_image

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


def refused(source, **options) -> str:
    """The sentence with which ``source`` is refused."""
    with pytest.raises(ImageError) as caught:
        open_image(source, **options)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert len(sentence) < 400
    assert ";" in sentence, f"does not say what to do: {sentence}"
    return sentence


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *extra: bytes, pixels: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = b"".join([chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(pixels)), chunk(b"IEND", b"")])
    return b"\x89PNG\r\n\x1a\n" + body
