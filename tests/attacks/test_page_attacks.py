"""Names that want to be markup, traces that contradict themselves, numbers at every edge: what comes out is a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import page_files
from convscope.page import overview_bytes
from convscope.page.html import make_page
from convscope.traces import Map, Placement, Step, Trace

NAMES = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "-->",
    "</title><img src=x onerror=alert(1)>",
    "\"'><svg/onload=alert(1)>",
    "&lt;b&gt;",
    "\ud800 alone",
    "\x00\x1b[31m\u2028\u202e",
    "]]>",
    "a" * 100_000,
    "__proto__",
    "\\u003c/script>",
]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    (folder / "index.html").write_text(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8" />\n<title>convscope</title>\n'
        '<script type="module" src="web/main.js"></script>\n</head>\n<body>\n</body>\n</html>\n',
        encoding="utf-8",
    )
    (folder / "main.js").write_text("export const page = 1;\n", encoding="utf-8")
    return folder


def named(name: str) -> Trace:
    """A trace in which everything that can be named is called so."""
    seen = Step(name, "input", np.ones((1, 4, 4), np.float32), settings={name: name}, module=name)
    params = {name: np.ones((2, 2), np.float32)}
    made = Step(f"{name}.2", name, np.ones((2, 4, 4), np.float32), (seen,), {name: [name]}, params, name, name)
    told = Map(name, name, np.ones((4, 4), np.float32), name, {name: name})
    about = {"network": name, "image": {"name": name, "size": [4, 4], "notes": [name]}, name: name}
    photo = np.zeros((4, 4, 3), np.uint8)
    return Trace(photo, (seen, made), (made.name,), Placement(0.0, 0.0, 4.0, 4.0), (name,), (told,), about)


@pytest.mark.parametrize("channels", [None, 1])
@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:20]))
def test_no_name_is_ever_markup(name: str, channels: int | None, web: Path) -> None:
    page = make_page(named(name), web=web, channels=channels)
    found = page_files.Html(page.data)
    plain = page_files.Html(make_page(named("plain"), web=web, channels=channels).data)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert [list(has) for _, has in found.tags] == [list(has) for _, has in plain.tags]
    assert found.code == plain.code
    assert found.trace().text["steps"][0]["name"] == name
    assert found.texts["title"].endswith(" · convscope")
    assert len(found.texts["title"]) < 300


def trace_of(*steps: Step) -> Trace:
    photo = np.zeros((4, 4, 3), np.uint8)
    return Trace(photo, steps, (steps[-1].name,), Placement(0.0, 0.0, 4.0, 4.0))


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


LIES: list[dict[str, Any]] = [
    {},
    {"kernel": "3x3", "groups": None},
    {"kernel": [3, 3], "groups": 0, "stride": [0, 0], "padding": [0, 0, 0, 0], "dilation": [0, 0]},
    {"kernel": [[3]], "groups": "many", "index": 5, "padding": {}},
    {"kernel": [float("nan"), float("inf")], "groups": -1, "axis": 99, "size": None},
]
KINDS = (
    "conv2d",
    "conv_transpose2d",
    "linear",
    "max_pool2d",
    "batch_norm",
    "slice",
    "pad",
    "cat",
    "interpolate",
    "mean",
)


@pytest.mark.parametrize("limit", [12_000_000, 1])
@pytest.mark.parametrize("settings", LIES, ids=range(len(LIES)))
@pytest.mark.parametrize("kind", KINDS)
def test_settings_and_shapes_that_contradict_each_other_do_not_stop_a_page(
    kind: str, settings: dict[str, Any], limit: int, web: Path
) -> None:
    seen = Step("input", "input", ones(3, 4, 4))
    steps = [seen]
    for shape in [(5, 4, 4), (5,), (), (2, 3), (0, 4, 4), (3, 4, 4)]:
        for weight in [ones(7, 9, 1, 1), ones(5, 3), ones(1), ones(5, 3, 3, 3)]:
            params = {"weight": weight, "bias": ones(2)}
            steps.append(Step(f"s{len(steps)}", kind, ones(*shape), (steps[-1], seen), settings, params))
    trace = trace_of(*steps, Step("last", "softmax", ones(5), (steps[1],), {"axis": 0}))
    page = make_page(trace, web=web, limit=limit)
    assert len(page_files.Html(page.data).trace().text["steps"]) == len(trace)


def test_numbers_at_every_edge_make_a_page(web: Path) -> None:
    edges = np.array([np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 1e-45, -0.0, 0.0], np.float32)
    values = [np.full((2, 4, 4), edge, np.float32) for edge in edges] + [np.tile(edges, 8).reshape(4, 4, 4)]
    steps = [Step("input", "input", values[0])]
    steps += [Step(f"s{i}", "relu", value, (steps[0],)) for i, value in enumerate(values)]
    steps.append(Step("answer", "unheard_of", edges, (steps[1],)))
    page = page_files.Html(make_page(trace_of(*steps), web=web, channels=1).data)
    assert page.trace().arrays["step/0/value"].shape == (2, 4, 4)
    assert "NaN" not in str(page.overview().text)


def test_many_channels_that_are_all_alike_are_told_apart_in_one_pass() -> None:
    value = np.ones((4096, 4, 4), np.float32)
    value[:, 0, 0] = 2  # same range, same mean
    value[4095, 0, :2] = [1, 2]
    found = page_files.overview(overview_bytes(trace_of(Step("input", "input", value))))
    same = found.arrays["same/0"]
    assert same[:4095].tolist() == [0] * 4095
    assert same[4095] == 4095
