"""What can be trained on: Fashion-MNIST's files, folders of every layout, archives that are fetched first."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import json
import struct
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pooch
import pytest
import requests
from PIL import Image

from convscope.data import cats_vs_dogs, download, fashion_mnist, sources
from convscope.data.samples import Samples
from convscope.data.sources import open_source
from convscope.errors import DataError

REAL_GET = requests.get


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the user's cache nor the system's files nor the network are there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CONVSCOPE_DATA", raising=False)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "debian")

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the network was used without being asked for")

    monkeypatch.setattr("requests.get", no_network)


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server with the files in the folder "site"; the network may be used to reach it."""
    monkeypatch.setattr("requests.get", REAL_GET)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "site").mkdir(exist_ok=True)
    handler = functools.partial(_Silent, directory=str(tmp_path / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def published_at(site: str, path: Path) -> download.Remote:
    data = path.read_bytes()
    return download.Remote(site + path.name, path.name, hashlib.sha256(data).hexdigest(), len(data))


# --- Fashion-MNIST -----------------------------------------------------------------------------------------------


def idx(values: np.ndarray) -> bytes:
    """The format as the MNIST page describes it, written independently of the reader."""
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


def write_fashion(folder: Path, train: int = 12, test: int = 5, **broken: bytes) -> dict[str, np.ndarray]:
    """Small files of the four names; ``broken`` replaces what is packed in one of them."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    arrays = {}
    for part, count in (("train", train), ("t10k", test)):
        arrays[f"{part}-images-idx3"] = rng.integers(0, 256, (count, 28, 28), np.uint8)
        arrays[f"{part}-labels-idx1"] = rng.integers(0, 10, count, np.uint8)
    for name, values in arrays.items():
        content = broken.get(name.replace("-", "_"), idx(values))
        (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(content))
    return arrays


def test_fashion_mnist_as_debian_has_it() -> None:
    folder = Path("/usr/share/datasets/fashion-mnist")
    if not folder.is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    train, test = (fashion_mnist.read_part(folder, part) for part in ("train", "test"))
    assert train.original
    assert test.original
    assert train.images.shape == (60_000, 28, 28, 1)
    assert np.bincount(train.labels).tolist() == [6000] * 10
    assert np.bincount(test.labels).tolist() == [1000] * 10
    # The first test photo of the data set's own page is an ankle boot.
    assert fashion_mnist.CLASSES[test.labels[0]] == "Ankle boot"
    # Mean and deviation of the training pixels, as they are widely published.
    assert train.images.mean() / 255 == pytest.approx(0.2860, abs=5e-5)
    assert train.images.std() / 255 == pytest.approx(0.3530, abs=5e-5)


def test_the_published_files_hold_what_debian_has() -> None:
    """With the file name and the date back in its gzip header, Debian's file is the published one."""
    folder = Path("/usr/share/datasets/fashion-mnist")
    if not folder.is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    packed_on = {"train": 1504176606, "t10k": 1504176627}  # 31 August 2017, found by trying
    for remote in fashion_mnist.REMOTE:
        data = (folder / remote.name).read_bytes()
        name = remote.name.removesuffix(".gz").encode() + b"\0"
        date = struct.pack("<I", packed_on[remote.name.partition("-")[0]])
        published = b"\x1f\x8b\x08\x08" + date + b"\0\x03" + name + data[10:]
        assert len(published) == remote.size
        assert hashlib.sha256(published).hexdigest() == remote.sha256


@pytest.mark.parametrize("where", ["given", "cache", "debian"])
def test_fashion_mnist_is_found(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if where == "given":
        monkeypatch.setenv("CONVSCOPE_DATA", str(tmp_path / "given"))
        write_fashion(Path(pooch.os_cache("convscope")) / "fashion-mnist", 7)
    folder = {
        "given": tmp_path / "given" / "fashion-mnist",
        "cache": Path(pooch.os_cache("convscope")) / "fashion-mnist",
        "debian": tmp_path / "debian",
    }[where]
    arrays = write_fashion(folder)
    source = open_source("fashion-mnist")
    assert isinstance(source.train, Samples)
    assert source.train.classes == source.test.classes == fashion_mnist.CLASSES
    assert (len(source.train), len(source.test), source.train.shape) == (12, 5, (28, 28, 1))
    np.testing.assert_array_equal(source.train.take(np.arange(12))[..., 0], arrays["train-images-idx3"])
    np.testing.assert_array_equal(source.test.labels, arrays["t10k-labels-idx1"])
    assert source.train.names[3] == "train 3"
    assert source.about["place"] == str(folder)
    assert source.about["original"] is False, "these are not the published files, and are not called so"
    json.dumps(source.about)


def test_fashion_mnist_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not on this machine: add --download to fetch it \(31 MB\), install Debian's"):
        open_source("fashion-mnist")
    write_fashion(tmp_path / "debian")
    (tmp_path / "debian" / fashion_mnist.FILES[3]).unlink()
    with pytest.raises(DataError, match=f"put its four .gz files into '{sources.home()}/fashion-mnist'"):
        open_source("fashion-mnist")


def test_fashion_mnist_is_fetched_when_asked_for(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_DATA", str(tmp_path / "given"))
    arrays = write_fashion(tmp_path / "site")
    remote = tuple(published_at(site, tmp_path / "site" / name) for name in fashion_mnist.FILES)
    monkeypatch.setattr(fashion_mnist, "REMOTE", remote)
    told: list[tuple[str, int, int | None]] = []
    source = open_source("fashion-mnist", download=True, progress=lambda *facts: told.append(facts))
    np.testing.assert_array_equal(source.train.take(np.arange(12))[..., 0], arrays["train-images-idx3"])
    assert source.about["place"] == str(tmp_path / "given" / "fashion-mnist")
    assert [name for name, done, total in told if done == total] == list(fashion_mnist.FILES)
    (tmp_path / "site" / fashion_mnist.FILES[0]).unlink()
    assert len(open_source("fashion-mnist", download=True).train) == 12, "what is there is not fetched again"


IMAGES, LABELS = np.zeros((12, 28, 28), np.uint8), np.zeros(12, np.uint8)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        (
            "train_images_idx3",
            b"",
            "is not an IDX file of bytes with 3 dimensions: it starts with nothing, not 00 00 08 03",
        ),
        ("train_images_idx3", b"<html>", "it starts with 3c 68 74 6d, not 00 00 08 03; fetch the file again"),
        ("train_images_idx3", b"\0\0\x0d\x03" + idx(IMAGES)[4:], "it starts with 00 00 0d 03"),
        ("train_images_idx3", idx(LABELS), "it starts with 00 00 08 01, not 00 00 08 03"),
        ("train_images_idx3", idx(IMAGES)[:9], "is not an IDX file"),
        ("train_images_idx3", idx(IMAGES)[:-1], "has fewer values than the 9,408 that its header says"),
        ("train_images_idx3", idx(IMAGES) + b"\0", "has more values than the 9,408 that its header says"),
        ("train_images_idx3", idx(np.zeros((12, 28, 27), np.uint8)), "its values are 12x28x27, but .* has Nx28x28"),
        (
            "train_images_idx3",
            idx(np.zeros((0, 28, 28), np.uint8)),
            "values are 0x28x28, .* with N from 1 to 1,000,000",
        ),
        ("train_images_idx3", struct.pack(">4B3I", 0, 0, 8, 3, 2**32 - 1, 28, 28), "its values are 4294967295x28x28"),
        ("train_images_idx3", idx(IMAGES[:11]), "has 11 photos and 'train-labels-idx1-ubyte.gz' has 12 labels"),
        ("t10k_labels_idx1", idx(np.full(5, 10, np.uint8)), "has the label 10, but Fashion-MNIST has 0 to 9"),
    ],
)
def test_idx_files_that_cannot_be(name: str, content: bytes, match: str, tmp_path: Path) -> None:
    write_fashion(tmp_path / "debian", **{name: content})
    with pytest.raises(DataError, match=match):
        open_source("fashion-mnist")


@pytest.mark.parametrize("damage", ["cut", "flipped", "not packed", "empty", "folder"])
def test_damaged_packing(damage: str, tmp_path: Path) -> None:
    write_fashion(tmp_path / "debian")
    path = tmp_path / "debian" / fashion_mnist.FILES[0]
    data = path.read_bytes()
    middle = len(data) // 2
    changed = {
        "cut": data[:middle],
        "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "not packed": gzip.decompress(data),
        "empty": b"",
    }
    if damage == "folder":
        path.unlink()
        path.mkdir()
        with pytest.raises(DataError, match="Fashion-MNIST is not on this machine"):
            open_source("fashion-mnist")
        return
    path.write_bytes(changed[damage])
    with pytest.raises(
        DataError, match=r"cannot read '.*train-images.*; fetch the file again|is not an IDX file|has fewer"
    ):
        open_source("fashion-mnist")


def test_fashion_mnist_in_another_size(tmp_path: Path) -> None:
    arrays = write_fashion(tmp_path / "debian")
    source = open_source("fashion-mnist", size=(32, 30), channels=3)
    assert source.train.shape == (32, 30, 3)
    pixels = source.train.take(np.array([4]))[0]
    assert np.ptp(pixels, axis=2).max() == 0, "grey stays grey"
    # Pillow resizes on its own.
    expected = Image.fromarray(arrays["train-images-idx3"][4]).resize((30, 32), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(pixels[..., 0].astype(int), np.asarray(expected).astype(int), atol=1)


def test_wishes_that_cannot_be(tmp_path: Path) -> None:
    write_fashion(tmp_path / "debian")
    with pytest.raises(DataError, match=r"pictures have 1 channel \(grey\) or 3 \(RGB\), not 4"):
        open_source("fashion-mnist", channels=4)
    with pytest.raises(DataError, match="pictures cannot be brought to 0x28"):
        open_source("fashion-mnist", size=(0, 28))
    with pytest.raises(DataError, match=r"12 pictures of 20000x20000x3 take 14.4 GB of memory; 4.3 GB is the most"):
        open_source("fashion-mnist", size=(20000, 20000), channels=3)


# --- folders -----------------------------------------------------------------------------------------------------


def photos(folder: Path, *names: str) -> Path:
    """A photo at each name below ``folder``; its colour follows from its class."""
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        red = {"cat": 250, "dog": 10}.get(path.parent.name.lower(), 100)
        Image.new("RGB", (12, 10), (red, i, 0)).save(path, "PNG")
    return folder


def test_a_folder_with_a_folder_a_class(tmp_path: Path) -> None:
    folder = photos(tmp_path / "pets", "cat/1.png", "cat/2.png", "dog/1.png")
    source = open_source(str(folder), size=(8, 9))
    assert isinstance(source.train, Samples)
    assert (source.name, source.test) == (str(folder), None)
    assert (source.train.classes, source.train.labels.tolist()) == (("cat", "dog"), [0, 0, 1])
    assert source.train.take(np.array([2, 0]))[:, 4, 4, 0].tolist() == [10, 250]
    assert source.train.shape == (8, 9, 3)
    assert source.about == {"kind": "folder", "place": str(folder), "notes": []}
    assert open_source(str(folder)).train.shape == (224, 224, 3)
    assert open_source(str(folder), size=(8, 8), channels=1).train.shape == (8, 8, 1)


@pytest.mark.parametrize(
    ("train", "test"), [("train", "test"), ("Training", "Testing"), ("train", "validation"), ("TRAIN", "val")]
)
def test_training_and_test_folders(train: str, test: str, tmp_path: Path) -> None:
    photos(tmp_path, *(f"{part}/{name}" for part in (train, test) for name in ("cat/1.png", "dog/1.png")))
    photos(tmp_path, f"{train}/dog/2.png")
    source = open_source(str(tmp_path), size=(8, 8))
    assert (len(source.train), len(source.test)) == (3, 2)
    assert source.train.classes == source.test.classes == ("cat", "dog")
    assert source.about["notes"] == []


def test_three_parts(tmp_path: Path) -> None:
    photos(tmp_path, *(f"{part}/{name}" for part in ("train", "val", "test") for name in ("cat/1.png", "dog/1.png")))
    photos(tmp_path, "test/cat/2.png")
    source = open_source(str(tmp_path), size=(8, 8))
    assert (len(source.train), len(source.test)) == (2, 3)
    assert source.about["notes"] == ["its folder 'val' is not used; training sets samples of 'train' apart"]


def test_classes_that_are_called_train(tmp_path: Path) -> None:
    photos(tmp_path, "train/1.png", "bus/1.png", "test/1.png")
    assert open_source(str(tmp_path), size=(8, 8)).train.classes == ("bus", "test", "train")


def test_folders_around_the_classes_are_entered(tmp_path: Path) -> None:
    photos(tmp_path, "down/PetImages/Cat/1.png", "down/PetImages/Dog/1.png", "__MACOSX/x/1.png", ".git/x/1.png")
    (tmp_path / "down" / "readme.txt").write_text("about the photos")
    source = open_source(str(tmp_path), size=(8, 8))
    assert source.train.classes == ("Cat", "Dog")
    photos(tmp_path / "other", "a/train/cat/1.png", "a/train/dog/1.png", "a/test/cat/1.png", "a/test/dog/1.png")
    source = open_source(str(tmp_path / "other"), size=(8, 8))
    assert len(source.test) == 2
    assert source.about["notes"] == ["the classes are in its folder 'a'"]


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    photos(tmp_path, "cat/1.png", "dog/1.png")
    for name in ("b.jpg", "c.jpg", "a.txt"):
        (tmp_path / "cat" / name).write_bytes(b"no picture")
    (note,) = open_source(str(tmp_path), size=(8, 8)).about["notes"]
    assert note.startswith("left out: cat/a.txt because ")
    assert note.endswith(", and 2 others; convscope doctor lists all that is wrong")
    assert len(open_source(str(tmp_path), size=(8, 8)).train) == 2


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (["1.png", "2.png"], "has no photos in class folders"),
        (["cat/1.png"], "has one class only, 'cat'"),
        (
            ["train/1.png", "test/1.png"],
            "train' has no folders of classes in it; put the photos .* such as 'train/cat'",
        ),
        (["train/cat/1.png", "train/dog/1.png", "test/1.png"], "test' has no folders of classes in it"),
        (["test/cat/1.png", "val/cat/1.png"], "has 'test' and 'val' and no 'train'; add it, with a folder a class"),
        (
            ["train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/pup/1.png"],
            "train' and 'test' have different classes: 'dog' is in one of them only",
        ),
    ],
)
def test_folders_that_cannot_be_used(names: list[str], match: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=match):
        open_source(str(photos(tmp_path, *names)), size=(8, 8))


def test_an_empty_class_is_said(tmp_path: Path) -> None:
    photos(tmp_path, "cat/1.png", "dog/1.png")
    (tmp_path / "bird").mkdir()
    source = open_source(str(tmp_path), size=(8, 8))
    assert source.train.classes == ("cat", "dog")
    assert "left out: bird because there is no file in this folder" in source.about["notes"][0]


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"there is no folder '{tmp_path}/nothing'; check the path"):
        open_source(str(tmp_path / "nothing"))
    with pytest.raises(
        DataError, match=r"there is no data set 'fashionmnist' and no folder of this name; .* fashion-mnist, "
    ):
        open_source("fashionmnist")
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"a.zip' is a file; give a folder with one folder of photos for each class"):
        open_source(str(tmp_path / "a.zip"))
    with pytest.raises(DataError, match=r"the folder 'a\\x00/b' cannot be read \(that is no path\)"):
        open_source("a\0/b")
    with pytest.raises(DataError, match="there is no data set '' and no folder"):
        open_source("")


def test_pixels_are_kept_in_the_cache_that_was_named(tmp_path: Path) -> None:
    photos(tmp_path / "p", *(f"{part}/{name}" for part in ("train", "test") for name in ("cat/1.png", "dog/1.png")))
    told: list[tuple[str, int, int | None]] = []
    source = open_source(
        str(tmp_path / "p"), size=(8, 8), cache=tmp_path / "pixels", progress=lambda *facts: told.append(facts)
    )
    assert len(list((tmp_path / "pixels").iterdir())) == 2
    assert {source.train.cached, source.test.cached} == {True}
    assert ("photos of train", 2, 2) in told
    assert ("photos of test", 2, 2) in told
    source.train.close()
    source.test.close()


# --- cats-vs-dogs ------------------------------------------------------------------------------------------------


def an_archive(path: Path, *names: str) -> Path:
    folder = photos(path.parent / "made", *names)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.write(folder / name, name)
        file.writestr("PetImages/Cat/666.jpg", b"")
        file.writestr("PetImages/Cat/Thumbs.db", b"no photo")
        file.writestr("readme[1].txt", "about")
    return path


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small archive of the right form, which the constants describe."""
    path = an_archive(
        tmp_path / "site" / "pets.zip", "PetImages/Cat/0.jpg", "PetImages/Cat/1.jpg", "PetImages/Dog/0.jpg"
    )
    data = path.read_bytes()
    remote = download.Remote("http://127.0.0.1:9/pets.zip", "pets.zip", hashlib.sha256(data).hexdigest(), len(data))
    monkeypatch.setattr(cats_vs_dogs, "ARCHIVE", remote)
    return path


def test_cats_vs_dogs_that_is_not_there() -> None:
    with pytest.raises(
        DataError, match=r"not on this machine: add --download to fetch them \(825 MB, .*or put kagglecats"
    ):
        open_source("cats-vs-dogs")


def test_an_archive_that_was_put_there_is_unpacked_and_opened(published: Path) -> None:
    home = sources.home()
    home.mkdir(parents=True)
    published.rename(home / "pets.zip")
    told: list[tuple[str, int, int | None]] = []
    source = open_source("cats-vs-dogs", size=(8, 8), progress=lambda *facts: told.append(facts))
    assert (source.train.classes, source.train.labels.tolist()) == (("Cat", "Dog"), [0, 0, 1])
    assert {one.name for one in source.train.skipped} >= {"Cat/666.jpg"}
    assert sorted(path.name for path in home.iterdir()) == ["cats-vs-dogs"], "the archive has done its work"
    assert source.about["licence"] == "CDLA-Permissive-2.0"
    assert told[0][0] == "pets.zip"
    assert len(open_source("cats-vs-dogs", size=(8, 8)).train) == 3, "the second time nothing is unpacked"


def test_the_archive_is_fetched_when_asked_for(published: Path, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cats_vs_dogs, "ARCHIVE", published_at(site, published))
    source = open_source("cats-vs-dogs", size=(8, 8), download=True)
    assert len(source.train) == 3
    assert [path.name for path in sources.home().iterdir()] == ["cats-vs-dogs"]
    published.unlink()
    assert len(open_source("cats-vs-dogs", size=(8, 8), download=True).train) == 3


def test_another_archive_of_that_name_is_not_touched(published: Path) -> None:
    home = sources.home()
    home.mkdir(parents=True)
    (home / "pets.zip").write_bytes(published.read_bytes()[::-1])
    with pytest.raises(DataError, match="the cats-vs-dogs photos are not on this machine"):
        open_source("cats-vs-dogs")
    assert (home / "pets.zip").exists()


def test_an_archive_without_the_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = sources.home()
    path = home / "pets.zip"
    home.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("other/1.txt", "x")
    data = path.read_bytes()
    monkeypatch.setattr(
        cats_vs_dogs, "ARCHIVE", download.Remote("http://x", "pets.zip", hashlib.sha256(data).hexdigest(), len(data))
    )
    with pytest.raises(DataError, match=r"pets.zip' has no folder 'PetImages' in it"):
        open_source("cats-vs-dogs")
    assert sorted(path.name for path in home.iterdir()) == ["pets.zip"], "so that the next attempt says the same"
