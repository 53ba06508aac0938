"""Maps by any methods, for many photos at once: what everything else calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from convscope.explaining import gradients, perturbations
from convscope.explaining.asking import Question, Watch
from convscope.explaining.cam import POSITIVE
from convscope.explaining.integrating import integrated
from convscope.explaining.layered import layer_maps, placing_of
from convscope.explaining.layers import Choice, choose_layers
from convscope.explaining.methods import Method, find_methods
from convscope.explaining.opened import Opened
from convscope.explaining.reason import Reason
from convscope.explaining.taken import Taken
from convscope.explaining.targets import Target
from convscope.explaining.verdict import map_faults

UNPLACED = Reason(
    "unplaced",
    "where the layer's grid lies over the photo cannot be told from its steps, so it was spread evenly; the map may be "
    "moved by a few pixels",
)


@dataclass(frozen=True, eq=False)
class RawMap:
    """One map of one photo, without evidence.

    Attributes:
        method: name of the method.
        layer: name of the step at which it was taken, "" for methods that look at the pixels.
        why_layer: why that layer, a sentence without a full stop; None without a layer.
        value: (H, W) float32 at the size of the network's input, signed: larger speaks more for the target.
        grid: (h, w) how finely it was really taken: the layer's grid, the pixels, the patches.
        notes: what has to be said beside it: what is wrong with it, first of all.
        facts: how it was made, JSON values only: ``steps``, ``completeness_error``, ``baseline``, ``masks``, ...;
            ``paper_shows`` where the paper draws only a part of it.
    """

    method: str
    layer: str
    why_layer: Reason | None
    value: Float32[np.ndarray, "h w"]
    grid: tuple[int, int]
    notes: tuple[Reason, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def run_methods(
    opened: Opened, batch: Float32[np.ndarray, "n c h w"], targets: Sequence[Target], methods: str | Sequence[str],
    layer: str | Sequence[str] | None = None, *, steps: int = 64, samples: int | None = None, seed: int = 0,
    baseline: str | None = None, precision: str = "float32", watch: Watch | None = None,
) -> list[list[RawMap]]:  # fmt: skip
    """Maps for every photo of a batch.

    Args:
        opened: the network.
        batch: the photos as the network is given them.
        targets: the class that is asked about, one for each photo.
        methods: names of methods.
        layer: for methods that look at a layer: name of a step or module, several of them (one map each), or None for
            the last step that still has a grid.
        steps: of integrated gradients.
        samples: how many masks RISE takes.
        seed: of everything random.
        baseline: ``black``, ``mean`` (the photo's mean colour) or ``zero``; None for each method's own.
        precision: ``auto`` to allow bfloat16 before the layer, where CAMs of the first photos hardly change.
        watch: told after each batch of passes; it may raise :class:`convscope.errors.Cancelled`.

    Returns:
        for each photo its maps: methods in the given order, each with its layers.

    Raises:
        CallError: a method, layer, class or number cannot be used.
        ForwardError: the network raised.

    >>> from convscope.adapters.torch import TorchNetwork
    >>> layers = torch.nn.Conv2d(1, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 2)
    >>> opened = Opened(TorchNetwork(torch.nn.Sequential(*layers)))
    >>> rows = run_methods(opened, np.ones((3, 1, 8, 9), np.float32), [Target("1", 1)] * 3, "cam, gradient")
    >>> [(one.method, one.layer, one.grid, one.value.shape) for one in rows[0]]
    [('cam', '0', (6, 7), (8, 9)), ('gradient', '', (8, 9), (8, 9))]
    """
    chosen = find_methods(methods)
    given = torch.from_numpy(np.ascontiguousarray(batch, np.float32))
    question = Question(opened, given, list(targets), steps, samples, seed, baseline, precision, watch)
    choices = choose_layers(question.graph, layer) if any(method.at_layer for method in chosen) else ()
    columns = _layered(question, chosen, choices)
    slopes = None
    if any(method.name in {"gradient", "inputxgradient"} for method in chosen):
        slopes = gradients.plain_gradients(question)
    made: dict[tuple[str, str], list[Taken]] = {}
    for method in chosen:
        if method.name in {"gradient", "inputxgradient"}:
            assert slopes is not None
            of = gradients.gradient if method.name == "gradient" else gradients.input_times_gradient
            made[method.name, ""] = of(question, slopes)
        elif not method.at_layer:
            made[method.name, ""] = PIXEL_METHODS[method.name](question)
        else:
            for choice in choices:
                key = (method.name, choice.layer)
                made[key] = columns[key] if key in columns else perturbations.scorecam(question, choice.layer)
    why = {choice.layer: choice.reason for choice in choices}
    return [
        [_named(method, layer_name, why.get(layer_name), column[i]) for (method, layer_name), column in made.items()]
        for i in range(len(given))
    ]


PIXEL_METHODS: Mapping[str, Callable[[Question], list[Taken]]] = {
    "smoothgrad": gradients.smoothgrad,
    "integrated": integrated,
    "guided": gradients.guided_backpropagation,
    "occlusion": perturbations.occlusion,
    "rise": perturbations.rise,
}


def _layered(
    question: Question, methods: Sequence[Method], choices: Sequence[Choice]
) -> dict[tuple[str, str], list[Taken]]:
    """All CAMs that one pass gives, brought to the size of the input."""
    names = [method.name for method in methods if method.at_layer and method.name != "scorecam"]
    if not names:
        return {}
    native = layer_maps(question, names, [choice.layer for choice in choices])
    found = {}
    for (method, layer), maps in native.items():
        place = placing_of(question, layer)
        facts = {"paper_shows": "the positive part"} if method in POSITIVE else {}
        notes = () if place.known else (UNPLACED,)
        height, width = maps.shape[1:]
        found[method, layer] = [Taken(one, (height, width), facts, notes) for one in place.place(maps)]
    return found


def _named(method: str, layer: str, why: Reason | None, taken: Taken) -> RawMap:
    fault = map_faults(taken.value)
    undrawn = (Reason("not drawn", f"{fault}; it is not drawn", {"fault": fault}),) if fault else ()
    notes = (*undrawn, *taken.notes)
    value = np.ascontiguousarray(taken.value, np.float32)
    return RawMap(method, layer, why, value, taken.grid, notes, dict(taken.facts))
