"""What lies between a layer and the score, where it is simple enough that CAM is exact."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from convscope.contribution.replay import replay
from convscope.errors import CallError, NoArithmetic
from convscope.explaining.graph import UNCHANGED, Graph
from convscope.traces import Step

OPERATORS = frozenset({"add", "sub", "mul", "div"})


def dense_weights(graph: Graph, layer: str, asked: Tensor) -> Tensor:
    """How much each channel's mean counts for sums of the scores: (n, C).

    Behind the layer there may be global average pooling and then only what is affine: dense layers, 1x1 convolutions of
    what has one place, batch norm, numbers that are added or multiplied; and what changes nothing (dropout, flatten).
    Then ``score = weights @ mean over places + bias``, whatever the photo.

    Args:
        graph: the network's steps.
        layer: one of them.
        asked: (n, units) by what the scores are multiplied in each sum.

    Raises:
        CallError: something else comes behind the layer; the sentence names it.
    """
    steps = graph.between(layer)
    before, pool, after = _split(graph, layer, steps)
    reads = layer
    for step in (*before, pool, *after):
        _check_chain(graph, layer, step, reads)
        reads = step.name
    for step in after:
        if not _is_affine(step):
            raise _not_exact(layer, f"behind the pooling comes {step.name!r} ({step.kind})")
    channels = graph.by_name[layer].shape[0]
    means = torch.zeros(channels, requires_grad=True)
    try:
        with torch.enable_grad():
            value = means.reshape(pool.shape)
            for step in after:
                value = replay(step, [value])
            sums = asked @ value.reshape(-1)
            rows = [torch.autograd.grad(one, means, retain_graph=True)[0] for one in sums]
    except NoArithmetic as error:
        raise _not_exact(layer, str(error)) from None
    return torch.stack(rows)


def _split(graph: Graph, layer: str, steps: tuple[Step, ...]) -> tuple[list[Step], Step, list[Step]]:
    before: list[Step] = []
    for place, step in enumerate(steps):
        if _pools_all(step):
            return before, step, list(steps[place + 1 :])
        if step.kind not in {"dropout", "identity"}:
            raise _not_exact(layer, f"behind {layer!r} comes {step.name!r} ({step.kind})")
        before.append(step)
    raise _not_exact(layer, "nothing pools its places" if layer != graph.score else "it is the answer itself")


def _pools_all(step: Step) -> bool:
    """Global average pooling: every place of a map counts the same, and one number a channel is left."""
    if len(step.inputs) != 1 or len(step.inputs[0].shape) != 3:
        return False
    channels, *grid = step.inputs[0].shape
    if step.value.size != channels:
        return False
    told = step.settings
    if step.kind == "mean":
        return sorted(int(axis) % 3 for axis in told["axes"]) == [1, 2]
    if step.kind == "adaptive_avg_pool2d":
        return True
    whole = step.kind == "avg_pool2d" and list(told["kernel"]) == list(grid) and not any(told["padding"])
    return whole and told.get("divisor") is None


def _check_chain(graph: Graph, layer: str, step: Step, reads: str) -> None:
    """Each step reads the one before it and nothing else of the picture."""
    if [source.name for source in step.inputs] != [reads]:
        raise _not_exact(layer, f"{step.name!r} ({step.kind}) joins several paths")
    readers = [one for one in graph.consumers[reads] if one.name in graph.leading]
    if len(readers) != 1:
        raise _not_exact(layer, f"several paths lead from {reads!r} to the answer")


def _is_affine(step: Step) -> bool:
    if step.kind in UNCHANGED | {"linear"}:
        return True
    if step.kind == "batch_norm":
        return not step.settings["training"]
    if step.kind == "conv2d":
        return int(np.prod(step.inputs[0].shape[1:])) == 1 and not any(step.settings["padding"])
    if step.kind in {"mean", "sum"}:  # of axes with one position
        return step.value.size == step.inputs[0].value.size
    if step.kind in OPERATORS:
        operands = step.settings.get("operands") or []
        return len(step.inputs) == 1 and sum("input" in one for one in operands) == 1 and "input" in operands[0]
    return False


def _not_exact(layer: str, why: str) -> CallError:
    return CallError(
        f"CAM at {layer!r} is not exact, because {why}; it needs global average pooling and one dense layer behind its "
        "layer; use hirescam or gradcam, which take any network"
    )
