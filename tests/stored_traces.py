"""Traces for the tests of the store: small ones with every feature, and any that the contract allows."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from convscope.traces import Map, Placement, Step, Trace

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(sys.modules["convscope.store"].__file__).parents[2])}
WHOLE = Placement(0.0, 0.0, 4.0, 5.0)


def photo(height: int = 4, width: int = 5) -> np.ndarray:
    return np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)


def ramp(*shape: int, start: float = 0.0) -> np.ndarray:
    return np.arange(math.prod(shape), dtype=np.float32).reshape(shape) + np.float32(start)


def small_trace() -> Trace:
    """Every feature of the format in a few hundred numbers."""
    seen = Step("input", "input", ramp(3, 4, 5))
    params = {"weight": ramp(2, 3, 1, 1), "bias": ramp(2)}
    told = {"kernel": [1, 1], "stride": [1, 1], "groups": 1}
    conv = Step("conv_1", "conv2d", ramp(2, 4, 5, start=-7), (seen,), told, params, module="features.0")
    clamped = Step("clamp", "clamp", ramp(2, 4, 5), (conv,), {"min": 0.0, "max": math.inf})
    again = Step("conv_1:2", "conv2d", ramp(2, 4, 5, start=1), (seen,), told, params, module="features.0")
    added = Step(
        "add",
        "add",
        clamped.value + again.value,
        (clamped, again),
        {"operands": [{"input": 0}, {"input": 1}]},
    )
    dropped = Step("dropout", "dropout", added.value, (added,), {"p": 0.5})
    flat = Step("flatten", "flatten", added.value.reshape(-1), (dropped,), dtype="bfloat16")
    mixed = Step("mix", "roll", ramp(1, 3), (flat,), batched=False)
    found = Map("gradcam", "cat", ramp(4, 5, start=-3), "conv_1", {"insertion": [0.1, math.nan], "trust": 0.5})
    return Trace(
        photo(), (seen, conv, clamped, again, added, dropped, flat, mixed), ("flatten", "mix"),
        Placement(0.0, 0.5, 4.0, 4.5), ("cat", "狗"), (found,), {"image": "cat.jpg", "network": "zoo"},
    )  # fmt: skip


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def plain_floats(value: object) -> object:
    """NaN is not equal to itself; its text is."""
    return json.dumps(value, default=lambda part: dict(part) if isinstance(part, Mapping) else str(part))


def assert_same(left: Trace, right: Trace) -> None:
    assert same_bits(left.picture, right.picture)
    assert left.placement == right.placement
    assert (left.outputs, left.labels) == (right.outputs, right.labels)
    assert plain_floats(left.about) == plain_floats(right.about)
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert (one.name, one.kind, one.module) == (other.name, other.kind, other.module)
        assert (one.dtype, one.batched) == (other.dtype, other.batched)
        assert [source.name for source in one.inputs] == [source.name for source in other.inputs]
        assert all(source is right[source.name] for source in other.inputs)
        assert plain_floats(one.settings) == plain_floats(other.settings)
        assert same_bits(one.value, other.value)
        assert list(one.params) == list(other.params)
        assert all(same_bits(one.params[name], other.params[name]) for name in one.params)
    assert len(left.maps) == len(right.maps)
    for one, other in zip(left.maps, right.maps, strict=True):
        assert (one.method, one.target, one.layer) == (other.method, other.target, other.layer)
        assert (one.why_layer, str(one.score), one.notes) == (other.why_layer, str(other.score), other.notes)
        assert plain_floats(one.evidence) == plain_floats(other.evidence)
        assert same_bits(one.value, other.value)


# Traces as strange as the contract allows.

NAMES = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    [
        "<img src=x onerror=alert(1)>",
        "\u202egnp.tac",
        "猫",
        "a\nb",
        "\x00",
        "pad/0",
        "__metadata__",
        "",
        "\udcff",
        "$float",
    ]
)
NUMBERS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | NAMES
JSON = st.recursive(
    NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=3)
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Any bit pattern a float32 can have: NaN payloads, infinities, -0.0, subnormals; contiguous or not."""
    if shape is None:
        shape = draw(SHAPES)
    seed = draw(st.integers(0, 2**32 - 1))
    bits = np.random.default_rng(seed).integers(0, 2**32, shape[::-1], np.uint32, endpoint=False)
    array = np.asarray(bits).view(np.float32)
    return array.T if draw(st.booleans()) else np.asarray(array.T, order="C")


@st.composite
def traces(draw: st.DrawFn) -> Callable[[], Trace]:
    """A function that makes the trace: its checks pick at random, which hypothesis forbids while it draws."""
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    weights = [draw(arrays()) for _ in range(2)]
    values: list[np.ndarray] = []
    rest = []
    for i in range(len(names)):
        shared = draw(st.integers(-1, i - 1))
        flat = draw(st.booleans())
        values.append(draw(arrays()) if shared < 0 else values[shared].reshape(-1) if flat else values[shared])
        params = draw(st.dictionaries(NAMES, st.sampled_from(weights), max_size=2))
        inputs = draw(st.lists(st.integers(0, i - 1), max_size=3)) if i else []
        rest.append((inputs, draw(OBJECTS), params, draw(NAMES), draw(NAMES), draw(st.booleans()), draw(NAMES)))
    size = st.integers(0, 3)
    maps = [
        (
            *(draw(NAMES), draw(NAMES), draw(arrays((draw(size), draw(size)))), draw(NAMES), draw(OBJECTS)),
            *(draw(NAMES), draw(st.none() | st.floats()), tuple(draw(st.lists(NAMES, max_size=2)))),
        )
        for _ in range(draw(st.integers(0, 2)))
    ]
    picture = photo(draw(size), draw(size))
    outputs = tuple(draw(st.lists(st.sampled_from(names), max_size=2)))
    place = [draw(st.floats(allow_nan=False, allow_infinity=False)) for _ in range(4)]
    labels = tuple(draw(st.lists(NAMES, max_size=3)))
    about = draw(OBJECTS)

    def make() -> Trace:
        steps: list[Step] = []
        for name, value, (inputs, told, params, module, dtype, batched, kind) in zip(names, values, rest, strict=True):
            sources = tuple(steps[i] for i in inputs)
            steps.append(Step(name, kind if steps else "input", value, sources, told, params, module, dtype, batched))
        return Trace(
            picture,
            tuple(steps),
            outputs,
            Placement(*place),
            labels,
            tuple(Map(*part) for part in maps),
            about,
        )

    return make


def compact_trace() -> Trace:
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(6, 20, 30)).astype(np.float32) * np.float32([1, 1e6, 1e-6, 1e-3, 0, 5])[:, None, None]
    maps[4] = -3.25
    maps[5] = np.maximum(maps[5], 0)
    broken = maps.copy()
    broken[1, 3, 3] = np.nan
    params = {"weight": rng.normal(size=(40, 30, 1, 1)).astype(np.float32), "bias": ramp(40)}
    seen = Step("input", "input", rng.random((3, 40, 50), dtype=np.float32))
    steps = [
        seen,
        Step("maps", "conv2d", maps, (seen,), {}, params),
        Step("kept", "identity", maps, (seen,)),
        Step("nan", "conv2d", broken, (seen,)),
        Step("small", "conv2d", rng.normal(size=(512, 7, 7)).astype(np.float32), (seen,)),
        Step("tokens", "linear", rng.normal(size=(64, 64)).astype(np.float32) * np.float32(1e9), (seen,)),
        Step("scores", "linear", rng.normal(size=2000).astype(np.float32), (seen,)),
        Step("out", "relu", maps + 1, (seen,)),
        Step("out2", "dropout", np.zeros(0, np.float32), (seen,)),
    ]
    steps.append(Step("alias", "identity", steps[-2].value, (steps[-2],)))
    found = Map("gradcam", "cat", rng.normal(size=(40, 50)).astype(np.float32))
    return Trace(photo(), tuple(steps), ("out", "scores"), WHOLE, maps=(found,))


def lazy_trace(params: Mapping[str, np.ndarray]) -> Trace:
    seen = Step("input", "input", ramp(3, 4, 5))
    return Trace(photo(), (seen, Step("conv", "conv2d", ramp(2, 4, 5), (seen,), {}, params)), ("conv",), WHOLE)
