"""A network that names photos, however many: read by threads, answered a batch at a time, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from convscope.adapters import Options, connect
from convscope.allocator import keep_freed_memory
from convscope.errors import ConvscopeError, ModelError
from convscope.image import Picture, fit_within, open_image, resize, to_input
from convscope.network import Network, Preprocessing
from convscope.predicting.answers import Answers, Head
from convscope.predicting.reading import batches
from convscope.record import ready_input
from convscope.traces import Score

BATCH = 32
BATCH_PIXELS = BATCH * 256 * 256
"""Larger photos come in smaller batches, so that one batch takes about the same memory whatever its photos."""
USUAL = (224, 224)
"""The size for which a network of any size is opened first."""
MOST_OPEN = 8


@dataclass(frozen=True)
class Prediction:
    """What a network says of one photo.

    Attributes:
        name: what the photo is called.
        scores: every class, likeliest first. Probabilities where the network ends in such, calibrated where it can be.
        raw: the same as the network gave them, in the order of the classes; what ``see`` shows.
    """

    name: str
    scores: tuple[Score, ...]
    raw: tuple[float, ...]

    @property
    def label(self) -> str:
        """The likeliest class."""
        return self.scores[0].label

    @property
    def value(self) -> float:
        """What was said of the likeliest class."""
        return self.scores[0].value


@dataclass(frozen=True)
class Failure:
    """A photo that got no prediction, and why."""

    name: str
    error: ConvscopeError


class Classifier:
    """A network that names photos.

    Args:
        model: whatever :func:`convscope.trace` takes.
        options: how it is opened.

    Attributes:
        title: what people call the network.
        calibration: ``temperature``, ``error`` and ``samples``, or None where its probabilities were never calibrated.

    Raises:
        CallError: the model cannot be opened (its subclasses say which), or is no classifier.
        RunError: it raised.

    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Softmax(1))
    >>> classifier = Classifier(model, Options(labels=("red", "green", "blue")))
    >>> [(found.name, found.label) for found in classifier.over(["chelsea", "coffee"])]
    [('chelsea', 'red'), ('coffee', 'red')]
    """

    def __init__(self, model: Any, options: Options | None = None) -> None:
        keep_freed_memory()
        self._model, self._options = model, options or Options()
        network = connect(model, lambda asked: (asked.channels, *(asked.size or USUAL)), self._options)
        self._options = replace(self._options, report=lambda _: None)  # once is enough
        self.title = network.title
        self.preprocessing: Preprocessing = network.preprocessing
        self.calibration: dict[str, Any] | None = network.about.get("calibration")
        self._labels = network.labels
        # a text says what its layers do on every size anew: where it pads depends on it
        self._by_size = self.preprocessing.size is None and "spec" in network.about
        shape = (self.preprocessing.channels, *USUAL)
        self._open: dict[tuple[int, ...], Answers] = {shape if self._by_size else (): _answers(network)}
        self._head: Head | None = None

    @property
    def temperature(self) -> float | None:
        """By what scores are divided, None without a calibration."""
        return None if self.calibration is None else float(self.calibration["temperature"])

    @property
    def probabilities(self) -> bool | None:
        """Whether it answers with probabilities; None while it has named no photo."""
        return None if self._head is None else self._head != "none"

    def over(self, images: Iterable[Any], *, threads: int | None = None) -> Iterator[Prediction | Failure]:
        """Predictions in the order of the photos, each as soon as it is known.

        Args:
            images: paths, names of bundled photos, or anything :func:`convscope.image.open_image` takes; float
                tensors ``(C, H, W)`` go to the network as they are.
            threads: how many photos are read at a time; by default one a processor, eight at most.
        """
        workers = threads or min(8, _processors())
        ahead = self._most(self._largest()) + 2 * workers
        found = batches(images, self._read, lambda one: self._most(one.pixels), threads=workers, ahead=ahead)
        with closing(found):
            for batch in found:
                yield from self._answered(batch)

    def _largest(self) -> int:
        """Pixels of the largest input that a photo can become."""
        height, width = self.preprocessing.size or 2 * (self.preprocessing.longest or 4096,)
        return height * width

    @staticmethod
    def _most(pixels: int) -> int:
        """How many photos of so many pixels one batch takes."""
        return max(1, min(BATCH, BATCH_PIXELS // max(1, pixels)))

    def _read(self, image: Any) -> _Read:
        path = os.fsdecode(image) if isinstance(image, str | os.PathLike) else None
        try:
            ready = None if isinstance(image, Picture) else ready_input(image)
            if ready is not None:
                return _Read("array", ready)
            picture = image if isinstance(image, Picture) else open_image(image)
            return _Read(path or picture.name, _input(picture, self.preprocessing))
        except ConvscopeError as error:
            return _Read(path or "picture", None, error)

    def _answered(self, batch: Sequence[_Read]) -> Iterator[Prediction | Failure]:
        found = [(one, one.value) for one in batch if one.value is not None]
        if found:
            values = np.stack([value for _, value in found])
            try:
                answers = self._answers(values.shape[1:])
                rows = answers.of(values)
                self._head = answers.head
            except ModelError:
                raise  # it is no classifier for any photo
            except ConvscopeError as error:
                yield from (Failure(one.name, error) for one, _ in found)
                return
            yield from (self._prediction(one.name, row, answers) for (one, _), row in zip(found, rows, strict=True))
        yield from (Failure(one.name, one.error) for one in batch if one.error is not None)

    def _answers(self, shape: tuple[int, ...]) -> Answers:
        key = shape if self._by_size else ()
        if key not in self._open:
            while len(self._open) >= MOST_OPEN:
                del self._open[next(iter(self._open))]
            channels, height, width = shape
            network = connect(self._model, lambda _: (channels, height, width), self._options)
            self._open[key] = _answers(network)
        return self._open[key]

    def _prediction(self, name: str, row: Float32[np.ndarray, " k"], answers: Answers) -> Prediction:
        scores = row.astype(np.float64)
        raw = probabilities_of(scores, answers, classes=len(self._labels))
        best = raw if self.temperature is None else probabilities_of(
            scores, answers, classes=len(self._labels), temperature=self.temperature
        )  # fmt: skip
        named = len(self._labels) == len(best)
        order = np.argsort(-best, kind="stable")
        listed = tuple(Score(self._labels[i] if named else str(i), float(best[i]), int(i)) for i in order)
        return Prediction(name, listed, tuple(raw.tolist()))


@dataclass(frozen=True, eq=False)
class _Read:
    """A photo as the network wants it, or why it is none."""

    name: str
    value: Float32[np.ndarray, "c h w"] | None
    error: ConvscopeError | None = None

    @property
    def pixels(self) -> int:
        return 0 if self.value is None else self.value.shape[1] * self.value.shape[2]


def probabilities_of(
    row: Float64[np.ndarray, " k"], answers: Answers, *, classes: int = 0, temperature: float = 1.0
) -> Float64[np.ndarray, " n"]:
    """One row of :class:`Answers` as probabilities, divided by a temperature before the softmax or sigmoid.

    A network without either gives its numbers as they are; one sigmoid for two ``classes`` gives both.
    """
    if answers.head == "none":
        return row
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        if answers.head == "softmax":
            scores = (row if answers.raw else np.log(row)) / temperature
            powers = np.exp(scores - scores.max())
            return np.asarray(powers / powers.sum())
        scores = (row if answers.raw else np.log(row) - np.log1p(-row)) / temperature
        found = 1 / (1 + np.exp(-scores))
        return np.array([1 / (1 + np.exp(scores[0])), found[0]]) if classes == 2 and len(row) == 1 else found


def _answers(network: Network) -> Answers:
    from convscope.adapters.torch import TorchNetwork

    if not isinstance(network, TorchNetwork):
        raise ModelError(f"{network.title} is no network that can be asked in batches; give a torch.nn.Module")
    return Answers(network)


def _input(picture: Picture, preprocessing: Preprocessing) -> Float32[np.ndarray, "c h w"]:
    """As :func:`convscope.record.prepare` makes it, without the picture to show."""
    if preprocessing.size is not None:
        pixels = resize(picture, preprocessing.size, fit=preprocessing.fit, crop=preprocessing.crop)[0]
    else:
        pixels = (picture if preprocessing.longest is None else fit_within(picture, preprocessing.longest)).pixels
    return to_input(pixels, channels=preprocessing.channels, scale=preprocessing.scale)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
