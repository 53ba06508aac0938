"""The pictures of a training in its folder: what it looked at in the beginning, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64
from PIL import Image

from convscope.data.augment import Augment
from convscope.draw import save_png
from convscope.errors import CallError
from convscope.train.calibrate import Calibration
from convscope.train.confusion import confusion_picture
from convscope.train.curves import comparison_picture, curves_picture
from convscope.train.evaluate import Evaluation
from convscope.train.film import film_strip
from convscope.train.probes import traces
from convscope.train.reliability import reliability_picture
from convscope.train.wrong import wrong_picture

__all__ = [
    "comparison_picture", "confusion_picture", "curves_picture", "film_strip", "reliability_picture", "save_film",
    "save_pictures", "save_previews", "save_reliability", "wrong_picture",
]  # fmt: skip

PREVIEW, AUGMENTED = "preview.png", "augmented.png"
CURVES, CONFUSION, WRONG, FILM = "curves.png", "confusion.png", "wrong.png", "film.png"
RELIABILITY = "reliability.png"


def save_previews(
    folder: Path, samples: Any, indices: Int64[np.ndarray, " n"], how: Augment, *, seed: int, size: int | None = None
) -> dict[str, str]:
    """Write what a training begins with: the first nine pictures, and nine augmentations of the first of them.

    Args:
        folder: of the run.
        samples: the collection.
        indices: which of them are trained on.
        how: the augmentation; without any there is one picture less.
        seed: of the training, whose epochs the nine augmentations are.
        size: pixels a side that the network gets in the end, None for those of the samples.

    Returns:
        names of the files by kind: ``preview``, ``augmented``.

    Raises:
        OutputError: a file cannot be written.
    """
    from convscope.data.previews import first_nine, nine_augmentations

    save_png(Image.fromarray(first_nine(samples)), folder / PREVIEW)
    if how.nothing or not len(indices):
        return {"preview": PREVIEW}
    side = None if size is None else (size, size)
    made = nine_augmentations(samples, int(indices[0]), how, seed=seed, size=side)
    save_png(Image.fromarray(made), folder / AUGMENTED)
    return {"preview": PREVIEW, "augmented": AUGMENTED}


def save_pictures(
    folder: Path, rows: Sequence[Mapping[str, Any]], evaluation: Evaluation | None, samples: Any, *, title: str = ""
) -> dict[str, str]:
    """Write the pictures of a training that has ended; what there is nothing for is left out.

    Args:
        folder: of the run; its probe traces become the film strip.
        rows: the numbers of the epochs, as in ``metrics.csv``.
        evaluation: of the trained network on samples that it was not trained on; None where there are none.
        samples: the collection of which those are.
        title: what the network and the data are called.

    Returns:
        names of the files by kind: ``curves``, ``confusion``, ``wrong``, ``film``.

    Raises:
        OutputError: a file cannot be written.
    """
    names: dict[str, str] = {}
    if rows:
        save_png(curves_picture(rows, title=title), folder / CURVES)
        names["curves"] = CURVES
    if evaluation is not None and len(evaluation):
        save_png(confusion_picture(evaluation, samples.classes), folder / CONFUSION)
        save_png(wrong_picture(evaluation, samples), folder / WRONG)
        names |= {"confusion": CONFUSION, "wrong": WRONG}
    return names | save_film(folder)


def save_reliability(folder: Path, evaluation: Evaluation, calibration: Calibration) -> dict[str, str]:
    """Write how often the network is right where it says how sure it is; the name of the file by kind.

    Args:
        folder: of the run.
        evaluation: of the samples that the temperature was fitted on.
        calibration: what was found on them.

    Raises:
        OutputError: the file cannot be written.
    """
    save_png(reliability_picture(evaluation.logits, evaluation.labels, calibration), folder / RELIABILITY)
    return {"reliability": RELIABILITY}


def save_film(folder: Path) -> dict[str, str]:
    """Write the film strip of a run's probe traces; an empty dict where there are none that can be shown."""
    try:
        film = film_strip(list(traces(folder)))
    except CallError:  # no probe, or traces that somebody has changed: no reason to lose a training
        return {}
    save_png(film, folder / FILM)
    return {"film": FILM}
