"""Arrays and tensors as pictures: which shapes, types and ranges are taken, and what is said about others."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.errors import ImageError
from convscope.image import open_image

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
GREYS = RNG.integers(0, 256, (6, 8), dtype=np.uint8)


def test_colours_come_back_as_a_copy():
    source = COLOURS.copy()
    picture = open_image(source)
    source[:] = 0
    np.testing.assert_array_equal(picture.pixels, COLOURS)
    assert (picture.name, picture.format, picture.size_in_file) == ("array", "array", (6, 8))
    assert (picture.notes, picture.grey) == ((), False)
    assert not picture.pixels.flags.writeable


@pytest.mark.parametrize("values", [GREYS, GREYS[..., None], GREYS[None]])
def test_grey_becomes_three_equal_channels(values):
    picture = open_image(values)
    np.testing.assert_array_equal(picture.pixels, np.stack([GREYS] * 3, axis=-1))
    assert picture.grey
    assert picture.notes[-1] == "greyscale"


def test_channels_first_is_recognised_and_noted():
    picture = open_image(COLOURS.transpose(2, 0, 1))
    np.testing.assert_array_equal(picture.pixels, COLOURS)
    assert picture.notes == ("read as channels first",)


@pytest.mark.parametrize("shape", [(3, 5, 3), (4, 4, 3), (3, 3, 3), (1, 5, 3), (1, 1), (2, 2, 4)])
def test_tiny_pictures_are_channels_last(shape):
    assert open_image(np.zeros(shape, np.uint8)).size == shape[:2]


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 9, 1), (1, 7, 4)])
def test_ambiguous_shapes_are_refused(shape):
    with pytest.raises(ImageError, match=r"can be read as channels first or last; accepted are \(H, W\)"):
        open_image(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    "shape", [(5,), (), (5, 5, 2), (5, 5, 7), (2, 9, 9), (3, 9, 2), (1, 3, 9, 9), (0, 4), (4, 0, 3)]
)
def test_other_shapes_are_named_with_what_is_accepted(shape):
    with pytest.raises(ImageError) as caught:
        open_image(np.zeros(shape, np.uint8))
    assert f"has the shape {shape}" in str(caught.value)
    assert "accepted are (H, W), (H, W, 1), (H, W, 3), (H, W, 4) or channels first" in str(caught.value)
    assert ("array[0]" in str(caught.value)) == (len(shape) == 4)


def test_sixteen_bits_are_rounded():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    picture = open_image(values)
    np.testing.assert_array_equal(picture.pixels[..., 0], np.round(values / 257).astype(np.uint8))
    assert "16-bit levels reduced to 8" in picture.notes


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_shares_of_white(dtype):
    values = np.linspace(0, 1, 256).reshape(16, 16).astype(dtype)
    picture = open_image(values)
    expected = np.rint(values.astype(np.float32) * 255)
    np.testing.assert_array_equal(picture.pixels[..., 1], expected)
    assert (picture.pixels.min(), picture.pixels.max()) == (0, 255)


def test_booleans_and_other_integers():
    mask = GREYS > 127
    np.testing.assert_array_equal(open_image(mask).pixels[..., 2], mask * 255)
    np.testing.assert_array_equal(open_image(COLOURS.astype(np.int64)).pixels, COLOURS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (COLOURS.astype(np.float32), r"holds float32 values \S+\.\.\S+, not 0\.\.1; divide by 255"),
        (np.full((5, 5), -0.1), r"holds float64 values -0.1..-0.1, not 0..1"),
        (np.array([[0.0, np.nan]]), r"holds float64 values nan..nan, not 0..1"),
        (np.array([[0.0, np.inf]]), r"holds float64 values 0..inf, not 0..1"),
        (np.full((5, 5), 256), r"holds int64 values 256..256, not 0..255; convert them to uint8"),
        (np.full((5, 5), 1j), r"holds complex128; pass uint8, uint16, bool or float values"),
        (np.full((5, 5), "a"), r"holds <U1; pass uint8"),
    ],
)
def test_other_values_are_refused(values, message):
    with pytest.raises(ImageError, match=message):
        open_image(values)


def test_alpha_is_laid_over_white():
    values = np.dstack([COLOURS, GREYS])
    picture = open_image(values)
    share = GREYS[..., None] / 255
    expected = COLOURS * share + 255 * (1 - share)
    np.testing.assert_allclose(picture.pixels, expected, atol=0.501)
    assert "transparent parts laid over white" in picture.notes
    assert open_image(np.dstack([COLOURS, np.full_like(GREYS, 255)])).notes == ()


def test_an_array_of_more_than_50_million_pixels_is_refused():
    giant = np.broadcast_to(np.uint8(0), (10_000, 10_000))
    with pytest.raises(ImageError, match=r"'big' is 10000x10000 = 100.0 million pixels"):
        open_image(giant, name="big")


class Offered:
    """As a tensor offers itself."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        if self.values is None:
            raise RuntimeError("can't convert a tensor that requires grad\nto numpy")
        return self.values


def test_what_offers_itself_as_an_array_is_taken():
    np.testing.assert_array_equal(open_image(Offered(COLOURS)).pixels, COLOURS)
    with pytest.raises(ImageError, match=r"does not become a numpy array \(.*\\nto numpy\); detach it"):
        open_image(Offered(None))
