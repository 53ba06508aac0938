"""A network's steps without their numbers, and where its answer is among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from convscope.errors import ModelError
from convscope.explaining.placing import Grid, grids
from convscope.network import Survey
from convscope.traces import Step

Ending = Literal["softmax", "sigmoid", "none"]

UNCHANGED = frozenset({"dropout", "identity", "flatten", "reshape", "squeeze", "unsqueeze"})
"""Kinds that hand the same numbers on, in the same order."""
ENDINGS: Mapping[str, Ending] = {"softmax": "softmax", "log_softmax": "softmax", "sigmoid": "sigmoid"}


@dataclass(frozen=True, eq=False)
class Graph:
    """The steps of a classifier for inputs of one shape.

    Attributes:
        steps: in the order in which they ran, the first being ``input``; shapes and settings without numbers.
        answer: name of the step whose value the network answers with.
        score: name of the step that holds the scores: what goes into a last softmax or sigmoid, else the answer.
        ending: what the answer comes out of.
        units: how many numbers the score has.
        together: whether several photos can be given at once.
    """

    steps: tuple[Step, ...]
    answer: str
    score: str
    ending: Ending
    units: int
    together: bool

    @classmethod
    def of(cls, survey: Survey, title: str) -> Graph:
        """Find the answer of a surveyed network.

        Raises:
            ModelError: it does not answer with a list of scores.
        """
        named = {step.name: step for step in survey.steps}
        answers = [named[name] for name in survey.outputs]
        answer = next(
            (step for step in answers if step.value.size and step.value.size == max(step.shape, default=0)), None
        )
        if answer is None:
            raise ModelError(
                f"{title} does not answer with a list of scores, so no class can be explained; give a classifier, or a "
                "network that ends in global pooling or a dense layer"
            )
        last = answer
        while last.kind in UNCHANGED and len(last.inputs) == 1 and last.inputs[0].value.size == answer.value.size:
            last = last.inputs[0]
        ending = ENDINGS.get(last.kind, "none") if len(last.inputs) == 1 else "none"
        score = answer if ending == "none" else last.inputs[0]
        return cls(survey.steps, answer.name, score.name, ending, score.value.size, survey.together)

    @cached_property
    def by_name(self) -> dict[str, Step]:
        """The steps by their names."""
        return {step.name: step for step in self.steps}

    @cached_property
    def grids(self) -> Mapping[str, Grid]:
        """Where each step's grid lies over the input, by its name."""
        return grids(self.steps)

    @cached_property
    def consumers(self) -> dict[str, tuple[Step, ...]]:
        """By the name of a step, the steps that read its value."""
        found: dict[str, list[Step]] = {step.name: [] for step in self.steps}
        for step in self.steps:
            for source in {one.name for one in step.inputs}:
                found[source].append(step)
        return {name: tuple(steps) for name, steps in found.items()}

    @cached_property
    def leading(self) -> frozenset[str]:
        """Names of the steps that the score depends on, itself included."""
        return ancestors(self.by_name[self.score])

    def between(self, layer: str) -> tuple[Step, ...]:
        """The steps after a layer that the score depends on and that depend on the layer, in order."""
        reached = {layer}
        found = []
        for step in self.steps:
            if step.name in self.leading and any(source.name in reached for source in step.inputs):
                reached.add(step.name)
                found.append(step)
        return tuple(found)


def ancestors(step: Step) -> frozenset[str]:
    """Names of a step and of all whose values went into it."""
    found: set[str] = set()
    waiting: list[Step] = [step]
    while waiting:
        one = waiting.pop()
        if one.name not in found:
            found.add(one.name)
            waiting += one.inputs
    return frozenset(found)


def size_text(shape: Sequence[int]) -> str:
    """``7x7`` for a grid of (7, 7)."""
    return "x".join(map(str, shape))
