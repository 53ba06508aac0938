"""Files that are no picture, or a broken one: one sentence each, and nothing else happens."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from convscope.errors import ImageError
from convscope.image import open_image
from picture_files import encode
from refused_pictures import PHOTO, png, refused

SOURCES = str(Path(sys.modules["convscope"].__file__).parents[1])
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
