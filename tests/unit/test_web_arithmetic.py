"""The page's arithmetic against Python's: the same terms, factors, formula and verdict for every kind of step."""

from __future__ import annotations

import base64
import itertools
import json
import math
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import convscope
import zoo
from arithmetic_steps import every_step
from convscope.arithmetic import KINDS, Pixel, Share, explain_value
from convscope.errors import ConvscopeError
from convscope.traces import Step

SCRIPT = Path(__file__).resolve().parents[1] / "web" / "arithmetic_cases.mjs"
Asked = list[tuple[Step, tuple[int, ...]]]
WINDOW = {"kernel": [2, 2], "stride": [1, 1], "padding": [0, 0, 0, 0], "dilation": [1, 1], "groups": 1}


def some_positions(step: Step, count: int, seed: int) -> list[tuple[int, ...]]:
    """A few positions, the first and the last among them; all of a short row."""
    if step.value.size == 0:
        return []
    flat = {0, step.value.size - 1, *np.random.default_rng(seed).integers(0, step.value.size, count).tolist()}
    if step.value.size == max(step.shape, default=0) <= 50:
        flat = set(range(step.value.size))
    return [tuple(int(part) for part in np.unravel_index(at, step.shape)) for at in sorted(flat)]


def case(steps: Iterable[Step], asked: Asked, left_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Steps and questions as the script reads them; parameters in ``left_out`` are named, their numbers missing."""
    arrays: list[dict[str, Any]] = []

    def stored(value: np.ndarray) -> int:
        data = base64.b64encode(np.ascontiguousarray(value, "<f4").tobytes()).decode()
        arrays.append({"shape": value.shape, "data": data})
        return len(arrays) - 1

    def reference(value: np.ndarray) -> dict[str, Any]:
        return {"tensor": stored(value), "shape": value.shape}

    steps = list(steps)
    places = {id(step): i for i, step in enumerate(steps)}
    told = [
        {
            "name": step.name,
            "kind": step.kind,
            "inputs": [places[id(source)] for source in step.inputs],
            "settings": dict(step.settings),
            "dtype": step.dtype,
            "batched": step.batched,
            "value": stored(step.value),
            "params": {name: None if name in left_out else reference(value) for name, value in step.params.items()},
        }
        for step in steps
    ]
    return {"steps": told, "arrays": arrays, "asked": [(places[id(step)], index) for step, index in asked]}


def alone(step: Step, *indices: tuple[int, ...], left_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """A case of one step and its inputs."""
    inputs = list({id(source): source for source in step.inputs}.values())
    return case([*inputs, step], [(step, index) for index in indices], left_out)


def run(cases: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    """What the page's modules answer."""
    node = shutil.which("node")
    assert node, "the page's arithmetic is tested with Node.js, which is not on the path; install Node 20 or newer"
    (folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    done = subprocess.run(
        [node, "--no-warnings", str(SCRIPT), str(folder / "cases.json"), str(folder / "results.json")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def floats(values: Any) -> np.ndarray:
    return np.array([float(value) for value in values], np.float64)


def same(got: Any, expected: Any, scale: float = 0.0) -> bool:
    """Equal numbers, NaN and infinities included, up to 1e-12 of ``scale``."""
    got, expected = floats(np.atleast_1d(got)), floats(np.atleast_1d(expected))
    if got.shape != expected.shape:
        return False
    with np.errstate(invalid="ignore"):
        near = np.abs(got - expected) <= 1e-12 * scale if math.isfinite(scale) else np.zeros(len(got), bool)
    return bool((near | (got == expected) | (np.isnan(got) & np.isnan(expected))).all())


def compare(got: dict[str, Any], pixel: Pixel) -> None:
    """Every field of the page's sum is that of the pixel."""
    assert "reason" not in got, (got, pixel)
    assert got["explainable"]
    assert got["exact"]
    assert got["absent"] is None
    numbers = [*np.abs(pixel.terms), *np.abs(pixel.inputs[~pixel.padded]), abs(pixel.bias), abs(pixel.result)]
    size = float(np.sum([part for part in numbers if math.isfinite(part)]))
    for name in ("source", "inputs", "padded"):
        assert same(got[name], getattr(pixel, name)), name
    assert got["rank"] == pixel.positions.shape[1]
    assert got["positions"] == pixel.positions.ravel().tolist()
    assert got["at"] == [
        None if place is None else list(place) for place in map(pixel.position, range(len(pixel.terms)))
    ]
    factors = float(np.nan_to_num(np.abs(pixel.factors), posinf=0).max(initial=0))
    assert same(got["factors"], pixel.factors, factors)
    for name in ("terms", "bias", "result"):
        assert same(got[name], getattr(pixel, name), size), (name, got[name], getattr(pixel, name))
    assert same(got["value"], pixel.value)
    assert got["formula"] == pixel.formula
    assert (got["index"], got["linear"], got["holds"]) == (list(pixel.index), pixel.linear, pixel.holds)
    assert same(got["tolerance"], pixel.tolerance, size)
    assert got["symbols"].keys() == pixel.symbols.keys()
    for name, value in pixel.symbols.items():
        assert same(got["symbols"][name], value, abs(value) + size), name
    assert got["others"] == [[source, list(position)] for source, position in pixel.others]
    for k, shares in zip((0, 2, 5), got["shares"], strict=True):
        compare_shares(shares, pixel.top(k), size)
    compare_places(got["places"], pixel)
    if pixel.step.kind == "conv2d":
        compare_grid(got["grid"], pixel, got["shares"][2][0])


def compare_shares(got: list[dict[str, Any]], expected: tuple[Share, ...], size: float) -> None:
    assert len(got) == len(expected)
    for share, told in zip(got, expected, strict=True):
        assert not share["byDifference"]
        assert (share["source"], share["channel"], share["terms"]) == (told.source, told.channel, told.count)
        assert same(share["sum"], told.sum, size)
        if told.label.startswith("rest ("):
            assert (share["kind"], f"rest ({share['count']} channel{'s' * (share['count'] != 1)})") == (
                "rest",
                told.label,
            )
        elif told.source < 0:
            assert share["kind"] == ("bias" if told.label == "bias" else "constant")
        else:
            assert (share["kind"], share["count"]) == ("channel", told.count)


def compare_places(places: list[dict[str, Any]], pixel: Pixel) -> None:
    """Where the pointer's question says that values are read is where they were read."""
    got = {(place["source"], position) for place in places for position in itertools.product(*place["axes"])}
    rank = {i: step.value.ndim for i, step in enumerate(pixel.step.inputs)}
    width = pixel.positions.shape[1]
    read = {
        (int(source), tuple(int(part) for part in position[width - rank[int(source)] :]))
        for source, position in zip(pixel.source, pixel.positions, strict=True)
        if source >= 0
    }
    assert got == read | set(pixel.others)


def compare_grid(grid: dict[str, Any], pixel: Pixel, share: dict[str, Any]) -> None:
    """The largest channel's window has the kernel's shape and holds that channel's numbers."""
    shape = tuple(pixel.step.settings["kernel"])
    assert (grid["rows"], grid["columns"]) == shape
    mine = pixel.channels() == share["channel"]
    for name in ("inputs", "factors", "padded"):
        assert same(grid[name], getattr(pixel, name)[mine])
    assert grid["positions"] == pixel.positions[mine][:, 1:].tolist()


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_every_kind_is_calculated_as_in_python(tmp_path):
    steps = [step for seed in range(2) for step in every_step(seed)]
    asked = [[(step, index) for index in some_positions(step, 2, seed)] for seed, step in enumerate(steps)]
    found = run([alone(step, *(index for _, index in each)) for step, each in zip(steps, asked, strict=True)], tmp_path)
    assert sorted(found["kinds"]) == sorted(KINDS)
    assert {step.kind for step in steps} == set(KINDS), "a kind is never compared"
    padded, count, strange = 0, 0, 0
    for each, answers in zip(asked, found["answers"], strict=True):
        for (step, index), got in zip(each, answers, strict=True):
            pixel = explain_value(step, index)
            compare(got, pixel)
            count += 1
            padded += bool(pixel.padded.any())
            strange += not math.isfinite(pixel.result)
    assert count > 1000
    assert padded > 50, "padding is hardly compared"
    assert strange > 50, "NaN and infinity are hardly compared"


def test_numbers_are_written_and_functions_calculated_alike_everywhere(tmp_path):
    draw = np.random.default_rng(0)
    halves = (draw.integers(1, 9999, 100) + 0.5) * draw.choice([1, -1, 10, 100, 2.0**-4], 100)
    sizes = draw.normal(size=100) * 10.0 ** draw.integers(-44, 39, 100)
    x = np.concatenate([halves, sizes]).astype(np.float32)
    steps = [Step("same", "identity", x, (Step("x", "input", x),))]
    x = np.linspace(-9, 9, 200, dtype=np.float32)
    for kind in ("gelu", "mish", "selu", "silu", "logsigmoid"):
        told = {"approximate": "none"} if kind == "gelu" else {}
        steps.append(Step("y", kind, np.zeros_like(x), (Step("x", "input", x),), told))
    indices = [(i,) for i in range(200)]
    for step, answers in zip(steps, run([alone(step, *indices) for step in steps], tmp_path)["answers"], strict=True):
        for index, got in zip(indices, answers, strict=True):
            compare(got, explain_value(step, index))


@pytest.mark.parametrize("name", ["resnet", "inception", "mobilenet", "functional", "shared and in-place"])
def test_whole_networks_are_calculated_as_in_python(name, tmp_path):
    trace = convscope.trace(zoo.make(name), torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(3)))
    asked = [(step, index) for seed, step in enumerate(trace) for index in some_positions(step, 2, seed)]
    (answers,) = run([case(trace, asked)], tmp_path)["answers"]
    compared = 0
    for (step, index), got in zip(asked, answers, strict=True):
        try:
            pixel = explain_value(step, index)
        except ConvscopeError:
            assert "reason" in got, (step, got)
        else:
            compare(got, pixel)
            compared += 1
    assert compared > 10


def convolution(**told: Any) -> Step:
    """A convolution of ones with ones."""
    x = Step("x", "input", np.ones((1, 3, 3), np.float32))
    weight = np.ones((1, 1, 2, 2), np.float32)
    return Step("odd", "conv2d", np.full((1, 2, 2), 4, np.float32), (x,), WINDOW | told, {"weight": weight})


def odd(kind: str, settings: dict[str, Any], **more: Any) -> Step:
    """A step of one map that its settings do not fit."""
    x = Step("x", "input", np.ones((1, 3, 3), np.float32))
    return Step("odd", kind, np.zeros((1, 3, 3), np.float32), (x,), settings, **more)


UP = {"size": [4, 4], "scale": None, "align_corners": False}
REFUSED = [
    ("unknown", odd("fft_rfft2", {})),
    ("unknown", odd("constructor", {})),
    ("batch", odd("reshape", {}, batched=False)),
    ("mode", odd("interpolate", UP | {"mode": "bicubic"})),
    ("mode", odd("pad", {"padding": [[0, 0]] * 3, "mode": "wrap"})),
    ("operands", odd("mul", {})),
    ("parameters", odd("conv2d", WINDOW)),
    ("parameters", odd("batch_norm", {"eps": 1e-5, "training": False})),
    ("settings", convolution(kernel=[3])),
    ("settings", convolution(kernel=[3, 3])),
    ("settings", convolution(groups=0)),
    ("settings", convolution(stride="no")),
    ("settings", odd("permute", {"axes": [0, 1]})),
    ("settings", odd("permute", {"axes": [0, 1, 7]})),
    ("settings", odd("slice", {"index": [[0, 1, 0], 0, 0]})),
    ("settings", odd("softmax", {"axis": None})),
    ("settings", odd("cat", {"axis": 0, "operands": [{"input": 7}]})),
    ("settings", odd("cat", {"axis": 0, "operands": [{"number": 7}]})),
    ("settings", odd("add", {"operands": [{"input": 0}, {"nothing": 1}]})),
    ("settings", odd("leaky_relu", {})),
    ("settings", odd("pixel_shuffle", {"factor": 0})),
    ("settings", odd("local_response_norm", {"size": 0, "alpha": 1, "beta": 1, "k": 1})),
    ("settings", odd("local_response_norm", {"size": 1, "alpha": 0, "beta": 0.5, "k": -1})),
    (
        "stale",
        Step("odd", "conv2d", np.full((1, 2, 2), 5, np.float32), convolution().inputs, WINDOW, convolution().params),
    ),
]


def test_what_python_refuses_the_page_refuses_and_names_the_reason(tmp_path):
    index = (0, 1, 1)
    found = run([alone(step, index) for _, step in REFUSED], tmp_path)["answers"]
    for (reason, step), (got,) in zip(REFUSED, found, strict=True):
        with pytest.raises(ConvscopeError):
            explain_value(step, index)
        assert got.get("reason") == reason, (step, step.settings, got)
        assert got["explainable"] == (reason in {"settings", "stale"}), step
    (source,) = convolution().inputs
    answers = run(
        [case([source], [(source, index)]), alone(convolution(), (0, 2, 0), (0, 0, 0, 0), (0, -1, 0))], tmp_path
    )
    assert [got["reason"] for each in answers["answers"] for got in each] == [
        "input",
        "position",
        "position",
        "position",
    ]


def test_parameters_that_were_left_out_are_the_reason(tmp_path):
    step = convolution()
    operands = [{"input": 0}, {"param": "token"}]
    joined = odd("cat", {"axis": 1, "operands": operands}, params={"token": np.ones((1, 1, 3), np.float32)})
    cases = [alone(step, (0, 1, 1), left_out=("weight",)), alone(joined, (0, 2, 0), (0, 0, 0), left_out=("token",))]
    (got,), (cat, _) = run(cases, tmp_path)["answers"]
    assert (got["reason"], got["detail"], got["explainable"]) == ("parameters", {"name": "weight"}, False)
    assert not cat["explainable"]


def test_a_sum_that_does_not_hold_without_parameters_is_shown_as_such(tmp_path):
    x = Step("x", "input", np.arange(3, dtype=np.float32))
    step = Step("drop", "dropout", x.value * 2, (x,), {"p": 0.5})
    ((got,),) = run([alone(step, (2,))], tmp_path)["answers"]
    assert (got["holds"], got["result"], got["value"]) == (False, 2, 4)
    compare(got, explain_value(step, (2,)))
