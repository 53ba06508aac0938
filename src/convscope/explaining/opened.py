"""The network as a function of a batch: scores, probabilities, and gradients from chosen steps on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from convscope.allocator import keep_freed_memory
from convscope.errors import CallError, ConvscopeError, ForwardError, ModelError
from convscope.explaining.graph import Graph
from convscope.image import to_input
from convscope.network import Differentiable, Taps

INPUT = "input"
PIXELS = 32 * 224 * 224
"""Pixels of a batch without gradients; larger photos come in smaller batches."""
MOST_SHAPES = 4
USUAL = (224, 224)
Baseline = str


@dataclass(frozen=True)
class Candidate:
    """A step at which an explanation could be taken.

    Attributes:
        name, kind: of the step.
        shape: (C, H, W), or fewer numbers where it has no grid.
    """

    name: str
    kind: str
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Cut:
    """One forward pass, kept from some steps on.

    Attributes:
        values: by layer, its value (N, ...) in the network's precision.
        scores: (N, K) float32, which depend on the values.
    """

    values: Mapping[str, Tensor]
    scores: Tensor

    def gradients(self, objective: Tensor) -> dict[str, Tensor]:
        """The gradient of a sum of scores with respect to each value; zero where nothing leads from one to the other.

        Args:
            objective: one number a photo, (N,), made of :attr:`scores`.

        Raises:
            CallError: no gradient leads to any of the layers.
            ForwardError: the network writes over numbers that the backward pass needs.
        """
        if not objective.requires_grad:
            raise CallError(
                f"no gradient leads from the answer to {', '.join(map(repr, self.values))}; choose a later layer, or a "
                "method without gradients (scorecam, occlusion, rise)"
            )
        names = list(self.values)
        places = [getattr(self.values[name], "edge", self.values[name]) for name in names]
        try:
            found = torch.autograd.grad(objective.sum(), places, allow_unused=True)
        except RuntimeError as error:
            raise ForwardError(
                f"no gradient can be followed to {', '.join(map(repr, names))}: {' '.join(str(error).split())[:160]}; "
                "use a method without gradients (scorecam, occlusion, rise)"
            ) from error
        return {
            name: torch.zeros_like(self.values[name]) if gradient is None else gradient
            for name, gradient in zip(names, found, strict=True)
        }


class Opened:
    """A network that can be explained. It comes back from every call exactly as it was.

    Args:
        network: a network through which gradients can be followed.

    Attributes:
        network: the same.
        tried: by shape, layer and method, what lower precision was found to be good enough.

    Raises:
        ModelError: it is no such network.

    >>> from convscope.adapters.torch import TorchNetwork
    >>> layers = torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 2)
    >>> opened = open_for_explaining(TorchNetwork(torch.nn.Sequential(*layers), labels=("cat", "dog")))
    >>> found = opened.cut(torch.zeros(5, 3, 8, 8), ["0"])
    >>> found.scores.shape, found.values["0"].shape, found.gradients(found.scores[:, 1])["0"].shape
    (torch.Size([5, 2]), torch.Size([5, 4, 6, 6]), torch.Size([5, 4, 6, 6]))
    """

    def __init__(self, network: Any) -> None:
        if not isinstance(network, Differentiable):
            title = getattr(network, "title", type(network).__name__)
            raise ModelError(f"{title} has no gradients that could be followed; give a torch.nn.Module, or a trace")
        keep_freed_memory()
        self.network = network
        self._taps: dict[tuple[int, ...], tuple[Taps, Graph]] = {}
        self._alone: set[tuple[int, ...]] = set()
        self.tried: dict[tuple[tuple[int, ...], str, str], float] = {}

    def graph(self, like: Float32[np.ndarray, "c h w"] | Tensor) -> Graph:
        """The network's steps for inputs of this shape; the first time, ``like`` is run through the network once.

        Raises:
            ModelError: it answers with no list of scores.
            ForwardError: the network raised.
        """
        return self._opened(like)[1]

    @property
    def layers(self) -> tuple[Candidate, ...]:
        """The steps, in order, for inputs of the shape that was seen first."""
        return tuple(Candidate(step.name, step.kind, step.shape) for step in self._any().steps)

    @property
    def binary(self) -> bool:
        """Whether one number answers for two classes: a sigmoid's, or a score where two classes have names."""
        return self._is_binary(self._any())

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, their numbers where the network names none."""
        graph = self._any()
        classes = 2 if self._is_binary(graph) else graph.units
        given = tuple(self.network.labels)
        return given if len(given) == classes else tuple(map(str, range(classes)))

    def _is_binary(self, graph: Graph) -> bool:
        return graph.units == 1 and (graph.ending == "sigmoid" or len(self.network.labels) == 2)

    def _any(self) -> Graph:
        """The graph for some shape; what the network answers does not depend on it."""
        if self._taps:
            return next(iter(self._taps.values()))[1]
        built_for = self.network.about.get("input")
        wanted = self.network.preprocessing
        shape = tuple(built_for) if built_for else (wanted.channels, *(wanted.size or USUAL))
        return self.graph(np.random.default_rng(0).random(shape, dtype=np.float32))

    def scores(self, batch: Tensor) -> Tensor:
        """The scores before a last softmax or sigmoid, (N, K) float32, without gradients.

        Where one number answers for two classes, the first class has its negative.

        Args:
            batch: (N, C, H, W) float32; it is given to the network in parts where it is large.

        Raises:
            ForwardError: the network raised.
        """
        graph = self.graph(batch[0])
        parts = [self._scores(part, graph) for part in torch.split(batch, self.batch_size(batch[0]))]
        return torch.cat(parts)

    def probabilities(self, batch: Tensor) -> Tensor:
        """What the network says of each class, (N, K) in 0..1: its softmax or sigmoid.

        Where it ends in plain scores their softmax, or the sigmoid of a single one for two classes.
        """
        return self.as_probabilities(self.scores(batch), self.graph(batch[0]))

    def as_probabilities(self, scores: Tensor, graph: Graph) -> Tensor:
        """The probabilities that go with :meth:`scores`."""
        if graph.ending == "sigmoid" or self._is_binary(graph):
            return torch.sigmoid(scores)  # of (-z, z): 1 - p and p
        return scores if graph.units == 1 and graph.ending == "none" else torch.softmax(scores, 1)

    def cut(
        self, batch: Tensor, layers: Sequence[str], *, guided: bool = False, gradients: bool = True,
        rough: float | None = None,
    ) -> Cut:  # fmt: skip
        """One forward pass of which only what comes after some layers is kept.

        Args:
            batch: (N, C, H, W) float32, at most :meth:`batch_size` photos.
            layers: names of steps; ``"input"`` is one.
            guided: with the backward pass of guided backpropagation.
            gradients: False where only the values are wanted.
            rough: allow a faster copy of the network before the first of the layers, with this share of its
                multiplications in bfloat16; None for the network as it is.

        Raises:
            CallError: there is no such step, or it cannot be cut at.
            ForwardError: the network raised.
        """
        taps, graph = self._opened(batch[0])
        if gradients:
            found = taps.run(batch, [graph.score], list(layers), guided=guided, rough=rough)
        else:
            found = taps.run(batch, [graph.score, *layers])
        return Cut({name: found[name] for name in layers}, self._rows(found[graph.score], len(batch), graph))

    def batch_size(self, like: Float32[np.ndarray, "c h w"] | Tensor, *, gradients: bool = False) -> int:
        """How many photos like this one are given to the network at a time; fewer where it is followed backwards."""
        shape = tuple(like.shape)
        if shape in self._alone or not self.graph(like).together:
            return 1
        most = PIXELS // 4 if gradients else PIXELS
        return max(1, min(32, most // max(1, int(shape[-1]) * int(shape[-2]))))

    def baseline(self, like: Float32[np.ndarray, "c h w"], kind: Baseline) -> Float32[np.ndarray, "c h w"]:
        """An input that says nothing: ``black``, ``mean`` (the photo's own mean colour) or ``zero`` (all numbers 0).

        Raises:
            CallError: another word.

        """
        shape = like.shape
        if kind == "mean":
            mean = like.reshape(shape[0], -1).mean(1, dtype=np.float64).astype(np.float32)
            return np.ascontiguousarray(np.broadcast_to(mean[:, None, None], shape))
        if kind == "zero":
            return np.zeros(shape, np.float32)
        if kind != "black":
            raise CallError(f"the baseline {kind!r} is none of black, mean, zero; choose one of them")
        try:
            dot = to_input(np.zeros((1, 1, 3), np.uint8), channels=shape[0], scale=self.network.preprocessing.scale)
        except ConvscopeError:  # an input with channels of its own, which never was a photo
            return np.zeros(shape, np.float32)
        return np.ascontiguousarray(np.broadcast_to(dot, shape))

    def _opened(self, like: Float32[np.ndarray, "c h w"] | Tensor) -> tuple[Taps, Graph]:
        shape = tuple(like.shape)
        if shape not in self._taps:
            if len(shape) != 3:
                raise CallError(f"an input has the shape (C, H, W); got {shape}")
            while len(self._taps) >= MOST_SHAPES:
                del self._taps[next(iter(self._taps))]
            array = like.detach().cpu().float().numpy() if isinstance(like, Tensor) else like
            taps = self.network.taps(np.ascontiguousarray(array, np.float32))
            self._taps[shape] = taps, Graph.of(taps.survey, self.network.title)
        return self._taps[shape]

    def _scores(self, batch: Tensor, graph: Graph) -> Tensor:
        taps = self._opened(batch[0])[0]
        with torch.no_grad():
            if len(batch) > 1 and tuple(batch.shape[1:]) not in self._alone:
                try:
                    return self._rows(taps.run(batch, [graph.score])[graph.score], len(batch), graph)
                except ConvscopeError:  # it may take one photo at a time only
                    one = self._scores(batch[:1], graph)
                    self._alone.add(tuple(batch.shape[1:]))
                    return torch.cat([one, *(self._scores(batch[i : i + 1], graph) for i in range(1, len(batch)))])
            return torch.cat(
                [self._rows(taps.run(one, [graph.score])[graph.score], 1, graph) for one in torch.split(batch, 1)]
            )

    def _rows(self, score: Tensor, count: int, graph: Graph) -> Tensor:
        """Scores as (N, K)."""
        if score.numel() != count * graph.units:
            raise ModelError(
                f"{self.network.title} answers {count} photos with {score.numel()} numbers instead of "
                f"{count * graph.units}; explain one photo at a time"
            )
        rows = score.reshape(count, graph.units).float()
        return torch.cat([-rows, rows], 1) if self._is_binary(graph) else rows


def open_for_explaining(network: Any) -> Opened:
    """Open a network that :func:`convscope.adapters.connect` gave, or a trace's (:mod:`.replayed`).

    Raises:
        ModelError: it has no gradients that could be followed.
    """
    return Opened(network)


Answer = Callable[[Float32[np.ndarray, "n c h w"]], np.ndarray]


def answer_of(opened: Opened, target: Any) -> Answer:
    """The target's probability as a plain function of a batch: float32 (N, C, H, W) to float64 (N,).

    For a contrast the difference of both probabilities.
    """

    def answer(batch: Float32[np.ndarray, "n c h w"]) -> np.ndarray:
        if not len(batch):
            return np.zeros(0)
        found = opened.probabilities(torch.from_numpy(np.ascontiguousarray(batch, np.float32)))
        return np.asarray(target.of(found).detach().cpu().numpy(), np.float64)

    return answer
