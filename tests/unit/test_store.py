"""A trace comes back from its bytes as it was, bit for bit: the exact form."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from safetensors import safe_open
from safetensors.numpy import load as safetensors_load
from safetensors.numpy import load_file

from convscope.errors import CallError, TraceFileError
from convscope.store import dumps, layout, load, loads, save
from convscope.traces import Map, Step, Trace
from stored_traces import WHOLE, assert_same, photo, ramp, same_bits, small_trace, traces


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


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match=r"'.*none' cannot be read: No such file or directory"):
        load(tmp_path / "none")


GOLDEN_EXACT = "7a915383758cc3f21e2fbee86202aa321cc500f394d712d1c3a4aa0d90ec7bf2"
GOLDEN_COMPACT = "3d6d85d3e89dae3f2c2a1f9d86e48556218b9672983dfdf6b4a29ef567e1ead7"
