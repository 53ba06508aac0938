"""What must hold for a network, whatever it is. Nothing here knows which network it looks at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import page_files
from convscope.errors import ConvscopeError, NoArithmetic
from convscope.explaining.cam import gradcam
from convscope.explaining.graph import ancestors
from convscope.explaining.layers import choose_layer
from convscope.explaining.opened import Opened
from convscope.network import Differentiable, Network
from convscope.page.html import raw_data
from convscope.record import record
from convscope.traces import Step, Trace

POSITIONS = 2


@dataclass(frozen=True)
class Called:
    """A layer that PyTorch's own hooks saw running, and what it gave, with the batch axis in front."""

    path: str
    value: np.ndarray


@dataclass(frozen=True)
class Found:
    """What a network of the zoo turned out to be.

    Attributes:
        steps: how many steps its trace has.
        params: how many numbers those steps use.
        taken_apart: how many values were taken apart into the terms of their sums, all of them right.
        silent: kinds of steps that have no arithmetic, and how many steps of each.
        layer: where an explanation looks when nobody says where, "" where the network has no gradients.
        grid: (rows, columns) there.
        difference: largest distance of the answer from the framework's own, as a share of its largest number.
        trace: what was recorded.
    """

    steps: int
    params: int
    taken_apart: int
    silent: dict[str, int]
    layer: str
    grid: tuple[int, ...]
    difference: float
    trace: Trace


def examine(network: Network, image: Any = "chelsea", own: Any = None, *, tolerance: float = 0.0) -> Found:
    """Record the network once and hold everything against it.

    Args:
        network: what :func:`convscope.adapters.connect` gave.
        image: what it is shown.
        own: the framework's own answer to the trace's input, a function from (C, H, W) to its scores; None for calling
            the PyTorch module itself.
        tolerance: how far the answers may be apart, as a share of the largest number; 0 for not at all.
    """
    model = getattr(network, "model", None)
    with seen_by_hooks(model) as calls:
        trace = record(network, image)
    if own is None:
        assert model is not None
        own = module_answer(model)
    difference = compare(trace, np.asarray(own(trace.input.value)))
    assert difference <= tolerance, f"its answer is off by {difference:.2g} of its largest number"
    connected(trace)
    complete(trace, calls, model)
    taken_apart, silent = arithmetic(trace)
    layer, grid = looked_at(network, trace, calls) if isinstance(network, Differentiable) else ("", ())
    params = sum(value.size for step in trace for value in step.params.values())
    exported(trace)
    return Found(len(trace), params, taken_apart, silent, layer, grid, difference, trace)


@contextmanager
def seen_by_hooks(model: nn.Module | None) -> Iterator[list[Called]]:
    """What the convolutions and linear layers give, told by PyTorch's own hooks and not by the tape."""
    calls: list[Called] = []
    handles = []

    def listener(path: str) -> Any:
        def listen(_module: nn.Module, _given: Any, output: torch.Tensor) -> None:
            with torch._C.DisableTorchFunction():  # the hook's own copying is no step of the network
                calls.append(Called(path, output.detach().numpy().copy()))

        return listen

    for path, module in [] if model is None else model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            handles.append(module.register_forward_hook(listener(path)))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def module_answer(model: nn.Module) -> Any:
    """The answer of a PyTorch module without anything of ours."""

    def own(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            output = model(torch.tensor(x)[None])
        return first_tensor(output).numpy()[0]

    return own


def first_tensor(output: Any) -> torch.Tensor:
    """The first tensor of whatever a network returns."""
    while not isinstance(output, torch.Tensor):
        output = next(iter(output.values() if isinstance(output, dict) else output))
    return output


def compare(trace: Trace, own: np.ndarray) -> float:
    """Largest difference between the recorded answer and the framework's, as a share of the largest number."""
    recorded = trace[trace.outputs[0]].value
    assert recorded.size == own.size, f"the answer has the shape {recorded.shape}, the framework's {own.shape}"
    own = own.reshape(recorded.shape)
    assert np.isfinite(own).all()
    assert own.size == 1 or np.ptp(own) > 0, "a network whose scores are all the same shows nothing"
    return float(np.abs(recorded - own).max() / max(np.abs(own).max(), 1e-30))


def connected(trace: Trace) -> None:
    """From the image to the scores: whatever leads to the answer came from the image."""
    assert trace.output is not None
    leading = ancestors(trace.output)
    assert trace.input.name in leading
    lost = [step.name for step in trace if not step.inputs and step is not trace.input]
    assert lost == [], "nothing in a network comes from nowhere"


def complete(trace: Trace, calls: list[Called], model: nn.Module | None) -> None:
    """Every convolution and linear layer that ran is there under the module's name, with the numbers that it gave.

    One that gives the same for any image (the code of a position) is a constant and no step.
    """
    lost = [call for call in calls if not made_by(trace, call)]
    if lost:
        assert model is not None
        with seen_by_hooks(model) as others:
            module_answer(model)(np.zeros_like(trace.input.value))
        same = [(other.path, other.value.tobytes()) for other in others]
        assert [call.path for call in lost if (call.path, call.value.tobytes()) not in same] == []


def made_by(trace: Trace, call: Called) -> list[Step]:
    """The steps that hold what a layer gave."""
    near = [step for step in trace if step.module == call.path and step.value.size == call.value.size]
    return [step for step in near if np.array_equal(step.value.ravel(), call.value.ravel())]


def arithmetic(trace: Trace) -> tuple[int, dict[str, int]]:
    """Values at random places are the sum of their terms; how many were tried, and which kinds have no arithmetic."""
    rng = np.random.default_rng(len(trace))
    tried, silent = 0, {}
    for step in trace.steps[1:]:
        if step.value.size == 0:
            continue
        for at in rng.integers(0, step.value.size, POSITIONS):
            index = tuple(int(part) for part in np.unravel_index(at, step.shape))
            try:
                pixel = step.at(index)
            except NoArithmetic:
                silent[step.kind] = silent.get(step.kind, 0) + 1
                break
            assert pixel.holds, f"{step!r} at {index}: {pixel.result} but recorded {pixel.value}"
            tried += 1
    return tried, silent


def looked_at(network: Network, trace: Trace, calls: list[Called]) -> tuple[str, tuple[int, ...]]:
    """The layer that is chosen lies behind the last convolution that has a grid, is no finer, and has gradients.

    A network without scores, or without any grid, has none, and a sentence says so.
    """
    opened = Opened(network)
    value = trace.input.value
    gridded = [call for call in calls if call.value.ndim == 4 and call.value[0, 0].size > 1]
    if not (trace.scores and gridded):
        with pytest.raises(ConvscopeError, match=r"does not answer with a list of scores|has a grid of places"):
            choose_layer(opened.graph(value))
        return "", ()
    layer = choose_layer(opened.graph(value)).layer
    grid = trace[layer].shape[1:]
    made = made_by(trace, gridded[-1])
    assert made, f"{gridded[-1].path} was lost"
    order = [step.name for step in trace]
    assert order.index(layer) >= order.index(made[0].name), f"{layer} lies before the convolution {made[0].name}"
    assert all(a <= b for a, b in zip(grid, made[0].shape[-2:], strict=True)), f"{layer} has the grid {grid}"
    cut = opened.cut(torch.tensor(value)[None], [layer])
    gradients = cut.gradients(cut.scores[:, int(cut.scores[0].argmax())])
    heat = gradcam(cut.values[layer].float(), gradients[layer].float())
    assert torch.isfinite(heat).all()
    assert heat.abs().max() > 0, f"no gradient reaches {layer}"
    return layer, grid


def exported(trace: Trace) -> None:
    """The two files that its page reads hold every step, in order, and a small picture of every map."""
    held, overview = raw_data(trace, full=True)
    told = page_files.parse(held, "convscope").text["steps"]
    assert [step["name"] for step in told] == [step.name for step in trace]
    seen = page_files.overview(overview)
    assert len(seen.text["steps"]) == len(trace)
    pictures = {f"thumb/{number}" for number, step in enumerate(trace) if step.value.ndim == 3 and step.value.size}
    assert pictures <= set(seen.arrays)
