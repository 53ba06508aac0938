"""Maps and their evidence for a batch of photos: what the verb and the folder both do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64

from convscope.errors import CallError
from convscope.explaining.asking import Watch
from convscope.explaining.checks import evidence_for
from convscope.explaining.methods import METHODS
from convscope.explaining.opened import Opened
from convscope.explaining.reason import Reason
from convscope.explaining.redrawing import Redrawing
from convscope.explaining.run import RawMap, run_methods
from convscope.explaining.targets import Target
from convscope.traces import Map

Answer = Callable[[np.ndarray], np.ndarray]


def proved(
    opened: Opened,
    batch: Float32[np.ndarray, "n c h w"],
    targets: Sequence[Sequence[Target]],
    methods: Sequence[str],
    layer: str | Sequence[str] | None,
    inside: Sequence[Bool[np.ndarray, "h w"]],
    *,
    thorough: bool = False,
    evidence: bool = True,
    budget_s: float | None = None,
    seed: int = 0,
    redrawing: Redrawing | None = None,
    watch: Watch | None = None,
) -> list[list[tuple[Target, Map]]]:
    """For each photo its maps, with the class that each is for.

    Args:
        opened: the network, open for explaining.
        batch: the photos as the network is given them.
        targets: the classes that are asked about, for each photo.
        methods: names of methods.
        layer: as for :func:`convscope.explain`.
        inside: which pixels of each input show the photo.
        thorough, evidence, budget_s, seed, watch: as for :func:`convscope.explain`.
        redrawing: the same network with re-drawn weights, to be used for several batches; made here when left out.
    """
    asked = [(i, target) for i, several in enumerate(targets) for target in several]
    rows = run_methods(
        opened, batch[[i for i, _ in asked]], [target for _, target in asked], list(methods), layer, seed=seed,
        watch=watch,
    )  # fmt: skip
    random = redrawing or Redrawing(opened, thorough=thorough, seed=seed)
    found: list[list[tuple[Target, Map]]] = [[] for _ in targets]
    for (i, target), raw in zip(asked, rows, strict=True):
        told: dict[str, dict[str, Any]] = {}
        if evidence:
            named = {str(k): (one.method, one.layer) for k, one in enumerate(raw)}
            told = evidence_for(
                answer_of(opened, target), batch[i], {str(k): one.value for k, one in enumerate(raw)},
                grids={str(k): one.grid for k, one in enumerate(raw)}, inside=inside[i], thorough=thorough,
                budget_s=budget_s, seed=seed, randomised=random.maps(batch[i], target, named), watch=watch,
            )  # fmt: skip
        found[i] += [(target, _map(one, target, told.get(str(k), {}))) for k, one in enumerate(raw)]
    return found


@dataclass(frozen=True, eq=False)
class Said:
    """What a network says of every class, for a batch.

    Attributes:
        labels: names of the classes, their numbers where they have none.
        likely: (N, K) as probabilities.
        raw: (N, K) as it came out: probabilities where it ends in such, else plain scores.
        share: whether ``raw`` are probabilities.
    """

    labels: tuple[str, ...]
    likely: Float64[np.ndarray, "n k"]
    raw: Float64[np.ndarray, "n k"]
    share: bool


Wanted = str | int | None | Sequence[str | int]
"""A class, or several; None for the likeliest."""


def classes_of(target: Wanted) -> list[str | int | None]:
    """The classes that are asked about, one by one.

    Raises:
        CallError: the list is empty.

    >>> classes_of("cat"), classes_of(["cat", 1]), classes_of(None)
    (['cat'], ['cat', 1], [None])
    """
    if isinstance(target, str) or not isinstance(target, Sequence):
        return [target]
    if not target:
        raise CallError("no class is named; give at least one, or leave target out for the likeliest")
    return list(target)


def answers_of(opened: Opened, batch: Float32[np.ndarray, "n c h w"]) -> Said:
    """What the network says of each photo.

    Raises:
        ModelError: its answer is no list of scores.
        ForwardError: it raised.
    """
    given = torch.from_numpy(np.ascontiguousarray(batch))
    graph = opened.graph(given[0])
    scores = opened.scores(given)
    likely = np.asarray(opened.as_probabilities(scores, graph).cpu().numpy(), np.float64)
    share = graph.ending != "none"
    raw = likely if share else np.asarray(scores.cpu().numpy(), np.float64)
    return Said(opened.labels, likely, raw, share)


def answer_of(opened: Opened, target: Target) -> Answer:
    """What the network says of a class, 0..1, for a batch; of a class against another, of the two alone.

    For a contrast it is ``p / (p + q)``, ``p`` and ``q`` the probabilities of the two: with a softmax, the sigmoid
    of the difference of their scores, which is what the map explains.
    """

    def answer(batch: Float32[np.ndarray, "n c h w"]) -> np.ndarray:
        likely = answers_of(opened, batch).likely
        own = likely[:, target.index]
        if target.against is None:
            return np.asarray(own)
        both = own + likely[:, target.against]
        return np.asarray(np.divide(own, both, out=np.full_like(own, 0.5), where=both > 0))

    return answer


def _map(raw: RawMap, target: Target, evidence: dict[str, Any]) -> Map:
    warning = METHODS[raw.method].warning
    said = [*([Reason("warning", warning, {"method": raw.method})] if warning else []), *raw.notes]
    notes = {reason.sentence: reason for reason in said}
    facts: dict[str, Any] = {name: _plain(value) for name, value in raw.facts.items()}
    if raw.why_layer:
        facts["why_layer"] = raw.why_layer.told()
    if notes:
        facts["notes"] = [reason.told() for reason in notes.values()]
    return Map(
        raw.method, target.label, np.ascontiguousarray(raw.value, np.float32), raw.layer,
        {**evidence, **facts} if evidence else {}, raw.why_layer.sentence if raw.why_layer else "", None, tuple(notes),
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """A number of numpy's as JSON has it; one that is not finite as None."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
