"""Pictures to PNG files, quickly, and never half a file.

A palette picture of maps whose palette is in the order of the levels is as smooth in its indices as the maps
are, so PNG's ``up`` filter (each byte minus the one above it) suits it, which general encoders do not try for
palettes. What is left is noise and runs of zeros (enlarged maps repeat their rows), in which looking for longer
repetitions is lost time: zlib's run-length strategy takes half the time of its fastest level and makes smaller
files. In RGB it is the other way round. ``bench/draw.py`` prints times and sizes beside Pillow's.
"""

from __future__ import annotations

import os
import secrets
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from convscope.errors import OutputError

COLOR_TYPES = {"L": 0, "RGB": 2, "P": 3}
UP = 2
LEVEL = 1  # level 6 takes 2 to 4 times as long and saves a tenth
WINDOW, MEMORY = 15, 9  # zlib's largest


def save_png(image: Image.Image, path: str | os.PathLike[str]) -> None:
    """Write a picture as PNG; the file appears whole or not at all.

    Args:
        image: any mode; ``P``, ``L`` and ``RGB`` are fast, others become ``RGB``.
        path: the file; what was there is replaced.

    Raises:
        OutputError: the file cannot be written there.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_png(Image.new("RGB", (3, 2), "red"), Path(folder, "a.png"))
    ...     Image.open(Path(folder, "a.png")).getpixel((2, 1))
    (255, 0, 0)
    """
    target = Path(path)
    data = encode_png(image)
    temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        try:
            temporary.write_bytes(data)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write the picture {str(target)!r}: {error.strerror or error}; choose another place"
        ) from error


def encode_png(image: Image.Image) -> bytes:
    r"""A picture as the bytes of a PNG file (https://www.w3.org/TR/png-3/).

    >>> encode_png(Image.new("L", (1, 1)))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    if image.mode not in COLOR_TYPES or "transparency" in image.info:
        image = image.convert("RGB")
    width, height = image.size
    header = struct.pack(">IIBBBBB", width, height, 8, COLOR_TYPES[image.mode], 0, 0, 0)
    chunks = [(b"IHDR", header)]
    if image.mode == "P":
        chunks.append((b"PLTE", bytes(image.getpalette("RGB") or (0, 0, 0))))
    chunks.append((b"IDAT", _deflated(np.asarray(image))))
    chunks.append((b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _deflated(pixels: UInt8[np.ndarray, "h w ..."]) -> bytes:
    strategy = zlib.Z_RLE if pixels.ndim == 2 else zlib.Z_DEFAULT_STRATEGY
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW, MEMORY, strategy)
    return packer.compress(_filtered(pixels).data) + packer.flush()


def _filtered(pixels: UInt8[np.ndarray, "h w ..."]) -> UInt8[np.ndarray, "h b"]:
    """The rows with PNG's filter byte before each: ``up`` where there is one byte a pixel, else none."""
    height = pixels.shape[0]
    rows = pixels.reshape(height, -1)
    out = np.zeros((height, rows.shape[1] + 1), np.uint8)
    if pixels.ndim == 2:
        out[:, 0] = UP
        out[:1, 1:] = rows[:1]
        np.subtract(rows[1:], rows[:-1], out=out[1:, 1:])  # modulo 256, as the format says
    else:
        out[:, 1:] = rows
    return out


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(kind + data))))
