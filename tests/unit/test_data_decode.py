"""Decoding photos: the pixels and the verdicts of open_image, and for large JPEG files less work."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from convscope.data.decode import decode, decode_to
from convscope.data.jpeg import read_head
from convscope.errors import ImageError
from convscope.image import open_image
from convscope.image import resize as resize_picture
from convscope.image.quiet import quiet
from smooth_photos import photo, saved


def turned(orientation: int, pixels: np.ndarray) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(pixels, exif=exif, quality=95)


KINDS = {
    "baseline": lambda: saved(photo(1)),
    "progressive": lambda: saved(photo(2), progressive=True),
    "grey": lambda: saved(photo(3)[..., 0]),
    "full colour": lambda: saved(photo(4), subsampling=0, quality=100),
    "odd size": lambda: saved(photo(5, (61, 83))),
    "restarts": lambda: saved(photo(6), restart_marker_rows=1),
    "profile": lambda: saved(photo(7), icc_profile=b"not a profile"),
    "cmyk": lambda: saved_cmyk(photo(8)),
    "png": lambda: saved(photo(9), "PNG"),
    "webp": lambda: saved(photo(10), "WEBP"),
    "gif": lambda: saved(photo(11), "GIF"),
    **{f"orientation {i}": lambda i=i: turned(i, photo(20 + i, (40, 70))) for i in range(1, 9)},
    "broken exif": lambda: saved(photo(12), exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"),
    "behind the end": lambda: saved(photo(13)) + b"rubbish" * 50,
}


def saved_cmyk(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).convert("CMYK").save(stream, "JPEG")
    return stream.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_those_of_open_image(kind: str) -> None:
    data = KINDS[kind]()
    wanted = open_image(data, name="x").pixels
    assert (decode(data, "x") == wanted).all()
    assert (decode(data, "x", reuse=True) == wanted).all()


@pytest.mark.parametrize("kind", ["baseline", "orientation 6", "png", "cmyk"])
def test_resized_pixels_are_those_that_a_network_is_asked_about(kind: str) -> None:
    data = KINDS[kind]()
    wanted, _ = resize_picture(open_image(data, name="x"), (33, 31))
    assert np.abs(decode_to(data, "x", (33, 31)).astype(int) - wanted).max() <= 1
    grey = decode_to(data, "x", (33, 31), channels=1)[..., 0]
    assert np.abs(grey.astype(int) - np.asarray(Image.fromarray(wanted).convert("L"))).max() <= 1


def test_a_photo_of_the_right_size_stays_as_it_is() -> None:
    data = saved(photo(1))
    wanted = open_image(data, name="x").pixels
    for antialias in (True, False):
        assert (decode_to(data, "x", wanted.shape[:2], antialias=antialias) == wanted).all()


def test_without_antialiasing_it_is_bilinear_between_neighbours() -> None:
    pixels = photo(1, (64, 96))
    data = saved(pixels, "PNG")
    made = decode_to(data, "x", (20, 30), antialias=False)
    rows, columns = (np.arange(n) * f + (f - 1) / 2 for n, f in ((20, 3.2), (30, 3.2)))
    for c in range(3):
        wanted = ndimage.map_coordinates(
            pixels[..., c].astype(float), np.meshgrid(rows, columns, indexing="ij"), order=1, mode="nearest"
        )
        assert np.abs(made[..., c] - wanted).max() <= 1.01
    smooth = decode_to(data, "x", (20, 30))
    assert (smooth != made).any()


def test_large_jpegs_are_decoded_smaller_but_never_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    import simplejpeg

    asked: list[tuple[int, int]] = []
    real = simplejpeg.decode_jpeg

    def noted(*args: object, **options: object) -> np.ndarray:
        made = real(*args, **options)
        asked.append(made.shape[:2])
        return made

    monkeypatch.setattr(simplejpeg, "decode_jpeg", noted)
    large = saved(photo(1, (400, 640)), quality=95)
    exact, _ = resize_picture(open_image(large), (25, 30))
    for size in ((50, 60), (51, 60), (50, 81), (200, 300), (201, 300), (400, 640)):
        decode_to(large, "x", size, antialias=False)
    assert asked == [(50, 80), (100, 160), (100, 160), (200, 320), (400, 640), (400, 640)]
    asked.clear()
    assert np.abs(decode_to(large, "x", (25, 30)).astype(int) - exact).mean() < 1
    for size in ((26, 30), (100, 150), (101, 150)):
        decode_to(large, "x", size)
    assert asked == [(50, 80), (100, 160), (200, 320), (400, 640)], "a filter has twice the size to work on"
    asked.clear()
    upright = decode_to(turned(6, photo(1, (400, 640))), "x", (300, 100), antialias=False)
    assert asked == [(200, 320)]
    assert upright.shape == (300, 100, 3)


def test_the_same_without_simplejpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(photo(1))
    wanted = decode_to(data, "x", (20, 20))
    monkeypatch.setitem(__import__("sys").modules, "simplejpeg", None)
    assert (decode_to(data, "x", (20, 20)) == wanted).all()


def test_threads_do_not_share_their_memory() -> None:
    data = [saved(photo(i, (50 + i, 60))) for i in range(8)]
    wanted = [decode_to(one, "x", (50 + i, 60)).copy() for i, one in enumerate(data)]
    wrong = []

    def work(i: int) -> None:
        for _ in range(20):
            kept = decode_to(data[i], "x", (50 + i, 60))
            decode_to(data[i - 1], "x", (10, 10))
            if (kept != wanted[i]).any():
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("cut", [2, 100, 0.5, 0.98])
def test_a_photo_that_is_cut_off_is_refused_as_open_image_does(cut: float) -> None:
    data = saved(photo(1))
    short = data[: int(cut * len(data)) if isinstance(cut, float) else cut]
    with pytest.raises(ImageError) as ours:
        decode_to(short, "x.jpg", (8, 8))
    with pytest.raises(ImageError) as theirs:
        open_image(short, name="x.jpg")
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"png", "webp", "gif"}])
def test_the_head_of_a_jpeg_is_read(kind: str) -> None:
    data = KINDS[kind]()
    head = read_head(data)
    assert head is not None
    with quiet():
        image = Image.open(io.BytesIO(data))
    assert (head.height, head.width) == image.size[::-1]
    assert head.progressive == (kind == "progressive")
    assert head.usual == (kind not in {"cmyk", "profile"})
    assert head.complete(data)
    assert not head.complete(data[: head.scan + 30])
    assert head.orientation == int(kind[-1]) if kind.startswith("orientation") else head.orientation == 1


def test_any_bytes_have_a_head_or_none() -> None:
    data, noise = saved(photo(1)), np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(data[: noise.integers(4, len(data))])
        for at in noise.integers(2, min(300, len(broken)), 4):
            broken[at] = noise.integers(256)
        read_head(bytes(broken))


def verdict(work: Callable[[], np.ndarray]) -> np.ndarray | str:
    """The pixels, or the sentence."""
    try:
        return work()
    except ImageError as error:
        return str(error)


def test_hostile_and_broken_files_get_the_verdict_of_open_image(shared_data: Path) -> None:
    rows = list(csv.DictReader((shared_data / "nasty_images" / "manifest.csv").read_text().splitlines()))
    assert len(rows) > 50
    kinds = {np.ndarray: 0, str: 0}
    for path in sorted((shared_data / "nasty_images").iterdir()):
        data = path.read_bytes()
        wanted = verdict(lambda: open_image(data, name=path.name).pixels)  # noqa: B023 - called at once
        ours = verdict(lambda: decode(data, path.name))  # noqa: B023
        kinds[type(wanted)] += 1
        assert type(ours) is type(wanted), path.name
        assert np.array_equal(ours, wanted), path.name
    assert min(kinds.values()) > 10
