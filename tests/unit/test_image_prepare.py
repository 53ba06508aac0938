"""The network's input: sizes, where they lie in the picture, channels, scales. Oracles: Pillow and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from convscope.errors import ImageError
from convscope.image import Picture, fit_within, open_image, prepare, resize, to_input
from convscope.traces import Placement


def picture_of(height: int, width: int) -> Picture:
    rng = np.random.default_rng(height * 1000 + width)
    return open_image(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def ramp(height: int, width: int) -> Picture:
    """Red tells the row, green the column."""
    rows, columns = np.mgrid[:height, :width]
    blue = np.full_like(rows, 200)
    return open_image(np.stack([rows, columns, blue], axis=-1).astype(np.uint8))


def test_stretch_is_pillows_bicubic():
    picture = open_image("chelsea")
    pixels, placement = resize(picture, (224, 200))
    expected = Image.fromarray(np.array(picture.pixels)).resize((200, 224), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(pixels, np.asarray(expected))
    assert placement == Placement(0.0, 0.0, 300.0, 451.0)


def test_the_same_size_changes_nothing_and_is_a_copy():
    picture = picture_of(20, 30)
    pixels, _ = resize(picture, (20, 30))
    np.testing.assert_array_equal(pixels, picture.pixels)
    pixels[0] = 0
    assert picture.pixels[0].any()


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels, _ = resize(open_image(stripes), (16, 16))
    assert 118 <= pixels.min() <= pixels.max() <= 138


def test_crop_takes_the_middle():
    pixels, placement = resize(ramp(100, 200), (100, 100), fit="crop")
    assert placement == Placement(0.0, 50.0, 100.0, 100.0)
    np.testing.assert_array_equal(pixels[0, :, 1], np.arange(50, 150))


def test_pad_shows_everything_with_black_around():
    pixels, placement = resize(ramp(100, 200), (200, 200), fit="pad")
    assert placement == Placement(-50.0, 0.0, 200.0, 200.0)
    assert not pixels[:50].any()
    assert not pixels[150:].any()
    np.testing.assert_array_equal(pixels[50:150], ramp(100, 200).pixels)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 90),
    st.sampled_from(["stretch", "crop", "pad"]),
)
def test_placement_leads_back_to_the_picture(height, width, new_height, new_width, fit):
    picture = ramp(height, width)
    pixels, placement = resize(picture, (new_height, new_width), fit=fit)
    assert pixels.shape == (new_height, new_width, 3)
    if fit != "pad":
        assert placement.top >= 0
        assert placement.left >= 0
        assert placement.top + placement.height <= height + 1e-9
        assert placement.left + placement.width <= width + 1e-9
    if fit == "crop":
        assert placement.height / placement.width == pytest.approx(new_height / new_width)
        assert placement.height == pytest.approx(height) or placement.width == pytest.approx(width)
    # Where the picture is large enough, a middle pixel holds the row and column that the placement says.
    y, x = new_height // 2, new_width // 2
    row = placement.top + (y + 0.5) * placement.height / new_height - 0.5
    column = placement.left + (x + 0.5) * placement.width / new_width - 0.5
    inside = 3 * max(1, placement.height / new_height), 3 * max(1, placement.width / new_width)
    if inside[0] <= row <= height - 1 - inside[0] and inside[1] <= column <= width - 1 - inside[1]:
        assert abs(pixels[y, x, 0] - row) <= 1.01
        assert abs(pixels[y, x, 1] - column) <= 1.01


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (5,), (2.5, 3), "ab", (None, 3)])
def test_a_size_that_is_none_is_named(size):
    with pytest.raises(ImageError, match=r"is no size; give height and width as whole numbers of at least 1$"):
        prepare._checked_size(size)


def test_a_way_to_fit_that_is_none_is_named():
    with pytest.raises(ImageError, match=r"cannot be fitted by 'cover'; choose stretch, crop or pad$"):
        resize(picture_of(4, 4), (2, 2), fit="cover")


def test_a_giant_size_is_refused():
    with pytest.raises(ImageError, match=r"^100000x100000 is more than 50 million pixels; give a smaller size$"):
        resize(picture_of(4, 4), (100_000, 100_000))


def test_fit_within_keeps_proportions_and_says_so():
    small = fit_within(picture_of(60, 90), 30)
    assert small.size == (20, 30)
    assert small.size_in_file == (60, 90)
    assert small.notes == ("shrunk from 60x90 to 20x30 (height x width)",)
    assert not small.pixels.flags.writeable


def test_fit_within_never_enlarges():
    picture = picture_of(60, 90)
    assert fit_within(picture, 90) is picture


def test_a_line_keeps_one_pixel():
    assert fit_within(picture_of(1, 3000), 100).size == (1, 100)


@pytest.mark.parametrize("longest", [0, -3])
def test_fit_within_nothing_is_refused(longest):
    with pytest.raises(ImageError, match=rf"cannot be shrunk to {longest} pixels; give a whole number of at least 1"):
        fit_within(picture_of(4, 4), longest)


def test_scales():
    pixels = picture_of(5, 7).pixels
    unit = pixels.astype(np.float64).transpose(2, 0, 1) / 255
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(to_input(pixels), unit, rtol=1e-6)
    np.testing.assert_array_equal(to_input(pixels, scale="byte"), pixels.transpose(2, 0, 1))
    expected = (unit - mean[:, None, None]) / deviation[:, None, None]
    np.testing.assert_allclose(to_input(pixels, scale="imagenet"), expected, atol=1e-6)
    np.testing.assert_allclose(to_input(pixels, scale=(0.5, 0.25)), (unit - 0.5) / 0.25, atol=1e-6)
    per_channel = to_input(pixels, scale=((0.1, 0.2, 0.3), (1.0, 2.0, 3.0)))
    np.testing.assert_allclose(per_channel[2], (unit[2] - 0.3) / 3, atol=1e-6)
    assert {to_input(pixels, scale=scale).dtype for scale in ("unit", "byte", "imagenet")} == {np.dtype(np.float32)}


def test_one_channel_is_pillows_luma():
    pixels = open_image("coffee").pixels
    expected = np.asarray(Image.fromarray(np.array(pixels)).convert("L"))
    np.testing.assert_array_equal(to_input(pixels, channels=1, scale="byte"), expected[None])
    np.testing.assert_allclose(to_input(pixels, channels=1), expected[None] / np.float32(255))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 2}, "a picture becomes 1 or 3 channels, not 2"),
        ({"scale": "bytes"}, "'bytes' is no scale; choose unit, byte, imagenet or a pair"),
        ({"scale": "imagenet", "channels": 1}, "the scale 'imagenet' has three channels, not 1"),
        ({"scale": ((0.5, 0.5), 1.0)}, r"is no pair \(mean, deviation\) for 3 channels; give two numbers"),
        ({"scale": (0.5, 0.0)}, "cannot be used; give finite means and deviations above 0"),
        ({"scale": (float("nan"), 1.0)}, "cannot be used; give finite means"),
    ],
)
def test_what_is_no_input_is_refused(options, message):
    with pytest.raises(ImageError, match=message):
        to_input(np.zeros((2, 2, 3), np.uint8), **options)
