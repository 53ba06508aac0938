"""From the bytes of a file to pixels of one size, fast: the part of a pass over a folder that takes the time.

JPEG, if nothing about it is unusual, is decoded by libjpeg-turbo (simplejpeg) outside of Python's lock, at 1/2, 1/4
or 1/8 of its size where that is still large enough. Everything else, and whatever libjpeg-turbo is not
perfectly happy with, goes the way of :func:`convscope.image.open_image`, which also has the last word on what cannot
be read. Both give the same pixels. Resizing is PyTorch's for 8-bit pixels, which has a vector path: antialiased it
takes a quarter of Pillow's time, and makes the same pixels to within a level.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from jaxtyping import UInt8

from convscope.data.jpeg import JpegHead, read_head
from convscope.image.opening import open_image
from convscope.image.picture import MAX_PIXELS
from convscope.image.prepare import to_input

# A photo has about ten scans; a file of thousands is an attack, and open_image says so.
_MOST_SCANS = 200
_FACTORS = (8, 4, 2)
# So many times the size wanted is left for the filter, as Pillow's `reducing_gap` has it: decoding at 1/2 averages
# blocks of 2x2, and with nothing left to filter, photos at 64 px lose 6 dB. Without a filter, less is better.
_GAP = 2

_own = threading.local()


def decode_to(
    data: bytes, name: str, size: tuple[int, int], *, channels: int = 3, antialias: bool = True
) -> UInt8[np.ndarray, "h w c"]:
    """The picture in a file's bytes, upright, stretched to ``size``.

    Args:
        data: all bytes of the file.
        name: printable, for messages.
        size: height and width wanted.
        channels: 3, or 1 for luma.
        antialias: shrink with a filter that is as wide as a new pixel (cubic; Pillow's bicubic), which is also what
            happens to a photo that a network is asked about. False is bilinear between the four nearest pixels.

    Raises:
        ImageError: it is no picture, damaged or cut off, as :func:`~convscope.image.open_image` says.

    >>> from pathlib import Path
    >>> import convscope
    >>> data = Path(convscope.__file__).with_name("assets").joinpath("chelsea.png").read_bytes()
    >>> decode_to(data, "chelsea", (30, 40)).shape
    (30, 40, 3)
    """
    made = np.empty((*size, channels), np.uint8)
    decode_into(made, data, name, antialias=antialias)
    return made


def decode_into(made: UInt8[np.ndarray, "h w c"], data: bytes, name: str, *, antialias: bool = True) -> None:
    """:func:`decode_to`, into memory that is there, such as a place in a batch.

    Raises:
        ImageError: as :func:`decode_to`.
    """
    gap = _GAP if antialias else 1
    decoded = decode(data, name, (gap * made.shape[0], gap * made.shape[1]), reuse=True)
    if made.shape[2] == 3:
        resize_into(made, decoded, antialias=antialias)
        return
    colours = np.empty((*made.shape[:2], 3), np.uint8)
    resize_into(colours, decoded, antialias=antialias)
    made[..., 0] = to_input(colours, channels=1, scale="byte")[0]


def decode(
    data: bytes, name: str, least: tuple[int, int] | None = None, *, reuse: bool = False
) -> UInt8[np.ndarray, "h w 3"]:
    """The picture in a file's bytes, upright, 8-bit RGB.

    Args:
        data: all bytes of the file.
        name: printable, for messages.
        least: height and width; a JPEG may be decoded smaller as long as neither side falls below these.
        reuse: the pixels may be in memory that this thread's next call overwrites, which saves a few per cent.

    Raises:
        ImageError: as :func:`~convscope.image.open_image` says.
    """
    head = read_head(data)
    if head is None:
        return open_image(data, name=name).pixels
    factor = _factor(head, least)
    if head.usual and head.height * head.width <= MAX_PIXELS and not _many_scans(head, data):
        pixels = _turbo(data, head, factor, reuse)
        if pixels is not None:
            return _upright(pixels, head.orientation)
    longest = None if factor == 1 else math.ceil(max(head.height, head.width) / factor)
    return open_image(data, name=name, longest=longest).pixels


def resize_into(
    made: UInt8[np.ndarray, "h2 w2 3"], pixels: UInt8[np.ndarray, "h w 3"], *, antialias: bool = True
) -> None:
    """The pixels stretched to the size of ``made``; see :func:`decode_to`.

    >>> made = np.empty((3, 4, 3), np.uint8)
    >>> resize_into(made, np.full((7, 9, 3), 200, np.uint8))
    >>> made[1, 1].tolist()
    [200, 200, 200]
    """
    if pixels.shape == made.shape:
        made[:] = pixels
        return
    import torch

    # A picture that open_image returns is read-only, which PyTorch would warn of; nothing is written to it here.
    source = pixels if pixels.flags.writeable else np.array(pixels)
    old, new = (torch.from_numpy(each).permute(2, 0, 1)[None] for each in (source, made))
    # What torch.nn.functional.interpolate calls; the result goes where it belongs, a third faster than by new memory.
    operators = torch.ops.aten
    work = operators._upsample_bicubic2d_aa.out if antialias else operators.upsample_bilinear2d.out  # noqa: SLF001
    work(old, made.shape[:2], False, out=new)


def _factor(head: JpegHead, least: tuple[int, int] | None) -> int:
    if least is None:
        return 1
    tall, wide = least if head.orientation < 5 else least[::-1]
    enough = (f for f in _FACTORS if math.ceil(head.height / f) >= tall and math.ceil(head.width / f) >= wide)
    return next(enough, 1)


def _many_scans(head: JpegHead, data: bytes) -> bool:
    return head.progressive and data.count(b"\xff\xda") > _MOST_SCANS


def _turbo(data: bytes, head: JpegHead, factor: int, reuse: bool) -> UInt8[np.ndarray, "h w 3"] | None:
    """Decoded by libjpeg-turbo, or None if it is not there or has any complaint, even one it could live with."""
    try:
        import simplejpeg
    except ImportError:
        return None
    tall, wide = math.ceil(head.height / factor), math.ceil(head.width / factor)
    room = _room(tall * wide * 3) if reuse else None
    try:
        pixels: Any = simplejpeg.decode_jpeg(
            data, "RGB", min_height=tall, min_width=wide, min_factor=factor, buffer=room
        )
    except ValueError:
        return None
    return pixels if pixels.shape == (tall, wide, 3) else None


def _room(count: int) -> UInt8[np.ndarray, " count"]:
    """Memory of this thread, used again and again: new memory costs a page fault for every 4 KiB."""
    room: np.ndarray | None = getattr(_own, "room", None)
    if room is None or room.size < count:
        room = _own.room = np.empty(count, np.uint8)
    return room


def _upright(pixels: UInt8[np.ndarray, "h w 3"], orientation: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Turned and mirrored as EXIF's orientation 1..8 asks."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
