"""The compact form of a trace file: a quarter of the size, within the bounds that the page states."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.store import dumps, layout, loads
from convscope.traces import Step, Trace
from stored_traces import WHOLE, compact_trace, photo, same_bits, traces


def encodings(data: bytes) -> dict[str, str]:
    structure = json.loads(layout.parse(memoryview(data)).text)
    return {step["name"]: step["value"]["encoding"] for step in structure["steps"]}


def test_compact_chooses_what_docs_say() -> None:
    assert encodings(dumps(compact_trace(), compact=True)) == {
        "input": "uint8", "maps": "uint8", "kept": "uint8", "nan": "float32", "small": "float16", "tokens": "float32",
        "scores": "float32", "out": "float32", "out2": "float32", "alias": "float32",
    }  # fmt: skip
    assert set(encodings(dumps(compact_trace())).values()) == {"float32"}


def test_compact_errors_stay_within_the_documented_bounds() -> None:
    trace = compact_trace()
    back = loads(dumps(trace, compact=True))
    assert back.about["compact"] is True
    assert "compact" not in loads(dumps(trace)).about
    for step in trace:
        got = back[step.name].value
        assert got.dtype == np.float32
        error = np.abs(got.astype(np.float64) - step.value)
        encoding = encodings(dumps(trace, compact=True))[step.name]
        if encoding == "float32":
            assert same_bits(got, step.value)
        elif encoding == "uint8":
            spread = np.ptp(step.value.astype(np.float64), axis=(1, 2), keepdims=True)
            assert (error <= spread / 510 + np.spacing(np.abs(step.value))).all()
        else:
            assert (error <= np.maximum(np.abs(step.value) / 2048, 2.0**-25)).all()
    assert (back["maps"].value[4] == -3.25).all()
    assert ((back["maps"].value[5] == 0) >= (trace["maps"].value[5] == 0)).all()
    weight = trace["maps"].params["weight"]
    assert 0 < np.abs(back["maps"].params["weight"] - weight).max() <= np.abs(weight).max() / 2048
    assert same_bits(back["maps"].params["bias"], trace["maps"].params["bias"])
    assert np.abs(back.maps[0].value - trace.maps[0].value).max() <= 4 / 2048
    assert np.shares_memory(back["maps"].value, back["kept"].value)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3), st.integers(20, 30), st.integers(20, 30), st.integers(0, 2**32 - 1),
    st.integers(-140, 120), st.floats(-(2.0**99), 2.0**99, width=32),
)  # fmt: skip
def test_uint8_keeps_its_bound_on_any_scale(c: int, h: int, w: int, seed: int, power: int, offset: float) -> None:
    noise = np.random.default_rng(seed).normal(size=(c, h, w)) * 2.0**power
    value = (noise + offset).astype(np.float32)
    trace = Trace(photo(), (Step("input", "input", value),), (), WHOLE)
    data = dumps(trace, compact=True)
    error = np.abs(loads(data)["input"].value.astype(np.float64) - value)
    spread = np.ptp(value.astype(np.float64), axis=(1, 2), keepdims=True)
    assert (error <= spread / 510 + np.spacing(np.abs(value))).all()


@settings(max_examples=25, deadline=None)
@given(traces())
def test_any_trace_has_a_compact_form(make: Callable[[], Trace]) -> None:
    trace = make()
    data = dumps(trace, compact=True)
    back = loads(data)
    assert back.about["compact"] is True
    assert [step.value.shape for step in back] == [step.value.shape for step in trace]
    assert dumps(back, compact=True) == data


def test_compact_is_a_quarter_of_the_size() -> None:
    value = np.random.default_rng(0).normal(size=(16, 100, 100)).astype(np.float32)
    trace = Trace(photo(), (Step("input", "input", value),), (), WHOLE)
    assert len(dumps(trace, compact=True)) < 0.27 * len(dumps(trace))


# Writing.
