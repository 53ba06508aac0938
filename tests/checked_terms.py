"""What holds for the terms of every value, whatever the kind of step; and the sizes that such checks draw."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

from convscope.arithmetic import explain_value
from convscope.arithmetic.pixel import Pixel
from convscope.traces import Step

SEEDS = st.integers(0, 2**32 - 1)
SMALL = st.integers(1, 3)
SOME = settings(max_examples=60, deadline=None)
FEW = settings(max_examples=25, deadline=None)


def random(seed: int, *shape: int) -> Tensor:
    """Normal numbers around a mean that is not 0, so that a forgotten mean or bias shows."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) + 0.3


def check(step: Step, count: int = 6) -> list[Pixel]:
    """A few positions, the first and the last among them: the terms are consistent, and sum to the value."""
    if step.value.size == 0:
        return []
    rng = np.random.default_rng(step.value.size)
    flat = {0, step.value.size - 1, *rng.integers(0, step.value.size, count).tolist()}
    pixels = []
    for at in sorted(flat):
        index = tuple(int(part) for part in np.unravel_index(at, step.shape))
        pixel = explain_value(step, index)
        assert pixel.holds, f"{pixel!r} but recorded {pixel.value}, tolerance {pixel.tolerance}"
        assert pixel.tolerance <= 2e-3 * (1 + np.abs(pixel.terms).sum() + abs(pixel.bias)), "a bound, not a blank"
        consistent(pixel)
        pixels.append(pixel)
    return pixels


def consistent(pixel: Pixel) -> None:
    """What holds for every pixel, whatever the kind."""
    assert pixel.result == pixel.terms.sum() + pixel.bias
    assert pixel.value == pixel.step.value[pixel.index]
    count = len(pixel.terms)
    assert all(len(part) == count for part in (pixel.source, pixel.positions, pixel.inputs, pixel.factors))
    for term in range(count):
        position = pixel.position(term)
        if position is not None:
            source = pixel.step.inputs[int(pixel.source[term])]
            assert source.value[position] == pixel.inputs[term]
        elif pixel.source[term] >= 0:
            assert pixel.padded[term]
    if pixel.linear:
        assert np.array_equal(
            pixel.terms, np.where(pixel.padded & (pixel.inputs == 0), 0, pixel.inputs * pixel.factors)
        )
    shares = pixel.top(3)
    assert sum(share.sum for share in shares) == pytest.approx(pixel.result, rel=1e-9, abs=1e-9)
    assert str(pixel)
