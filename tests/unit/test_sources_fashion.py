"""Fashion-MNIST: where its files are found, fetched from, and what they must hold."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pooch
import pytest
from PIL import Image

from convscope.data import fashion_mnist, sources
from convscope.data.samples import Samples
from convscope.data.sources import open_source
from convscope.errors import DataError
from offline_sources import cut_off, files_served, published_at


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_off(tmp_path, monkeypatch)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with files_served(tmp_path, monkeypatch) as address:
        yield address


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
