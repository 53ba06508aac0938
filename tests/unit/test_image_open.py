"""Opening pictures: sources, modes, orientation, profiles, notes. Oracles: Pillow and numpy."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageCms, ImageFile

from convscope.errors import ImageError
from convscope.image import Picture, open_image, sample_names

CAT = Image.fromarray(skimage.data.chelsea()[:90, 100:220])
CAT_PIXELS = np.asarray(CAT)


def encode(image: Image.Image, format_name: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_name, **options)
    return stream.getvalue()


def difference(one, other) -> float:
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_bundled_photos_are_scikit_images(name):
    assert name in sample_names()
    picture = open_image(name)
    np.testing.assert_array_equal(picture.pixels, getattr(skimage.data, name)())
    assert (picture.name, picture.notes, picture.grey) == (name, (), False)


def test_bundled_photos_are_small():
    import convscope.image

    assets = Path(convscope.image.__file__).parents[1] / "assets"
    assert sum(path.stat().st_size for path in assets.iterdir()) < 1_300_000


def test_a_file_wins_over_a_bundled_photo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("coffee").write_bytes(encode(CAT))
    np.testing.assert_array_equal(open_image("coffee").pixels, CAT_PIXELS)


def test_every_source_gives_the_same_picture(tmp_path):
    data = encode(CAT)
    path = tmp_path / "cat.png"
    path.write_bytes(data)
    with path.open("rb") as stream, tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(data)
        sources = [path, str(path), data, bytearray(data), memoryview(data)]
        sources += [stream, io.BytesIO(data), spooled, CAT, CAT_PIXELS]
        for source in sources:
            np.testing.assert_array_equal(open_image(source).pixels, CAT_PIXELS)
        assert not stream.closed
    assert open_image(path).name == "cat.png"
    assert open_image(data).name == "picture"
    assert open_image(data, name="upload.png").name == "upload.png"


def test_a_pipe_like_stream_is_read(tmp_path):
    reader, writer = os.pipe()
    os.write(writer, encode(CAT.resize((20, 20))))
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        assert open_image(stream).size == (20, 20)


@pytest.mark.parametrize("name", ["猫 и кот.png", "a'b\"c.png", "-x.png", "a\nb.png", "\u202egnp.exe.png"])
def test_names_of_any_script(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(encode(CAT))
    picture = open_image(path)
    assert picture.size == (90, 120)
    assert picture.name.isprintable()
    assert picture.name == name or "\\n" in picture.name or "\\u202e" in picture.name


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse names that are no UTF-8")
def test_a_name_that_is_no_utf8(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.write_bytes(encode(CAT))
    picture = open_image(path)
    assert picture.name == "caf\\udce9.png"
    picture.name.encode("utf-8")


@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True, "exact": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_deflate"}),
        ("BMP", {}),
        ("PPM", {}),
        ("QOI", {}),
        ("ICO", {"sizes": [(120, 90)]}),
    ],
)
def test_lossless_formats_keep_every_pixel(format_name, options):
    picture = open_image(encode(CAT, format_name, **options))
    np.testing.assert_array_equal(picture.pixels, CAT_PIXELS)
    assert (picture.format, picture.size_in_file, picture.notes) == (format_name, (90, 120), ())


@pytest.mark.parametrize(("format_name", "limit"), [("JPEG", 5), ("WEBP", 5), ("AVIF", 5), ("GIF", 8)])
def test_lossy_formats_come_close(format_name, limit):
    picture = open_image(encode(CAT, format_name))
    assert picture.format == format_name
    assert difference(picture.pixels, CAT_PIXELS) < limit


def test_pixels_are_read_only_and_the_picture_frozen():
    picture = open_image("chelsea")
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0] = 0
    with pytest.raises(AttributeError):
        picture.name = "x"
    assert repr(picture) == "Picture('chelsea', 300x451, PNG)"


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


# Names, shrinking, PIL images, settings


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("cat.jpg", ("is a PNG although its name ends in .jpg",)),
        ("cat.PNG", ()),
        ("cat", ()),
        ("cat.v2", ()),
        ("jpg", ()),
    ],
)
def test_a_name_that_says_another_format_is_noted(name, note):
    assert open_image(encode(CAT), name=name).notes == note


def test_longest_shrinks_and_says_from_what():
    exif = Image.Exif()
    exif[0x0112] = 6
    large = CAT.resize((1200, 900))
    for data in (
        encode(large.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif),
        encode(large, "JPEG"),
        encode(large),
    ):
        picture = open_image(data, longest=100)
        assert picture.size == (75, 100)
        assert picture.notes[-1] == "shrunk from 900x1200 to 75x100 (height x width)"
        expected = np.asarray(large.resize((100, 75), Image.Resampling.BICUBIC))
        assert difference(picture.pixels, expected) < 3
    assert open_image(encode(CAT, "JPEG"), longest=120).notes == ()
    assert open_image(np.zeros((30, 60), np.uint8), longest=20).size == (10, 20)
    with pytest.raises(ImageError, match="cannot be shrunk to 0 pixels"):
        open_image("chelsea", longest=0)


def test_a_jpeg_is_decoded_small_already(monkeypatch):
    sizes = []
    load = ImageFile.ImageFile.load

    def spied(self):
        sizes.append(self.size)
        return load(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", spied)
    open_image(encode(CAT.resize((1600, 1200)), "JPEG"), longest=200)
    assert sizes[0] == (200, 150)


def test_a_pil_image_is_not_altered():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(encode(CAT.transpose(Image.Transpose.ROTATE_90), exif=exif)))
    picture = open_image(image)
    np.testing.assert_array_equal(picture.pixels, CAT_PIXELS)
    assert image.size == (90, 120)
    assert image.getexif()[0x0112] == 6
    assert picture.name == "picture"
    again = open_image(CAT)
    assert (again.format, again.notes) == ("PIL", ())
    animation = Image.open(io.BytesIO(encode(CAT, "GIF", save_all=True, append_images=[CAT.rotate(180)])))
    animation.seek(1)
    assert difference(open_image(animation).pixels, np.asarray(CAT.rotate(180))) < 10
    assert animation.tell() == 1


def test_pillows_settings_stay_as_they_were(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 7)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert open_image(encode(CAT)).size == (90, 120)
    with pytest.raises(ImageError):
        open_image(b"\x89PNG\r\n\x1a\nbroken")
    assert Image.MAX_IMAGE_PIXELS == 7
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_importing_loads_neither_pil_nor_torch():
    code = (
        "import sys, convscope.image\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'PIL', 'torch', 'h5py', 'matplotlib', 'skimage'}, loaded"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(sys.modules["convscope"].__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_what_is_no_source_is_refused():
    for source in (None, 5, object()):
        with pytest.raises(ImageError, match=r"cannot be read from an? \w+; give a path, bytes, a binary file"):
            open_image(source)


def test_a_picture_needs_no_file():
    assert Picture(np.zeros((2, 2, 3), np.uint8), "x", "array", (2, 2)).size == (2, 2)


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
