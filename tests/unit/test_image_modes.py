"""Modes, orientations and colour profiles: all become upright RGB of 8 bits, with a note. Oracles: Pillow and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from convscope.errors import ImageError
from convscope.image import open_image
from picture_files import CAT, CAT_PIXELS, difference, encode

# Modes


def test_levels_and_bits_are_grey():
    for mode in ("L", "1"):
        image = CAT.convert(mode)
        picture = open_image(encode(image))
        np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")))
        assert picture.grey
        assert picture.notes == ("greyscale",)


def test_palettes():
    coloured = CAT.quantize(64)
    picture = open_image(encode(coloured))
    np.testing.assert_array_equal(picture.pixels, np.asarray(coloured.convert("RGB")))
    assert not picture.grey
    assert open_image(encode(CAT.convert("L").quantize(16), "GIF")).grey


def over_white(rgba: Image.Image) -> np.ndarray:
    values = np.asarray(rgba, float)
    share = values[..., 3:] / 255
    return values[..., :3] * share + 255 * (1 - share)


def fading() -> Image.Image:
    alpha = np.tile(np.linspace(0, 255, 120).astype(np.uint8), (90, 1))
    return Image.fromarray(np.dstack([CAT_PIXELS, alpha]))


@pytest.mark.parametrize(
    ("mode", "format_name"),
    [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("RGBa", "PIL")],
)
def test_alpha_is_laid_over_white(mode, format_name):
    image = fading().convert(mode)
    options = {"lossless": True, "exact": True} if format_name == "WEBP" else {}
    picture = open_image(image if format_name == "PIL" else encode(image, format_name, **options))
    np.testing.assert_allclose(picture.pixels, over_white(image.convert("RGBA")), atol=1.01)
    assert "transparent parts laid over white" in picture.notes
    assert (picture.pixels[:, 0] == 255).all()
    assert picture.grey == (mode == "LA")


def test_an_alpha_channel_without_holes_needs_no_note():
    full = CAT.copy()
    full.putalpha(255)
    picture = open_image(encode(full))
    np.testing.assert_array_equal(picture.pixels, CAT_PIXELS)
    assert picture.notes == ()


def test_transparent_entries_of_palettes_and_levels():
    coloured = CAT.quantize(8)
    picture = open_image(encode(coloured, transparency=3))
    hidden = np.asarray(coloured) == 3
    assert hidden.any()
    assert (picture.pixels[hidden] == 255).all()
    np.testing.assert_array_equal(picture.pixels[~hidden], np.asarray(coloured.convert("RGB"))[~hidden])
    grey = CAT.convert("L")
    picture = open_image(encode(grey, transparency=100))
    hidden = np.asarray(grey) == 100
    assert (picture.pixels[hidden] == 255).all()
    assert (picture.pixels[~hidden][:, 0] == np.asarray(grey)[~hidden]).all()


@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_rounded(format_name):
    values = np.arange(0, 65536, 13, dtype=np.uint16)[:5000].reshape(50, 100)
    picture = open_image(encode(Image.fromarray(values), format_name))
    np.testing.assert_array_equal(picture.pixels[..., 0], np.round(values / 257))
    assert picture.notes == ("16-bit levels reduced to 8", "greyscale")


def test_a_dark_sixteen_bit_ppm_stays_dark():
    picture = open_image(encode(Image.fromarray(np.full((4, 4), 200, np.uint16)), "PPM"))
    assert picture.pixels.max() == 1


@pytest.mark.parametrize(
    ("low", "high", "note"),
    [
        (0.0, 1.0, None),
        (0.0, 200.0, "float levels 0..200 rounded to 0..255"),
        (-3.0, 5.0, "levels -3..5 stretched to 0..255"),
    ],
)
def test_float_tiffs(low, high, note):
    values = np.linspace(low, high, 30, dtype=np.float32).reshape(5, 6)
    picture = open_image(encode(Image.fromarray(values), "TIFF"))
    scale = {1.0: 255.0, 200.0: 1.0, 5.0: 255 / 8}[high]
    np.testing.assert_allclose(picture.pixels[..., 0], (values - min(low, 0)) * scale, atol=0.51)
    assert picture.notes == ((note, "greyscale") if note else ("greyscale",))


def test_integer_tiffs_and_constant_ones():
    values = np.arange(30, dtype=np.int32).reshape(5, 6)
    np.testing.assert_array_equal(open_image(encode(Image.fromarray(values), "TIFF")).pixels[..., 0], values)
    wide = open_image(encode(Image.fromarray(values * 100_000 - 5), "TIFF"))
    assert (wide.pixels.min(), wide.pixels.max()) == (0, 255)
    constant = open_image(encode(Image.fromarray(np.full((4, 4), -7.0, np.float32)), "TIFF"))
    assert not constant.pixels.any()
    extreme = np.array([[-3e38, 3e38]], np.float32)
    np.testing.assert_array_equal(open_image(Image.fromarray(extreme)).pixels[0, :, 0], [0, 255])


def test_a_float_tiff_with_nan_is_refused():
    values = np.array([[0.0, np.nan]], np.float32)
    with pytest.raises(ImageError, match=r"'scan.tif' holds values that are no numbers \(NaN or infinite\)"):
        open_image(encode(Image.fromarray(values), "TIFF"), name="scan.tif")


def test_cmyk_is_not_inverted():
    picture = open_image(encode(CAT.convert("CMYK"), "JPEG", quality=95))
    assert difference(picture.pixels, CAT_PIXELS) < 4
    assert picture.notes == ("CMYK converted",)


def test_lab_becomes_rgb():
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    picture = open_image(encode(ImageCms.applyTransform(CAT, to_lab), "TIFF"))
    assert difference(picture.pixels, CAT_PIXELS) < 3


def test_animations_show_their_first_frame():
    frames = [CAT, CAT.rotate(90), CAT.rotate(180)]
    for format_name in ("GIF", "PNG", "WEBP", "AVIF"):
        data = encode(frames[0], format_name, save_all=True, append_images=frames[1:], duration=50)
        picture = open_image(data)
        assert picture.notes == ("first of 3 frames",)
        assert difference(picture.pixels, CAT_PIXELS) < 10
    pages = open_image(encode(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    assert pages.notes == ("first of several frames",)
    np.testing.assert_array_equal(pages.pixels, CAT_PIXELS)
    stereo = open_image(encode(frames[0], "MPO", save_all=True, append_images=frames[1:]))
    assert (stereo.format, stereo.notes) == ("JPEG", ("first of 3 frames",))


# Orientation

STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "WEBP", "JPEG", "TIFF lzw", "AVIF"])
def test_every_orientation_comes_out_upright(format_name, orientation):
    stored = CAT.transpose(STORED_AS[orientation]) if orientation > 1 else CAT
    exif = Image.Exif()
    exif[0x0112] = orientation
    format_name, _, compression = format_name.partition(" ")
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 95}, "JPEG": {"quality": 95, "subsampling": 0}}
    extra = options.get(format_name, {}) | ({"compression": "tiff_lzw"} if compression else {})
    picture = open_image(encode(stored, format_name, exif=exif, **extra))
    assert picture.size == (90, 120)
    assert difference(picture.pixels, CAT_PIXELS) < (3 if format_name in {"JPEG", "AVIF"} else 1e-9)
    assert picture.size_in_file == ((120, 90) if orientation >= 5 and format_name != "AVIF" else (90, 120)) or (
        format_name == "AVIF"
    )
    turned = () if orientation == 1 else (f"turned upright by its EXIF orientation {orientation}",)
    assert picture.notes == turned


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"])
def test_broken_exif_is_ignored(exif):
    picture = open_image(encode(CAT, "JPEG", exif=exif))
    assert picture.size == (90, 120)
    assert picture.notes == ()


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(value):
    exif = Image.Exif()
    exif[0x0112] = value
    assert open_image(encode(CAT, exif=exif)).notes == ()


# Colour profiles


def described_profile(name: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def swapped_profile() -> bytes:
    """sRGB with the red and green primaries exchanged: converting exchanges the channels."""
    data = described_profile("sRGB")
    return data.replace(b"rXYZ", b"tmpX", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"tmpX", b"gXYZ", 1)


def test_a_profile_is_converted_to_srgb_and_noted():
    picture = open_image(encode(CAT, icc_profile=swapped_profile()))
    assert difference(picture.pixels, CAT_PIXELS[..., [1, 0, 2]]) < 1.5
    assert picture.notes[0].startswith("colours converted from its profile '")
    assert picture.notes[0].endswith("to sRGB")


def test_a_profile_and_transparency_together():
    picture = open_image(encode(fading(), icc_profile=swapped_profile()))
    swapped = np.asarray(fading())[..., [1, 0, 2, 3]]
    assert difference(picture.pixels, over_white(Image.fromarray(swapped))) < 1.5
    assert len(picture.notes) == 2


def test_an_srgb_profile_changes_nothing():
    picture = open_image(encode(CAT, icc_profile=described_profile("sRGB")))
    np.testing.assert_array_equal(picture.pixels, CAT_PIXELS)
    assert picture.notes == ()


def test_a_profile_for_other_modes_is_ignored():
    assert open_image(encode(CAT.convert("L"), icc_profile=swapped_profile())).notes == ("greyscale",)


@pytest.mark.parametrize("profile", [b"no profile", swapped_profile()[:150], b"\0" * 3000])
def test_a_broken_profile_is_left_out_and_noted(profile):
    picture = open_image(encode(CAT, icc_profile=profile))
    np.testing.assert_array_equal(picture.pixels, CAT_PIXELS)
    assert picture.notes == ("its damaged colour profile was left out",)


# The real broken and odd files


def test_turned_and_cmyk_cats_are_the_cat(shared_data):
    folder = shared_data / "nasty_images"
    upright = open_image(folder / "made__upper.JPG").pixels
    np.testing.assert_array_equal(open_image(folder / "made__no_jfif_header.jpg").pixels, upright)
    turned = open_image(folder / "made__exif6_cat.jpg")
    assert turned.pixels.shape == upright.shape
    assert difference(turned.pixels, upright) < 5
    assert difference(open_image(folder / "made__cmyk_cat.jpg").pixels, upright) < 5


def test_the_tutorials_palette_photo(shared_data):
    picture = open_image(shared_data / "tutorial_photos" / "cat.png")
    assert picture.pixels.shape == (320, 400, 3)
