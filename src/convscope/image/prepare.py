"""From a picture to what a network takes: its size, its channels, its scale of numbers."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, SupportsIndex

import numpy as np
from jaxtyping import Float32, UInt8

from convscope.errors import ImageError
from convscope.image.picture import MAX_PIXELS, Picture
from convscope.traces import Placement

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of ImageNet's RGB channels in 0..1, as torchvision's networks were trained with."""

if TYPE_CHECKING:
    Fit = Literal["stretch", "crop", "pad"]
else:
    # What is none of these gets a sentence, not a type error.
    Fit = str

Numbers = float | Sequence[float]
Scale = str | tuple[Numbers, Numbers]


def resize(
    picture: Picture, size: tuple[int, int], *, fit: Fit = "stretch", crop: float = 1.0
) -> tuple[UInt8[np.ndarray, "h w 3"], Placement]:
    """The picture in ``size``, antialiased (Pillow's bicubic), and which part of it that is.

    Args:
        picture: as :func:`~convscope.image.open_image` returns it.
        size: height and width wanted, in pixels.
        fit: ``stretch`` squeezes the whole picture into the size; ``crop`` takes the largest middle part of
            the right proportions; ``pad`` shows all of it, black where nothing is.
        crop: of that middle part, the share that is kept, over 0 and at most 1.

    Returns:
        the pixels, ``(H, W, 3)`` uint8, and the rectangle of the picture that they cover.

    Raises:
        ImageError: the size is no pair of positive whole numbers, too large, ``fit`` is unknown, or ``crop`` none of
            these.

    >>> picture = Picture(np.zeros((300, 400, 3), np.uint8), "black", "array", (300, 400))
    >>> pixels, placement = resize(picture, (150, 150), fit="crop")
    >>> pixels.shape, placement
    ((150, 150, 3), Placement(top=0.0, left=50.0, height=300.0, width=300.0))
    """
    height, width = _checked_size(size)
    old_height, old_width = picture.size
    if fit == "stretch":
        return _resample(picture.pixels, (height, width)), Placement(0.0, 0.0, float(old_height), float(old_width))
    if fit == "crop":
        if not 0 < crop <= 1:
            raise ImageError(f"a crop keeps a share of the picture over 0 and at most 1, not {crop!r}; take 1 for all")
        scale = crop * min(old_height / height, old_width / width)
        tall, wide = min(height * scale, float(old_height)), min(width * scale, float(old_width))
        placement = Placement((old_height - tall) / 2, (old_width - wide) / 2, tall, wide)
        return _resample(picture.pixels, (height, width), placement), placement
    if fit == "pad":
        return _padded(picture, height, width)
    raise ImageError(f"a picture cannot be fitted by {fit!r}; choose stretch, crop or pad")


def fit_within(picture: Picture, longest: int) -> Picture:
    """The picture shrunk so that neither side is longer than ``longest`` pixels; itself when none is.

    Raises:
        ImageError: ``longest`` is no positive whole number.

    >>> picture = Picture(np.zeros((300, 400, 3), np.uint8), "black", "array", (300, 400))
    >>> small = fit_within(picture, 100)
    >>> small.size, small.notes
    ((75, 100), ('shrunk from 300x400 to 75x100 (height x width)',))
    """
    pixels, note = shrink(picture.pixels, picture.size, checked_longest(longest))
    return replace(picture, pixels=pixels, notes=(*picture.notes, note)) if note else picture


def checked_longest(longest: object) -> int:
    """``longest`` as an int of at least 1.

    Raises:
        ImageError: it is none.
    """
    limit = _whole(longest)
    if limit is None or limit < 1:
        raise ImageError(f"a picture cannot be shrunk to {longest!r} pixels; give a whole number of at least 1")
    return limit


def shrink(
    pixels: UInt8[np.ndarray, "h w 3"], full_size: tuple[int, int], longest: int
) -> tuple[UInt8[np.ndarray, "h2 w2 3"], str]:
    """The pixels with neither side longer than ``longest``, and a note on it, empty when nothing was done.

    Args:
        pixels: of the picture, which its decoder may have shrunk part of the way already.
        full_size: height and width that the picture has in full.
        longest: at least 1.
    """
    height, width = full_size
    scale = longest / max(height, width)
    if scale >= 1:
        return pixels, ""
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    note = f"shrunk from {height}x{width} to {new_height}x{new_width} (height x width)"
    return _resample(pixels, (new_height, new_width)), note


def to_input(
    pixels: UInt8[np.ndarray, "h w 3"], *, channels: int = 3, scale: Scale = "unit"
) -> Float32[np.ndarray, "c h w"]:
    """The pixels as a network takes them: channels first, float32.

    Args:
        pixels: ``(H, W, 3)`` uint8 RGB.
        channels: 3, or 1 for ITU-R BT.601 luma, ``0.299 R + 0.587 G + 0.114 B`` rounded to a level, the same
            as Pillow's mode ``L``.
        scale: ``unit`` 0..1; ``byte`` 0..255; ``imagenet`` ``(v / 255 - mean) / deviation`` with
            :data:`IMAGENET`; or a pair ``(mean, deviation)`` in 0..1, each one number or one a channel.

    Raises:
        ImageError: the channels or the scale are none of these.

    >>> to_input(np.full((1, 2, 3), 255, np.uint8)).tolist()
    [[[1.0, 1.0]], [[1.0, 1.0]], [[1.0, 1.0]]]
    """
    if channels not in (1, 3):
        raise ImageError(
            f"a picture becomes 1 or 3 channels, not {channels!r}; change the network's input to one of these"
        )
    table = _table(scale, channels)
    if channels == 1:
        return table[:, _luma(pixels)]
    # Every level has one number: looking it up is exact, and faster than computing it for each pixel.
    return np.stack([table[c][pixels[..., c]] for c in range(3)])


def _luma(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    weights = np.array([19595, 38470, 7471], np.uint32)  # 0.299, 0.587, 0.114 in units of 1 / 65536
    return np.asarray((pixels @ weights + 0x8000) >> 16, np.uint8)


def _table(scale: Scale, channels: int) -> Float32[np.ndarray, "channels 256"]:
    levels = np.tile(np.arange(256, dtype=np.float32), (channels, 1))
    if isinstance(scale, str):
        if scale in {"unit", "byte"}:
            return levels if scale == "byte" else levels / np.float32(255)
        if scale != "imagenet":
            raise ImageError(f"{scale!r} is no scale; choose unit, byte, imagenet or a pair (mean, deviation)")
        if channels != 3:
            raise ImageError("the scale 'imagenet' has three channels, not 1; give a pair (mean, deviation) instead")
        scale = IMAGENET
    mean, deviation = _pair(scale, channels)
    return np.asarray((levels / np.float32(255) - mean) / deviation, np.float32)


def _pair(scale: tuple[Numbers, Numbers], channels: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        mean, deviation = (np.broadcast_to(np.asarray(part, np.float32), (channels,))[:, None] for part in scale)
    except (TypeError, ValueError) as error:
        raise ImageError(
            f"the scale {scale!r} is no pair (mean, deviation) for {channels} channels; "
            f"give two numbers, or two lists of {channels}"
        ) from error
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all() and (deviation > 0).all()):
        raise ImageError(f"the scale {scale!r} cannot be used; give finite means and deviations above 0")
    return mean, deviation


def _whole(number: object) -> int | None:
    try:
        return operator.index(number) if isinstance(number, SupportsIndex) else None
    except TypeError:
        return None


def _checked_size(size: object) -> tuple[int, int]:
    sides = [_whole(side) for side in size] if isinstance(size, (tuple, list)) else []
    if len(sides) != 2 or any(side is None or side < 1 for side in sides):
        raise ImageError(f"{size!r} is no size; give height and width as whole numbers of at least 1")
    height, width = (side for side in sides if side is not None)
    if height * width > MAX_PIXELS:
        raise ImageError(f"{height}x{width} is more than {MAX_PIXELS // 10**6} million pixels; give a smaller size")
    return height, width


def _resample(
    pixels: UInt8[np.ndarray, "h w 3"], size: tuple[int, int], part: Placement | None = None
) -> UInt8[np.ndarray, "h2 w2 3"]:
    if part is None and pixels.shape[:2] == size:
        return pixels.copy()
    from PIL import Image

    box = None
    if part is not None:
        # Sums of floats may reach over the edge by their last bit.
        right, bottom = (
            min(part.left + part.width, pixels.shape[1]),
            min(part.top + part.height, pixels.shape[0]),
        )
        box = (part.left, part.top, right, bottom)
    made = Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BICUBIC, box)
    return np.array(made)


def _padded(picture: Picture, height: int, width: int) -> tuple[UInt8[np.ndarray, "h w 3"], Placement]:
    old_height, old_width = picture.size
    scale = min(height / old_height, width / old_width)
    tall, wide = max(1, round(old_height * scale)), max(1, round(old_width * scale))
    top, left = (height - tall) // 2, (width - wide) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[top : top + tall, left : left + wide] = _resample(picture.pixels, (tall, wide))
    down, across = old_height / tall, old_width / wide
    return canvas, Placement(-top * down, -left * across, height * down, width * across)
