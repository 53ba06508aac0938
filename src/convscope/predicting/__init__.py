"""The names of photos: the verb ``convscope.predict``, and what the command of that name uses.

::

    photos.py       files, folders and patterns as a list of files
    classifier.py   read by threads, answered a batch at a time
    answers.py      a network's answers to a batch, nothing recorded
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from convscope.adapters import Options
from convscope.predicting.classifier import Classifier, Failure, Prediction
from convscope.predicting.photos import find_photos

__all__ = ["Classifier", "Failure", "Prediction", "find_photos", "predict"]


def predict(
    model: Any, images: Any, *, weights: str | PathLike[str] | None = None, seed: int = 0, scale: Any = None,
    size: int | tuple[int, int] | None = None, labels: tuple[str, ...] = (), trust: bool = False,
) -> list[Prediction]:  # fmt: skip
    """Name photos: the classes a network sees in them, likeliest first.

    Args:
        model: whatever :func:`convscope.trace` takes; ``"catdog"`` for the network that comes along.
        images: one image or a list of them: paths, names of bundled photos, PIL images, uint8 arrays (H, W, 3).
        weights, seed, scale, size, labels, trust: as in :func:`convscope.trace`.

    Returns:
        one :class:`Prediction` an image, in order. Where the network was calibrated, its values are calibrated
        probabilities.

    Raises:
        ImageError: an image cannot be read.
        CallError: the model cannot be used, or answers with something else than a list of scores.
        RunError: the network raised.

    >>> found = predict("gap | dense(2) | softmax", ["chelsea", "coffee"], labels=("cat", "dog"))
    >>> [one.name for one in found], round(sum(score.value for score in found[0].scores), 6)
    (['chelsea', 'coffee'], 1.0)
    """
    square = (size, size) if isinstance(size, int) else size
    classifier = Classifier(model, Options(seed, weights, scale, square, tuple(labels), trust=trust))
    listed = images if isinstance(images, Sequence) and not isinstance(images, str | bytes) else [images]
    found: list[Prediction] = []
    for one in classifier.over(listed):
        if isinstance(one, Failure):
            raise one.error
        found.append(one)
    return found
