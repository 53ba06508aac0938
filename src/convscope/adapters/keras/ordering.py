"""In which order the calls of a described network run."""

from __future__ import annotations

import heapq

from convscope.adapters.keras.description import Layer, Network, Reference
from convscope.errors import ModelError
from convscope.weights.value import shown

Task = tuple[int, int]
"""A layer's place in the file, and the number of its call."""


def in_order(network: Network) -> list[tuple[Layer, int]]:
    """The calls that the outputs depend on, each after those that it reads; otherwise in the file's order.

    Raises:
        ModelError: they wait for each other in a circle, or read what is not there.
    """
    reads = _needed(network)
    readers: dict[Task, list[Task]] = {}
    for task, needed in reads.items():
        for one in needed:
            readers.setdefault(one, []).append(task)
    missing = {task: len(needed) for task, needed in reads.items()}
    ready = sorted(task for task, count in missing.items() if not count)
    ordered: list[tuple[Layer, int]] = []
    while ready:
        task = heapq.heappop(ready)
        ordered.append((network.layers[task[0]], task[1]))
        for reader in readers.get(task, ()):
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, reader)
    if len(ordered) < len(reads):
        stuck = next(network.layers[task[0]].name for task, count in missing.items() if count)
        raise ModelError(f"layer {shown(stuck)} waits for its own result: the network is a circle, save it again")
    return ordered


def _needed(network: Network) -> dict[Task, set[Task]]:
    """What each call reads, for those on which the outputs depend."""
    place = {layer.name: at for at, layer in enumerate(network.layers)}
    starts = {reference.layer for reference in network.inputs}

    def task_of(reference: Reference, reader: str) -> Task:
        at = place.get(reference.layer)
        if at is None or not 0 <= reference.call < max(1, len(network.layers[at].calls)):
            raise ModelError(f"{reader} reads from a layer {shown(reference.layer)} that is not there; save it again")
        return at, reference.call

    reads: dict[Task, set[Task]] = {}
    waiting = [task_of(one, "the network's output") for one in network.outputs]
    while waiting:
        task = waiting.pop()
        if task in reads:
            continue
        layer = network.layers[task[0]]
        called = () if layer.name in starts or not layer.calls else layer.calls[task[1]].references()
        reads[task] = {task_of(one, layer.title) for one in called}
        waiting += reads[task]
    return reads
