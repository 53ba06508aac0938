"""A trace comes back from its bytes as it was: bit for bit in the exact form, within bounds in the compact one."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load as safetensors_load
from safetensors.numpy import load_file

from convscope.errors import CallError, NoArithmetic, OutputError, StaleParametersError, TraceFileError
from convscope.store import atomic, dumps, layout, load, loads, save
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


# The exact form.


@settings(max_examples=100, deadline=None)
@given(traces())
def test_any_trace_comes_back_bit_for_bit(make: Callable[[], Trace]) -> None:
    trace = make()
    data = dumps(trace)
    back = loads(data)
    assert_same(trace, back)
    assert dumps(back) == data
    assert dumps(trace) == data


@settings(max_examples=15, deadline=None)
@given(traces())
def test_the_safetensors_library_reads_the_same_arrays(make: Callable[[], Trace]) -> None:
    trace = make()
    tensors = safetensors_load(dumps(trace))
    assert same_bits(tensors["picture"], trace.picture)
    for i, step in enumerate(loads(dumps(trace))):
        if f"step/{i}/value" in tensors:
            assert same_bits(tensors[f"step/{i}/value"], step.value)
    assert all(re.fullmatch(r"picture|(step|map|pad)/[A-Za-z0-9_/]+", name) for name in tensors)


def test_load_file_and_safe_open_agree_with_load(tmp_path: Path) -> None:
    path = tmp_path / "猫 cat.safetensors"
    small_trace().save(path)
    trace, tensors = load(path), load_file(path)
    assert same_bits(tensors["step/1/param/weight"], trace["conv_1"].params["weight"])
    assert same_bits(tensors["map/0"], trace.maps[0].value)
    with safe_open(path, "numpy") as file:
        structure = json.loads(file.metadata()["convscope"])
        assert [step["name"] for step in structure["steps"]] == [step.name for step in trace]
        assert same_bits(file.get_tensor("step/4/value"), trace["add"].value)


def test_every_field_survives_a_file(tmp_path: Path) -> None:
    trace = small_trace()
    save(trace, tmp_path / "a.safetensors")
    for mapped in (True, False):
        back = load(tmp_path / "a.safetensors", mmap=mapped)
        assert_same(trace, back)
        assert back["clamp"].settings["max"] == math.inf
        assert not any(step.value.flags.writeable for step in back)
        assert not back.picture.flags.writeable
        assert not back["conv_1"].params["weight"].flags.writeable
    assert (tmp_path / "a.safetensors").read_bytes() == dumps(trace)


def test_the_bytes_of_a_tiny_trace_never_change() -> None:
    """Golden: files written today are read by every later version, so the bytes are fixed."""
    assert hashlib.sha256(dumps(small_trace())).hexdigest() == GOLDEN_EXACT
    assert hashlib.sha256(dumps(small_trace(), compact=True)).hexdigest() == GOLDEN_COMPACT


def test_what_is_not_known_of_a_map_is_left_out_of_the_file_and_comes_back_as_unknown() -> None:
    """So that files of earlier versions are read, and traces without it have the bytes that they always had."""
    structure = json.loads(layout.parse(memoryview(dumps(small_trace()))).text)
    assert not {"why_layer", "score", "notes"} & structure["maps"][0].keys()
    (old,) = loads(dumps(small_trace())).maps
    assert (old.why_layer, old.score, old.notes) == ("", None, ())
    told = replace(small_trace().maps[0], why_layer="it is the last", score=math.inf, notes=("a warning", "狗"))
    trace = replace(small_trace(), maps=(told,))
    (new,) = loads(dumps(trace, compact=True)).maps
    assert (new.why_layer, new.score, new.notes) == ("it is the last", math.inf, ("a warning", "狗"))
    assert not new.value.flags.writeable


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": ramp(3)}, r"a map has a height and a width; got the shape \(3,\)"),
        ({"score": "high"}, "the score of a map is a number or None; got str"),
        ({"score": True}, "the score of a map is a number or None; got bool"),
        ({"notes": ["a"]}, r"the notes of a map are a tuple of sentences; got \['a'\]"),
        ({"notes": (1,)}, "the notes of a map are a tuple of sentences"),
    ],
)
def test_a_map_that_is_none_is_refused(fields: dict, message: str) -> None:
    made = object.__new__(Map)  # past the types, which are only enforced while tests run
    vars(made).update({"method": "cam", "target": "cat", "value": ramp(2, 2), "score": None, "notes": ()} | fields)
    with pytest.raises(CallError, match=message):
        made.__post_init__()


def test_every_tensor_is_aligned_and_in_reading_order() -> None:
    data = memoryview(dumps(small_trace()))
    slots = layout.parse(data).slots
    assert all(slot.start % 64 == 0 for name, slot in slots.items() if not name.startswith("pad/"))
    placed = sorted((slot.start, name) for name, slot in slots.items() if not name.startswith("pad/"))
    assert [name for _, name in placed] == [
        "picture", "step/0/value", "step/1/value", "step/2/value", "step/3/value", "step/4/value", "step/7/value",
        "map/0", "step/1/param/weight", "step/1/param/bias",
    ]  # fmt: skip


def test_one_channel_is_one_range_of_bytes() -> None:
    trace = small_trace()
    data = dumps(trace)
    slot = layout.parse(memoryview(data)).slots["step/1/value"]
    start = slot.start + 1 * 4 * 5 * 4
    assert data[start : start + 80] == trace["conv_1"].value[1].tobytes()


def test_arrays_in_the_same_memory_are_stored_once_and_loaded_as_one() -> None:
    back = loads(dumps(small_trace()))
    assert np.shares_memory(back["add"].value, back["dropout"].value)
    assert np.shares_memory(back["add"].value, back["flatten"].value)
    assert back["conv_1"].params["weight"] is not back["conv_1:2"].params["bias"]
    assert np.shares_memory(back["conv_1"].params["weight"], back["conv_1:2"].params["weight"])


def test_equal_arrays_in_different_memory_and_prefixes_of_arrays_stay_apart() -> None:
    big = ramp(2, 4, 4)
    steps = [Step("input", "input", big)]
    steps += [Step(str(i), "slice", value, (steps[0],)) for i, value in enumerate([big.copy(), big[:1], big[:, ::2]])]
    trace = Trace(photo(), tuple(steps), (), WHOLE)
    tensors = safetensors_load(dumps(trace))
    assert {f"step/{i}/value" for i in range(4)} <= set(tensors)
    assert_same(trace, loads(dumps(trace)))


class Lazy(Mapping[str, np.ndarray]):
    """Parameters made anew at each reading, as of a half-precision network."""

    def __init__(self, **recipes: float) -> None:
        self.recipes = recipes
        self.stale = False
        self.reads = 0

    def __getitem__(self, name: str) -> np.ndarray:
        if self.stale:
            raise StaleParametersError("the parameters changed; record again")
        self.reads += 1
        return np.full((64, 64), self.recipes[name], np.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self.recipes)

    def __len__(self) -> int:
        return len(self.recipes)


def lazy_trace(params: Mapping[str, np.ndarray]) -> Trace:
    seen = Step("input", "input", ramp(3, 4, 5))
    return Trace(photo(), (seen, Step("conv", "conv2d", ramp(2, 4, 5), (seen,), {}, params)), ("conv",), WHOLE)


def test_temporary_arrays_that_reuse_an_address_are_not_taken_for_one() -> None:
    params = Lazy(**{f"w{i}": float(i) for i in range(20)})
    back = loads(dumps(lazy_trace(params)))
    assert [float(back["conv"].params[f"w{i}"][0, 0]) for i in range(20)] == [float(i) for i in range(20)]


def test_stale_parameters_leave_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")
    params = Lazy(w=1.0)
    trace = lazy_trace(params)
    params.stale = True
    with pytest.raises(StaleParametersError, match="record again"):
        save(trace, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    save(trace, path, params=False)
    assert set(load(path)["conv"].params.names) == {"w"}


def test_parameters_that_go_stale_half_way_leave_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")

    class Changing(Lazy):
        def __getitem__(self, name: str) -> np.ndarray:
            self.stale = self.reads == 4
            return super().__getitem__(name)

    params = Changing(w=1.0, v=2.0)
    trace = lazy_trace(params)
    params.reads = 1
    with pytest.raises(StaleParametersError, match="record again"):
        save(trace, path)
    assert params.reads == 4
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_parameters_left_out_say_so_and_stay_left_out() -> None:
    data = dumps(small_trace(), params=False)
    back = loads(data)
    assert back.about["params"] is False
    assert back["conv_1"].params.names == ("weight", "bias")
    assert "weight" in back["conv_1"].params
    assert not list(back["conv_1"].params)
    assert "gamma" not in back["conv_1"].params
    with pytest.raises(NoArithmetic, match="the parameter 'weight' of step 'conv_1' was left out of the trace file"):
        back["conv_1"].params.get("weight")
    assert back["conv_1"].params.get("gamma") is None
    assert not any("param" in name for name in safetensors_load(data))
    assert dumps(back) == data
    assert "params" not in loads(dumps(small_trace())).about


# The compact form.


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


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    save(small_trace(), path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OutputError, match=r"cannot write '.*a.safetensors': No space left on device; nothing was changed"
    ):
        save(compact_trace(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")
    trace = small_trace()

    def interrupted() -> None:
        with atomic.replacing(path) as file:
            file.write(dumps(trace)[:100])
            assert len(list(tmp_path.iterdir())) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="kills a process with a POSIX signal")
def test_a_killed_writer_harms_nothing_and_is_swept_up_after(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")
    script = (
        "import os, signal, sys; from convscope.store.atomic import replacing\n"
        f"with replacing({str(path)!r}) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, check=False)
    assert path.read_bytes() == b"old"
    stray = next(part for part in tmp_path.iterdir() if part != path)
    with atomic.replacing(tmp_path / "b") as file:
        assert not stray.exists()
        atomic._sweep.cache_clear()
        atomic._sweep(tmp_path)
        file.write(b"a writer at work is not swept")
    assert sorted(part.name for part in tmp_path.iterdir()) == ["a.safetensors", "b"]


def test_destinations_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    trace = small_trace()
    with pytest.raises(OutputError, match="it is a folder; give the name of a file"):
        save(trace, tmp_path)
    with pytest.raises(OutputError, match=r"there is no folder '.*nowhere'; make it first"):
        save(trace, tmp_path / "nowhere" / "a.safetensors")
    save(trace, tmp_path / "a", overwrite=False)
    with pytest.raises(OutputError, match="already exists; give another name"):
        save(trace, tmp_path / "a", overwrite=False)


def test_a_link_is_followed_and_permissions_are_ordinary(tmp_path: Path) -> None:
    target, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(target)
    save(small_trace(), link)
    assert link.is_symlink()
    plain = tmp_path / "plain"
    plain.touch()
    assert target.stat().st_mode == plain.stat().st_mode


@pytest.mark.skipif(os.name != "posix", reason="Windows does not replace a file that is open")
def test_who_reads_the_old_file_keeps_it_whole_while_a_new_one_takes_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(small_trace(), path)
    mapped = load(path)
    save(compact_trace(), path)
    assert_same(small_trace(), mapped)
    save(mapped, path)
    save(load(path), path)
    assert_same(small_trace(), load(path))


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"when": object()}, "the trace's about holds a object, which JSON cannot"),
        ({"n": 2**70}, "holds a whole number of 71 bits"),
        ({"a": {1: 2}}, "has the key 1, which is no text"),
    ],
)
def test_what_json_cannot_hold_is_refused_before_writing(about: Mapping, message: str, tmp_path: Path) -> None:
    trace = Trace(photo(), (Step("input", "input", ramp(2)),), (), WHOLE, about=about)
    with pytest.raises(CallError, match=message):
        save(trace, tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_wrong_number_types_are_refused_before_writing(tmp_path: Path) -> None:
    params = {"weight": np.zeros(3)}
    with pytest.raises(CallError, match="step/1/param/weight holds float64 numbers; a trace file holds float32 there"):
        save(lazy_trace(params), tmp_path / "a")
    with pytest.raises(CallError, match="the trace's placement holds nan; four finite numbers are needed"):
        dumps(Trace(photo(), (Step("input", "input", ramp(2)),), (), Placement(math.nan, 0.0, 1.0, 1.0)))


def test_too_much_structure_is_refused_before_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = Trace(photo(), (Step("input", "input", ramp(2)),), (), WHOLE, about={"a": [0] * 600})
    monkeypatch.setattr(layout, "MARKS_LIMIT", 500)
    with pytest.raises(
        CallError, match=r"the trace cannot be written: it has a header of about 6.. values; at most 500"
    ):
        dumps(trace)
    monkeypatch.setattr(layout, "HEADER_LIMIT", 1000)
    with pytest.raises(CallError, match=r"it has a header of 1,.* bytes; at most 1,000 are allowed"):
        dumps(trace)


# Memory. numpy reports its arrays to tracemalloc, so this counts a second copy wherever it is made.


def most_memory(function: Callable[[], object]) -> float:
    """The most that was allocated at once while the function ran, in bytes."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_saving_and_opening_100_mb_adds_little_memory(tmp_path: Path) -> None:
    steps = [Step("input", "input", np.zeros((3, 8, 8), np.float32))]
    for i in range(10):
        value = np.random.default_rng(i).random((40, 256, 256), np.float32)
        steps.append(Step(str(i), "conv2d", value, (steps[-1],)))
    trace = Trace(photo(), tuple(steps), ("9",), WHOLE)
    exact, coarse = tmp_path / "exact", tmp_path / "compact"
    assert most_memory(lambda: save(trace, exact)) < 5e6
    assert most_memory(lambda: save(trace, coarse, compact=True)) < 30e6
    assert most_memory(lambda: float(load(exact)["3"].value[3].sum())) < 5e6
    assert most_memory(lambda: load(exact, mmap=False)) > 100e6


def test_importing_the_store_loads_no_framework() -> None:
    script = (
        "import sys, convscope.store; sys.exit(bool({'torch', 'safetensors', 'PIL', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, check=False).returncode == 0


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match=r"'.*none' cannot be read: No such file or directory"):
        load(tmp_path / "none")


GOLDEN_EXACT = "7a915383758cc3f21e2fbee86202aa321cc500f394d712d1c3a4aa0d90ec7bf2"
GOLDEN_COMPACT = "3d6d85d3e89dae3f2c2a1f9d86e48556218b9672983dfdf6b4a29ef567e1ead7"
