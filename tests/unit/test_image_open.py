"""Opening pictures: sources, names, formats, shrinking. Oracles: Pillow and numpy."""

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
from PIL import Image, ImageFile

from convscope.errors import ImageError
from convscope.image import Picture, open_image, sample_names
from picture_files import CAT, CAT_PIXELS, difference, encode


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
