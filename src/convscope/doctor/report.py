"""A checkup as one JSON object, for scripts."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from convscope import __version__
from convscope.doctor.checkup import Checkup
from convscope.doctor.findings import Level
from convscope.doctor.quarantine import Outcome

SIDES = (0, 32, 64, 128, 256, 512, 1024, 2048, 4096)
"""Where the groups of the histogram of shorter sides begin, in pixels."""


def report(checkup: Checkup, outcome: Outcome | None) -> dict[str, Any]:
    """The object that ``convscope doctor --json`` prints, without the paths of what it wrote.

    >>> from pathlib import Path
    >>> report(Checkup(Path("/photos")), None)["problems"]
    0
    """
    return {
        "convscope": __version__,
        "folder": plain(str(checkup.root)),
        "read": checkup.files,
        "photos": checkup.photos,
        **{f"{level.value}s": len(checkup.of_level(level)) for level in Level},
        "classes": [{"name": plain(name), "photos": photos} for name, photos in checkup.classes.items()],
        "sizes": sizes(checkup.sizes) if len(checkup.sizes) else None,
        "findings": [
            {"kind": found.kind, "level": found.level.value, "file": plain(found.file), "why": found.why}
            for found in checkup.findings
        ],
        "duplicates": [
            {"files": [plain(file) for file in same.files], "across_classes": same.across}
            for same in checkup.duplicates
        ],
        "near_duplicates": [
            {"files": [plain(file) for file in same.files], "distance": same.distance, "across_classes": same.across}
            for same in checkup.near
        ],
        "jfif_test": {
            "good_deleted": [plain(file) for file in checkup.jfif.good_deleted],
            "broken_kept": [plain(file) for file in checkup.jfif.broken_kept],
        },
        "quarantine": moved(outcome) if outcome is not None else None,
    }


def moved(outcome: Outcome) -> dict[str, Any]:
    """What a quarantine or its undoing did.

    >>> from pathlib import Path
    >>> moved(Outcome(Path("/photos-quarantine"), ["cat/1.jpg"]))
    {'folder': '/photos-quarantine', 'moved': ['cat/1.jpg'], 'left': []}
    """
    return {
        "folder": plain(str(outcome.quarantine)),
        "moved": [plain(file) for file in outcome.moved],
        "left": [{"file": plain(file), "why": why} for file, why in outcome.left],
    }


def plain(path: str) -> str:
    r"""A path as text that JSON can hold: bytes of a name that are no UTF-8 become ``\xff``.

    >>> plain("cat/\udcff.jpg")
    'cat/\\xff.jpg'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def sizes(pixels: np.ndarray) -> dict[str, Any]:
    """Smallest, median and largest height and width, and how many photos have which shorter side.

    Args:
        pixels: ``(N, 2)`` heights and widths, N at least 1.

    >>> found = sizes(np.array([[300, 400], [100, 50]]))
    >>> found["height"], [part for part in found["shorter_side"] if part["photos"]]
    ({'min': 100, 'median': 200, 'max': 300}, [{'from': 32, 'photos': 1}, {'from': 256, 'photos': 1}])
    """
    shorter = pixels.min(axis=1)
    counts = np.histogram(shorter, bins=[*SIDES, np.inf])[0]
    return {
        **{
            name: {
                "min": int(values.min()),
                "median": round(float(np.median(values))),
                "max": int(values.max()),
            }
            for name, values in (("height", pixels[:, 0]), ("width", pixels[:, 1]))
        },
        "shorter_side": [{"from": side, "photos": int(n)} for side, n in zip(SIDES, counts, strict=True)],
    }
