"""What can be trained on: folders of every layout, archives that are fetched first."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convscope.data import cats_vs_dogs, download, sources
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
