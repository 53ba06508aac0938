"""At which layer to look: the last step that still has a grid, unless somebody says otherwise."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from convscope.errors import CallError
from convscope.explaining.graph import UNCHANGED, Graph, size_text
from convscope.explaining.reason import Reason
from convscope.traces import Step

PIXEL_METHODS = "a method that looks at the pixels (gradient, integrated, occlusion, rise)"


@dataclass(frozen=True)
class Choice:
    """A layer, and why it is this one.

    Attributes:
        layer: name of the step.
        reason: why, one plain sentence without a full stop.
    """

    layer: str
    reason: Reason

    @property
    def why(self) -> str:
        """The sentence of the reason."""
        return self.reason.sentence


def choose_layers(graph: Graph, wanted: str | Sequence[str] | None) -> tuple[Choice, ...]:
    """The layers to look at, each once.

    Args:
        graph: the network's steps.
        wanted: name of a step, or of a module, of which the last step with a grid is taken; several of them; None or
            ``"auto"`` for the last step that still has a grid before the answer.

    Raises:
        CallError: there is no such step, it has no grid, or no step has one.
    """
    if wanted is None or isinstance(wanted, str):
        return (choose_layer(graph, wanted),)
    found = {choice.layer: choice for choice in (choose_layer(graph, name) for name in wanted)}
    if not found:
        raise CallError("the list of layers is empty; name at least one, or leave it out")
    return tuple(found.values())


def choose_layer(graph: Graph, wanted: str | None = None) -> Choice:
    """One layer; see :func:`choose_layers`."""
    if wanted is None or wanted == "auto":
        return _last(graph)
    if not isinstance(wanted, str):
        raise CallError(f"a layer is given by its name; got {type(wanted).__name__}")
    step = graph.by_name.get(wanted)
    if step is None:
        return _of_module(graph, wanted)
    if not has_grid(graph, step):
        size = f"{step.value.size} numbers" if len(step.shape) == 1 else f"the shape {size_text(step.shape)}"
        raise CallError(f"step {wanted!r} has no grid of places (its value is {size}); {_choices(graph)}")
    return Choice(wanted, Reason("asked", "it was asked for"))


def has_grid(graph: Graph, step: Step) -> bool:
    """Whether a value is maps (C, H, W) of more than one place, in the order of the picture's rows and columns."""
    if len(step.shape) != 3 or step.shape[1] * step.shape[2] < 2 or not step.batched:
        return False
    grid = graph.grids[step.name]
    return all(lie is None or lie.axis == axis for lie, axis in ((grid.rows, 1), (grid.columns, 2)))


def _candidates(graph: Graph) -> list[Step]:
    return [
        step
        for step in graph.steps[1:]
        if step.name in graph.leading and step.name != graph.score and has_grid(graph, step)
    ]


def _last(graph: Graph) -> Choice:
    found = _candidates(graph)
    # where rows and columns can be followed, a value of which they cannot be is no grid but a rearranged one
    sure = [
        step for step in found if graph.grids[step.name].rows is not None and graph.grids[step.name].columns is not None
    ]
    found = sure or found
    if not found:
        raise CallError(
            "no step of this network but the input has a grid of places, so there is no layer to look at; "
            f"use {PIXEL_METHODS}"
        )
    last = found[-1]
    while (
        last.kind in {"dropout", "identity"}
        and last.inputs
        and has_grid(graph, last.inputs[0])
        and last.inputs[0].inputs
    ):
        last = last.inputs[0]  # the same numbers, under the name of what made them
    channels, *grid = last.shape
    text, values = _what_follows(graph, last)
    size = size_text(grid)
    told = f"it is the last step that still has a grid ({size}, {channels} channel{'s' * (channels != 1)}); {text}"
    return Choice(last.name, Reason("last", told, {"grid": size, "channels": channels, **values}))


def _what_follows(graph: Graph, last: Step) -> tuple[str, dict[str, str]]:
    """In words, and for programs."""
    after = [
        step for step in graph.between(last.name) if step.kind not in UNCHANGED or step.kind in {"flatten", "reshape"}
    ]
    if not after:
        return "the answer follows at once", {"after": "answer"}
    first = after[0]
    named = {"step": first.name, "kind": first.kind}
    pools = {"adaptive_avg_pool2d", "avg_pool2d", "mean", "adaptive_max_pool2d", "max_pool2d", "amax", "sum"}
    if first.kind in pools:
        return f"after it {first.name!r} pools the places away", {"after": "pooling", **named}
    if first.kind in {"flatten", "reshape"}:
        return f"after it {first.name!r} puts all places in one row", {"after": "row", **named}
    return f"after it comes {first.name!r} ({first.kind})", {"after": "step", **named}


def _of_module(graph: Graph, wanted: str) -> Choice:
    """The last step with a grid inside a module."""
    inside = [
        step
        for step in _candidates(graph)
        if step.module == wanted or step.module.startswith(f"{wanted}.") or step.name.startswith(f"{wanted}.")
    ]
    if inside and wanted:
        told = f"it is the last step with a grid inside {wanted!r}, which was asked for"
        return Choice(inside[-1].name, Reason("inside", told, {"module": wanted}))
    names = [step.name for step in graph.steps]
    near = difflib.get_close_matches(wanted, names, n=3)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else _choices(graph)
    raise CallError(f"the network has no step {wanted!r}; {hint}")


def _choices(graph: Graph) -> str:
    names = [step.name for step in _candidates(graph)][-5:]
    return (
        f"choose one with a grid, such as {', '.join(map(repr, reversed(names)))}" if names else f"use {PIXEL_METHODS}"
    )
