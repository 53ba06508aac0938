"""ROAD's imputation against the equations of the paper, written out and solved densely."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.explaining import road
from convscope.explaining.curves import ranks

NEIGHBOURS = {(i, j): (1 / 6 if 0 in {i, j} else 1 / 12) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)}


def solved_densely(x: np.ndarray, hole: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """One equation for each removed pixel: it is the weighted mean of its neighbours in the photo."""
    hole = hole & inside
    index = {place: k for k, place in enumerate(zip(*np.nonzero(hole), strict=True))}
    matrix, right = np.zeros((len(index), len(index))), np.zeros((len(index), len(x)))
    for (i, j), row in index.items():
        for (di, dj), weight in NEIGHBOURS.items():
            place = (i + di, j + dj)
            if not (0 <= place[0] < inside.shape[0] and 0 <= place[1] < inside.shape[1]) or not inside[place]:
                continue
            matrix[row, row] += weight
            if place in index:
                matrix[row, index[place]] -= weight
            else:
                right[row] += weight * x[:, place[0], place[1]]
    out = x.astype(np.float64).copy()
    out[:, hole] = np.linalg.solve(matrix, right).T
    return out


def photo(seed: int, channels: int = 3, height: int = 17, width: int = 22) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((channels, height, width)).astype(np.float32)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("bars", [False, True])
def test_it_is_the_solution_of_the_papers_equations(share, bars):
    x = photo(0)
    inside = np.ones(x.shape[1:], bool)
    if bars:
        inside[:3] = inside[-2:] = False
    generator = np.random.default_rng(1)
    holes = generator.random((2, *inside.shape)) < share
    holes[1, 4:14, 3:18] = True  # a wide one
    filled = road.impute(x, holes, inside, rounds=200)
    for hole, found in zip(holes, filled, strict=True):
        np.testing.assert_allclose(found, solved_densely(x, hole, inside), atol=2e-4)


def test_the_usual_rounds_come_close_in_the_wide_holes_of_a_smooth_photo():
    rows, columns = np.mgrid[:96, :120] / 16.0
    x = np.stack([np.sin(rows) + np.cos(columns), np.cos(rows * columns / 4)]).astype(np.float32)
    inside = np.ones((96, 120), bool)
    order = ranks(np.sin(rows + columns), inside, rows)
    holes = np.stack([road.removed(order, inside, share, most=True) for share in (0.3, 0.7)])
    usual, exact = (road.impute(x, holes, inside, rounds=rounds) for rounds in (road.ROUNDS, 400))
    for hole, found, wanted in zip(holes, usual, exact, strict=True):
        assert np.sqrt(((found - wanted)[:, hole] ** 2).mean()) < 0.08 * x.std()


def test_what_is_not_removed_stays_to_the_last_bit():
    x, inside = photo(2), np.ones((17, 22), bool)
    hole = np.random.default_rng(3).random((1, 17, 22)) < 0.4
    (found,) = road.impute(x, hole, inside, noise=photo(4))
    np.testing.assert_array_equal(found[:, ~hole[0]], x[:, ~hole[0]])


def test_the_noise_is_a_hundredth_of_the_photos_deviation_and_only_in_holes():
    x, inside = photo(5, 2, 40, 40) * np.array([1, 30], np.float32)[:, None, None], np.ones((40, 40), bool)
    hole = np.random.default_rng(6).random((1, 40, 40)) < 0.5
    noise = photo(7, 2, 40, 40)
    quiet, noisy = road.impute(x, hole, inside)[0], road.impute(x, hole, inside, noise=noise)[0]
    added = (noisy - quiet)[:, hole[0]]
    np.testing.assert_allclose(added.std(axis=1) / x.std(axis=(1, 2)), 0.01, rtol=0.1)
    assert not (noisy - quiet)[:, ~hole[0]].any()


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (2, 2), (5, 33)])
def test_thin_and_tiny_photos(shape):
    x, inside = photo(8, 1, *shape), np.ones(shape, bool)
    order = ranks(x[0], inside, x[0])
    holes = road.removed(order, inside, 1.0, most=True)[None]
    (found,) = road.impute(x, holes, inside, rounds=100)
    assert inside.sum() - holes.sum() == 1, "one pixel is always left"
    np.testing.assert_allclose(found, x.min(), atol=1e-4)


def test_long_sides_are_filled_in_at_half_their_size(monkeypatch):
    x, inside = photo(9, 1, 40, 40).cumsum(1).cumsum(2), np.ones((40, 40), bool)
    hole = np.zeros((1, 40, 40), bool)
    hole[:, 10:30, 10:30] = True
    exact = road.impute(x, hole, inside, rounds=200)
    monkeypatch.setattr(road, "LARGEST", 30)
    near = road.impute(x, hole, inside, rounds=200)
    assert np.sqrt(((near - exact)[:, :, hole[0]] ** 2).mean()) < 0.15 * x.std()
    np.testing.assert_array_equal(near[:, :, ~hole[0]], exact[:, :, ~hole[0]])


def test_most_and_least_relevant_share_nothing_and_leave_out_the_bars():
    inside = np.ones((10, 10), bool)
    inside[:, 0] = False
    order = ranks(np.random.default_rng(10).random((10, 10)), inside, np.zeros((10, 10)))
    most, least = (road.removed(order, inside, 0.4, most=which) for which in (True, False))
    assert most.sum() == least.sum() == 36
    assert not (most & least).any()
    assert not (most | least)[:, 0].any()
    assert order[most].max() < order[least].min()
