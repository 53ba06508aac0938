"""Pictures that would take endless memory or time: refused by their header, or after little work."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import pytest
from PIL import Image

from convscope.image import open_image
from picture_files import encode
from refused_pictures import PHOTO, chunk, png, refused


def test_a_png_bomb_is_refused_by_its_header():
    bomb = png(20_000, 20_000, pixels=b"\0" * 20_001 * 1000)
    assert "is 20000x20000 = 400.0 million pixels and convscope takes at most 50 million; shrink" in refused(bomb)


@pytest.mark.parametrize(("height", "width"), [(7072, 7072), (2**31 - 1, 2**31 - 1), (1, 50_000_001)])
def test_the_limit_is_50_million_pixels(height, width):
    assert f"is {height}x{width} = " in refused(png(width, height))


def test_pillow_never_warns_of_bombs():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        refused(png(10_000, 10_000))
        refused(png(30_000, 30_000))
    assert seen == []


def test_bombs_in_other_containers():
    riff = b"VP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + struct.pack("<I", 16382)[:3] * 2
    assert "16383x16383" in refused(b"RIFF" + struct.pack("<I", len(riff) + 4) + b"WEBP" + riff)
    gif = bytearray(encode(PHOTO, "GIF"))
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    assert "65535x65535" in refused(bytes(gif))
    bmp = bytearray(encode(PHOTO, "BMP"))
    bmp[18:26] = struct.pack("<ii", 100_000, 100_000)
    assert "100000x100000" in refused(bytes(bmp))
    inner = png(9000, 9000)
    ico = struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(inner), 22) + inner
    assert "9000x9000" in refused(ico)
    assert "50000x50000" in refused(b"P6\n50000 50000\n255\n" + bytes(100))
    assert "50000x50000" in refused(b"qoif" + struct.pack(">II", 50_000, 50_000) + b"\x03\0" + bytes(100))


def tiff(*entries: tuple[int, int, int]) -> bytes:
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, _, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4)


def test_tiff_bombs():
    grey = [(258, 4, 8), (259, 4, 1), (262, 4, 1), (273, 4, 0), (277, 4, 1), (278, 4, 1), (279, 4, 10)]
    assert "1000000x1000000" in refused(tiff((256, 4, 10**6), (257, 4, 10**6), *grey))
    tiles = [(322, 4, 60_000), (323, 4, 60_000), (324, 4, 8), (325, 4, 10)]
    small = [(256, 4, 10), (257, 4, 10), *(entry for entry in grey if entry[0] < 273 or entry[0] == 277)]
    assert "60000x60000" in refused(tiff(*small, *tiles))


def test_a_tiff_that_goes_round_in_circles():
    data = bytearray(encode(PHOTO, "TIFF"))
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * count, start)
    assert open_image(bytes(data)).size == (64, 64)


def test_text_and_profile_bombs_in_png():
    bomb = zlib.compress(b"\0" * 50_000_000, 9)
    for text in (
        chunk(b"zTXt", b"a\0\0" + bomb),
        chunk(b"iTXt", b"a\0\1\0\0\0" + bomb),
        chunk(b"iCCP", b"a\0\0" + bomb),
    ):
        assert "is a damaged PNG file (" in refused(png(1, 1, text, pixels=b"\0\0"))


def test_fifty_thousand_frames():
    data = encode(Image.new("P", (4, 4)), "GIF")
    start = data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, 4, 4))
    screen, frame = data[:start], b"\x21\xf9\x04" + bytes(5) + data[start:-1]
    assert open_image(screen + frame * 50_000 + b";").notes[0] == "first of 50000 frames"
    assert open_image(screen + frame * 500_000 + b";").notes[0] == "first of several frames"


def test_a_jpeg_of_endless_scans():
    data = encode(PHOTO, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    assert " scans, where a photo has about ten; save it anew" in refused(data[:-2] + scan * 500 + b"\xff\xd9")
    assert open_image(data).size == (64, 64)


def test_formats_that_pillow_decodes_slowly_are_limited():
    qoi = b"qoif" + struct.pack(">IIBB", 3000, 3000, 3, 0) + bytes(5000)
    assert "holds 9.0 million pixels in a slow form of QOI; save it as PNG first" in refused(qoi)
    assert "in a slow form of PPM" in refused(b"P3\n3000 3000\n255\n" + b"0 " * 5000)


def test_too_many_bytes_are_refused_unread(tmp_path):
    path = tmp_path / "huge.tif"
    with path.open("wb") as stream:
        stream.truncate(300 * 2**20)
    assert "'huge.tif' is larger than the 256 MiB that convscope reads; save it as" in refused(path)

    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            Endless.given += size
            return bytes(min(size, 2**28))

    refused(Endless())
    assert Endless.given < 2**28 + 2**21
