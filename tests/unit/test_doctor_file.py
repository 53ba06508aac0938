"""What the doctor says of one file: damage, what is no photo, odd photos, doubts. Oracle: Pillow."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convscope.doctor import KINDS, Level, check_folder
from convscope.doctor.examining import examine
from doctor_folder import JPEG, kinds, photo, pillow_reads


def problems(folder: Path) -> set[str]:
    return {finding.file for finding in check_folder(folder).of_level(Level.PROBLEM)}


PROGRESSIVE = io.BytesIO()
photo().save(PROGRESSIVE, "JPEG", quality=85, progressive=True)
RESTARTS = io.BytesIO()
photo().save(RESTARTS, "JPEG", quality=85, restart_marker_rows=1)


@pytest.mark.parametrize("whole", [JPEG, PROGRESSIVE, RESTARTS], ids=["baseline", "progressive", "restarts"])
def test_a_photo_cut_anywhere_is_found_although_it_is_decoded_small(whole: io.BytesIO, tmp_path: Path) -> None:
    data, file = whole.getvalue(), tmp_path / "cut.jpg"
    near_the_end = [len(data) - cut for cut in (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100, 200)]
    for length in [*near_the_end, *range(3, len(data), len(data) // 25)]:
        file.write_bytes(data[:length])
        found = examine(tmp_path, "cut.jpg").findings
        assert (found == ()) is pillow_reads(data[:length]), length
        assert {finding.kind for finding in found} <= {"cut-off", "damaged"}


def test_a_photo_with_bytes_changed_is_judged_as_pillow_judges_it_in_full(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        data = np.frombuffer(JPEG.getvalue(), np.uint8).copy()
        data[rng.integers(2, len(data), 3)] = rng.integers(0, 256, 3)
        (tmp_path / "x.jpg").write_bytes(data.tobytes())
        known = data[:3].tobytes() == b"\xff\xd8\xff"
        if known:
            judged = not any(one.level is Level.PROBLEM for one in examine(tmp_path, "x.jpg").findings)
            assert judged is pillow_reads(data.tobytes())


@pytest.mark.parametrize(
    ("name", "data", "kind", "why"),
    [
        ("a.jpg", b"", "empty", "it is empty"),
        ("a.jpg", JPEG.getvalue()[:5000], "cut-off", "it is cut off before its JPEG data ends"),
        ("a", JPEG.getvalue()[:5000], "cut-off", "it is cut off before its JPEG data ends"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(40), "damaged", "it is a damaged PNG file (broken PNG file (chunk "),
        ("a.jpg", b"<!DOCTYPE html><p>404", "not-an-image", "it is a web page"),
        ("a.JPG", b"sorry", "not-an-image", "it is a text and no picture"),
        ("a", b"sorry", "not-an-image", "it is a text and no picture"),
        ("a.jpg", b"PK\x03\x04" + bytes(40), "not-an-image", "it is a ZIP archive"),
        ("a.heic", bytes(4) + b"ftypheic" + bytes(40), "unopened-format", "it is a HEIC photo"),
        ("a.jpg", b"<svg xmlns='x'>", "unopened-format", "it is an SVG drawing"),
        ("notes.txt", b"BMW", "other-file", "it is a damaged BMP file"),
        ("labels.csv", b"a,b", "other-file", "it is a text and no picture"),
        ("empty.txt", b"", "other-file", "it is empty"),
        ("cat.jpg.part", JPEG.getvalue()[:5000], "other-file", "it is cut off"),
    ],
)  # fmt: skip
def test_what_is_no_photo_is_told_apart(name: str, data: bytes, kind: str, why: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    (found,) = examine(tmp_path, name).findings
    assert (found.kind, found.why[: len(why)]) == (kind, why)
    assert "; " not in found.why


def test_a_bomb_and_a_file_too_long_are_refused_unread(tmp_path: Path) -> None:
    Image.new("1", (8000, 8000)).save(tmp_path / "bomb.png")
    with (tmp_path / "long.jpg").open("wb") as file:
        file.truncate(257 * 2**20)
    assert kinds(tmp_path)["too-large"] == {"bomb.png", "long.jpg"}


ODD = {
    "greyscale": ("a.jpg", photo().convert("L"), {}),
    "cmyk": ("a.jpg", photo().convert("CMYK"), {}),
    "transparent": ("a.png", Image.merge("RGBA", (*photo().split(), photo().getchannel("R"))), {}),
    "sixteen-bit": ("a.png", Image.fromarray((np.arange(90_000) % 65_536).astype(np.uint16).reshape(300, 300)), {}),
    "wrong-extension": ("a.jpg", photo(), {"format": "PNG"}),
    "animated": ("a.gif", photo(), {"save_all": True, "append_images": [photo("coffee").resize((451, 300))]}),
    "rotated": ("a.jpg", photo(), {"exif": Image.Exif()}),
    "colours": ("a.tif", photo().convert("LAB"), {}),
}  # fmt: skip
ODD["rotated"][2]["exif"][0x0112] = 6


@pytest.mark.parametrize("kind", ODD)
def test_odd_photos_are_remarked_on_and_are_no_problem(kind: str, tmp_path: Path) -> None:
    name, image, options = ODD[kind]
    image.save(tmp_path / name, **options)
    examined = examine(tmp_path, name)
    assert kind in {finding.kind for finding in examined.findings}
    assert {finding.level for finding in examined.findings} == {Level.REMARK}
    width, height = image.size
    assert examined.size == ((width, height) if kind == "rotated" else (height, width))


def test_doubts_on_size_shape_and_content(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = {"tiny.png": (31, 40), "fits.png": (32, 40), "long.png": (40, 201), "not-so-long.png": (40, 200)}
    for name, shape in sizes.items():
        Image.fromarray(rng.integers(0, 256, (*shape, 3), np.uint8)).save(tmp_path / name)
    Image.new("RGB", (80, 80), "red").save(tmp_path / "red.png")
    found = kinds(tmp_path)
    assert (found["too-small"], found["extreme-shape"], found["one-colour"]) == (
        {"tiny.png"},
        {"long.png"},
        {"red.png"},
    )
    assert problems(tmp_path) == set()


def test_every_note_of_the_decoder_has_its_kind() -> None:
    from convscope.doctor.examining import _NOTES

    assert {kind for _, kind in _NOTES} <= KINDS.keys()
    assert all(KINDS[kind].level is Level.REMARK for _, kind in _NOTES)
