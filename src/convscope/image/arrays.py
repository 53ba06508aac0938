"""From a numpy array, or anything that offers itself as one, to a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import UInt8

from convscope.errors import ImageError
from convscope.image.colour import reduce_sixteen, shares_to_levels
from convscope.image.picture import MAX_PIXELS, Picture, printable, too_large

_CHANNELS = (1, 3, 4)
_ACCEPTED = "(H, W), (H, W, 1), (H, W, 3), (H, W, 4) or channels first (1, H, W), (3, H, W), (4, H, W)"
# Both the first and the last axis could be the channels, and neither reading is much likelier.
_AMBIGUOUS_ENDS = {(3, 1), (3, 4), (1, 4)}


def from_array(source: Any, name: str | None) -> Picture:
    """A copy of ``source`` as a picture.

    Args:
        source: anything ``np.asarray`` takes, of the shapes and ranges that ``open_image`` lists.
        name: what to call it; ``array`` by default.

    Raises:
        ImageError: its shape, its type or its values are no picture's.
    """
    called = printable(name or "array")
    try:
        values = np.asarray(source)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ImageError(
            f"'{called}' does not become a numpy array ({printable(str(error), 100)}); detach it and move it to the CPU"
        ) from error
    notes: list[str] = []
    values = _channels_last(values, called, notes)
    levels = _to_levels(values, called, notes)
    grey = levels.ndim == 2 or levels.shape[2] == 1
    pixels = _to_rgb(levels, notes)
    if grey:
        notes.append("greyscale")
    return Picture(pixels, called, "array", (pixels.shape[0], pixels.shape[1]), tuple(notes), grey)


def _channels_last(values: np.ndarray, called: str, notes: list[str]) -> np.ndarray:
    shape = values.shape
    if values.size == 0:
        raise ImageError(f"'{called}' has the shape {shape} and so no pixels; accepted are {_ACCEPTED}")
    if len(shape) == 3 and shape[2] not in _CHANNELS and shape[0] in _CHANNELS and min(shape[1:]) > 4:
        notes.append("read as channels first")
        values = np.moveaxis(values, 0, -1)
    elif len(shape) == 3 and (shape[0], shape[2]) in _AMBIGUOUS_ENDS:
        raise ImageError(
            f"'{called}' has the shape {shape}, which can be read as channels first or last; "
            f"accepted are {_ACCEPTED}, so move the channels to the end"
        )
    elif len(shape) != 2 and (len(shape) != 3 or shape[2] not in _CHANNELS):
        first = ", so pass one picture of the batch, as in array[0]" if len(shape) == 4 else ""
        raise ImageError(f"'{called}' has the shape {shape}, which is no picture; accepted are {_ACCEPTED}{first}")
    if values.shape[0] * values.shape[1] > MAX_PIXELS:
        raise ImageError(too_large(called, values.shape[0], values.shape[1]))
    return values


def _to_levels(values: np.ndarray, called: str, notes: list[str]) -> UInt8[np.ndarray, "..."]:
    kind = values.dtype.kind
    if values.dtype == np.uint8:
        return values
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint16:
        notes.append("16-bit levels reduced to 8")
        return reduce_sixteen(values)
    if kind not in "iuf":
        raise ImageError(f"'{called}' holds {values.dtype}; pass uint8, uint16, bool or float values")
    low, high = values.min(), values.max()
    largest, way = (1, "divide by 255 or rescale them to 0..1") if kind == "f" else (255, "convert them to uint8 first")
    # Written so that NaN fails it too.
    if not (low >= 0 and high <= largest):
        raise ImageError(f"'{called}' holds {values.dtype} values {low:.6g}..{high:.6g}, not 0..{largest}; {way}")
    return shares_to_levels(values) if kind == "f" else values.astype(np.uint8)


def _to_rgb(levels: UInt8[np.ndarray, "..."], notes: list[str]) -> UInt8[np.ndarray, "h w 3"]:
    if levels.ndim == 2:
        levels = levels[..., None]
    if levels.shape[2] == 4:
        alpha = levels[..., 3:].astype(np.uint16)
        if alpha.min() < 255:
            notes.append("transparent parts laid over white")
        over_white = levels[..., :3] * alpha + 255 * (255 - alpha)
        return ((over_white + 127) // 255).astype(np.uint8)
    return np.array(np.broadcast_to(levels, (*levels.shape[:2], 3)), order="C")
