"""A channel laid over the photo, where it belongs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from convscope.draw.colors import choose, colormap, is_signed
from convscope.draw.levels import levels, limits
from convscope.draw.resample import cover
from convscope.draw.theme import INFINITE, NOT_A_NUMBER
from convscope.errors import CallError
from convscope.traces import Placement


def overlay(
    picture: UInt8[np.ndarray, "H W 3"],
    channel: Float32[np.ndarray, "h w"],
    placement: Placement | None = None,
    *,
    opacity: float = 0.5,
    colors: str = "auto",
    fade: bool = False,
    dark: bool = False,
) -> Image.Image:
    """A map over the photo from which it came.

    The map covers the rectangle of the picture that became the network's input, stretched evenly; each
    picture pixel shows the mean of the map under it. Outside the rectangle the photo stays as it is; what
    was padding falls off the picture's edge.

    Args:
        picture: the photo, upright.
        channel: any map of the network, on its own range.
        placement: the rectangle, in picture pixels; the whole picture when left out.
        opacity: 0 (photo) to 1 (map).
        colors: a colour map's name; ``auto`` is signed where the map has negative values.
        fade: let the opacity grow with the value's distance from zero (signed) or from the lowest value, so
            that the photo shows where nothing happened.
        dark: use the signed table for dark pages.

    Returns:
        an ``RGB`` picture of the photo's size. NaN is pink, infinities are cyan.

    Raises:
        CallError: the opacity is not within 0..1, the placement has no area, or the map is empty.

    >>> photo = np.full((4, 4, 3), 100, np.uint8)
    >>> left = Placement(top=0.0, left=0.0, height=4.0, width=2.0)
    >>> half = overlay(photo, np.ones((1, 1), np.float32), left, opacity=1.0, colors="grey")
    >>> np.asarray(half)[0, :, 0].tolist()
    [128, 128, 100, 100]
    """
    if not 0 <= opacity <= 1:
        raise CallError(f"opacity must be from 0 to 1; got {opacity}")
    if channel.size == 0:
        raise CallError(f"an empty map, {'x'.join(map(str, channel.shape))}, cannot be laid over a picture")
    height, width = picture.shape[:2]
    place = placement or Placement(0.0, 0.0, float(height), float(width))
    if not (place.height > 0 and place.width > 0):
        raise CallError(f"the placement must have an area; got {place.height} x {place.width} pixels")
    finite = np.isfinite(channel)
    on = limits(channel[None], "each", signed=False)
    table = choose(colors, low=float(on.low[0]), scale="each", dark=dark)
    on = limits(channel[None], "each", signed=is_signed(table))
    rows = (np.arange(height + 1) - place.top) * (channel.shape[0] / place.height)
    columns = (np.arange(width + 1) - place.left) * (channel.shape[1] / place.width)
    planes = np.stack([np.where(finite, channel, 0), np.ones_like(channel), np.isnan(channel), np.isinf(channel)])
    total, share, nan, infinite = cover(planes.astype(np.float32), rows, columns)
    inside = share > 1e-9
    mean = np.divide(total, share, out=np.zeros_like(total), where=inside)
    level = levels(np.clip(mean, on.low[0], on.high[0])[None].astype(np.float32), on)[0]
    color = colormap(table)[level]
    color[nan > 1e-9] = NOT_A_NUMBER
    color[infinite > 1e-9] = INFINITE
    strength = np.clip(share, 0, 1) * opacity
    if fade:
        away = np.abs(level.astype(float) - 128) / 127 if on.signed else (level.astype(float) - 1) / 254
        strength *= np.where((nan > 1e-9) | (infinite > 1e-9), 1, away)
    strength = strength[..., None]
    return Image.fromarray(np.rint(picture * (1 - strength) + color * strength).astype(np.uint8))
