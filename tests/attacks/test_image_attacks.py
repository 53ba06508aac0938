"""Hostile and broken pictures: one sentence each, in little memory, and nothing else happens."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from convscope.errors import ImageError
from convscope.image import open_image

SOURCES = str(Path(sys.modules["convscope"].__file__).parents[1])


def refused(source, **options) -> str:
    """The sentence with which ``source`` is refused."""
    with pytest.raises(ImageError) as caught:
        open_image(source, **options)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert len(sentence) < 400
    assert ";" in sentence, f"does not say what to do: {sentence}"
    return sentence


def encode(image: Image.Image, format_name: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_name, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *extra: bytes, pixels: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = b"".join([chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(pixels)), chunk(b"IEND", b"")])
    return b"\x89PNG\r\n\x1a\n" + body


PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))

RUN_ALL = """
import json, os, re, resource, sys
from convscope.errors import ImageError
from convscope.image import open_image
for name in sys.argv[2:]:
    try:
        picture = open_image(os.path.join(sys.argv[1], name))
        result = {"size": picture.size_in_file, "notes": picture.notes}
    except ImageError as error:
        result = {"error": str(error)}
    print(json.dumps({"name": name, **result}))
try:  # of this program alone: what getrusage tells on Linux includes the process that started it
    peak = int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"peak": peak}))
"""


def test_every_nasty_image_opens_or_gets_one_sentence(shared_data):
    folder = shared_data / "nasty_images"
    with (folder / "manifest.csv").open(newline="") as stream:
        manifest = list(csv.DictReader(stream))
    command = [sys.executable, "-c", RUN_ALL, str(folder), *(row["file"] for row in manifest)]
    environment = os.environ | {"PYTHONPATH": SOURCES}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    *results, last = map(json.loads, done.stdout.splitlines())
    assert last["peak"] < 1024 * 1024
    assert [result["name"] for result in results] == [row["file"] for row in manifest]
    assert len(results) >= 57
    for row, result in zip(manifest, results, strict=True):
        assert ("error" not in result) == (row["pillow_result"] == "ok"), result
        if "error" in result:
            assert result["error"].isprintable()
            assert result["error"].startswith(f"'{row['file']}' is ")
            assert "; " in result["error"]
        else:
            width, height = map(int, row["size"].split("x"))
            assert result["size"] == [height, width]
            turned = any(note.startswith("turned upright") for note in result["notes"])
            assert turned == (row["exif_orientation"] not in {"", "1"})
            assert any(note.startswith("first of") for note in result["notes"]) == (row["frames"] != "1")


# What is no picture


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "'x.jpg' is empty; copy or download it again"),
        (b"hello\n", "'x.jpg' is a text and no picture; save the picture as PNG or JPEG and open that"),
        ("照片".encode() * 300, "is a text and no picture"),
        (b"<!DOCTYPE html><html>", "is a web page, which convscope does not open"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "is an EPS or PostScript drawing, which"),
        (b"\xc5\xd0\xd3\xc6" + bytes(30), "is an EPS or PostScript drawing"),
        (b"%PDF-1.7\n", "is a PDF document"),
        (
            b'<?xml version="1.0"?>\n<!-- hi -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
            "is an SVG drawing",
        ),
        (b"<svg onload='alert(1)'/>", "is an SVG drawing"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC photo"),
        (b"8BPS\0\x01", "is a Photoshop document"),
        (b"PK\x03\x04\x14\0", "is a ZIP archive"),
        (b"\x93NUMPY\x01\0", "is a NumPy file"),
        (bytes(range(200, 256)), "is no picture of a kind that convscope opens"),
        (b"\0" * 5000, "is no picture of a kind that convscope opens"),
    ],
)
def test_other_files_are_called_what_they_are(data, said):
    assert said in refused(data, name="x.jpg")


def test_eps_starts_no_program(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", forbidden)
    monkeypatch.setattr(os, "system", forbidden)
    data = encode(PHOTO, "EPS")
    assert "EPS" in refused(data, name="a.png")
    assert "is an undecoded EPS picture" in refused(Image.open(io.BytesIO(data)))


# Bombs


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


# Damage


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "AVIF", "QOI"])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9])
def test_cut_off_files_are_refused(format_name, kept, tmp_path):
    data = encode(PHOTO, format_name)
    path = tmp_path / "cut.img"
    path.write_bytes(data[: int(len(data) * kept)])
    for source in (path, path.read_bytes()):
        sentence = refused(source)
        assert "is cut off before its" in sentence or f"is a damaged {format_name}" in sentence
        assert "copy or download it again" in sentence


def test_random_damage_never_escapes_as_another_error(capfd):
    rng = np.random.default_rng(1)
    small = PHOTO.resize((16, 16))
    seeds = [encode(small, name) for name in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "ICO", "QOI", "AVIF")]
    seeds.append(encode(small, "TIFF", compression="tiff_lzw"))
    outcomes = set()
    for turn in range(600):
        data = bytearray(seeds[turn % len(seeds)])
        for _ in range(int(rng.integers(1, 6))):
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
        try:
            open_image(bytes(data))
            outcomes.add("opened")
        except ImageError as error:
            outcomes.add("refused" if str(error).isprintable() else str(error))
    assert outcomes == {"opened", "refused"}
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_a_zero_size_is_refused():
    assert "no usable size in its header" in refused(png(0, 5))
    assert "is 0x5 and so has no pixels" in refused(Image.new("RGB", (5, 0)))


def test_settings_survive_a_failure():
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    refused(encode(PHOTO, "JPEG")[:900])
    refused(png(30_000, 30_000))
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)) == before


def test_many_threads_at_once():
    data = [encode(PHOTO, name) for name in ("PNG", "JPEG", "TIFF", "GIF")]
    data.append(encode(PHOTO, "TIFF", compression="tiff_lzw"))
    expected = [open_image(each).pixels for each in data]
    filters = list(warnings.filters)
    wrong = []

    def work() -> None:
        for turn in range(25):
            try:
                picture = open_image(data[turn % len(data)])
                if not (picture.pixels == expected[turn % len(data)]).all():
                    wrong.append(turn)
                refused(data[0][:300])
            except BaseException as error:
                wrong.append(error)
                raise

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert warnings.filters == filters


# Paths


def test_what_is_no_file(tmp_path):
    assert "is a folder; give the path of one picture in it" in refused(tmp_path)
    assert "there is no file" in refused(tmp_path / "none.png")
    assert "or name one of the bundled photos astronaut, chelsea, coffee" in refused("chelsae")
    assert refused("") == "the path of the picture is empty; give the name of a file"
    assert "cannot be opened" in refused("a\0b.png")
    assert "cannot be opened (File name too long)" in refused("x" * 100_000)
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    assert "cannot be opened" in refused(loop)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/cat.jpg",
        "https://a.b/c",
        "ftp://a/b",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "s3://bucket/cat.png",
    ],
)
def test_addresses_are_not_fetched(address, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", forbidden)
    assert "is a web address and convscope opens no network; save the picture first" in refused(address)
    assert "opens no network" in refused(Path(address)) or address.startswith("data")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices_do_not_hang(tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    assert "is a pipe and no file; save the picture to a file first" in refused(pipe)
    assert "is a device and no file" in refused("/dev/zero")
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        server.bind("s.png")
        assert "is a socket and no file" in refused("s.png")
    finally:
        server.close()
        os.chdir(here)


def test_a_file_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "secret.png"
    path.write_bytes(encode(PHOTO, "PNG"))
    if os.name != "posix" or os.geteuid() == 0:  # root may read everything: let the system's answer be played
        monkeypatch.setattr(
            os, "open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
        )
    else:
        path.chmod(0)
    assert "secret.png' may not be read by you; ask for permission or copy the picture" in refused(path)


def test_names_cannot_steer_a_terminal(tmp_path):
    for name in ("a\nb.png", "\x1b[31mred.png", "\u202egnp.exe.png", "a\u2028b.png"):
        path = tmp_path / name
        path.write_bytes(b"text")
        sentence = refused(path)
        assert name not in sentence
    assert "\\x1b[31mred.png" in refused(tmp_path / "\x1b[31mred.png")
    refused(b"text", name="x" * 10_000 + "\n")


def test_text_streams_and_closed_files(tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(encode(PHOTO, "PNG"))
    assert "gave str, not bytes; open the file in binary mode ('rb')" in refused(io.StringIO("text"))
    stream = path.open("rb")
    stream.close()
    assert "'cat.png' cannot be read (" in refused(stream)
