"""A small photo of a cat, pictures as files of any format, and how far two pictures are apart."""

from __future__ import annotations

import io

import numpy as np
import skimage.data
from PIL import Image

CAT = Image.fromarray(skimage.data.chelsea()[:90, 100:220])
CAT_PIXELS = np.asarray(CAT)


def encode(image: Image.Image, format_name: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_name, **options)
    return stream.getvalue()


def difference(one, other) -> float:
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())
