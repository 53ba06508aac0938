"""Colour tables, levels and resampling against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colormaps
from scipy import ndimage
from skimage.color import rgb2lab

from convscope.draw.colors import MIDDLE, NAMES, choose, colormap
from convscope.draw.levels import as_maps, levels, limits
from convscope.draw.resample import cover, resample
from convscope.draw.theme import DARK, INFINITE, LIGHT, NOT_A_NUMBER
from convscope.errors import CallError


def l_star(table: np.ndarray) -> np.ndarray:
    return rgb2lab(table[None] / 255)[0, :, 0]


@pytest.mark.parametrize("name", ["viridis", "magma"])
def test_the_sequential_tables_are_the_published_ones(name):
    reference = np.round(np.array(colormaps[name].colors) * 255)
    assert np.abs(colormap(name).astype(int) - reference).max() <= 1


def test_grey_is_the_identity():
    assert np.array_equal(colormap("grey"), np.arange(256)[:, None].repeat(3, axis=1))


@pytest.mark.parametrize("name", ["viridis", "magma", "grey"])
def test_lightness_rises_evenly(name):
    steps = np.diff(l_star(colormap(name)))
    assert steps.min() > -0.15  # rounding to bytes
    smooth = ndimage.uniform_filter1d(steps, 32)[16:-16]
    assert smooth.max() < 2.0 * smooth.min()


@pytest.mark.parametrize(("name", "sign"), [("signed", -1), ("signed_dark", 1)])
def test_signed_tables_move_evenly_away_from_the_middle(name, sign):
    light = l_star(colormap(name))
    for side in (light[MIDDLE:], light[MIDDLE:0:-1]):
        assert (sign * np.diff(side) > -0.6).all()
        assert sign * (side[-1] - side[0]) > 45
    assert np.abs(light[MIDDLE + 1 : 256] - light[MIDDLE - 1 : 0 : -1]).max() < 6  # both signs equally strong


@pytest.mark.parametrize(("name", "paper"), [("signed", LIGHT), ("signed_dark", DARK)])
def test_zero_is_neutral_and_near_the_page(name, paper):
    middle = colormap(name)[MIDDLE].astype(int)
    assert np.ptp(middle) <= 8
    assert np.abs(middle - paper.page).max() <= 14
    assert colormap(name)[1, 2] > colormap(name)[1, 0], "below zero is blue"
    assert colormap(name)[255, 0] > colormap(name)[255, 2], "above zero is red"


def test_what_is_no_number_has_a_colour_no_table_comes_near():
    tables = np.concatenate([colormap(name) for name in NAMES]).astype(float)
    for color in (NOT_A_NUMBER, INFINITE):
        assert np.linalg.norm(tables - color, axis=1).min() > 80


@pytest.mark.parametrize("paper", [LIGHT, DARK])
def test_text_reaches_wcag_aa(paper):
    def luminance(rgb):
        part = np.array(rgb) / 255
        return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4) @ [
            0.2126,
            0.7152,
            0.0722,
        ]

    for ink in (paper.ink, paper.quiet, paper.accent):
        bright, dim = sorted((luminance(ink), luminance(paper.page)), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.4


def test_tables_cannot_be_changed_and_unknown_ones_are_named():
    with pytest.raises(ValueError, match="read-only"):
        colormap("viridis")[0] = 0
    with pytest.raises(CallError, match=r"^there is no colour map 'jet'; use one of viridis, magma, grey, signed"):
        colormap("jet")


def test_auto_never_hides_the_sign():
    assert choose("auto", low=0.0, scale="each", dark=False) == "viridis"
    assert choose("auto", low=-1e-9, scale="shared", dark=True) == "signed_dark"
    assert choose("auto", low=-1.0, scale="byte", dark=True) == "grey"
    with pytest.raises(CallError, match=r"scale='byte' does not keep zero in the middle, but colors='signed'"):
        choose("signed", low=-1.0, scale="byte", dark=False)


def maps(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(3, 10, shape).astype(np.float32)


def test_byte_scale_is_numpys_to_the_bit():
    x = maps(40, 61, 53) * np.float32(1.7)
    want = np.stack([((m - m.min()) / (m.max() - m.min()) * 255).astype(np.uint8) for m in x])
    assert np.array_equal(levels(x, limits(x, "byte", signed=False)), want)


@pytest.mark.parametrize("scale", ["each", "shared"])
@pytest.mark.parametrize("signed", [False, True])
def test_levels_against_float64(scale, signed):
    x = maps(9, 31, 17)
    exact = x.astype(np.float64)
    axis = (1, 2) if scale == "each" else None
    low, high = exact.min(axis=axis, keepdims=True), exact.max(axis=axis, keepdims=True)
    about_zero = 128 + exact / np.maximum(abs(low), abs(high)) * 127
    want = about_zero if signed else 1 + (exact - low) / (high - low) * 254
    got = levels(x, limits(x, scale, signed=signed))
    assert np.abs(got - want).max() <= 0.5 + 1e-4
    assert got.min() == 1 or got.max() == 255
    assert signed or got.max() == 255


def test_zero_is_exactly_the_middle_on_every_range():
    x = maps(50, 4, 4)
    x[:, 1, 2] = 0
    x *= np.logspace(-40, 37, 50).astype(np.float32)[:, None, None]
    assert (levels(x, limits(x, "each", signed=True))[:, 1, 2] == MIDDLE).all()


@pytest.mark.parametrize("size", [1e-44, 1e-38, 1e-20, 1e20, 3e38])
def test_extreme_ranges_use_all_levels(size):
    x = np.array([[[-1, 0, 1]]], np.float32) * np.float32(size)
    assert levels(x, limits(x, "each", signed=False)).tolist() == [[[1, 128, 255]]]
    assert levels(x, limits(x, "each", signed=True)).tolist() == [[[1, 128, 255]]]
    assert levels(x, limits(x, "byte", signed=False)).tolist() == [[[0, 127, 255]]]


def test_constant_maps_do_not_divide_by_zero_and_dead_ones_look_dead():
    x = np.array([0, 0.25, 7], np.float32).reshape(3, 1, 1).repeat(4, axis=2)
    assert levels(x, limits(x, "each", signed=False))[:, 0, 0].tolist() == [1, 128, 128]
    assert levels(x, limits(x, "byte", signed=False))[:, 0, 0].tolist() == [0, 0, 0]
    assert levels(-x, limits(-x, "each", signed=True))[:, 0, 0].tolist() == [128, 1, 1]


def test_values_that_are_not_finite_do_not_move_the_others():
    x = np.array([[[0, 1, 2, np.nan]], [[0, 1, 2, np.inf]], [[0, 1, 2, -np.inf]], [[0, 1, 2, 2]]], np.float32)
    on = limits(x, "each", signed=False)
    assert not on.finite
    assert levels(x, on)[:, 0, :3].tolist() == [[1, 128, 255]] * 4
    nothing = np.full((1, 2, 2), np.nan, np.float32)
    assert limits(nothing, "each", signed=True).high.tolist() == [0]
    assert (levels(nothing, limits(nothing, "each", signed=True)) == MIDDLE).all()


def test_single_pixels_share_a_range():
    x = as_maps(np.array([0, 1, 2], np.float32))
    assert levels(x, limits(x, "each", signed=False)).ravel().tolist() == [1, 128, 255]


def test_an_unknown_scale_is_named():
    with pytest.raises(CallError, match=r"^there is no scale 'log'; use one of each, shared, byte$"):
        limits(maps(1, 2, 2), "log", signed=False)


def test_resampling_is_the_mean_over_the_area():
    x = maps(2, 6, 10)
    assert np.allclose(resample(x, 3, 5), x.reshape(2, 3, 2, 5, 2).mean(axis=(2, 4)), atol=1e-5)
    fine = x.repeat(7, axis=1).repeat(7, axis=2)  # 42 x 70: divides by 7 what 6 x 10 does not
    assert np.allclose(resample(x, 7, 7), fine.reshape(2, 7, 6, 7, 10).mean(axis=(2, 4)), atol=1e-5)
    assert np.array_equal(resample(x, 18, 20), x.repeat(3, axis=1).repeat(2, axis=2))
    assert resample(x, 6, 10) is x


def test_one_nan_stays_one_spot_when_a_map_shrinks():
    x = np.ones((1, 9, 9), np.float32)
    x[0, 4, 4], x[0, 0, 0] = np.nan, np.inf
    small = resample(x, 4, 4)
    assert np.isnan(small[0]).sum() == 4
    assert np.argwhere(np.isinf(small[0])).tolist() == [[0, 0]]
    assert (small[np.isfinite(small)] == 1).all()


def test_cover_counts_what_lies_outside_as_zero():
    got = cover(np.ones((1, 3, 3), np.float32), np.array([-0.5, 0.5, 5.0]), np.array([0.0, 1.0]))
    assert np.allclose(got[0, :, 0], [0.5, 2.5 / 4.5])
