"""From the bytes of a file to upright 8-bit RGB, by Pillow, with none of its settings changed.

A plugin is called directly, not through ``PIL.Image.open``: only the format that the first bytes show is
tried, and the size is judged by our own limit, without Pillow's warning.
"""

from __future__ import annotations

import importlib
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from convscope.errors import ImageError
from convscope.image.colour import to_rgb
from convscope.image.picture import MAX_PIXELS, Picture, printable, too_large
from convscope.image.prepare import shrink
from convscope.image.quiet import quiet, silent_libtiff
from convscope.image.sniff import FORMATS, HEAD_BYTES, describe, sniff

# Decoders written in Python: less than a million pixels a second.
_SLOW_CODECS = {"qoi", "ppm_plain", "bmp_rle"}
_SLOW_PIXELS = 2_000_000
# A photo has about ten scans; each one costs a pass over all pixels, however few bytes it has.
_MOST_SCANS = 200
# Frames are counted only in files of up to this size.
_COUNTABLE_BYTES = 8 * 2**20
_ORIENTATION_TAG = 0x0112


@dataclass
class Facts:
    """What the header says and the decoded pixels no longer show."""

    size_in_file: tuple[int, int]
    format_name: str
    orientation: int = 1
    sixteen_bit: bool = False
    profile: bytes | None = None
    notes: list[str] = field(default_factory=list)


def decode(stream: io.BufferedIOBase, name: str, longest: int | None = None) -> Picture:
    """Read the first frame of ``stream`` as a :class:`Picture`.

    Args:
        stream: a seekable binary stream at its start.
        name: printable name for messages and for the picture.
        longest: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as its longer side stays at
            least this long.

    Raises:
        ImageError: no picture, a format that is not opened, damaged, cut off, or too large.
    """
    head = stream.read(HEAD_BYTES)
    format_name = sniff(head)
    if format_name is None:
        raise ImageError(f"'{name}' is {describe(head)}; save the picture as PNG or JPEG and open that")
    with explained(name, format_name):
        _check_declared_sizes(head, format_name, stream, name)
        with quiet():
            image = _plugin(format_name, stream)
            facts = _read_header(image, format_name, name, stream)
        if longest is not None and format_name == "JPEG":
            _decode_smaller(image, longest)
        _load(image)
        return finish(image, facts, name, longest)


def _load(image: Any) -> None:
    if any(tile[0] == "libtiff" for tile in image.tile):
        with silent_libtiff():
            image.load()
    else:
        image.load()


def finish(image: Image.Image, facts: Facts, name: str, longest: int | None = None) -> Picture:
    """From a loaded image of any mode to a picture: 8 bits, sRGB, opaque, upright, no longer."""
    with quiet():
        left = orientation_of(image)
    flat, grey = to_rgb(image, facts.sixteen_bit, facts.profile, facts.notes, name)
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(left)
    if turn is not None:
        flat = flat.transpose(turn)
    # Pillow turns a TIFF while it loads it, and PNG tells its orientation only afterwards.
    orientation = max(facts.orientation, left)
    if orientation > 1:
        facts.notes.append(f"turned upright by its EXIF orientation {orientation}")
    if grey:
        facts.notes.append("greyscale")
    pixels = np.array(flat)
    if longest is not None:
        full_size = facts.size_in_file[::-1] if orientation >= 5 else facts.size_in_file
        pixels, note = shrink(pixels, full_size, longest)
        facts.notes.extend([note] if note else [])
    return Picture(pixels, name, facts.format_name, facts.size_in_file, tuple(facts.notes), grey)


def orientation_of(image: Image.Image) -> int:
    """EXIF (or XMP) orientation 1..8; 1 where there is none or it is broken."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - a parser of other people's bytes; broken EXIF is no reason to fail
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


@contextmanager
def explained(name: str, format_name: str) -> Iterator[None]:
    """Whatever a decoder raises becomes one sentence."""
    try:
        yield
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"'{name}' declares far more than the {MAX_PIXELS // 10**6} million pixels that convscope takes; "
            "shrink it first"
        ) from error
    except MemoryError as error:
        raise ImageError(f"'{name}' needs more memory than there is; shrink it first") from error
    except Exception as error:
        reason = printable(str(error), 80).replace("not identified by this driver", "no usable size in its header")
        if "truncated" in reason.lower():
            raise ImageError(
                f"'{name}' is cut off before its {format_name} data ends; copy or download it again, "
                "or save what a picture editor still shows of it as a new file"
            ) from error
        raise ImageError(
            f"'{name}' is a damaged {format_name} file ({reason or type(error).__name__}); "
            "copy or download it again, or save it anew with a picture editor"
        ) from error


def _plugin(format_name: str, stream: io.BufferedIOBase) -> Any:
    importlib.import_module(f"PIL.{FORMATS[format_name][0]}")
    factory: Any = Image.OPEN[format_name][0]
    stream.seek(0)
    return factory(stream, "")


def _check_declared_sizes(head: bytes, format_name: str, stream: io.BufferedIOBase, name: str) -> None:
    """Two plugins allocate their canvas while they open: look at the size before they do."""
    if format_name == "WEBP" and head[12:16] == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        _check_pixels(height, width, name)
    elif format_name == "ICO":
        for at in range(6, 6 + 16 * min(head[4], 60), 16):
            _check_icon(head[at : at + 16], stream, name)


def _check_icon(entry: bytes, stream: io.BufferedIOBase, name: str) -> None:
    stream.seek(int.from_bytes(entry[12:16], "little"))
    inner = stream.read(24)
    if inner.startswith(b"\x89PNG") and len(inner) == 24:
        width, height = struct.unpack(">II", inner[16:24])
    elif len(inner) >= 12:
        width, height = struct.unpack("<ii", inner[4:12])
    else:
        raise ImageError(f"'{name}' is cut off before its ICO data ends; copy or download it again")
    _check_pixels(abs(height), abs(width), name)


def _check_pixels(height: int, width: int, name: str) -> None:
    if height * width > MAX_PIXELS:
        raise ImageError(too_large(name, height, width))


def _read_header(image: Any, format_name: str, name: str, stream: io.BufferedIOBase) -> Facts:
    tags = getattr(image, "tag_v2", {})
    size = (tags.get(257, image.size[1]), tags.get(256, image.size[0]))
    _check_pixels(image.size[1], image.size[0], name)
    _check_pixels(tags.get(323) or 1, tags.get(322) or 1, name)
    _check_effort(image, format_name, name, stream)
    facts = Facts(size, format_name, sixteen_bit=_is_sixteen_bit(image, tags), profile=image.info.get("icc_profile"))
    # A PNG would be decoded to answer this; it is asked once loaded.
    if format_name == "TIFF":
        facts.orientation = orientation_of(image)
    frames = _count_frames(image, format_name, stream)
    if frames != 1:
        facts.notes.append(f"first of {frames or 'several'} frames")
    if mismatch := _name_mismatch(name, format_name):
        facts.notes.append(mismatch)
    return facts


def _check_effort(image: Any, format_name: str, name: str, stream: io.BufferedIOBase) -> None:
    """Refuse the pictures that are small enough but take minutes."""
    pixels = image.size[0] * image.size[1]
    if pixels > _SLOW_PIXELS and any(tile[0] in _SLOW_CODECS for tile in image.tile):
        raise ImageError(
            f"'{name}' holds {pixels / 1e6:,.1f} million pixels in a slow form of {format_name}; save it as PNG first"
        )
    if format_name == "JPEG" and image.info.get("progressive"):
        stream.seek(0)
        scans = 0
        while part := stream.read(2**20):
            scans += part.count(b"\xff\xda")
        if scans > _MOST_SCANS:
            raise ImageError(
                f"'{name}' is a JPEG of {scans} scans, where a photo has about ten; save it anew with a picture editor"
            )


def _is_sixteen_bit(image: Any, tags: Any) -> bool:
    """Whether the file has 16 bits a colour, of which Pillow hands over the upper eight."""
    bits = tags.get(258, ())
    if 16 in (bits if isinstance(bits, tuple) else (bits,)):
        return True
    args = image.tile[0][3] if image.tile else ""
    raw_mode = args[0] if isinstance(args, tuple) and args else args
    return isinstance(raw_mode, str) and ";16" in raw_mode


def _count_frames(image: Any, format_name: str, stream: io.BufferedIOBase) -> int | None:
    """Number of frames; None for several that would take too long to count."""
    try:
        if format_name in {"GIF", "TIFF"} and not image.is_animated:
            return 1
        if format_name == "TIFF" or (format_name == "GIF" and stream.seek(0, 2) > _COUNTABLE_BYTES):
            return None
        return int(getattr(image, "n_frames", 1))
    except Exception:  # noqa: BLE001 - a later frame is damaged; the first may be whole
        return None


def _decode_smaller(image: Any, longest: int) -> None:
    scale = longest / max(image.size)
    if scale < 1:
        image.draft(None, tuple(max(1, round(side * scale)) for side in image.size))


def _name_mismatch(name: str, format_name: str) -> str:
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    known = {each for _, endings in FORMATS.values() for each in endings}
    if ending in known and ending not in FORMATS[format_name][1]:
        article = "an" if format_name in {"AVIF", "ICO"} else "a"
        return f"is {article} {format_name} although its name ends in .{ending}"
    return ""
