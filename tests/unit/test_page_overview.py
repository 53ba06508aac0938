"""The overview against numbers calculated the slow way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convscope as cs
import page_files
from convscope.page import overview_bytes
from convscope.page.channels import histogram
from convscope.structure import macs, param_count, param_formula, receptive_fields, setting_text
from convscope.traces import Placement, Step, Trace

NET = "conv(6, 3, stride=2) | relu | maxpool(2) | conv(8, 3) | batchnorm | relu | gap | dense(5) | softmax"


@pytest.fixture(scope="module")
def trace() -> Trace:
    return cs.trace(NET, "chelsea", size=(150, 91))


@pytest.fixture(scope="module")
def found(trace: Trace) -> page_files.File:
    return page_files.overview(overview_bytes(trace))


def of(*values: np.ndarray) -> Trace:
    """A trace whose steps have these values and nothing else."""
    steps = [Step("input", "input", np.zeros((1, 8, 8), np.float32))]
    steps += [Step(f"step {i}", "unheard_of", value, (steps[0],)) for i, value in enumerate(values)]
    return Trace(np.zeros((8, 8, 3), np.uint8), tuple(steps), ("input",), Placement(0.0, 0.0, 8.0, 8.0))


def area_mean(maps: np.ndarray, height: int, width: int) -> np.ndarray:
    """Every pixel is cut into so many equal parts that the new grid's lines fall between them."""
    c, h, w = maps.shape
    fine = maps.astype(np.float64).repeat(height, axis=1).repeat(width, axis=2)
    return fine.reshape(c, height, h, width, w).mean(axis=(2, 4))


def level(maps: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    span = np.where(high > low, high.astype(np.float64) - low, 1)[:, None, None]
    return (maps - low[:, None, None]) / span * 255


def test_every_map_has_its_arrays_and_vectors_only_what_all_steps_have(trace, found) -> None:
    for i, step in enumerate(trace):
        names = {name.split("/")[0] for name in found.arrays if name.endswith(f"/{i}") and not name.startswith("pad")}
        maps = {"thumb", "stats", "same"} if step.has_maps else set()
        assert names == maps | {"histogram", "rows", "columns"}


def test_statistics_are_those_of_the_values(trace, found) -> None:
    for i, step in enumerate(trace):
        if not step.has_maps:
            continue
        flat = step.value.reshape(len(step.value), -1).astype(np.float64)
        stats = found.arrays[f"stats/{i}"]
        expected = [flat.min(1), flat.max(1), flat.mean(1), abs(flat).mean(1), (flat == 0).mean(1), 0 * flat.mean(1)]
        np.testing.assert_array_equal(stats[:, :2], np.stack(expected[:2], 1).astype(np.float32))
        np.testing.assert_allclose(stats, np.stack(expected, 1), rtol=1e-5, atol=1e-6)


def test_small_pictures_are_means_over_areas_between_low_and_high(trace, found) -> None:
    shapes = set()
    for i, step in enumerate(trace):
        if not step.has_maps:
            continue
        thumb, stats = found.arrays[f"thumb/{i}"], found.arrays[f"stats/{i}"]
        shapes.add(thumb.shape[1:])
        expected = level(area_mean(step.value, *thumb.shape[1:]), stats[:, 0], stats[:, 1])
        assert abs(thumb - expected).max() <= 0.501
    assert {(64, 39), (37, 22)} <= shapes  # one was made smaller, one was small already


def test_a_smaller_size_may_be_asked_for(trace) -> None:
    small = page_files.overview(overview_bytes(trace, thumb=8))
    assert small.text["thumb"] == 8
    assert max(max(array.shape[1:]) for name, array in small.arrays.items() if name.startswith("thumb")) == 8


def test_facts_are_those_of_the_structure(trace, found) -> None:
    fields = receptive_fields(trace.steps)
    for step, said in zip(trace, found.text["steps"], strict=True):
        assert (said["params"], said["macs"]) == (param_count(step), macs(step))
        assert (said["formula"], said["settings"]) == (param_formula(step), setting_text(step))
        field = fields[step.name]
        assert said["field"] == {
            "size": list(field.size), "seen": list(field.seen), "jump": list(field.jump), "whole": field.whole
        }  # fmt: skip
        assert (said["low"], said["high"]) == step.range
        assert said["zeros"] == pytest.approx(step.zeros, abs=1e-7)
    assert found.text["params"] == sum(param_count(step) for step in trace)
    assert found.text["macs"] == sum(macs(step) for step in trace)
    assert found.text["probabilities"] is True


def test_scores_are_the_answer_as_it_came_out(trace, found) -> None:
    scores = found.text["scores"]
    assert trace.steps[scores["step"]] is trace.output
    np.testing.assert_array_equal(found.arrays[scores["values"]], trace.output.value)


def test_rows_and_columns_are_the_boxes_of_the_receptive_field(trace, found) -> None:
    fields = receptive_fields(trace.steps)
    for i, step in enumerate(trace):
        rows, columns = found.arrays[f"rows/{i}"], found.arrays[f"columns/{i}"]
        height, width = step.shape[1:] if step.has_maps else (1, 1)
        assert len(rows) in {1, height}
        for y in range(height):
            for x in range(0, width, 7):
                (top, bottom), (left, right) = rows[y % len(rows)], columns[x % len(columns)]
                assert (top, left, bottom + 1, right + 1) == fields[step.name].box(y, x)


def test_what_sees_nothing_says_so() -> None:
    alone = Step("alone", "unheard_of", np.ones((2, 3, 3), np.float32))
    seen = Step("input", "input", np.zeros((1, 8, 8), np.float32))
    trace = Trace(np.zeros((8, 8, 3), np.uint8), (seen, alone), ("alone",), Placement(0.0, 0.0, 8.0, 8.0))
    found = page_files.overview(overview_bytes(trace))
    assert found.arrays["rows/1"].tolist() == [[-1, -1]]
    assert found.text["steps"][1]["field"] is None


def test_twins_name_the_first_of_them() -> None:
    rng = np.random.default_rng(0)
    value = rng.standard_normal((9, 5, 7)).astype(np.float32)
    value[4], value[7], value[8] = value[1], value[1], value[6]
    value[3] = value[2][::-1]  # the same numbers in another order are no twin
    value[0] = value[5] = 0
    value[5, 0, 0] = -0.0  # neither is another zero
    found = page_files.overview(overview_bytes(of(value)))
    assert found.arrays["same/1"].tolist() == [0, 1, 2, 3, 1, 5, 6, 1, 6]


def test_a_parameter_shared_by_two_runs_counts_once() -> None:
    seen = Step("input", "input", np.zeros((1, 8, 8), np.float32))
    held = {"weight": np.ones((1, 1, 1, 1), np.float32)}
    told = {"kernel": [1, 1], "stride": [1, 1], "padding": [0] * 4, "dilation": [1, 1], "groups": 1}
    steps = [seen]
    for name in ("conv", "conv:2"):
        steps.append(Step(name, "conv2d", np.zeros((1, 8, 8), np.float32), (steps[-1],), told, held))
    trace = Trace(np.zeros((8, 8, 3), np.uint8), tuple(steps), ("conv:2",), Placement(0.0, 0.0, 8.0, 8.0))
    assert page_files.overview(overview_bytes(trace)).text["params"] == 1


def test_contributions_go_along_where_they_are_known(trace) -> None:
    told = {"conv_1": np.arange(6, dtype=np.float32), "dense_1": np.zeros(5, np.float32)}
    found = page_files.overview(overview_bytes(trace, contributions=told))
    assert {name for name in found.arrays if name.startswith("contribution/")} == {"contribution/1"}
    assert found.arrays["contribution/1"].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_is_counted_and_left_out() -> None:
    value = np.array([[[1, np.nan], [3, 0]], [[np.inf, -np.inf], [np.nan, np.nan]], [[5, 5], [5, np.inf]]], np.float32)
    found = page_files.overview(overview_bytes(of(value)))
    stats = found.arrays["stats/1"]
    np.testing.assert_allclose(stats[0], [0, 3, 4 / 3, 4 / 3, 0.25, 1], rtol=1e-6)
    assert stats[1].tolist() == [0, 0, 0, 0, 0, 4]
    assert stats[2].tolist() == [5, 5, 5, 5, 0, 1]
    assert found.arrays["thumb/1"][0].tolist() == [[85, 0], [255, 0]]
    said = found.text["steps"][1]
    assert (said["low"], said["high"]) == (0, 5)
    assert found.arrays["histogram/1"].sum() == 6


@pytest.mark.parametrize("value", [np.full((2, 3, 3), np.nan, np.float32), np.full(4, np.inf, np.float32)])
def test_no_finite_value_is_null(value: np.ndarray) -> None:
    said = page_files.overview(overview_bytes(of(value))).text["steps"][1]
    assert (said["low"], said["high"], said["zeros"]) == (None, None, None)


def test_nan_spoils_only_what_it_lies_in() -> None:
    value = np.ones((1, 100, 100), np.float32)
    value[0, :50], value[0, 99, 99] = 0, np.nan
    thumb = page_files.overview(overview_bytes(of(value), thumb=10)).arrays["thumb/1"][0]
    assert thumb.tolist() == [[0] * 10] * 5 + [[255] * 10] * 5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [3e38, 1e-38, 1e-45])
def test_the_largest_and_the_smallest_numbers_do_not_overflow(scale: float) -> None:
    value = (np.linspace(-1, 1, 200).reshape(2, 10, 10) * scale).astype(np.float32)
    found = page_files.overview(overview_bytes(of(value)))
    assert np.isfinite(found.arrays["stats/1"]).all()
    assert found.arrays["histogram/1"].sum() == 200
    assert found.arrays["thumb/1"].max() == 255


@pytest.mark.parametrize("shape", [(0, 4, 4), (3, 0, 4), (0,), (), (2, 3, 4, 5), (4, 6)])
def test_values_of_any_shape_are_taken(shape: tuple[int, ...]) -> None:
    found = page_files.overview(overview_bytes(of(np.ones(shape, np.float32))))
    assert "thumb/1" not in found.arrays
    assert found.arrays["histogram/1"].sum() == np.prod(shape, dtype=int)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 31), max_size=600), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_bins_count_what_lies_in_them(places: list[int], low: float, width: float) -> None:
    value = (low + (np.array([0.5, 31.5, *places]) + 0.5) * width).astype(np.float32)
    low32 = float(np.float32(low))
    high = float(value.max()) + width / 4
    edges = np.linspace(low32, high, 33)
    place = np.searchsorted(edges, value.astype(np.float64), side="right") - 1
    near = np.abs(value[:, None] - edges[None]).min(1) < 1e-5 * max(abs(low32), abs(high))
    found = histogram(value, low32, high)
    assert found.sum() == len(value)
    if not near.any():
        assert found.tolist() == np.bincount(place, minlength=32).tolist()


def test_one_memory_is_described_alike_and_the_same_trace_gives_the_same_bytes(trace) -> None:
    value = np.random.default_rng(1).standard_normal((3, 70, 70)).astype(np.float32)
    shared = page_files.overview(overview_bytes(of(value, value)))
    np.testing.assert_array_equal(shared.arrays["thumb/1"], shared.arrays["thumb/2"])
    assert overview_bytes(trace) == overview_bytes(trace)
