"""Curves, controls and the evidence as a whole, on networks whose answer can be computed by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import ndimage

from convscope.errors import CallError, Cancelled
from convscope.explaining import checks, curves
from convscope.explaining.checks import evidence_for, shown_part
from convscope.explaining.controls import centre_map, edge_map, pooled, random_map, spread
from convscope.explaining.measuring import COARSE, THOROUGH, USUAL, Measuring
from convscope.traces import Placement

SIDE = 64


def everywhere(*shape: int) -> np.ndarray:
    return np.ones(shape, bool)


def scene(seed: int = 0, top: int = 8, left: int = 36) -> tuple[np.ndarray, np.ndarray]:
    """Noise with structure, and the mask of the one patch that will matter, away from the middle."""
    generator = np.random.default_rng(seed)
    x = ndimage.gaussian_filter(generator.standard_normal((3, SIDE, SIDE)), (0, 2, 2)).astype(np.float32)
    x /= x.std()
    patch = np.zeros((SIDE, SIDE), bool)
    patch[top : top + 20, left : left + 20] = True
    return x, patch


def patch_answer(x: np.ndarray, patch: np.ndarray):
    """A network that looks at one patch only: how like it is to what it was, between 0 and 1."""
    wanted = x[:, patch]

    def answer(batch: np.ndarray) -> np.ndarray:
        distance = ((batch[:, :, patch] - wanted) ** 2).mean((1, 2)) / wanted.var()
        return np.exp(-2 * distance).astype(np.float64)

    return answer


def generator(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def smooth(patch: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(patch.astype(np.float32), 4)


# --- curves ---------------------------------------------------------------------------------------------------------


def linear(weight: np.ndarray):
    return lambda batch: (batch.astype(np.float64) * weight).sum((1, 2, 3))


def test_the_curves_of_a_linear_network_are_sums_of_the_sorted_products():
    generator = np.random.default_rng(1)
    x, weight = generator.standard_normal((2, 1, 4, 4)).astype(np.float32)
    value = (weight * x)[0]
    measuring = Measuring(linear(weight), x, everywhere(4, 4), np.zeros_like(x), 0, None)
    measuring.begin()
    own, _ = measuring.run({"map": value}, [(2, 2)], checks.Fineness(16, (0.25, 0.5), 1))

    order = np.argsort(-value.ravel())
    products = value.astype(np.float64).ravel()[order]
    expected = value.sum(dtype=np.float64) - np.concatenate([[0], np.cumsum(products)])
    np.testing.assert_allclose(own["map"].deletion, expected, atol=1e-5)
    area = sum((expected[k - 1] + expected[k]) / 32 for k in range(1, 17))
    assert own["map"].scores.deletion == pytest.approx(area, abs=1e-5)

    blurred = curves.blurred(x, everywhere(4, 4))
    gains = ((x - blurred) * weight)[0].ravel()[order]
    expected = (blurred * weight).sum(dtype=np.float64) + np.concatenate([[0], np.cumsum(gains, dtype=np.float64)])
    np.testing.assert_allclose(own["map"].insertion, expected, atol=1e-5)


def test_no_order_deletes_faster_than_the_exact_one():
    generator = np.random.default_rng(2)
    x, weight = generator.standard_normal((2, 1, 8, 8)).astype(np.float32)
    value = (weight * x)[0]
    maps = {"exact": value, **{str(k): generator.standard_normal((8, 8)) for k in range(5)}}
    found = evidence_for(linear(weight), x, maps, baseline=np.zeros_like(x), grids=dict.fromkeys(maps, (8, 8)))
    assert found["exact"]["deletion"]["auc"] < min(found[str(k)]["deletion"]["auc"] for k in range(5))
    assert found["exact"]["controls"]["random"]["deletion"]["auc"] > found["exact"]["deletion"]["auc"]


def test_equal_values_are_ordered_by_the_ties_and_pixels_outside_come_last():
    value = np.array([[1.0, 1.0, 5.0, 9.0]])
    inside = np.array([[True, True, True, False]])
    places = curves.ranks(value, inside, np.array([[0.0, 1.0, 0.0, 0.0]]))
    assert places.tolist() == [[2, 1, 0, 4]]
    x = np.arange(4, dtype=np.float32).reshape(1, 1, 4)
    assert curves.altered(x, x + 10, places, 2).tolist() == [[[0, 11, 12, 3]]]
    assert curves.altered(x, x + 10, places, 3).tolist() == [[[10, 11, 12, 3]]]


def test_the_blur_is_scipys_away_from_the_rim():
    x = np.random.default_rng(3).standard_normal((2, 60, 80)).astype(np.float32)
    ours = curves.blurred(x, everywhere(60, 80), part=0.05)
    scipys = ndimage.gaussian_filter(x.astype(np.float64), (0, 3, 3), truncate=8)
    np.testing.assert_allclose(ours[:, 20:40, 20:60], scipys[:, 20:40, 20:60], atol=1e-5)


def test_bars_beside_the_photo_take_no_part():
    x = np.random.default_rng(4).standard_normal((3, 20, 30)).astype(np.float32)
    inside = np.zeros((20, 30), bool)
    inside[:, 5:25] = True
    other = np.where(inside, x, 1000)
    for change in (curves.blurred, curves.mean_colour):
        changed = change(other, inside)
        np.testing.assert_array_equal(changed[:, ~inside], other[:, ~inside])
        np.testing.assert_allclose(changed[:, inside], change(x, inside)[:, inside], rtol=1e-4, atol=1e-4)


# --- controls -------------------------------------------------------------------------------------------------------


def test_the_edge_detector_is_scipys():
    x = np.random.default_rng(5).standard_normal((3, 12, 15)).astype(np.float32)
    each = [(ndimage.sobel(plane, 1), ndimage.sobel(plane, 0)) for plane in x.astype(np.float64)]
    expected = np.sqrt(sum(gx**2 + gy**2 for gx, gy in each))
    found = edge_map(x, everywhere(12, 15), (12, 15))
    np.testing.assert_allclose(found[1:-1, 1:-1], expected[1:-1, 1:-1], rtol=1e-4)
    assert not found[0].any()
    assert not found[:, -1].any()


def test_the_edges_of_bars_are_no_edges_of_the_photo():
    x = np.zeros((1, 12, 12), np.float32)
    inside = everywhere(12, 12)
    inside[:3] = False
    x[:, inside] = 5
    assert not edge_map(x, inside, (12, 12)).any()


def test_pooling_keeps_the_mean_and_spreading_keeps_a_slope():
    value = np.random.default_rng(6).standard_normal((17, 23))
    assert pooled(value, (5, 4)).mean() == pytest.approx(value.mean())
    np.testing.assert_allclose(pooled(value[:15, :20], (5, 4)), value[:15, :20].reshape(5, 3, 4, 5).mean((1, 3)))
    slope = spread(np.arange(8.0)[None], (2, 64))[0]
    np.testing.assert_allclose(np.diff(slope)[4:-4], 1 / 8, atol=1e-6)


def test_random_maps_depend_on_the_seed_alone():
    first, again, other = (random_map((32, 40), (4, 5), np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.9


def test_the_centre_is_that_of_the_photo_not_of_the_input():
    inside = np.zeros((10, 30), bool)
    inside[:, 20:] = True
    value = np.where(inside, centre_map(inside), -9)
    assert set(zip(*np.nonzero(value == value.max()), strict=True)) == {(4, 24), (4, 25), (5, 24), (5, 25)}


# --- the whole ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("place", [(4, 36), (36, 6)])
def test_the_right_map_is_trusted_and_the_inverted_one_is_refused(seed, place):
    x, patch = scene(seed, *place)
    maps = {
        "right": smooth(patch),
        "inverted": -smooth(patch),
        "empty": random_map((SIDE, SIDE), (8, 8), generator(seed)),
    }
    maps["empty"][patch] = maps["empty"].min()  # noise everywhere but where it matters
    found = evidence_for(patch_answer(x, patch), x, maps, grids=dict.fromkeys(maps, (8, 8)), budget_s=None)
    assert [found[name]["verdict"] for name in maps] == ["trust", "no", "no"]
    assert found["right"]["trust"] > 0.8
    assert found["inverted"]["trust"] < 0.1


def test_random_maps_are_trusted_only_by_rare_chance():
    trusted, trusts = 0, []
    for seed in range(4):
        x, patch = scene(seed)
        maps = {str(k): random_map((SIDE, SIDE), (8, 8), generator(9, seed, k)) for k in range(6)}
        found = evidence_for(patch_answer(x, patch), x, maps, grids=dict.fromkeys(maps, (8, 8)), budget_s=None)
        trusted += sum(one["verdict"] == "trust" for one in found.values())
        trusts += [one["trust"] for one in found.values()]
    assert trusted <= 3, "of 24; a grid of 8x8 sometimes hits by chance"
    assert np.mean(trusts) < 0.45


def test_what_is_said_agrees_with_what_was_measured():
    x, patch = scene()
    found = evidence_for(patch_answer(x, patch), x, {"map": smooth(patch)}, grids={"map": (8, 8)}, budget_s=None)["map"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["answer"] == 1
    assert (found["steps"], found["draws"], found["thorough"]) == (16, 2, False)
    assert len(found["insertion"]["curve"]) == len(found["deletion"]["curve"]) == 17
    for part in (found, *found["controls"].values()):
        for name in ("insertion", "deletion"):
            assert np.trapezoid(part[name]["curve"], dx=1 / 16) == pytest.approx(part[name]["auc"], abs=1e-4)
        differences = np.subtract(part["road"]["least"], part["road"]["most"])
        assert differences.mean() == pytest.approx(part["road"]["score"], abs=2e-4)
        assert len(differences) == len(part["road"]["percentiles"])
    assert len(found["reasons"]) == len(found["rules"])
    deletion = next(rule["values"] for rule in found["rules"] if rule["rule"] == "deletion")
    assert deletion["own"] == pytest.approx(found["deletion"]["auc"], abs=1e-4)
    assert deletion["other"] == found["controls"][deletion["control"]]["deletion"]["auc"]
    assert f"{deletion['own']:.2f} against {deletion['other']:.2f}" in found["reasons"][0]


def test_two_runs_give_the_same_and_another_seed_other_controls():
    x, patch = scene()

    def run(seed: int) -> dict:
        made = evidence_for(patch_answer(x, patch), x, {"map": smooth(patch)}, seed=seed, budget_s=None)["map"]
        del made["seconds"]
        return made

    assert run(3) == run(3)
    assert run(3)["controls"]["random"] != run(4)["controls"]["random"]


def test_a_map_has_the_same_evidence_whatever_stands_beside_it():
    x, patch = scene()
    answer, maps = patch_answer(x, patch), {"a": smooth(patch), "b": -smooth(patch), "c": np.zeros((SIDE, SIDE))}
    alone = evidence_for(answer, x, {"a": maps["a"]}, budget_s=None)["a"]
    together = evidence_for(answer, x, maps, budget_s=None)["a"]
    for name in ("insertion", "deletion", "road", "controls", "verdict", "trust", "reasons"):
        assert alone[name] == together[name]


def test_controls_are_asked_about_once_for_all_maps_of_one_grid():
    x, patch = scene()
    asked = []

    def answer(batch: np.ndarray) -> np.ndarray:
        asked.append(len(batch))
        return patch_answer(x, patch)(batch)

    maps = {"a": smooth(patch), "b": -smooth(patch)}
    one = evidence_for(answer, x, maps, grids=dict.fromkeys(maps, (8, 8)), budget_s=None)["a"]
    # two maps, two random ones, edges, centre; 15 inner points of two curves and three shares in both orders each
    assert one["passes"] == sum(asked) == 6 + 6 * (2 * 15 + 2 * 3)
    assert min(asked[2:-1]) == 32
    two = evidence_for(answer, x, maps, grids={"a": (8, 8), "b": (4, 4)}, budget_s=None)["a"]
    assert two["passes"] == 6 + 9 * 36


def test_a_slow_network_is_measured_coarsely_but_wholly(monkeypatch):
    x, patch = scene()
    monkeypatch.setattr(Measuring, "begin", lambda self: (setattr(self, "whole", 1.0), 10.0)[1])
    found = evidence_for(patch_answer(x, patch), x, {"map": smooth(patch)}, budget_s=2.0)["map"]
    assert found["steps"] == COARSE.steps
    assert len(found["deletion"]["curve"]) == COARSE.steps + 1
    thorough = evidence_for(patch_answer(x, patch), x, {"map": smooth(patch)}, budget_s=2.0, thorough=True)["map"]
    assert (thorough["steps"], thorough["draws"]) == (THOROUGH.steps, THOROUGH.draws)
    assert len(thorough["road"]["percentiles"]) == 9
    assert USUAL.pictures(1, 1) > COARSE.pictures(1, 1)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.full((SIDE, SIDE), np.nan), "The map has 4,096 pixels of 4,096 that are no number"),
        (np.zeros((SIDE, SIDE)), "The map is zero everywhere"),
        (np.full((SIDE, SIDE), 2.5), "The map is 2.5 everywhere"),
    ],
)
def test_a_map_with_a_fault_is_refused_without_asking(value, sentence):
    x, _ = scene()

    def never(batch: np.ndarray) -> np.ndarray:
        raise AssertionError("nothing is to be asked")

    found = evidence_for(never, x, {"map": value})["map"]
    assert (found["verdict"], found["trust"], found["passes"]) == ("no", 0, 0)
    assert found["reasons"][0].startswith(sentence)
    assert found["insertion"] is found["deletion"] is found["road"] is None


def test_a_network_that_nothing_moves_gets_no_verdict_on_its_maps():
    x, patch = scene()
    found = evidence_for(lambda batch: np.full(len(batch), 0.9999), x, {"map": smooth(patch)})["map"]
    assert (found["verdict"], found["trust"]) == ("doubt", 0.5)
    assert "moves by 0.00 at most (it is 1.00 on the whole photo)" in found["reasons"][0]


def test_a_class_that_the_network_does_not_see_is_said():
    x, patch = scene()
    answer = patch_answer(x, patch)
    found = evidence_for(lambda batch: 0.9 - 0.89 * answer(batch), x, {"map": smooth(patch)}, budget_s=None)["map"]
    assert found["verdict"] == "no", "removing what it points at raises the score"
    right = evidence_for(lambda batch: 0.9 - 0.89 * answer(batch), x, {"map": -smooth(patch)}, budget_s=None)["map"]
    assert right["verdict"] == "doubt"
    assert any("gives this class only 0.010 on the whole photo" in reason for reason in right["reasons"])


def test_a_network_that_says_nan_is_said_and_stays_json():
    x, patch = scene()
    found = evidence_for(lambda batch: np.full(len(batch), np.nan), x, {"map": smooth(patch)}, budget_s=None)["map"]
    assert found["verdict"] == "doubt"
    assert "is no number" in found["reasons"][0]
    json.dumps(found, allow_nan=False)


def test_bars_are_never_removed():
    x, patch = scene()
    inside = everywhere(SIDE, SIDE)
    inside[:, :10] = False
    seen = []

    def answer(batch: np.ndarray) -> np.ndarray:
        seen.append(batch[:, :, ~inside])
        return patch_answer(x, patch)(batch)

    evidence_for(answer, x, {"map": smooth(patch)}, inside=inside, budget_s=None)
    bars = np.concatenate(seen)
    np.testing.assert_array_equal(bars, np.broadcast_to(x[:, ~inside], bars.shape))


def test_the_shown_part_of_a_padded_and_of_a_cropped_photo():
    wide = shown_part(Placement(-50.0, 0.0, 200.0, 200.0), (100, 200), (8, 8))
    assert wide.sum(axis=0).tolist() == [4] * 8
    assert wide.any(axis=1).tolist() == [False, False, True, True, True, True, False, False]
    assert shown_part(Placement(0.0, 50.0, 100.0, 100.0), (100, 200), (8, 8)).all()


def test_whoever_watches_sees_every_batch_and_can_stop_it():
    x, patch = scene()
    told = []
    evidence_for(
        patch_answer(x, patch), x, {"map": smooth(patch)}, budget_s=None, watch=lambda *news: told.append(news)
    )
    assert told[-1] == (6 + 5 * 36, 6 + 5 * 36, "evidence")
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)

    def stop(done: int, total: int | None, what: str) -> None:
        raise Cancelled("nobody wants it any more")

    with pytest.raises(Cancelled, match="nobody wants it"):
        evidence_for(patch_answer(x, patch), x, {"map": smooth(patch)}, watch=stop)


def test_what_does_not_fit_is_said_in_a_sentence():
    x, patch = scene()
    answer = patch_answer(x, patch)
    with pytest.raises(CallError, match="the map 'small' is 8x8, the input 64x64; give maps of the size of the input"):
        evidence_for(answer, x, {"small": np.ones((8, 8))})
    with pytest.raises(CallError, match="the baseline is 3x8x8, the input 3x64x64"):
        evidence_for(answer, x, {}, baseline=np.zeros((3, 8, 8), np.float32))
    with pytest.raises(CallError, match="inside is 8x8, the input 64x64"):
        evidence_for(answer, x, {}, inside=everywhere(8, 8))
    with pytest.raises(CallError, match="inside names 0 pixels of the photo"):
        evidence_for(answer, x, {}, inside=~everywhere(SIDE, SIDE))
    with pytest.raises(CallError, match=r"the answer to 3 pictures has the shape \(3, 2\); give one number for each"):
        evidence_for(lambda batch: np.ones((len(batch), 2)), x, {"map": smooth(patch)})
