"""The tutorials' photo with a cat and a dog: each map's peak must be on its animal.

The boxes were written down by looking at the photo with a grid of tenths over it. The cat sits on the left in front,
its head turned to us; the dog is behind it on the right. No point is in a box of both.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from convscope.adapters import Options, connect
from convscope.explaining.opened import Opened, open_for_explaining
from convscope.explaining.run import RawMap, run_methods
from convscope.explaining.targets import find_target
from convscope.record import Prepared, prepare

# left, top, right, bottom, as parts of the photo's width and height
CAT = {"head": (0.24, 0.27, 0.545, 0.71), "body": (0.0, 0.37, 0.52, 0.92)}
DOG = {"head": (0.55, 0.03, 0.94, 0.62), "ear": (0.45, 0.08, 0.55, 0.26), "chest": (0.55, 0.58, 0.86, 0.80)}


@pytest.fixture(scope="module")
def opened() -> Opened:
    return open_for_explaining(connect("catdog", lambda asked: (asked.channels, *asked.size), Options()))


@pytest.fixture(scope="module")
def prepared(opened: Opened, shared_data: Path) -> Prepared:
    return prepare(shared_data / "tutorial_photos" / "catanddog.jpg", opened.network.preprocessing)


def asked(opened: Opened, prepared: Prepared, target: str, method: str) -> RawMap:
    probabilities = opened.probabilities(torch.from_numpy(prepared.value)[None])[0].numpy()
    wanted = find_target(target, opened.network.labels, probabilities)
    return run_methods(opened, prepared.value[None], [wanted], [method])[0][0]


def peak(raw: RawMap, prepared: Prepared) -> tuple[float, float]:
    """Where the largest value lies, as parts of the photo's width and height."""
    row, column = np.unravel_index(int(raw.value.argmax()), raw.value.shape)
    height, width = raw.value.shape
    place, (tall, wide) = prepared.placement, prepared.picture.shape[:2]
    x = place.left + (column + 0.5) / width * place.width
    y = place.top + (row + 0.5) / height * place.height
    return x / wide, y / tall


def inside(point: tuple[float, float], boxes: dict[str, tuple[float, float, float, float]]) -> bool:
    x, y = point
    return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in boxes.values())


def test_the_boxes_share_no_point():
    places = [((i + 0.5) / 200, (j + 0.5) / 200) for i in range(200) for j in range(200)]
    assert not any(inside(place, CAT) and inside(place, DOG) for place in places)
    assert sum(inside(place, CAT) for place in places) > 8000
    assert sum(inside(place, DOG) for place in places) > 8000


@pytest.mark.parametrize("method", ["gradcam", "hirescam"])
@pytest.mark.parametrize(
    ("target", "boxes"), [("cat", CAT), ("dog", DOG), ("cat against dog", CAT), ("dog against cat", DOG)]
)
def test_the_peak_is_on_the_animal_that_was_asked_about(opened, prepared, target, boxes, method):
    raw = asked(opened, prepared, target, method)
    assert raw.layer
    assert inside(peak(raw, prepared), boxes), peak(raw, prepared)
