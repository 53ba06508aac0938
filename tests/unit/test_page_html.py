"""The exported file as a browser takes it apart: whole traces bit for bit, excerpts exact in what they hold."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import convscope as cs
import page_files
import zoo
from convscope.errors import CallError, OutputError, TraceFileError
from convscope.page.html import empty_page, export, make_page, raw_data
from convscope.page.ranking import channel_orders
from convscope.store import loads
from convscope.traces import Map, Placement, Step, Trace

Make = Callable[..., Any]

INDEX = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>convscope</title>
    <link rel="stylesheet" href="web/a.css" />
    <script type="module" src="web/main.js"></script>
  </head>
  <body>
    <noscript>This page needs JavaScript. 本页面需要启用 JavaScript。</noscript>
    <div id="convscope"></div>
  </body>
</html>
"""


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources of a page that does nothing."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "index.html").write_text(INDEX, encoding="utf-8")
    (folder / "a.css").write_text("a > b { color: red }", encoding="utf-8")
    (folder / "main.js").write_text("export const page = 'an ö';\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def small() -> Trace:
    return cs.trace("conv(6, 3) | relu | maxpool(2) | gap | dense(5) | softmax", "chelsea", size=(30, 41))


@pytest.fixture(scope="module")
def deep() -> Trace:
    torch.manual_seed(0)
    return cs.trace(zoo.small_resnet().eval(), size=96)


def taken(array: np.ndarray, take: list[list[int] | None]) -> np.ndarray:
    axes = [range(size) if kept is None else kept for size, kept in zip(array.shape, take, strict=True)]
    return array[np.ix_(*axes)] if axes else array


def check_exact(trace: Trace, file: page_files.File) -> tuple[int, int]:
    """Every reference holds the trace's own numbers; how many values and parameters there are."""
    counts = [0, 0]
    for step, told in zip(trace, file.text["steps"], strict=True):
        assert told["shape"] == list(step.shape)
        for which, array, reference in [
            (0, step.value, told["value"]),
            *((1, step.params[name], told["params"][name]) for name in step.params),
        ]:
            if reference is None:
                continue
            assert reference["shape"] == list(array.shape)
            take = reference.get("take") or [None] * array.ndim
            assert all(kept is None or kept == sorted(set(kept)) for kept in take)
            expected = taken(array, take)
            held = file.arrays[reference["tensor"]].reshape(expected.shape)
            assert held.tobytes() == np.ascontiguousarray(expected).tobytes()
            counts[which] += expected.size
    return counts[0], counts[1]


# A whole trace


def test_what_fits_is_there_whole_and_bit_for_bit(small: Trace, web: Path) -> None:
    page = make_page(small, web=web)
    data = page_files.Html(page.data).stream("trace")
    again = loads(data)
    for one, other in zip(small, again, strict=True):
        assert one.value.tobytes() == other.value.tobytes()
        assert all(np.array_equal(one.params[name], other.params[name]) for name in one.params)
    assert (page.held.values, page.held.absent, page.held.picture) == (page.held.of_values, 0, True)


def test_the_overview_comes_with_contributions(small: Trace, web: Path) -> None:
    from convscope.contribution import contributions

    found = page_files.Html(make_page(small, web=web).data).overview()
    assert found.text["thumb"] == 64
    expected = contributions(small).channels["conv_1"]
    np.testing.assert_array_equal(found.arrays["contribution/1"], expected)


def test_the_same_trace_gives_the_same_bytes(deep: Trace, web: Path) -> None:
    assert make_page(deep, web=web, limit=300_000).data == make_page(deep, web=web, limit=300_000).data


# An excerpt


@pytest.mark.parametrize("limit", [900_000, 400_000, 200_000])
def test_an_excerpt_fits_its_limit_uses_it_and_is_exact_in_what_it_holds(limit: int, deep: Trace, web: Path) -> None:
    page = make_page(deep, web=web, limit=limit)
    assert 0.8 * limit < len(page.data) <= limit
    file = page_files.Html(page.data).trace()
    assert (file.text["format"], file.text["about"]["excerpt"]) == (2, True)
    assert check_exact(deep, file) == (page.held.values, page.held.params)
    assert 0 < page.held.values < page.held.of_values
    assert file.text["about"]["held"]["values"] == [page.held.values, page.held.of_values]
    assert file.text["about"]["held"]["absent"] == page.held.absent


def test_a_larger_limit_holds_more(deep: Trace, web: Path) -> None:
    held = [make_page(deep, web=web, limit=limit).held.values for limit in (100_000, 200_000, 400_000)]
    assert held == sorted(set(held))


def test_along_a_chain_the_same_channels_are_kept(deep: Trace, web: Path) -> None:
    steps = page_files.Html(make_page(deep, web=web, channels=3).data).trace().text["steps"]
    kept = {told["name"]: told["value"]["take"][0] for told in steps if "take" in told["value"]}
    assert kept["conv1"] == kept["bn1"] == kept["relu"] == kept["maxpool"]
    assert kept["layer1.0.bn3"] == kept["layer1.0.downsample.1"] == kept["layer1.0.conv3"]
    assert len({tuple(channels) for channels in kept.values()}) > 1
    assert {len(channels) for channels in kept.values()} == {3}


def test_kernels_lie_between_kept_channels(deep: Trace, web: Path) -> None:
    steps = page_files.Html(make_page(deep, web=web, channels=3).data).trace().text["steps"]
    told = {step.name: told for step, told in zip(deep, steps, strict=True)}
    conv = told["layer1.0.conv2"]
    assert conv["params"]["weight"]["take"] == [
        conv["value"]["take"][0], told["layer1.0.conv1"]["value"]["take"][0], None, None
    ]  # fmt: skip
    assert "take" not in told["conv1"]["value"] or told["conv1"]["params"]["weight"]["take"][1] is None
    assert told["input"]["value"].get("take") is None
    assert "take" not in told["bn1"]["params"]["weight"]


def test_the_channels_kept_first_contribute_most(web: Path) -> None:
    values = np.zeros((5, 4, 4), np.float32)
    values[[3, 1, 4]] = np.array([3, 9, 1], np.float32)[:, None, None]
    seen = Step("input", "input", np.ones((1, 4, 4), np.float32))
    loud = Step("loud", "unheard_of", values, (seen,))
    after = Step("after", "relu", values / 2, (loud,))
    trace = Trace(np.zeros((4, 4, 3), np.uint8), (seen, loud, after), ("after",), Placement(0.0, 0.0, 4.0, 4.0))
    stats = np.zeros((5, 6), np.float32)
    stats[:, 3] = abs(values).mean((1, 2))
    arrays = {"stats/0": stats[:1], "stats/1": stats, "stats/2": stats / 2}
    assert channel_orders(trace, arrays)[2].tolist() == [1, 3, 4, 0, 2]
    known = {"contribution/1": np.float32([0, 0, 1, 0, -2]), "contribution/2": np.float32([0, 0, 1, 0, -2])}
    assert channel_orders(trace, arrays | known)[1].tolist() == [4, 2, 0, 1, 3]


def test_rows_of_the_answer_are_those_of_the_largest_scores(web: Path) -> None:
    trace = cs.trace("conv(4, 3) | gap | dense(40) | dropout(0.5) | softmax", size=24)
    steps = page_files.Html(make_page(trace, web=web, channels=3).data).trace().text["steps"]
    (dense,) = (step for step in steps if step["kind"] == "linear")
    assert dense["params"]["weight"]["take"][0] == sorted(score.index for score in trace.scores[:3])
    assert dense["value"].get("take") is None


def test_full_holds_everything_whatever_the_limit(deep: Trace, web: Path) -> None:
    page = make_page(deep, web=web, full=True, limit=1000)
    assert page_files.Html(page.data).trace().text["format"] == 1
    assert len(page.data) > 1_000_000


def test_a_limit_that_nothing_fits_gives_small_pictures_and_no_error(deep: Trace, web: Path) -> None:
    page = make_page(deep, web=web, limit=1)
    found = page_files.Html(page.data)
    steps = found.trace().text["steps"]
    assert page.held.absent == sum(told["value"] is None for told in steps) > 0
    assert all(told["shape"] == list(step.shape) for step, told in zip(deep, steps, strict=True))
    thumbs = [array for name, array in found.overview().arrays.items() if name.startswith("thumb/")]
    assert len(thumbs) == sum(step.has_maps for step in deep)
    assert {len(array) for array in thumbs} == {len(step.value) for step in deep if step.has_maps}


def test_a_huge_photo_is_made_smaller_and_stays_in_place(web: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (900, 1200, 3), np.uint8)
    seen = Step("input", "input", np.ones((3, 8, 8), np.float32))
    trace = Trace(photo, (seen,), ("input",), Placement(90.0, 120.0, 450.0, 600.0))
    page = make_page(trace, web=web, limit=400_000)
    file = page_files.Html(page.data).trace()
    height, width = file.arrays["picture"].shape[:2]
    assert height < 900
    assert len(page.data) <= 400_000
    np.testing.assert_allclose(file.text["placement"], np.array([0.1, 0.1, 0.5, 0.5]) * [height, width, height, width])
    assert page.held.picture is False


def test_what_shares_memory_is_there_once(web: Path) -> None:
    value = np.random.default_rng(0).standard_normal((64, 20, 20)).astype(np.float32)
    seen = Step("input", "input", np.ones((1, 20, 20), np.float32))
    one = Step("one", "unheard_of", value, (seen,))
    same = Step("same", "dropout", value, (one,))
    trace = Trace(np.zeros((4, 4, 3), np.uint8), (seen, one, same), ("same",), Placement(0.0, 0.0, 4.0, 4.0))
    steps = page_files.Html(make_page(trace, web=web, channels=2).data).trace().text["steps"]
    assert steps[1]["value"] == steps[2]["value"]


def test_explanations_and_labels_go_along(small: Trace, web: Path) -> None:
    told = Map("gradcam", "cat", np.ones((30, 41), np.float32), "conv_1", {"limit": float("inf")})
    trace = Trace(
        small.picture, small.steps, small.outputs, small.placement, ("a", "b", "c", "d", "cat"), (told,), small.about
    )
    file = page_files.Html(make_page(trace, web=web, channels=1).data).trace()
    assert file.text["labels"] == ["a", "b", "c", "d", "cat"]
    assert file.text["maps"][0]["evidence"] == {"limit": {"$float": "inf"}}
    assert file.arrays[file.text["maps"][0]["value"]["tensor"]].sum() == 30 * 41


def test_parameters_left_out_of_a_trace_stay_left_out(small: Trace, web: Path, tmp_path: Path) -> None:
    small.save(tmp_path / "bare.safetensors", params=False)
    bare = cs.load(tmp_path / "bare.safetensors")
    for options in ({"channels": 1}, {}):
        text = page_files.Html(make_page(bare, web=web, **options).data).trace().text
        assert text["steps"][1]["params"] == {"weight": None, "bias": None}
        assert text["about"]["params"] is False


def test_python_leaves_excerpts_to_the_page(deep: Trace, web: Path) -> None:
    data = page_files.Html(make_page(deep, web=web, channels=1).data).stream("trace")
    with pytest.raises(TraceFileError, match="in format 2; this one reads up to 1: update convscope"):
        loads(data)


# For other hosts


def test_the_files_themselves_are_those_of_the_page(small: Trace, deep: Trace, web: Path) -> None:
    found = page_files.Html(make_page(small, web=web).data)
    for full in (True, False):
        assert raw_data(small, full=full) == (found.stream("trace"), found.stream("overview"))
    excerpt, overview = raw_data(deep, limit=300_000)
    assert check_exact(deep, page_files.parse(excerpt, "convscope"))[0] > 0
    assert len(page_files.overview(overview).text["steps"]) == len(deep)


def test_an_empty_page_says_where_it_lives(web: Path) -> None:
    found = page_files.Html(empty_page("notebook", web=web).encode())
    assert ("div", {"id": "convscope", "data-host": "notebook"}) in found.tags
    assert list(found.scripts) == [""]


# The file


def test_the_policy_lets_this_script_run_and_nothing_else_in(small: Trace, web: Path) -> None:
    found = page_files.Html(make_page(small, web=web).data)
    (policy,) = (str(has["content"]) for tag, has in found.tags if has.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))

    def allowed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert rules == {
        "default-src": "'none'", "img-src": "data: blob:", "base-uri": "'none'", "form-action": "'none'",
        "script-src": allowed(found.code), "style-src": allowed(found.texts["style"]),
    }  # fmt: skip
    assert "an ö" in found.code
    assert "a > b { color: red }" in found.texts["style"]


def test_nothing_is_loaded_and_the_order_is_what_a_browser_needs(small: Trace, web: Path) -> None:
    page = make_page(small, web=web)
    found = page_files.Html(page.data)
    assert not any({"src", "href"} & set(has) for _, has in found.tags)
    assert page.data.index(b"charset") < 1024
    assert (
        page.data.index(b'charset="utf-8"') < page.data.index(b"Content-Security-Policy") < page.data.index(b"<style")
    )
    assert page.data.index(b'id="convscope"') < page.data.index(b"convscope-data") < page.data.index(b'"use strict"')
    assert "本页面需要启用 JavaScript" in found.texts["noscript"]


def test_blocks_hold_whole_tensors_or_whole_channels(deep: Trace, web: Path) -> None:
    found = page_files.Html(make_page(deep, web=web, full=True).data)
    blocks = json.loads(found.scripts["convscope-data"])["trace"]["blocks"]
    data = found.stream("trace")
    length = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:length])
    cuts = {length}
    for name, entry in header.items():
        if name != "__metadata__":
            start, stop = entry["data_offsets"]
            row = max(1, (stop - start) // entry["shape"][0])
            cuts |= set(range(length + start, length + stop + 1, row))
    assert {block["start"] for block in blocks[1:]} <= cuts
    assert all(block["stop"] - block["start"] <= 2 * 256 * 1024 for block in blocks)
    assert len(blocks) > 3


def test_a_file_that_exists_is_replaced_only_when_that_is_allowed(small: Trace, tmp_path: Path, web: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(OutputError, match="already exists; give another name, or allow it to be overwritten"):
        export(small, path, overwrite=False)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"full": True, "channels": 3}, "full and channels=3 contradict each other; give one of them"),
        ({"channels": 0}, "channels is 0; give at least 1"),
        ({"limit": 0}, "limit is 0; give at least 1"),
    ],
)
def test_impossible_wishes_are_refused(options: Any, sentence: str, small: Trace, web: Path) -> None:
    with pytest.raises(CallError, match=f"^{re.escape(sentence)}$"):
        make_page(small, web=web, **options)


def test_an_index_that_lost_its_script_is_refused(small: Trace, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>convscope</title>", encoding="utf-8")
    (tmp_path / "main.js").touch()
    with pytest.raises(CallError, match=r"^the page's index.html is not what it was"):
        make_page(small, web=tmp_path)
