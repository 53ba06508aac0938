"""Which channels an excerpt keeps: the strongest, and the same ones wherever channel 5 stays channel 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int64

from convscope.arithmetic.functions import FUNCTIONS
from convscope.page.channels import SIZE
from convscope.traces import Step, Trace

Order = Int64[np.ndarray, " c"]

CHANNELWISE = {
    *FUNCTIONS, "identity", "dropout", "softmax", "log_softmax", "add", "sub", "mul", "div", "maximum", "minimum",
    "max_pool2d", "avg_pool2d", "adaptive_max_pool2d", "adaptive_avg_pool2d", "batch_norm", "group_norm", "layer_norm",
    "local_response_norm", "interpolate", "pad", "slice",
}  # fmt: skip
"""Kinds whose channel c is made of channel c, where the number of channels stays."""


def channel_orders(trace: Trace, arrays: Mapping[str, np.ndarray]) -> dict[int, Order]:
    """For each step its channels (for vectors, its values), the most important first.

    Steps that hand on their channels one by one share one order. In it, a channel counts by its contribution to the
    answer (where that is not known, by its mean ``|x|``) in every step of such a chain, relative to the strongest
    channel there; the classes of the answer count by score.

    Args:
        trace: the steps.
        arrays: the arrays of its overview.

    Returns:
        the order by position in the trace; steps that are neither maps nor vectors are not in it.
    """
    orders: dict[int, Order] = {}
    for chain in _chains(trace.steps):
        steps = [trace.steps[i] for i in chain]
        if any(step is trace.output for step in steps) and trace.scores:
            classes = [0] if trace.binary else [score.index for score in trace.scores]
            order = np.array(classes, np.int64)
        else:
            weights = [_weight(i, step, arrays) for i, step in zip(chain, steps, strict=True)]
            order = np.argsort(-np.sum(weights, axis=0), kind="stable")
        orders |= dict.fromkeys(chain, order)
    return orders


def _weight(i: int, step: Step, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    if f"contribution/{i}" in arrays:
        strength = arrays[f"contribution/{i}"]
    else:
        strength = arrays[f"stats/{i}"][:, SIZE] if f"stats/{i}" in arrays else step.value
    strength = np.nan_to_num(np.abs(strength.astype(np.float64)), nan=0, posinf=0)
    weight: np.ndarray = strength / (strength.max(initial=0) or 1)
    return weight


def _chains(steps: Sequence[Step]) -> list[list[int]]:
    """The positions of maps and vectors, those together that hand on their channels one by one."""
    head = list(range(len(steps)))

    def find(i: int) -> int:
        while head[i] != i:
            head[i] = i = head[head[i]]
        return i

    place = {id(step): i for i, step in enumerate(steps)}
    for i, step in enumerate(steps):
        for source in step.inputs:
            if hands_on(step, source):
                head[find(i)] = find(place[id(source)])
    chains: dict[int, list[int]] = {}
    for i, step in enumerate(steps):
        if step.value.ndim in {1, 3} and step.value.size:
            chains.setdefault(find(i), []).append(i)
    return list(chains.values())


def hands_on(step: Step, source: Step) -> bool:
    """Whether channel c of ``source`` becomes channel c of ``step``."""
    if step.value.ndim != source.value.ndim or step.value.ndim not in {1, 3} or len(step.value) != len(source.value):
        return False
    depthwise = step.kind == "conv2d" and step.settings.get("groups") == len(step.value) > 1
    return depthwise or step.kind in CHANNELWISE
