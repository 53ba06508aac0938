"""Photos without an edge, which JPEG keeps well, and files of them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy import ndimage


def photo(seed: int, size: tuple[int, int] = (60, 80)) -> np.ndarray:
    noise = np.random.default_rng(seed).random((*size, 3))
    smooth = ndimage.gaussian_filter(noise, (3, 3, 0))
    return np.asarray((smooth - smooth.min()) / np.ptp(smooth) * 255, np.uint8)


def saved(pixels: np.ndarray, kind: str = "JPEG", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()
