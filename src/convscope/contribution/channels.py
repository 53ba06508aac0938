"""Backwards from one class to every channel of every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from convscope.contribution.replay import replay, tensor
from convscope.errors import CallError, NoArithmetic
from convscope.traces import Step, Trace

PROBABILITIES = {"softmax", "log_softmax", "sigmoid"}
"""Last steps that squash the scores; contributions are to what went into them."""


@dataclass(frozen=True)
class Contributions:
    """What every channel contributes to one score, to first order.

    Attributes:
        target: index of the class.
        score: name of the step whose value number ``target`` was asked about. Where one sigmoid answers for two
            classes, its one number speaks for the second class, and with the opposite sign for the first.
        channels: one signed number a channel (the sum over its map of value times gradient), by step; a vector's
            numbers count as its channels. Steps through which no gradient could be followed are missing.
        stopped: names of the steps that no gradient could be followed through.
    """

    target: int
    score: str
    channels: Mapping[str, Float32[np.ndarray, " c"]]
    stopped: tuple[str, ...]


def contributions(trace: Trace, target: int | None = None) -> Contributions:
    """How much each channel of each step contributes to a class.

    The contribution of a channel is the sum over its positions of ``value * d score / d value``: what the score
    would lose, to first order, if the channel were zero (Shrikumar et al., *Not Just a Black Box*, 2016,
    https://arxiv.org/abs/1605.01713, "gradient x input", here at every step). Where all that follows is linear, as
    after global pooling, it is exact. Scores are taken before softmax and sigmoid. The gradients are those of the
    recorded numbers; the network itself is not touched, and a trace read from a file will do.

    Args:
        trace: a trace whose answer is a vector, with its parameters.
        target: index of the class; None for the largest score.

    Raises:
        CallError: the network's answer is no vector, or has no such class.

    >>> from convscope.tracing import trace
    >>> found = contributions(trace("conv(4, 3) | gap | dense(3)", "chelsea", size=32), 1)
    >>> found.score, found.channels["conv_1"].shape, found.stopped
    ('dense_1', (4,), ())
    """
    output = trace.output
    if output is None or not trace.scores:
        raise CallError("the network's answer is no list of scores, so no class can be asked about")
    chosen = trace.scores[0].index if target is None else target
    if not 0 <= chosen < len(trace.scores):
        raise CallError(f"class {target} does not exist; the network has {len(trace.scores)}, numbered from 0")
    start = output.inputs[0] if output.kind in PROBABILITIES and output.inputs else output
    first = np.zeros(max(start.value.size, output.value.size), np.float32)[: start.value.size]
    place, sign = (0, 1.0 if chosen == 1 else -1.0) if trace.binary else (chosen, 1.0)
    first[place : place + 1] = sign
    with torch.enable_grad():
        gradients, stopped = _backwards(trace, start, tensor(first))
    channels = {step.name: _by_channel(step, gradients[id(step)]) for step in trace if id(step) in gradients}
    return Contributions(chosen, start.name, channels, stopped)


def _backwards(trace: Trace, start: Step, first: Tensor) -> tuple[dict[int, Tensor], tuple[str, ...]]:
    """The gradient of a score, ``first`` at ``start``, with respect to every value that it can be followed to."""
    gradients = {id(start): first.reshape(start.shape)}
    stopped: list[str] = []
    unknown: set[int] = set()  # steps some of whose influence on the score is not known
    for step in reversed(trace.steps):
        if id(step) in unknown:
            gradients.pop(id(step), None)
            unknown |= {id(source) for source in step.inputs}
            continue
        gradient = gradients.get(id(step))
        if gradient is None or not step.inputs:
            continue
        try:
            parts = _through(step, gradient)
        except NoArithmetic:
            stopped.append(step.name)
            unknown |= {id(source) for source in step.inputs}
            continue
        for source, part in zip(step.inputs, parts, strict=True):
            if part is not None:
                gradients[id(source)] = gradients[id(source)] + part if id(source) in gradients else part
    return gradients, tuple(reversed(stopped))


def _through(step: Step, gradient: Tensor) -> tuple[Tensor | None, ...]:
    """One step of the chain rule."""
    inputs = [tensor(source.value).requires_grad_() for source in step.inputs]
    value = replay(step, inputs)
    if not value.requires_grad:
        return (None,) * len(inputs)
    # as a product with the gradient, because torch.autograd.grad(..., grad_outputs) would import sympy first
    whole = torch.dot(value.reshape(-1), gradient.reshape(-1))
    return torch.autograd.grad(whole, inputs, allow_unused=True)


def _by_channel(step: Step, gradient: Tensor) -> Float32[np.ndarray, " c"]:
    """The sum over each channel's positions of value times gradient."""
    if step.value.ndim == 0:
        return np.array([float(step.value) * float(gradient)], np.float32)
    rows = len(step.value)
    product = np.einsum("cn,cn->c", step.value.reshape(rows, -1), gradient.numpy().reshape(rows, -1), optimize=False)
    return np.ascontiguousarray(product, np.float32)
