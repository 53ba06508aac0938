"""Folders of photos: what is listed, what is left out, what happens when a file goes bad, what the previews show."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convscope.data.augment import Augment
from convscope.data.checking import in_parallel
from convscope.data.decode import decode_to
from convscope.data.feed import Feed
from convscope.data.folder import FolderSamples, open_folder
from convscope.data.listing import list_folder
from convscope.data.order import batches
from convscope.data.previews import first_nine, nine_augmentations
from convscope.data.samples import Samples
from convscope.errors import DataError
from convscope.image import open_image
from convscope.image import resize as resize_picture
from smooth_photos import photo, saved


def pets(root: Path, each: int = 4) -> Path:
    for label, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for i in range(each):
            (root / name / f"{name}.{i}.jpg").write_bytes(saved(photo(10 * label + i)))
    return root


# -- listing -----------------------------------------------------------------------------------------------------------


def test_classes_and_files_are_sorted(tmp_path: Path) -> None:
    for name in ("dog/b.jpg", "dog/a.jpg", "cat/z.jpg", "cat/deep/er/y.jpg", "Ant/x.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found = list_folder(tmp_path)
    assert found.classes == ("Ant", "cat", "dog")
    assert [(file.path, file.label) for file in found.files] == [
        ("Ant/x.png", 0),
        ("cat/deep/er/y.jpg", 1),
        ("cat/z.jpg", 1),
        ("dog/a.jpg", 2),
        ("dog/b.jpg", 2),
    ]
    assert found.files[0].size == len("Ant/x.png")
    assert found.skipped == ()


def test_what_is_not_used_is_listed(tmp_path: Path) -> None:
    root = pets(tmp_path / "pets", 1)
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(b"x")
    (root / "stray.jpg").write_bytes(b"x")
    (root / "empty").mkdir()
    (root / ".git").mkdir()
    (root / ".git" / "a.jpg").write_bytes(b"x")
    (root / "cat" / ".DS_Store").write_bytes(b"x")
    (root / "cat" / "loop").symlink_to(root)
    (root / "cat" / "out.jpg").symlink_to(outside)
    (root / "cat" / "gone.jpg").symlink_to(root / "nothing")
    (root / "cat" / "again.jpg").symlink_to("cat.0.jpg")
    (root / "bird").symlink_to(root / "cat")
    os.mkfifo(root / "dog" / "pipe.jpg")
    found = list_folder(root)
    assert [file.path for file in found.files] == ["cat/again.jpg", "cat/cat.0.jpg", "dog/dog.0.jpg"]
    said = {one.name: one.why for one in found.skipped}
    assert said.pop("cat/gone.jpg").startswith("it cannot be looked at (No such file")
    assert said == {
        "bird": "it is a link to a folder, and links to folders are not followed",
        "cat/loop": "it is a link to a folder, and links to folders are not followed",
        "cat/out.jpg": "it is a link that leads out of the folder",
        "dog/pipe.jpg": "it is no file",
        "empty": "there is no file in this folder",
        "stray.jpg": "it is in no class folder",
    }


def test_strange_names_are_text(tmp_path: Path) -> None:
    names = ["<img onerror=alert(1)>", "two\nlines", os.fsdecode(b"\xff\xfe"), "\u202egpj.exe"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.jpg").write_bytes(saved(photo(1)))
    samples = open_folder(tmp_path, (8, 8))
    assert len(samples) == 4
    assert all(text.isprintable() for text in (*samples.classes, *samples.names))
    assert len(set(samples.classes)) == 4
    "".join((*samples.classes, *samples.names)).encode("utf-8")
    assert samples.take(np.arange(4)).any()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda root: root / "nothing", "there is no folder '.*nothing'; check the path"),
        (lambda root: _written(root / "file"), "'.*file' is a file; give a folder with one folder of photos for each"),
        (lambda root: root, "has no photos in class folders; put the photos of each class into a folder"),
        (lambda root: _written(root / "stray.jpg").parent, "no photos in class folders; stray.jpg is left out because"),
        (lambda root: _written(root / "cat" / "1.jpg").parents[1], "has one class only, 'cat'; put the photos"),
        (
            lambda root: (_written(root / "all" / "cat" / "1"), _written(root / "all" / "dog" / "1"))[0].parents[2],
            "has one class, 'all', with the folders cat, dog in it; give '.*all' if those are the classes",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_gets_a_sentence(tmp_path: Path, make: Callable[[Path], Path], match: str) -> None:
    with pytest.raises(DataError, match=match):
        open_folder(make(tmp_path), (8, 8))


def _written(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_listed(tmp_path: Path) -> None:
    root = pets(tmp_path, 1)
    (root / "cat" / "private").mkdir(mode=0)
    assert "the folder cannot be read" in list_folder(root).skipped[0].why


# -- a folder ----------------------------------------------------------------------------------------------------------


def test_a_folder_is_samples(tmp_path: Path) -> None:
    root = pets(tmp_path)
    samples = open_folder(root, (20, 24))
    assert isinstance(samples, Samples)
    assert samples.classes == ("cat", "dog")
    assert samples.labels.tolist() == [0] * 4 + [1] * 4
    assert samples.names[5] == "dog/dog.1.jpg"
    assert samples.keys[5] == hashlib.sha256((root / "dog/dog.1.jpg").read_bytes()).hexdigest()
    assert samples.shape == (20, 24, 3)
    taken = samples.take(np.array([5, 0, 5]))
    assert (taken[0] == decode_to((root / "dog/dog.1.jpg").read_bytes(), "x", (20, 24))).all()
    assert (taken[0] == taken[2]).all()
    assert open_folder(root, (20, 24), channels=1).take(np.array([1])).shape == (1, 20, 24, 1)
    assert samples.take(np.array([], np.int64)).shape == (0, 20, 24, 3)
    samples.close()


def test_any_number_of_threads_gives_the_same(tmp_path: Path) -> None:
    root = pets(tmp_path)
    one, four = (open_folder(root, (9, 9), threads=n) for n in (1, 4))
    indices = np.array([7, 3, 3, 0, 6])
    assert (one.take(indices) == four.take(indices)).all()
    plan = batches(np.arange(8), 3, seed=0, epoch=0)
    with Feed(four, plan) as feed:
        assert all((pixels == one.take(numbers)).all() for numbers, pixels in feed)


def test_bad_files_are_left_out_and_listed_before_anything_is_trained(tmp_path: Path) -> None:
    root = pets(tmp_path)
    good = saved(photo(50))
    bad = {
        "cat/cut.jpg": good[: len(good) // 2],
        "cat/empty.jpg": b"",
        "dog/text.jpg": b"hello",
        "dog/Thumbs.db": bytes(range(256)),
        "dog/cut.png": saved(photo(1), "PNG")[:-40],
    }
    for name, data in bad.items():
        (root / name).write_bytes(data)
    (root / "dog" / "a photo without ending").write_bytes(good)
    samples = open_folder(root, (8, 8))
    assert len(samples) == 9
    assert "dog/a photo without ending" in samples.names
    assert [one.name for one in samples.skipped] == sorted(bad)
    assert "is cut off before its JPEG data ends" in samples.skipped[0].why
    assert samples.take(np.arange(9)).shape == (9, 8, 8, 3)
    assert {name: (root / name).read_bytes() for name in bad} == bad, "nothing is changed or deleted"


def test_a_class_without_a_usable_photo_is_an_error(tmp_path: Path) -> None:
    root = pets(tmp_path)
    (root / "eel").mkdir()
    (root / "eel" / "1.jpg").write_bytes(b"no photo")
    with pytest.raises(DataError, match=r"class 'eel' of .* has no photo that can be used \(eel/1.jpg: .*doctor"):
        open_folder(root, (8, 8))


def test_a_photo_that_goes_bad_later_is_replaced_by_its_neighbour(tmp_path: Path) -> None:
    root = pets(tmp_path)
    samples = open_folder(root, (8, 8))
    before = samples.take(np.arange(8))
    (root / "cat" / "cat.3.jpg").unlink()
    (root / "cat" / "cat.0.jpg").write_bytes(b"no photo")
    (root / "dog" / "dog.1.jpg").write_bytes(b"")
    after = samples.take(np.arange(8))
    assert (after == before[[1, 1, 2, 1, 4, 6, 6, 7]]).all()
    assert sorted(samples.replaced) == ["cat/cat.0.jpg", "cat/cat.3.jpg", "dog/dog.1.jpg"]
    assert samples.replaced["cat/cat.3.jpg"].startswith("it cannot be read (No such file or directory); cat/cat.1.jpg")
    for path in (root / "cat").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"'cat/cat.2.jpg' cannot be used any more .* run convscope doctor"):
        samples.take(np.array([2, 5]))


@pytest.mark.parametrize(
    ("size", "channels", "match"),
    [((0, 8), 3, "cannot be brought to 0x8"), ((10**6, 10**6), 3, "cannot be brought"), ((8, 8), 2, "have 3 channels")],
)
def test_impossible_forms_are_refused(tmp_path: Path, size: tuple[int, int], channels: int, match: str) -> None:
    with pytest.raises(DataError, match=match):
        open_folder(tmp_path, size, channels=channels)


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    open_folder(pets(tmp_path, 40), (8, 8), progress=lambda done, all_: told.append((done, all_)))
    assert told == [(64, 80), (80, 80)]


def test_work_in_parallel_loses_nothing_and_keeps_the_order() -> None:
    for count in (0, 1, 4, 5, 57):
        assert list(in_parallel(lambda x: x * x, list(range(count)), 2)) == [x * x for x in range(count)]
    with pytest.raises(ZeroDivisionError):
        list(in_parallel(lambda x: 1 // x, [1, 1, 0, 1], 2))


def test_real_photos(shared_data: Path) -> None:
    samples = open_folder(shared_data / "cats_dogs_photos", (32, 32))
    assert (len(samples), samples.classes, samples.skipped) == (2000, ("cat", "dog"), ())
    assert np.bincount(samples.labels).tolist() == [1000, 1000]
    chosen = np.arange(0, 2000, 97)
    for made, i in zip(samples.take(chosen), chosen, strict=True):
        wanted, _ = resize_picture(open_image(samples.root / samples.files[i].path), (32, 32))
        assert np.abs(made.astype(int) - wanted).mean() < 3, "decoded at a half or a quarter where that is enough"


# -- previews ----------------------------------------------------------------------------------------------------------


def test_the_first_nine_come_from_all_classes_with_their_labels(tmp_path: Path) -> None:
    samples = open_folder(pets(tmp_path, 6), (220, 220))
    sheet = first_nine(samples)
    taken = samples.take(np.array([0, 6, 1]))
    for column, pixels in enumerate(taken):
        assert (sheet[70:290, 24 + column * 234 : 244 + column * 234] == pixels).all()
    assert (sheet[290:316, 24:80] < 100).any(), "a label is written under it"
    assert first_nine(samples, np.array([3]), dark=True).shape[0] < sheet.shape[0]
    with pytest.raises(DataError, match="no samples to show"):
        first_nine(samples, np.array([], np.int64))


def test_nine_augmentations_are_those_of_nine_epochs(tmp_path: Path) -> None:
    samples: FolderSamples = open_folder(pets(tmp_path), (220, 220))
    sheet = nine_augmentations(samples, 2, Augment(flip=True), seed=4)
    pixels, cells = samples.take(np.array([2]))[0], []
    for i in range(9):
        x, y = 24 + i % 3 * 234, 70 + i // 3 * 260
        cells.append(sheet[y : y + 220, x : x + 220])
    kinds = [(cell == pixels).all() * 1 + (cell == pixels[:, ::-1]).all() * 2 for cell in cells]
    assert set(kinds) == {1, 2}
