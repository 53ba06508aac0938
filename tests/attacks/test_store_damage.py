"""Damaged and oversized trace files: a trace or one sentence, quickly and without much memory."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.errors import ConvscopeError
from convscope.store import dumps, loads
from trace_attacks import put_together, take_apart, tiny

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(sys.modules["convscope.store"].__file__).parents[2])}


def check(data: bytes) -> None:
    """Either a trace that holds together, or one sentence."""
    trace, reason = attempt(loads, data)
    if trace is None:
        assert "\n" not in reason
        return
    for step in trace:
        assert step.value.dtype == np.float32
        assert not step.value.flags.writeable
        assert all(step.params[name].dtype == np.float32 for name in step.params)
    again, reason = attempt(dumps, trace)
    # Only what no program could have written may not be written again: a number of more than 64 bits.
    assert again or "whole number" in reason


def attempt(function: Callable[[Any], Any], argument: Any) -> tuple[Any, str]:
    """What the function gives, or what it says."""
    try:
        return function(argument), ""
    except ConvscopeError as error:
        return None, str(error)


EXACT, COMPACT = tiny(), tiny(compact=True)
HEADER = 8 + int.from_bytes(EXACT[:8], "little")


@settings(max_examples=300, deadline=None)
@given(
    st.booleans(),
    st.lists(st.tuples(st.integers(0, HEADER - 1), st.integers(0, 255)), min_size=1, max_size=4),
    st.none() | st.integers(0, len(COMPACT)),
)
def test_damaged_bytes_load_or_are_refused(compact: bool, damage: list[tuple[int, int]], cut: int | None) -> None:
    data = bytearray(COMPACT if compact else EXACT)
    for place, byte in damage:
        data[place] = byte
    check(bytes(data[:cut]))


def test_damaged_bytes_load_or_are_refused_in_bulk() -> None:
    """Plain and seeded beside the property: bits, digits, and pieces of the header moved about."""
    chance = random.Random(0)
    for turn in range(1500):
        data = bytearray((EXACT, COMPACT)[turn % 2])
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(HEADER)
            match chance.randrange(4):
                case 0:
                    data[place] ^= 1 << chance.randrange(8)
                case 1:
                    data[place] = chance.choice(b'0123456789-e.,:"[]{}\\ntfu')
                case 2:
                    del data[place : place + chance.randint(1, 40)]
                case _:
                    other = chance.randrange(8, HEADER)
                    data[place:place] = data[other : other + chance.randint(1, 40)]
        if turn % 3:
            # The header's length follows its text, so that the damage is met by what comes after.
            length = HEADER - 8 + len(data) - len((EXACT, COMPACT)[turn % 2])
            data[:8] = struct.pack("<Q", max(length, 0))
        check(bytes(data))


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
    st.data(),
)
def test_any_json_in_any_field_loads_or_is_refused(value: Any, data: st.DataObject) -> None:
    table, structure, body = take_apart(COMPACT)
    place: Any = structure
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = value
    check(put_together(table, structure, body))


WORST = """
import json, struct, sys, tracemalloc
from convscope.errors import TraceFileError
from convscope.store import loads
case = sys.argv[1]
if case == "names inside":
    header = '{"__metadata__":{"convscope":"{' + ",".join('\\\\"%d\\\\":0' % i for i in range(498_000)) + '}"}}'
elif case == "objects":
    header = "[" + "{}," * 249_000 + "{}]"
else:
    header = '{"a":"' + chr(0x1F600) * (4 * 2**20 - 100) + '"}'
header = header.encode()
data = struct.pack("<Q", len(header)) + header
def refused():
    try:
        loads(data)
    except TraceFileError:
        return True
assert refused()
tracemalloc.start()
assert refused()
print(tracemalloc.get_traced_memory()[1] / 1e6)
"""


@pytest.mark.parametrize("case", ["names inside", "objects", "emoji"])
def test_the_largest_headers_cost_little(case: str) -> None:
    """The promise is under 300 MB."""
    done = subprocess.run(
        [sys.executable, "-c", WORST, case], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 150
