"""Traces from strangers: settings that say anything, or nothing, neither stop a page nor break a gradient."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import convscope
from convscope.contribution import contributions
from convscope.contribution.replay import OPERATIONS, replay
from convscope.errors import NoArithmetic
from convscope.page import overview_bytes
from convscope.structure import setting_text
from convscope.structure.words import WORDS
from convscope.traces import Placement, Step, Trace

NAMES = (
    "alpha", "align_corners", "approximate", "axes", "axis", "beta", "ceil_mode", "count_include_pad", "dilation",
    "divisor", "eps", "groups", "index", "k", "keepdim", "kernel", "max", "min", "mode", "negative_slope", "operands",
    "output", "output_padding", "padding", "scale", "size", "stride", "threshold", "training", "value",
)  # fmt: skip

numbers = st.one_of(st.integers(-4, 9), st.sampled_from([10**6, -(10**6), 2**63, float("inf"), float("nan"), 0.5]))
plain = st.one_of(st.none(), st.booleans(), numbers, st.sampled_from(["", "constant", "reflect", "nearest", "weight"]))
operands = st.fixed_dictionaries({}, optional=dict.fromkeys(("input", "number", "param"), plain))
nonsense = st.recursive(plain | operands, lambda inner: st.lists(inner, max_size=5), max_leaves=6)
sensible = st.sampled_from([[1, 1], [2, 2], [3, 3], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0], [-1], [1, 2], 1, True, False])
told_anything = st.dictionaries(st.sampled_from(NAMES), sensible | nonsense, max_size=8)
kinds = st.sampled_from(sorted({*OPERATIONS, *WORDS, "unheard_of"}))

PARAMS = {
    "weight": np.ones((2, 2, 3, 3), np.float32),
    "bias": np.ones(2, np.float32),
    "running_mean": np.zeros(2, np.float32),
}


def between(kind: str, told: dict[str, Any], shape: tuple[int, ...], params: dict[str, np.ndarray]) -> Trace:
    """A picture, a step of these settings, and an answer that rests on it."""
    seen = Step("input", "input", np.ones((2, 6, 6), np.float32))
    step = Step("odd", kind, np.ones(shape, np.float32), (seen,), told, params)
    flat = Step("flat", "flatten", step.value.reshape(-1), (step,))
    return Trace(np.zeros((6, 6, 3), np.uint8), (seen, step, flat), ("flat",), Placement(0.0, 0.0, 6.0, 6.0))


@settings(max_examples=150, deadline=None)
@given(kinds, told_anything, st.sampled_from([(2, 6, 6), (2, 4, 4), (2, 3, 3), (5,), (1, 0, 2)]), st.booleans())
@example(kind="stack", told={"axis": 0}, shape=(1, 2, 6), with_params=False)  # an axis that its value does not have
def test_neither_a_page_nor_a_gradient_fails(
    kind: str, told: dict[str, Any], shape: tuple[int, ...], with_params: bool
) -> None:
    trace = between(kind, told, shape, PARAMS if with_params else {})
    found = contributions(trace) if trace.scores else None
    assert overview_bytes(trace, contributions=found.channels if found else None)
    assert isinstance(setting_text(trace["odd"]), str)


@pytest.mark.parametrize("kind", sorted({*OPERATIONS, *WORDS}))
def test_a_step_that_lacks_its_settings_is_still_shown(kind: str) -> None:
    assert setting_text(Step("odd", kind, np.ones(3, np.float32))) == ""
    assert overview_bytes(between(kind, {}, (2, 6, 6), {}))


def test_settings_that_a_kind_cannot_have_are_written_as_they_are() -> None:
    step = Step("odd", "max_pool2d", np.ones((1, 1, 1), np.float32), (), {"kernel": 3, "ceil_mode": True})
    assert setting_text(step) == "kernel 3, ceil mode"


@functools.cache
def pooled() -> Step:
    return convscope.trace("maxpool(2)", "chelsea", size=8).steps[1]


@pytest.mark.parametrize(
    ("kind", "told", "sentence"),
    [
        ("max_pool2d", {"stride": [0, 0]}, r"cannot be run again: its settings make no sense \(stride "),
        ("max_pool2d", {"stride": ["a", 1]}, r"cannot be run again: its settings make no sense \(max_pool2d"),
        ("max_pool2d", {"padding": [0, 1]}, r"its settings make no sense \(not enough values to unpack"),
        (
            "max_pool2d",
            {"stride": [1, 1]},
            r"its settings give a value of shape \[3, 7, 7\], and the trace holds one of",
        ),
        ("pad", {"padding": [[0, 0], [10**6, 0], [10**6, 0]], "mode": "constant"}, "more numbers on the way than"),
        ("interpolate", {"size": [10**6, 10**6], "mode": "nearest"}, "more numbers on the way than there can be"),
        ("interpolate", {"size": None, "scale": [1e5, 1e5], "mode": "nearest"}, "more numbers on the way than there"),
    ],
)
def test_settings_that_make_no_sense_get_one_sentence(kind: str, told: dict[str, Any], sentence: str) -> None:
    real = pooled()
    step = Step("pool_1", kind, real.value, real.inputs, {**real.settings, **told})
    with pytest.raises(NoArithmetic, match=sentence) as refused:
        replay(step, [torch.from_numpy(source.value.copy()) for source in step.inputs])
    assert str(refused.value).startswith(f"step 'pool_1' ({kind}) cannot be run again: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["conv2d", "conv_transpose2d"])
def test_padding_and_strides_of_convolutions_stay_within_the_memory(kind: str) -> None:
    told = {"stride": [10**6, 10**6], "padding": [10**6] * 4, "dilation": [1, 1], "groups": 1, "output_padding": [0, 0]}
    step = between(kind, told, (2, 6, 6), PARAMS)["odd"]
    with pytest.raises(NoArithmetic, match="more numbers on the way than there can be"):
        replay(step, [torch.ones(2, 6, 6)])
