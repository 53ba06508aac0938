"""What docs/format.md says is what the files are: its reader reads them, its example is one."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convscope.store import compact, dumps, layout, load
from convscope.traces import Map, Placement, Step, Trace

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "format.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The only code block of that language in the page."""
    (found,) = re.findall(rf"```{language}\n(.*?)\n```", PAGE, re.DOTALL)
    return found


def example() -> Trace:
    """The page's example."""
    seen = Step("input", "input", np.array([[[1, -2], [3, -4]]], np.float32))
    relu = Step("relu_1", "relu", np.maximum(seen.value, 0), (seen,))
    picture = np.full((2, 2, 3), 128, np.uint8)
    whole = Placement(0.0, 0.0, 2.0, 2.0)
    return Trace(picture, (seen, relu), ("relu_1",), whole, about={"image": "grey.png"})


def rich() -> Trace:
    """Every encoding, a shared array under another shape, and parameters."""
    rng = np.random.default_rng(1)
    seen = Step("input", "input", rng.normal(size=(3, 20, 30)).astype(np.float32))
    deep = Step("deep", "conv2d", rng.normal(size=(64, 5, 5)).astype(np.float32), (seen,))
    flat = Step("flat", "flatten", seen.value.reshape(-1), (deep,), {"max": float("-inf")})
    out = Step("猫", "linear", rng.normal(size=5).astype(np.float32), (flat,), {}, {"weight": np.ones(5, np.float32)})
    found = Map("gradcam", "cat", np.ones((20, 30), np.float32), "deep", {}, "it is the last", 0.5, ("a remark",))
    return Trace(
        np.zeros((4, 6, 3), np.uint8), (seen, deep, flat, out), ("猫",), Placement(0.0, 0.0, 4.0, 6.0), (), (found,)
    )


@pytest.mark.parametrize("coarse", [False, True])
def test_the_page_s_reader_reads_what_is_written(coarse: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    rich().save(path, compact=coarse)
    names: dict[str, Any] = {}
    # The page's reader leaves closing its file to Python, which says so while tests run.
    exec(block("python").replace('open(path, "rb").read()', "path.read_bytes()"), names)
    structure, picture, values = names["read"](path)
    trace = load(path)
    assert [step["name"] for step in structure["steps"]] == list(values) == [step.name for step in trace]
    assert (picture == trace.picture).all()
    for name, value in values.items():
        assert value.dtype == np.float32
        assert value.shape == trace[name].shape
        assert value.tobytes() == trace[name].value.tobytes()


def test_the_page_s_reader_is_about_twenty_lines() -> None:
    assert len([line for line in block("python").splitlines() if line.strip()]) <= 22


def test_the_page_s_example_is_what_is_written_byte_by_byte() -> None:
    data = dumps(example())
    (length,) = struct.unpack("<Q", data[:8])
    assert data[8 : 8 + length].decode().rstrip(" ") == block("json")
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
    position = 0
    for first, last, what, text in rows:
        assert int(first) == position, f"the row of {what}"
        piece = data[position : int(last) + 1]
        position = int(last) + 1
        if text == "below":
            assert piece.decode() == block("json")
        elif " x " in text:
            count, byte = text.split(" x ")
            assert piece == bytes.fromhex(byte) * int(count)
        else:
            assert piece == bytes.fromhex(text)
    assert position == len(data)


def test_every_field_that_is_written_is_in_the_page() -> None:
    structure = json.loads(layout.parse(memoryview(dumps(rich()))).text)
    objects = [structure, structure["steps"][3], structure["maps"][0], structure["steps"][3]["value"]]
    documented = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert {key for part in objects for key in part} <= documented


def test_the_limits_in_the_page_are_the_code_s() -> None:
    assert f"{layout.HEADER_LIMIT:,} bytes" in PAGE
    assert f"{layout.MARKS_LIMIT:,} of the characters" in PAGE
    assert f"multiple of {layout.ALIGNMENT} bytes" in PAGE
    assert f"at most {compact.SMALL:,} numbers" in PAGE
    assert f"H W of at least {compact.MAP_PIXELS}" in PAGE
