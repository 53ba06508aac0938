"""The cache of resized pixels: the same pixels, made anew when files change, whole or not there."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convscope.data import folder, packed
from convscope.data.folder import FolderSamples, open_folder
from convscope.data.packed import Form, open_pack, place
from convscope.errors import DataError
from convscope.store import atomic

SIZE = (6, 7)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    from PIL import Image

    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(20):
            pixels = np.random.default_rng(100 * label + i).integers(0, 256, (16, 16, 3), np.uint8)
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "PNG")
            (tmp_path / "pets" / name / f"{i:02}.png").write_bytes(stream.getvalue())
    return tmp_path / "pets"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def opened(pets: Path, cache: Path, **options: Any) -> FolderSamples:
    """With its file in place."""
    samples = open_folder(pets, SIZE, cache=cache, **options)
    samples.close()
    return open_folder(pets, SIZE, cache=cache, **options)


def files(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir())


def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are decoded from now on."""
    names: list[str] = []
    real = folder.decode_to

    def noted(data: bytes, name: str, *args: Any, **options: Any) -> np.ndarray:
        names.append(name)
        return real(data, name, *args, **options)

    monkeypatch.setattr(folder, "decode_to", noted)
    return names


def test_pixels_from_the_cache_are_those_of_the_files(pets: Path, cache: Path) -> None:
    (pets / "cat" / "03.png").write_bytes(b"no photo")
    plain = open_folder(pets, SIZE)
    indices = np.array([30, 2, 3, 4, 2])
    for _ in range(2):
        samples = open_folder(pets, SIZE, cache=cache)
        assert samples.cached
        assert not plain.cached
        assert (samples.take(indices) == plain.take(indices)).all()
        assert (samples.keys, samples.names, samples.skipped) == (plain.keys, plain.names, plain.skipped)
        assert (samples.labels == plain.labels).all()
        assert len(samples) == 39
        samples.close()
    assert len(files(cache)) == 1
    assert files(cache)[0].startswith("pets-6x7x3-")


def test_nothing_is_decoded_or_read_the_second_time(pets: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(pets, cache).close()
    monkeypatch.setattr(folder, "read_bytes", None)
    samples = open_folder(pets, SIZE, cache=cache)
    assert samples.take(np.arange(40)).shape == (40, 6, 7, 3)
    samples.close()


def test_only_what_changed_is_decoded_again(pets: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(pets, cache).close()
    shutil.copy(pets / "dog" / "00.png", pets / "cat" / "05.png")
    shutil.copy(pets / "dog" / "01.png", pets / "cat" / "zz.png")
    os.utime(pets / "dog" / "07.png", ns=(1, 1))
    (pets / "dog" / "10.png").unlink()
    names = decodings(monkeypatch)
    samples = opened(pets, cache)
    assert sorted(names) == ["cat/05.png", "cat/zz.png", "dog/07.png"]
    assert (samples.take(np.arange(40)) == open_folder(pets, SIZE).take(np.arange(40))).all()
    assert samples.keys == open_folder(pets, SIZE).keys
    samples.close()


def test_a_file_less_needs_no_new_cache(pets: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(pets, cache).close()
    (pets / "cat" / "00.png").unlink()
    monkeypatch.setattr(folder, "write_pack", None)
    samples = open_folder(pets, SIZE, cache=cache)
    assert (samples.take(np.arange(39)) == open_folder(pets, SIZE).take(np.arange(39))).all()
    samples.close()


def test_every_form_has_its_own(pets: Path, cache: Path) -> None:
    for options in ({}, {"antialias": False}, {"channels": 1}):
        samples = opened(pets, cache, **options)
        assert (samples.take(np.arange(40)) == open_folder(pets, SIZE, **options).take(np.arange(40))).all()
        samples.close()
    assert len(files(cache)) == 3


@pytest.mark.parametrize("damage", ["cut", "longer", "empty", "trailer", "index", "rows", "other"])
def test_a_damaged_cache_is_made_anew(pets: Path, cache: Path, damage: str) -> None:
    opened(pets, cache).close()
    path = next(cache.iterdir())
    data = path.read_bytes()
    rows = 40 * 6 * 7 * 3
    path.write_bytes(
        {
            "cut": data[: len(data) // 2],
            "longer": data + b"\0" * 16,
            "empty": b"",
            "trailer": data[:-16] + b"\xff" * 8 + data[-8:],
            "index": data[:rows] + b"[" * (len(data) - rows - 16) + data[-16:],
            "rows": data[6 * 7 * 3 :],
            "other": data.replace(b'"version": 1', b'"version": 9'),
        }[damage]
    )
    form = Form(SIZE, 3, True)
    assert open_pack(path, form) is None
    samples = opened(pets, cache)
    assert samples.cached
    assert path.read_bytes() == data
    samples.close()


def test_a_cache_of_another_form_under_the_same_name_is_not_believed(pets: Path, cache: Path) -> None:
    opened(pets, cache).close()
    path = next(cache.iterdir())
    assert open_pack(path, Form(SIZE, 3, True)) is not None
    for other in (Form((7, 6), 3, True), Form(SIZE, 1, True), Form(SIZE, 3, False)):
        assert open_pack(path, other) is None


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
def test_a_full_disk_leaves_photos_to_be_decoded(pets: Path, cache: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    try:
        samples = open_folder(pets, SIZE, cache=cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not samples.cached
    assert "there is no cache of pixels: cannot write" in samples.notes[0]
    assert "File too large" in samples.notes[0]
    assert files(cache) == []
    assert (samples.take(np.array([3])) == open_folder(pets, SIZE).take(np.array([3]))).all()


def test_too_little_room_is_seen_before_anything_is_written(
    pets: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(pets)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=5000))
    samples = open_folder(pets, SIZE, cache=cache)
    assert "the resized pixels take 0 MB and" in samples.notes[0]
    assert not samples.cached


def test_a_cache_that_cannot_be_made_is_no_reason_to_stop(pets: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    samples = open_folder(pets, SIZE, cache=tmp_path / "file")
    assert not samples.cached
    assert "give another place" in samples.notes[0]


def test_an_interrupted_writer_leaves_nothing(pets: Path, cache: Path) -> None:
    def stop(done: int, _: int) -> None:
        if done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_folder(pets, SIZE, cache=cache, progress=stop)
    assert files(cache) == []


KILLED = """
import sys, time
from convscope.data.folder import open_folder
def slow(done, all):
    print(done, flush=True)
    time.sleep(0.05)
open_folder(sys.argv[1], (6, 7), cache=sys.argv[2], progress=slow)
"""


def test_a_killed_writer_leaves_no_cache_and_its_rest_is_swept(pets: Path, cache: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(pets), str(cache)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        while process.stdout.readline().strip() != "17":
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert [name[:11] for name in files(cache)] == [".convscope-"]
    atomic._sweep.cache_clear()
    opened(pets, cache).close()
    assert len(files(cache)) == 1


def test_two_at_once_both_get_their_pixels(pets: Path, cache: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(pets), str(cache)]
    writers = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    mine = open_folder(pets, SIZE, cache=cache)
    assert mine.cached
    assert [writer.wait() for writer in writers] == [0, 0]
    assert (mine.take(np.arange(40)) == open_folder(pets, SIZE).take(np.arange(40))).all()
    mine.close()
    assert len(files(cache)) == 1
    samples = opened(pets, cache)
    assert (samples.take(np.arange(40)) == open_folder(pets, SIZE).take(np.arange(40))).all()
    samples.close()


def test_pixels_can_be_taken_before_the_file_has_its_name(
    pets: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = packed._finish

    def slowly(rest: Any) -> None:
        time.sleep(0.3)
        real(rest)

    monkeypatch.setattr(packed, "_finish", slowly)
    samples = open_folder(pets, SIZE, cache=cache)
    assert samples.take(np.arange(3)).any()
    assert files(cache)[0].startswith(".convscope-")
    samples.close()
    assert files(cache)[0].startswith("pets-")


def test_a_cache_that_is_cut_off_while_in_use_is_a_sentence(pets: Path, cache: Path) -> None:
    samples = opened(pets, cache)
    os.truncate(next(cache.iterdir()), 1000)
    with pytest.raises(DataError, match="was cut off while it was in use; start again"):
        samples.take(np.array([39]))
    samples.close()


def test_names_that_are_no_text_are_kept(tmp_path: Path, pets: Path, cache: Path) -> None:
    (pets / "cat" / os.fsdecode(b"\xff\n.png")).write_bytes((pets / "cat" / "00.png").read_bytes())
    samples = opened(pets, cache)
    assert samples.cached
    assert len(samples) == 41
    assert samples.take(np.arange(41)).shape == (41, 6, 7, 3)
    samples.close()


def test_a_place_is_of_one_folder_and_form() -> None:
    forms = [Form((3, 4), 3, True), Form((4, 3), 3, True), Form((3, 4), 1, True), Form((3, 4), 3, False)]
    names = {place(Path("c"), Path(root), form) for root in ("/a/pets", "/b/pets") for form in forms}
    assert len(names) == 8
    assert place(Path("c"), Path("/x/../\n $"), forms[0]).parent == Path("c")
    assert Form((3, 4), 3, True).row == 36
