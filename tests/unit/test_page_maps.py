"""Explanations in exported pages: every field and number, within the file's size, and said where there is no room."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import convscope as cs
import page_files
from convscope.errors import CallError
from convscope.page.html import make_page
from convscope.page.maps import kept_maps, map_bytes, told
from convscope.store import dumps, loads
from convscope.traces import Map, Trace

NET = "conv(16, 3, padding=same) | relu | conv(16, 3, padding=same) | relu | gap | dense(3) | softmax"
EVIDENCE = {"verdict": "doubt", "trust": 0.5, "insertion": {"auc": 0.5, "curve": [0.0, 1.0]}, "odd": float("inf")}


@pytest.fixture(scope="module")
def trace() -> Trace:
    return cs.trace(NET, "chelsea", size=(60, 90))


def with_maps(trace: Trace, count: int) -> Trace:
    """Maps of noise, which does not compress."""
    values = np.random.default_rng(0).standard_normal((count, *trace.input.shape[1:])).astype(np.float32)
    values[0, 0, 0], values[0, 1, 1] = np.nan, -0.0
    maps = [
        Map("gradcam", f"<b>{i}", value, "relu_2", EVIDENCE, "the last <i>grid", i / 8, (f"note {i}",))
        for i, value in enumerate(values)
    ]
    return dataclasses.replace(trace, maps=(*maps, Map("rise", "cat", values[0])))


def test_every_field_and_number_gets_through_in_every_kind_of_file(trace: Trace) -> None:
    shown = with_maps(trace, 2)
    for options in ({"full": True}, {"limit": 1_500_000}, {"channels": 2}):
        file = page_files.Html(make_page(shown, **options).data).trace()
        for found, map_ in zip(file.text["maps"], shown.maps, strict=True):
            expected = told(map_, "map")
            assert {key: found[key] for key in expected} == expected
            value = file.arrays[found["value"]["tensor"]]
            assert value.tobytes() == map_.value.tobytes()
        assert file.text["maps"][0]["evidence"]["odd"] == {"$float": "inf"}
        assert file.text["maps"][1]["score"] == 1 / 8
        assert "score" not in file.text["maps"][2]


def test_maps_count_towards_the_files_size_and_take_no_more_than_their_part(trace: Trace) -> None:
    shown = with_maps(trace, 30)
    limit = 1_200_000
    page = make_page(shown, limit=limit)
    assert len(page.data) <= limit
    file = page_files.Html(page.data).trace()
    there = [part["value"] is not None for part in file.text["maps"]]
    assert there[0]
    assert 0 < page.held.maps == sum(there) < page.held.of_maps == 31
    assert file.text["about"]["held"]["maps"] == [page.held.maps, 31]
    for found, map_ in zip(file.text["maps"], shown.maps, strict=True):
        assert found["shape"] == [60, 90]
        if found["value"] is not None:
            assert file.arrays[found["value"]["tensor"]].tobytes() == map_.value.tobytes()
    assert page.held.values > 0


def test_the_room_for_maps_goes_to_the_first_ones() -> None:
    noise = np.random.default_rng(0).standard_normal((3, 40, 40)).astype(np.float32)
    small = np.zeros((40, 40), np.float32)
    maps = [Map("cam", "a", value) for value in (noise[0], noise[1], small)]
    assert kept_maps(maps, None) == {0, 1, 2}
    assert kept_maps(maps, 10_000) == {0, 2}
    assert kept_maps(maps, 0) == frozenset()


def test_a_map_on_its_own_is_what_the_trace_file_says_of_it(trace: Trace) -> None:
    shown = with_maps(trace, 1)
    file = page_files.parse(map_bytes(shown.maps[0]), "convscope_map")
    inside = loads(dumps(shown)).maps[0]
    assert file.arrays["map"].tobytes() == inside.value.tobytes()
    assert (file.text["method"], file.text["why_layer"], file.text["notes"]) == (
        inside.method, inside.why_layer, list(inside.notes),
    )  # fmt: skip


def test_evidence_that_json_cannot_hold_is_refused(trace: Trace) -> None:
    bad = Map("cam", "cat", np.ones(trace.input.shape[1:], np.float32), evidence={"when": object()})
    with pytest.raises(CallError, match="the evidence of map 0 holds a object, which JSON cannot"):
        make_page(dataclasses.replace(trace, maps=(bad,)), channels=1)
