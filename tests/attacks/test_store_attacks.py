"""Files from strangers: each is refused in one sentence, or is a valid trace."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as save_weights

from convscope.errors import TraceFileError
from convscope.store import dumps, load, loads
from convscope.traces import Placement, Step, Trace
from trace_attacks import (
    changed,
    framed,
    put_together,
    ranged,
    set_structure,
    set_tensor,
    structured,
    take_apart,
    tiny,
    without,
)

HUGE = 2**40

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is empty"),
    "short": (lambda: b"abc", "is no safetensors file: it has only 3 bytes"),
    "web page": (
        lambda: b"\n <!DOCTYPE HTML><html><body>404",
        "is a web page, not a trace; download the file itself",
    ),
    "picture": (
        lambda: b"\x89PNG\r\n\x1a\n" + bytes(100),
        "its first 8 bytes announce a header of 727,905,341,920,923,785",
    ),
    "header 2^60": (
        lambda: struct.pack("<Q", 2**60) + b"{}",
        "announce a header of 1,152,921,504,606,846,976 bytes",
    ),
    "header 2^64-1": (lambda: b"\xff" * 8 + b"{}", "announce a header of 18,446,744,073,709,551,615 bytes"),
    "header past the end": (
        lambda: struct.pack("<Q", 1000) + b"{}",
        "is cut short: its header alone needs 1,008 bytes",
    ),
    "header of zero bytes": (lambda: bytes(64), "its header is not JSON"),
    "not JSON": (lambda: framed("hello, world"), "its header is not JSON"),
    "not UTF-8": (lambda: framed(b'{"\xff\xfe": 1}'), "its header is not UTF-8 text"),
    "JSON list": (lambda: framed("[1, 2]"), "its header is no JSON object"),
    "NaN": (lambda: framed('{"a": NaN}'), "NaN is no JSON number"),
    "duplicate tensor": (lambda: framed('{"a": {}, "a": {}}'), "its header names 'a' twice"),
    "duplicate field": (
        lambda: structured('{"format": 1, "format": 1}'),
        "its structure names 'format' twice",
    ),
    "deep header": (lambda: framed("[" * 400_000), "its header is nested too deeply"),
    "deep structure": (lambda: structured("[" * 200_000), "its structure is nested too deeply"),
    "deep settings": (
        lambda: set_structure("steps", 1, "settings", to=json.loads('{"a":' * 50 + "1" + "}" * 50)),
        "is nested too deeply",
    ),
    "million lists": (
        lambda: framed("[" + "[]," * 600_000 + "[]]"),
        "has a header of about 1,200,002 values",
    ),
    "million lists inside": (
        lambda: framed('{"__metadata__": {"convscope": "[' + "\\u005b\\u005d\\u002c" * 500_000 + '[]]"}}'),
        "has a header of about 1,000,00. values; at most 500,000 are allowed",
    ),
    "huge header": (lambda: framed(" " * (17 * 2**20)), "at most 16,777,216 are allowed"),
    "huge number": (lambda: framed('{"a": ' + "9" * 10_000_000 + "}"), "its header is not JSON"),
    "weights": (
        lambda: save_weights({"w": np.ones((3, 3), np.float32)}),
        "is a safetensors file but holds no trace",
    ),
    "bfloat16 weights": (
        lambda: framed('{"w":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}', bytes(2)),
        "is a safetensors file but holds no trace",
    ),
    "metadata is text": (lambda: framed('{"__metadata__": "convscope"}'), "holds no trace"),
    "metadata holds an object": (lambda: framed('{"__metadata__": {"convscope": {}}}'), "holds no trace"),
    "structure is a list": (lambda: structured("[]"), r"its structure is \[\], not an object"),
    "structure is cut": (lambda: structured('{"format": 1,'), "its structure is not JSON"),
    "newer": (
        lambda: set_structure("format", to=2),
        "was made by a newer convscope, in format 2; this one reads up to 1: update convscope",
    ),
    "newer, otherwise unknown": (lambda: structured('{"format": 7}'), "in format 7; this one reads up to 1"),
    "format 0": (lambda: set_structure("format", to=0), "there is no format 0"),
    "format true": (
        lambda: set_structure("format", to=True),
        "'format' of its structure is True; a whole number needed",
    ),
    "cut by one byte": (lambda: tiny()[:-1], "is cut short: its tensors need"),
    "cut in half": (lambda: tiny()[: len(tiny()) // 2], "is cut short: its tensors need"),
    "more bytes": (lambda: tiny() + b"x", "1 bytes follow its last tensor"),
    "overlap": (lambda: set_tensor("step/1/value", data_offsets=[64, 4864]), "overlaps the one before it"),
    "gap": (lambda: changed(lambda table, _: table.pop("map/0")), "leaves a gap before it"),
    "beyond the end": (
        lambda: set_tensor("pad/1", data_offsets=[10**15, 10**15 + 48]),
        "leaves a gap before it",
    ),
    "negative offset": (lambda: set_tensor("picture", data_offsets=[-48, 0]), "does not fill its bytes"),
    "offsets reversed": (lambda: set_tensor("picture", data_offsets=[48, 0]), "does not fill its bytes"),
    "offset a fraction": (
        lambda: set_tensor("picture", data_offsets=[0.0, 48.0]),
        "two whole numbers are needed",
    ),
    "three offsets": (lambda: set_tensor("picture", data_offsets=[0, 1, 48]), "two whole numbers are needed"),
    "shape overflow": (
        lambda: set_tensor("picture", shape=[HUGE, HUGE]),
        "'picture' has the impossible shape",
    ),
    "shape overflow to 0": (
        lambda: set_tensor("picture", shape=[2**32, 2**32, 0]),
        "has the impossible shape",
    ),
    "negative shape": (lambda: set_tensor("picture", shape=[-4, -4, 3]), "has the impossible shape"),
    "100 axes": (lambda: set_tensor("picture", shape=[1] * 100), "has the impossible shape"),
    "shape of texts": (lambda: set_tensor("picture", shape=["4"]), "a list of whole numbers is needed"),
    "shape of truths": (lambda: set_tensor("picture", shape=[True]), "a list of whole numbers is needed"),
    "shape does not fill": (lambda: set_tensor("picture", shape=[4, 4, 2]), "does not fill its bytes"),
    "unknown type": (
        lambda: set_tensor("picture", dtype="F64"),
        "holds numbers of type 'F64'; F32, F16, U8 are allowed",
    ),
    "type a list": (lambda: set_tensor("picture", dtype=["U8"]), r"holds numbers of type \['U8'\]"),
    "tensor a number": (
        lambda: changed(lambda table, _: table.update(x=3)),
        "is not described by dtype, shape and",
    ),
    "tensor with more": (
        lambda: set_tensor("picture", extra=1),
        "is not described by dtype, shape and data_offsets",
    ),
    "no steps": (lambda: set_structure("steps", to=[]), "'outputs' of its structure is"),
    "no steps at all": (
        lambda: changed(lambda _, s: s.update(steps=[], outputs=[])),
        "is damaged: a trace starts with a step of kind 'input'; got none",
    ),
    "first is no input": (
        lambda: set_structure("steps", 0, "kind", to="relu"),
        "a trace starts with a step of kind",
    ),
    "same name twice": (lambda: set_structure("steps", 1, "name", to="flat"), "two steps are called 'flat'"),
    "reads itself": (lambda: set_structure("steps", 1, "inputs", to=[1]), "'inputs' of step 1 is"),
    "reads a later step": (
        lambda: set_structure("steps", 1, "inputs", to=[3]),
        "numbers of steps before 1 needed",
    ),
    "reads step -1": (
        lambda: set_structure("steps", 1, "inputs", to=[-1]),
        "numbers of steps before 1 needed",
    ),
    "reads a truth": (
        lambda: set_structure("steps", 1, "inputs", to=[False]),
        "numbers of steps before 1 needed",
    ),
    "name a number": (lambda: set_structure("steps", 1, "name", to=7), "'name' of step 1 is 7; text needed"),
    "kind an object": (
        lambda: set_structure("steps", 1, "kind", to={}),
        "'kind' of step 1 is an object of 0 fields",
    ),
    "step a text": (lambda: set_structure("steps", 1, to="relu"), "step 1 is 'relu', not an object"),
    "steps a text": (
        lambda: set_structure("steps", to="relu"),
        "'steps' of its structure is 'relu'; a list needed",
    ),
    "settings a list": (
        lambda: set_structure("steps", 1, "settings", to=[]),
        r"'settings' of step 1 is \[\]; an object",
    ),
    "settings a mark": (
        lambda: set_structure("steps", 1, "settings", to={"$float": "inf"}),
        "'settings' of step 1 is",
    ),
    "unknown mark": (
        lambda: set_structure("steps", 1, "settings", to={"$ref": 1}),
        r"uses the unknown mark '\$ref'",
    ),
    "no such number": (
        lambda: set_structure("steps", 1, "settings", to={"a": {"$float": "1"}}),
        "a number is written as '1'",
    ),
    "batched 1": (
        lambda: set_structure("steps", 1, "batched", to=1),
        "'batched' of step 1 is 1; true or false needed",
    ),
    "labels numbers": (lambda: set_structure("labels", to=[1]), "'labels' of its structure is"),
    "placement of three": (lambda: set_structure("placement", to=[0, 0, 1]), "4 finite numbers needed"),
    "placement of texts": (lambda: set_structure("placement", to=["0"] * 4), "4 finite numbers needed"),
    "placement too large": (
        lambda: set_structure("placement", to=[10**400, 0, 1, 1]),
        "4 finite numbers needed",
    ),
    "output out of range": (lambda: set_structure("outputs", to=[4]), "'outputs' of its structure is"),
    "no such tensor": (
        lambda: set_structure("steps", 1, "value", "tensor", to="../../etc/passwd"),
        "'value' of step 1 refers to the tensor '../../etc/passwd', which is not there",
    ),
    "value is the picture": (
        lambda: set_structure("steps", 1, "value", "tensor", to="picture"),
        "holds uint8",
    ),
    "unknown encoding": (
        lambda: set_structure("steps", 1, "value", "encoding", to="zip"),
        "is 'zip', but its tensor",
    ),
    "shape of a reference": (
        lambda: set_structure("steps", 1, "value", "shape", to=[HUGE, 1, 1]),
        r"'value' of step 1 has the shape \[1099511627776, 1, 1\], its tensor \[3, 20, 20\]",
    ),
    "impossible reference": (
        lambda: set_structure("steps", 1, "value", "shape", to=[HUGE, HUGE]),
        "impossible shape",
    ),
    "value null": (
        lambda: set_structure("steps", 1, "value", to=None),
        "'value' of step 1 is None, not an object",
    ),
    "parameter a text": (
        lambda: set_structure("steps", 1, "params", to={"w": "x"}),
        "'w' of 'params' of step 1 is 'x'",
    ),
    "picture missing": (
        lambda: set_structure("picture", to="photo"),
        "the picture refers to the tensor 'photo', which",
    ),
    "picture of numbers": (
        lambda: set_structure("picture", to="map/0"),
        "a height, a width and 3 colours of uint8",
    ),
    "picture in grey": (
        lambda: set_tensor("picture", shape=[48, 1, 1]),
        "a height, a width and 3 colours of uint8",
    ),
    "map with channels": (
        lambda: set_structure("maps", 0, "value", "shape", to=[1, 20, 20]),
        "a height and a width",
    ),
    "map without a reason for its layer": (
        lambda: set_structure("maps", 0, "why_layer", to=None),
        "'why_layer' of map 0 is None; text needed",
    ),
    "score of a map a text": (
        lambda: set_structure("maps", 0, "score", to="<b>1</b>"),
        "'score' of map 0 is '<b>1</b>'; a number needed",
    ),
    "score of a map true": (lambda: set_structure("maps", 0, "score", to=True), "'score' of map 0 is True; a number"),
    "score of a map null": (lambda: set_structure("maps", 0, "score", to=None), "'score' of map 0 is None; a number"),
    "score of a map too large": (
        lambda: set_structure("maps", 0, "score", to=10**400),
        "'score' of map 0 is 10+...0+; a number needed",
    ),
    "score of a map a mark": (
        lambda: set_structure("maps", 0, "score", to={"$float": "1e5"}),
        "a number is written as '1e5'",
    ),
    "score of a map a mark and more": (
        lambda: set_structure("maps", 0, "score", to={"$float": "inf", "x": 1}),
        "a number is written as 'inf'",
    ),
    "notes of a map a text": (lambda: set_structure("maps", 0, "notes", to="a"), "'notes' of map 0 is 'a'; a list"),
    "notes of a map numbers": (lambda: set_structure("maps", 0, "notes", to=[1]), r"'notes' of map 0 is \[1\]; texts"),
    "evidence of a map deep": (
        lambda: set_structure("maps", 0, "evidence", to=json.loads('{"a":' * 50 + "1" + "}" * 50)),
        "is nested too deeply",
    ),
    **{
        f"without {key}": ((lambda key=key: without(key)), f"its structure has no '{key}'")
        for key in ("format", "picture", "placement", "outputs", "steps", "maps", "labels", "about")
    },
    "uint8 without range": (
        lambda: changed(lambda table, _: table.update({"x": table.pop("step/0/value/range")}), compact=True),
        "the range of 'step/0/value' refers to the tensor 'step/0/value/range', which is not there",
    ),
    "uint8 upside down": (lambda: ranged([[1, 0]] * 3), "has no lowest and highest value for each channel"),
    "uint8 up to infinity": (
        lambda: ranged([[0, np.inf]] * 3),
        "has no lowest and highest value for each channel",
    ),
    "uint8 from NaN": (lambda: ranged([[np.nan, 1]] * 3), "has no lowest and highest value for each channel"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_hostile_file_is_refused_with_its_reason(case: str, tmp_path: Path) -> None:
    make, reason = REFUSED[case]
    data = make()
    path = tmp_path / "cat.safetensors"
    path.write_bytes(data)
    for read, subject in ((lambda: loads(data), "^the data "), (lambda: load(path), "^'.*cat.safetensors' ")):
        with pytest.raises(TraceFileError, match=subject + ".*" + reason) as caught:
            read()
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400 + len(str(path))


def test_the_unchanged_file_is_accepted() -> None:
    """Guards the table above: each case is refused for its change, not for how it was put together."""
    assert len(loads(put_together(*take_apart(tiny())))) == 4
    assert len(loads(put_together(*take_apart(tiny(compact=True))))) == 4


def test_unknown_fields_are_ignored_as_the_versioning_rule_says() -> None:
    data = changed(lambda _, structure: structure.update(later={"x": [1]}) or structure["steps"][1].update(extra=1))
    assert dumps(loads(data)) == tiny()


def test_a_file_that_another_program_wrote_again_is_still_a_trace() -> None:
    """Order and alignment are a courtesy of our writer; only names and offsets count."""
    from safetensors.numpy import load as load_weights

    structure = take_apart(tiny())[1]
    again = save_weights(load_weights(tiny()), {"convscope": json.dumps(structure)})
    assert again != tiny()
    assert dumps(loads(again)) == tiny()


def test_markup_in_names_stays_text_and_out_of_tensor_names() -> None:
    bad = "<img src=x onerror=alert(1)>"
    seen = Step(bad, "input", np.ones((1, 2, 2), np.float32), params={bad: np.ones(2, np.float32)})
    trace = Trace(np.zeros((1, 1, 3), np.uint8), (seen,), (), Placement(0.0, 0.0, 1.0, 1.0))
    data = dumps(trace)
    assert loads(data)[bad].params[bad].tolist() == [1, 1]
    assert set(take_apart(data)[0]) == {
        "__metadata__",
        "picture",
        "step/0/value",
        "step/0/param/0",
        "pad/0",
        "pad/1",
        "pad/2",
    }


@pytest.mark.skipif(os.name != "posix", reason="needs a named pipe")
def test_things_that_are_no_files_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(TraceFileError, match="is not a file"):
            load(path)


def test_one_tensor_under_many_names_is_made_once() -> None:
    """Else a bomb: a million steps that each ask for the same coarse tensor as float32."""

    def change(_: dict[str, Any], structure: dict[str, Any]) -> None:
        structure["steps"].append({**structure["steps"][0], "name": "again", "kind": "identity"})

    trace = loads(changed(change, compact=True))
    assert np.shares_memory(trace["input"].value, trace["again"].value)
