"""Temperatures against scipy's optimiser, errors against cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from convscope.draw.chart import COLORS, FOOT, HEAD, RIGHT
from convscope.draw.theme import theme
from convscope.errors import CallError
from convscope.train.calibrate import calibrated, calibration_error, fit_temperature, reliability
from convscope.train.reliability import reliability_picture


def drawn(classes: int, temperature: float, count: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are ``temperature`` times too large, and labels that follow what they should be."""
    numbers = np.random.default_rng(seed)
    scores = numbers.normal(0, 2, (count, classes))
    columns = np.concatenate([np.zeros_like(scores), scores], 1) if classes == 1 else scores
    likely = np.exp(columns) / np.exp(columns).sum(1, keepdims=True)
    labels = (numbers.random((count, 1)) > likely.cumsum(1)[:, :-1]).sum(1)
    return (scores * temperature).astype(np.float32), labels


def loss_by_torch(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    scaled = torch.from_numpy(logits.astype(np.float64)) / temperature
    if logits.shape[1] == 1:
        return float(torch.nn.functional.binary_cross_entropy_with_logits(scaled[:, 0], torch.from_numpy(labels * 1.0)))
    return float(torch.nn.functional.cross_entropy(scaled, torch.from_numpy(labels)))


@pytest.mark.parametrize("classes", [1, 2, 10])
@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_the_temperature_is_where_scipy_finds_the_least_loss(classes: int, true: float) -> None:
    logits, labels = drawn(classes, true)
    found = fit_temperature(logits, labels)
    expected = minimize_scalar(
        lambda log: loss_by_torch(logits, labels, math.exp(log)), bounds=(-3, 3), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    assert found.temperature == pytest.approx(math.exp(expected.x), rel=1e-4)
    assert found.loss_after == pytest.approx(loss_by_torch(logits, labels, found.temperature), rel=1e-9)
    assert found.loss_before == pytest.approx(loss_by_torch(logits, labels, 1.0), rel=1e-9)
    assert found.temperature == pytest.approx(true, rel=0.08)
    assert found.loss_after <= found.loss_before
    assert found.samples == 3000


def test_a_network_three_times_too_sure_is_put_right() -> None:
    found = fit_temperature(*drawn(10, 3.0))
    assert found.error_before > 0.1
    assert found.error_after < 0.03
    assert found.facts() == {"temperature": found.temperature, "error": found.error_after, "samples": 3000}


def test_the_order_of_the_classes_stays() -> None:
    logits, _ = drawn(10, 1.0, count=50)
    before, after = calibrated(logits), calibrated(logits, 2.7)
    np.testing.assert_array_equal(before.argsort(1), after.argsort(1))
    np.testing.assert_allclose(before, torch.from_numpy(logits.astype(np.float64)).softmax(1).numpy(), rtol=1e-12)
    assert (after.max(1) < before.max(1)).all()


def test_one_sigmoid_is_two_classes() -> None:
    logits, _ = drawn(1, 1.0, count=50)
    found = calibrated(logits, 1.5)
    expected = torch.from_numpy(logits.astype(np.float64) / 1.5).sigmoid().numpy()
    np.testing.assert_allclose(found[:, 1:], expected, rtol=1e-12)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-12)


def test_the_error_is_the_gap_of_each_bin_weighted_by_its_photos() -> None:
    said = [0.95] * 4 + [0.65] * 6  # two bins: right 2 of 4, and 6 of 6
    labels = np.array([0, 0, 1, 1] + [0] * 6)
    rows = np.array([[p, 1 - p] for p in said])
    assert calibration_error(rows, labels) == pytest.approx(0.4 * abs(0.5 - 0.95) + 0.6 * abs(1.0 - 0.65))


def test_bins_are_fifteen_of_equal_width_that_own_their_upper_edge() -> None:
    edges = np.arange(8, 16) / 15
    found = reliability(np.stack([edges, 1 - edges], 1), np.zeros(8, int))
    assert found.count.tolist() == [0] * 7 + [1] * 8
    np.testing.assert_allclose(found.confidence[7:], edges)
    assert np.isnan(found.accuracy[:7]).all()


def test_a_network_that_is_right_as_often_as_it_says_has_no_error() -> None:
    rows = np.repeat([[0.8, 0.2]], 10, axis=0)
    assert calibration_error(rows, np.array([0] * 8 + [1] * 2)) == pytest.approx(0, abs=1e-12)
    sure = np.array([[1.0, 0.0]] * 3)
    assert calibration_error(sure, np.array([0, 0, 0])) == 0
    assert calibration_error(sure, np.array([1, 1, 1])) == 1


def test_where_nothing_can_be_said_the_temperature_is_one() -> None:
    right = np.array([[3.0, 0.0], [0.0, 2.0]])
    assert fit_temperature(right, np.array([0, 1])).temperature == 1  # surer is always better
    assert fit_temperature(right, np.array([1, 0])).temperature == 1  # less sure is always better
    assert fit_temperature(np.zeros((4, 3)), np.array([0, 1, 2, 0])).temperature == 1


def test_huge_scores_overflow_nothing() -> None:
    found = fit_temperature(np.array([[9e4, 0.0], [9e4, 0.0], [1.0, 0.0]]), np.array([0, 1, 1]))
    assert found.temperature == 1
    assert math.isfinite(found.loss_before)


def test_what_cannot_be_calibrated_is_said() -> None:
    with pytest.raises(CallError, match="got 0 rows of scores and 0 labels"):
        fit_temperature(np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(CallError, match="got 2 rows of scores and 3 labels"):
        fit_temperature(np.zeros((2, 2)), np.zeros(3, int))
    with pytest.raises(CallError, match="labels run from 0 to 2, but there are 2 classes"):
        fit_temperature(np.zeros((2, 1)), np.array([0, 2]))
    with pytest.raises(CallError, match="a score is not finite"):
        fit_temperature(np.array([[np.nan, 0.0]]), np.array([0]))


@pytest.mark.parametrize("classes", [1, 10])
def test_the_diagram_tells_a_network_that_is_too_sure_from_one_that_is_not(classes: int) -> None:
    logits, labels = drawn(classes, 3.0)
    calibration = fit_temperature(logits, labels)
    picture = np.asarray(reliability_picture(logits, labels, calibration))
    assert picture.shape == (480, 560, 3)
    before, after = where(picture, COLORS[1]), where(picture, COLORS[0])
    assert before[:, 0].mean() > after[:, 0].mean() + 20  # rows count downwards: less often right
    dark = reliability_picture(logits, labels, calibration, dark=True)
    assert np.asarray(dark)[0, 0].tolist() == list(theme(dark=True).page)


def where(picture: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Places in the right half of the plot that have the colour of a line."""
    plot = picture[HEAD:-FOOT, 280:-RIGHT]
    places = np.argwhere((np.abs(plot.astype(int) - color) < 12).all(-1))
    assert len(places) > 50
    return places
