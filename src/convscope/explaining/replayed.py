"""A trace explained without its network: its steps are run again from their parameters, for any photos of its shape.

What does not depend on what is changed keeps its recorded value. So a layer of the recorded photo can be explained as
soon as the steps behind it can be run again, whatever came before it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from convscope.contribution.replay import replay, tensor
from convscope.errors import CallError, ForwardError, NoArithmetic
from convscope.explaining.graph import ancestors
from convscope.explaining.opened import INPUT, Opened
from convscope.network import Preprocessing, Survey, Taps
from convscope.traces import Step, Trace


def open_trace(trace: Trace) -> Opened:
    """A trace, to be explained like a network.

    Raises:
        CallError: only later, when it is given photos of another shape than the recorded one.

    >>> from convscope.tracing import trace
    >>> opened = open_trace(trace("conv(4, 3) | relu | gap | dense(2) | softmax", "chelsea", size=16))
    >>> opened.labels, opened.layers[1].name
    (('0', '1'), 'conv_1')
    """
    return Opened(ReplayedNetwork(trace))


class ReplayedNetwork:
    """What a trace remembers of its network; implements :class:`convscope.network.Differentiable`."""

    def __init__(self, trace: Trace) -> None:
        self.title = str(trace.about.get("network", "the trace's network"))
        self.preprocessing = Preprocessing(
            size=(int(trace.input.shape[-2]), int(trace.input.shape[-1])) if len(trace.input.shape) == 3 else None,
            channels=trace.input.shape[0], scale=_scale(str(trace.about.get("scale", "unit"))),
        )  # fmt: skip
        self.labels = trace.labels
        self.about: Mapping[str, Any] = {**trace.about, "input": list(trace.input.shape)}
        self._trace = trace

    def taps(self, value: Float32[np.ndarray, "c h w"]) -> Taps:
        """Its steps; see :class:`convscope.network.Differentiable`.

        Raises:
            CallError: another shape than the recorded one.
        """
        if value.shape != self._trace.input.shape:
            given, known = ("x".join(map(str, shape)) for shape in (value.shape, self._trace.input.shape))
            raise CallError(
                f"a trace can be explained for inputs of its own size ({known}) only, got {given}; "
                "give the network itself"
            )
        return ReplayedTaps(self._trace)


class ReplayedTaps:
    """The steps of a trace, run again; implements :class:`convscope.network.Taps`."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.survey = Survey(trace.steps, trace.outputs)

    def run(
        self, batch: Any, want: Sequence[str], cut: Sequence[str] = (), *, guided: bool = False,
        rough: float | None = None,
    ) -> Mapping[str, Tensor]:  # fmt: skip
        """See :class:`convscope.network.Taps`; ``rough`` has no use here.

        Raises:
            ForwardError: a step cannot be run again; the sentence names it.
        """
        del rough
        known = {step.name for step in self._trace}
        for name in (*want, *cut):
            if name not in known and name != INPUT:
                raise CallError(f"the trace has no step {name!r}")
        wanted = frozenset().union(*(ancestors(self._step(name)) for name in (*want, *cut)))
        walk = _Walk(self._trace, batch.detach(), wanted, guided=guided)
        found: dict[str, Tensor] = {}
        with torch.no_grad():
            for step in self._trace:
                if step.name not in wanted:
                    continue
                walk.take(step)
                name = INPUT if step is self._trace.input and INPUT in (*want, *cut) else step.name
                if name in cut:
                    found[name] = walk.cut(step)
                elif name in want:
                    found[name] = torch.stack(walk.values[step.name])
                walk.forget(step)
        return found

    def _step(self, name: str) -> Step:
        return self._trace.input if name == INPUT and INPUT not in self._trace else self._trace[name]


class _Walk:
    """One run through the steps of a trace.

    Attributes:
        values: by step, one value a photo, as long as somebody still reads it.
        fresh: names of steps whose values are not the recorded ones.
    """

    def __init__(self, trace: Trace, batch: Tensor, wanted: frozenset[str], *, guided: bool) -> None:
        first = trace.input
        same = len(batch) == 1 and np.array_equal(batch[0].numpy(), first.value, equal_nan=True)
        self.values: dict[str, list[Tensor]] = {}
        self.fresh: set[str] = set() if same else {first.name}
        self._first, self._batch, self._guided = first, batch, guided
        self._readers: dict[str, int] = {}
        for step in trace:
            for source in step.inputs if step.name in wanted else ():
                self._readers[source.name] = self._readers.get(source.name, 0) + 1

    def take(self, step: Step) -> None:
        """The next step: recorded where nothing before it has changed, else run again."""
        if step is self._first:
            self.values[step.name] = list(self._batch)
        elif not self.fresh & {source.name for source in step.inputs}:
            self.values[step.name] = [tensor(step.value)] * len(self._batch)
        else:
            self.values[step.name] = [self._again(step, photo) for photo in range(len(self._batch))]
            self.fresh.add(step.name)

    def cut(self, step: Step) -> Tensor:
        """Follow gradients from here on."""
        torch.set_grad_enabled(True)
        stacked = torch.stack(self.values[step.name])
        leaf = stacked if stacked.requires_grad else stacked.detach().clone().requires_grad_()
        self.values[step.name] = list(leaf.unbind())
        self.fresh.add(step.name)
        return leaf

    def forget(self, step: Step) -> None:
        """Let go of values that nobody reads any more."""
        for source in step.inputs:
            self._readers[source.name] -= 1
            if not self._readers[source.name]:
                self.values.pop(source.name, None)

    def _again(self, step: Step, photo: int) -> Tensor:
        from convscope.adapters.torch.guided import guided_relu, rectifies

        inputs = [self.values[source.name][photo] for source in step.inputs]
        told = (None, step.settings.get("min"), step.settings.get("max")) if step.kind == "hardtanh" else ()
        rectifier, most = rectifies(step.kind, told, {}) if self._guided else (False, None)
        if rectifier:
            return guided_relu(inputs[0], most, in_place=False)
        try:
            return replay(step, inputs)
        except NoArithmetic as error:
            raise ForwardError(f"{error}; give the network itself, or choose a layer behind that step") from None


def _scale(text: str) -> Any:
    """How pixels reached the network, from how a trace says it."""
    if text in {"unit", "byte", "imagenet"}:
        return text
    try:
        mean, deviation = text.removeprefix("mean ").split(", std ")
        found = tuple(tuple(float(one) for one in ast.literal_eval(part)) for part in (mean, deviation))
    except (ValueError, SyntaxError, TypeError):
        return "unit"
    return found if all(found) and min(found[1]) > 0 else "unit"
