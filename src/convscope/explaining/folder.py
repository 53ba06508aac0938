"""Many photos: read by threads, explained in batches, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from convscope.adapters import Options, connect
from convscope.errors import CallError, ConvscopeError, ForwardError, ModelError
from convscope.explaining.checks import shown_part
from convscope.explaining.methods import find_methods
from convscope.explaining.opened import Opened, open_for_explaining
from convscope.explaining.proving import Wanted, answers_of, classes_of, proved
from convscope.explaining.redrawing import Redrawing
from convscope.explaining.targets import Target, find_target
from convscope.image import Picture, open_image
from convscope.network import Network, Preprocessing
from convscope.predicting import Failure
from convscope.predicting.reading import batches
from convscope.record import Prepared, prepare, ready_input
from convscope.traces import Map, Placement

BATCH = 8
AHEAD = 2
"""Photos that are read while others are explained, beside those of the next batch."""
KEPT_PIXELS = 4_000_000
"""Larger photos are read again when they are drawn, so that those that wait take little memory."""
MOST_OPEN = 4


@dataclass(frozen=True, eq=False, repr=False)
class Explained:
    """One photo of many.

    Attributes:
        name: what the photo is called.
        target: the class that was asked about, the first of several.
        score: what the network says of it, as it came out.
        share: whether scores are probabilities.
        maps: one for each class, method and layer, each with its evidence.
        placement: where the network's input lies in the photo, in the photo's pixels.
        size: height and width of the photo.
    """

    name: str
    target: Target
    score: float
    share: bool
    maps: tuple[Map, ...]
    placement: Placement
    size: tuple[int, int]
    _pixels: np.ndarray | None
    _source: Any

    def photo(self) -> UInt8[np.ndarray, "h w 3"]:
        """The photo at its full size; a large one is read again.

        Raises:
            ImageError: it is no longer there.
        """
        return open_image(self._source).pixels if self._pixels is None else self._pixels

    def __repr__(self) -> str:
        return f"Explained({self.name!r}: {self.target.label} {self.score:.4g}, {len(self.maps)} maps)"


@dataclass(frozen=True, eq=False)
class _Read:
    """A photo on its way to the network, or why it is none."""

    name: str
    source: Any
    prepared: Prepared | None = None
    pixels: np.ndarray | None = None
    size: tuple[int, int] = (0, 0)
    error: ConvscopeError | None = None

    @property
    def value(self) -> Float32[np.ndarray, "c h w"] | None:
        return None if self.prepared is None else self.prepared.value


class Explainer:
    """A network whose answers to many photos are explained.

    Args:
        model: whatever :func:`convscope.trace` takes.
        options: how it is opened.
        target, method, layer, thorough, budget_s, seed: as for :func:`convscope.explain`.

    Attributes:
        title: what people call the network.

    Raises:
        CallError: the model cannot be opened (its subclasses say which), or there is no such method.

    >>> explainer = Explainer("conv(4, 3) | relu | gap | dense(2) | softmax", Options(size=(24, 24)))
    >>> [(found.name, found.maps[0].layer) for found in explainer.over(["chelsea", "coffee"])]
    [('chelsea', 'relu_1'), ('coffee', 'relu_1')]
    """

    def __init__(
        self, model: Any, options: Options | None = None, *, target: Wanted = None,
        method: str | Sequence[str] = "gradcam", layer: str | Sequence[str] | None = None, thorough: bool = False,
        budget_s: float | None = None, seed: int = 0,
    ) -> None:  # fmt: skip
        self._model, self._options = model, options or Options()
        self._methods = [one.name for one in find_methods(method)]
        self._wanted, self._layer = classes_of(target), layer
        self._thorough, self._budget, self._seed = thorough, budget_s, seed
        network = connect(model, _usual, self._options)
        self._options = replace(self._options, report=lambda _: None)  # once is enough
        self.title = network.title
        self._preprocessing = network.preprocessing
        # a text says what its layers do on every size anew: where it pads depends on it
        self._by_size = self._preprocessing.size is None and "spec" in network.about
        self._open: dict[tuple[int, ...], tuple[Opened, Redrawing]] = {}
        if not self._by_size:
            self._open[()] = self._ready(network)

    def over(self, images: Iterable[Any], *, threads: int = 2) -> Iterator[Explained | Failure]:
        """Explanations in the order of the photos, each as soon as its batch is done.

        A photo that cannot be read or explained is a :class:`convscope.predicting.Failure`; the others go on.

        Args:
            images: paths, names of bundled photos, or anything :func:`convscope.image.open_image` takes.
            threads: how many photos are read at a time.

        Raises:
            CallError: there is no such class or layer, or the network is none whose answers can be explained.
        """
        found = batches(images, self._read, lambda _: BATCH, threads=threads, ahead=BATCH + AHEAD)
        with closing(found):
            for batch in found:
                yield from self._explained(batch)

    def _read(self, image: Any) -> _Read:
        path = os.fsdecode(image) if isinstance(image, str | os.PathLike) else None
        try:
            tensor = None if isinstance(image, Picture) else ready_input(image)
            if tensor is not None:
                prepared = prepare(tensor, self._preprocessing)
                return _Read("array", image, prepared, prepared.picture, prepared.picture.shape[:2])
            picture = image if isinstance(image, Picture) else open_image(image)
            keep = path is None or picture.size[0] * picture.size[1] <= KEPT_PIXELS
            prepared = prepare(picture, self._preprocessing)
            return _Read(path or picture.name, image, prepared, picture.pixels if keep else None, picture.size)
        except ConvscopeError as error:
            return _Read(path or "picture", image, error=error)

    def _explained(self, batch: Sequence[_Read]) -> Iterator[Explained | Failure]:
        found = [one for one in batch if one.prepared is not None]
        if found:
            try:
                yield from self._together(found)
            except ConvscopeError as error:
                if type(error) is CallError or isinstance(error, ModelError):
                    raise  # a class, a layer or a network that is wrong for every photo
                if len(found) == 1:
                    yield Failure(found[0].name, error)
                else:  # one of them may be to blame, and the others are not
                    for one in found:
                        yield from self._explained([one])
        yield from (Failure(one.name, one.error) for one in batch if one.error is not None)

    def _together(self, batch: Sequence[_Read]) -> list[Explained]:
        values = np.stack([one.value for one in batch if one.value is not None])
        opened, redrawing = self._opened(values.shape[1:])
        said = answers_of(opened, values)
        if not np.isfinite(said.likely).any(axis=1).all():
            raise ForwardError(
                f"{self.title} says of every class something that is no number, so none can be explained"
            )
        targets = [[find_target(one, said.labels, row) for one in self._wanted] for row in said.likely]
        inside = [_inside(one, values.shape[2:]) for one in batch]
        maps = proved(
            opened, values, targets, self._methods, self._layer, inside, thorough=self._thorough,
            budget_s=self._budget, seed=self._seed, redrawing=redrawing,
        )  # fmt: skip
        made = []
        for one, asked, row, several in zip(batch, targets, said.raw, maps, strict=True):
            listed = tuple(replace(found, score=float(row[target.index])) for target, found in several)
            score = float(row[asked[0].index])
            made.append(
                Explained(one.name, asked[0], score, said.share, listed, _placed(one), one.size, one.pixels, one.source)
            )
        return made

    def _opened(self, shape: tuple[int, ...]) -> tuple[Opened, Redrawing]:
        key = shape if self._by_size else ()
        if key not in self._open:
            while len(self._open) >= MOST_OPEN:
                del self._open[next(iter(self._open))]
            channels, height, width = shape
            self._open[key] = self._ready(connect(self._model, lambda _: (channels, height, width), self._options))
        return self._open[key]

    def _ready(self, network: Network) -> tuple[Opened, Redrawing]:
        opened = open_for_explaining(network)
        return opened, Redrawing(opened, thorough=self._thorough, seed=self._seed)


def _usual(asked: Preprocessing) -> tuple[int, int, int]:
    """A network of any size is opened for this one first."""
    height, width = asked.size or (224, 224)
    return asked.channels, height, width


def _inside(one: _Read, shape: tuple[int, ...]) -> np.ndarray:
    assert one.prepared is not None
    height, width = one.prepared.picture.shape[:2]
    return shown_part(one.prepared.placement, (height, width), (shape[0], shape[1]))


def _placed(one: _Read) -> Placement:
    """In pixels of the photo, not of the smaller one that a trace would carry."""
    assert one.prepared is not None
    place, shown = one.prepared.placement, one.prepared.picture.shape
    down, across = one.size[0] / shown[0], one.size[1] / shown[1]
    return Placement(place.top * down, place.left * across, place.height * down, place.width * across)
