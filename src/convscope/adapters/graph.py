"""A network as a list of nodes: what a file of another framework becomes.

Each node is a module with the names of the values that it reads and makes. The nodes' own names become the names of
the modules, so that the steps that people see are called as in the file they brought.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import torch

from convscope.errors import ModelError

#: Characters of a module's name; a file may hold names of any length.
LONGEST_NAME = 200


@dataclass(frozen=True, eq=False)
class Node:
    """One run of one module.

    Attributes:
        name: of the layer, as its file has it.
        module: what runs; the same module may stand in several nodes (a shared layer).
        inputs: names of the values that it is given, in order; one value may be given twice.
        outputs: names of the values that it returns: of its tensor, or of each tensor of its tuple.
    """

    name: str
    module: torch.nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Graph(torch.nn.Module):
    """A module that runs nodes in order, each as soon as what it reads is there.

    Every node's module is a child of this one, under the node's name with dots replaced (PyTorch gives them another
    meaning) and a number behind it where the name is taken. A module that stands in several nodes is a child once,
    under the name of the first. A value is forgotten after it was last read.

    Args:
        inputs: names of the values that ``forward`` is given.
        nodes: in any order; they run in the given one as far as what they read allows.
        outputs: names of the values that ``forward`` returns.

    Raises:
        ModelError: a value has no origin or two of them, nodes wait for each other in a circle, or there is no output.

    >>> graph = Graph(["x"], [Node("block/relu", torch.nn.ReLU(), ("x",), ("y",))], ["y"])
    >>> graph(torch.tensor([-1.0, 2.0])), [name for name, _ in graph.named_children()]
    (tensor([0., 2.]), ['block/relu'])
    """

    def __init__(self, inputs: Sequence[str], nodes: Sequence[Node], outputs: Sequence[str]) -> None:
        super().__init__()
        _check(inputs, nodes, outputs)
        ordered = in_order(inputs, nodes)
        last = {name: place for place, node in enumerate(ordered) for name in node.inputs}
        kept = set(outputs)
        self._inputs, self._outputs = tuple(inputs), tuple(outputs)
        children: dict[int, str] = {}
        taken: dict[str, int] = {}
        self._runs: list[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = []
        for place, node in enumerate(ordered):
            child = children.get(id(node.module))
            if child is None:
                child = children[id(node.module)] = free_name(node.name, self, taken)
                self.add_module(child, node.module)
            spent = {name for name in (*node.inputs, *node.outputs) if last.get(name, place) <= place} - kept
            self._runs.append((child, node.inputs, node.outputs, tuple(spent)))

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the values that ``forward`` is given."""
        return self._inputs

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the values that ``forward`` returns."""
        return self._outputs

    def forward(self, *values: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Run the nodes.

        Args:
            values: one tensor for each input, or a single one that all of them are given.

        Returns:
            the tensor of the one output, or a tuple of as many as there are.

        Raises:
            ModelError: there are fewer or more tensors than inputs.
        """
        if len(values) == 1:
            values *= len(self._inputs)
        if len(values) != len(self._inputs):
            raise ModelError(
                f"this network has {len(self._inputs)} inputs ({', '.join(self._inputs)}) and was given {len(values)} "
                "tensors; give one for each"
            )
        known: dict[str, torch.Tensor] = dict(zip(self._inputs, values, strict=True))
        children = self._modules
        for child, reads, makes, spent in self._runs:
            module = children[child]
            assert module is not None
            made = module(*[known[name] for name in reads])
            if len(makes) == 1:
                known[makes[0]] = made[0] if isinstance(made, tuple | list) else made
            else:
                known.update(zip(makes, made, strict=False))  # the last outputs of a node may be left out
            for name in spent:
                known.pop(name, None)
        found = tuple(known[name] for name in self._outputs)
        return found[0] if len(found) == 1 else found


@runtime_checkable
class Linked(Protocol):
    """What can be put in order: it has a name, reads values and makes some."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the values that it reads."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the values that it makes."""


AnyNode = TypeVar("AnyNode", bound=Linked)


def in_order(inputs: Iterable[str], nodes: Sequence[AnyNode]) -> list[AnyNode]:
    """The nodes such that each comes after those whose values it reads, and otherwise as given.

    Raises:
        ModelError: some wait for each other in a circle.

    >>> relu = torch.nn.ReLU()
    >>> [node.name for node in in_order("x", [Node("b", relu, ("y",), ("z",)), Node("a", relu, ("x",), ("y",))])]
    ['a', 'b']
    """
    known = set(inputs)
    ordered: list[AnyNode] = []
    missing = [set(node.inputs) - known for node in nodes]
    waiting: dict[str, list[int]] = {}
    for place, names in enumerate(missing):
        for name in names:
            waiting.setdefault(name, []).append(place)
    ready = [place for place in range(len(nodes)) if not missing[place]]  # a heap, since it is sorted
    while ready:
        node = nodes[heapq.heappop(ready)]
        ordered.append(node)
        for name in node.outputs:
            for place in waiting.pop(name, ()):
                missing[place].discard(name)
                if not missing[place]:
                    heapq.heappush(ready, place)
    if len(ordered) < len(nodes):
        stuck = next(node.name for node, names in zip(nodes, missing, strict=True) if names)
        raise ModelError(f"node {stuck[:LONGEST_NAME]!r} waits for its own result: the network goes round in a circle")
    return ordered


def free_name(name: str, module: torch.nn.Module, taken: dict[str, int] | None = None) -> str:
    """``name`` as a name that a child of ``module`` can have: no dots, not taken, of bounded length.

    Args:
        name: what it should be.
        module: the parent.
        taken: how often each name was asked for; spares a file of a thousand equal names the search.

    >>> free_name("features.0", torch.nn.Module()), free_name("type", torch.nn.Module())
    ('features_0', 'type_2')
    """
    kept = re.sub(r"[.\s\x00-\x1f]+", "_", name[:LONGEST_NAME])
    kept = "".join(letter if letter.isprintable() else "_" for letter in kept) or "node"
    taken = {} if taken is None else taken
    free = kept
    while hasattr(module, free):
        taken[kept] = taken.get(kept, 1) + 1
        free = f"{kept}_{taken[kept]}"
    return free


def _check(inputs: Sequence[str], nodes: Sequence[Node], outputs: Sequence[str]) -> None:
    """Every value has exactly one origin."""
    if not outputs:
        raise ModelError("the network has no output")
    origins: dict[str, str] = {}
    for name, origin in [
        *((name, "an input") for name in inputs),
        *((name, f"node {node.name!r}") for node in nodes for name in node.outputs),
    ]:
        if name in origins:
            raise ModelError(f"value {name!r} is made twice, by {origins[name]} and by {origin}")
        origins[name] = origin
    for name, reader in [
        *((name, f"node {node.name!r} reads") for node in nodes for name in node.inputs),
        *((name, "the network returns") for name in outputs),
    ]:
        if name not in origins:
            raise ModelError(f"{reader} {name!r}, which nothing makes")
