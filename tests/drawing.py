"""What the tests of drawing share: random maps, small traces, pixels."""

from __future__ import annotations

import numpy as np
from PIL import Image

from convscope.traces import Placement, Step, Trace


def rgb(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")).astype(int)


def has(image: Image.Image, color) -> bool:
    return bool((rgb(image) == np.array(color)).all(axis=2).any())


def maps(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def trace(*steps: tuple[str, str, np.ndarray], labels: tuple[str, ...] = (), size: tuple[int, int] = (60, 90)) -> Trace:
    photo = np.full((*size, 3), 128, np.uint8)
    made = [Step("input", "input", np.abs(maps(3, *size)))]
    for name, kind, value in steps:
        made.append(Step(name, kind, value, (made[-1],)))
    place = Placement(0.0, 0.0, float(size[0]), float(size[1]))
    return Trace(photo, tuple(made), (made[-1].name,), place, labels, about={"network": "a net", "image": "a.png"})
