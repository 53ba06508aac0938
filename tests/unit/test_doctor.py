"""What the doctor says of a folder: classes, links, names, copies. Oracles: odd files listed, the tutorial's test."""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from convscope.doctor import KINDS, Level, check_folder
from convscope.doctor.checkup import in_order
from convscope.doctor.examining import examine
from convscope.errors import DataError
from doctor_folder import JPEG, kinds, mixed, photo, pillow_reads, save


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of two different photos."""
    folder = tmp_path / "photos"
    save(photo("chelsea"), folder / "cat" / "1.jpg")
    save(photo("coffee"), folder / "cat" / "2.jpg")
    save(photo("astronaut"), folder / "dog" / "1.png")
    save(photo("astronaut", (200, 250, 480, 500)), folder / "dog" / "2.jpg")
    return folder


def test_nothing_is_found_where_nothing_is_wrong(photos: Path) -> None:
    checkup = check_folder(photos)
    assert checkup.findings == []
    assert (checkup.files, checkup.photos, checkup.classes) == (4, 4, {"cat": 2, "dog": 2})
    assert sorted(map(tuple, checkup.sizes.tolist())) == [(250, 280), (300, 451), (400, 600), (512, 512)]


def test_a_file_that_may_not_be_read_stays_and_is_named(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def forbidding(path, *rest, **named):
        if str(path).endswith("1.jpg"):
            raise PermissionError(13, "Permission denied")
        return real(path, *rest, **named)

    monkeypatch.setattr(os, "open", forbidding)
    checkup = check_folder(photos)
    (found,) = checkup.of_level(Level.PROBLEM)
    assert (found.kind, found.file, found.why) == ("unreadable", "cat/1.jpg", "it cannot be read: Permission denied")
    assert not KINDS["unreadable"].moves
    assert checkup.photos == 3


# What is in a folder


def test_hidden_and_special_things_are_left_alone(photos: Path, tmp_path: Path) -> None:
    for name in (
        ".DS_Store",
        "cat/._1.jpg",
        "cat/Thumbs.db",
        ".git/x.jpg",
        "__MACOSX/cat/1.jpg",
        "convscope-out/y.png",
    ):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(b"x")
    save(photo(), tmp_path / "outside" / "secret.jpg")
    (photos / "cat" / "link.jpg").symlink_to(tmp_path / "outside" / "secret.jpg")
    (photos / "dog" / "folder").symlink_to(tmp_path / "outside")
    (photos / "dog" / "loop").symlink_to(photos)
    (photos / "dog" / "broken").symlink_to(tmp_path / "nothing")
    os.mkfifo(photos / "dog" / "pipe.jpg")
    found = kinds(photos)
    assert found["hidden"] == {
        ".DS_Store", "cat/._1.jpg", "cat/Thumbs.db", ".git", "__MACOSX", "convscope-out"
    }  # fmt: skip
    assert found["link"] == {"cat/link.jpg", "dog/folder", "dog/loop", "dog/broken"}
    assert found["special"] == {"dog/pipe.jpg"}
    checkup = check_folder(photos)
    assert (checkup.classes, checkup.of_level(Level.PROBLEM)) == ({"cat": 2, "dog": 2}, [])


def test_a_link_that_took_the_place_of_a_photo_is_not_followed(photos: Path, tmp_path: Path) -> None:
    save(photo(), tmp_path / "secret.jpg")
    (photos / "cat" / "1.jpg").unlink()
    (photos / "cat" / "1.jpg").symlink_to(tmp_path / "secret.jpg")
    assert [finding.kind for finding in examine(photos, "cat/1.jpg").findings] == ["unreadable"]


def test_a_link_given_as_the_folder_is_followed(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to(photos)
    assert check_folder(tmp_path / "here").photos == 4


def test_nested_folders_belong_to_the_first_and_loose_photos_to_none(photos: Path) -> None:
    save(photo("coffee", (100, 0, 400, 300)), photos / "cat" / "garden" / "2020" / "3.jpg")
    save(photo("coffee", (300, 100, 600, 400)), photos / "loose.jpg")
    (photos / "bird").mkdir()
    (photos / "bird" / "1.jpg").write_bytes(b"")
    checkup = check_folder(photos)
    assert checkup.classes == {"": 1, "bird": 0, "cat": 3, "dog": 2}
    found = kinds(photos)
    assert found["outside-classes"] == {""}
    assert found["class-without-photos"] == {"bird"}
    assert "imbalance" not in found


NAMES = [
    "line\nbreak.jpg",
    "\u202egpj.exe.jpg",
    "<img src=x onerror=alert(1)>.jpg",
    os.fsdecode(b"caf\xe9.jpg"),
    "猫.jpg",
    "-rf",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_strange_names_are_read_like_any(name: str, photos: Path) -> None:
    (photos / "cat" / name).write_bytes(JPEG.getvalue()[:4000])
    (found,) = check_folder(photos).of_level(Level.PROBLEM)
    assert (found.kind, found.file) == ("cut-off", f"cat/{name}")
    assert found.why.isprintable()


def test_folders_that_cannot_be_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.jpg").write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(DataError, match=r"'.*empty' is empty; give a folder with one folder of photos a class"):
        check_folder(tmp_path / "empty")
    with pytest.raises(DataError, match="is a file and no folder; give the folder that the photos are in"):
        check_folder(tmp_path / "file.jpg")
    with pytest.raises(DataError, match=r"there is no folder '.*nothing'; check the path"):
        check_folder(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"cannot be opened \(.*\); check the path"):
        check_folder(tmp_path / "loop")
    with pytest.raises(DataError, match="check the path"):
        check_folder("a\0b")

    def forbidden(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", forbidden)
    with pytest.raises(DataError, match="may not be read by you; ask for permission"):
        check_folder(tmp_path / "empty")


def test_a_folder_inside_that_may_not_be_read_is_a_problem(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def forbidding(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", forbidding)
    found = check_folder(photos).findings
    assert [(one.kind, one.file) for one in found] == [
        ("unreadable", "dog"), ("one-class", ""), ("class-without-photos", "dog")
    ]  # fmt: skip


def test_one_class_and_unequal_classes(photos: Path) -> None:
    for number in range(3):
        save(photo("coffee", (number * 100, 0, number * 100 + 300, 300)), photos / "cat" / f"more{number}.jpg")
    (found,) = (one for one in check_folder(photos).findings if one.kind == "imbalance")
    assert found.why == "cat has 5 photos, dog has 2"
    shutil.rmtree(photos / "dog")
    assert "one-class" in kinds(photos)


# Together


def test_copies_within_and_across_classes(photos: Path) -> None:
    shutil.copy(photos / "cat" / "1.jpg", photos / "cat" / "0.jpg")
    shutil.copy(photos / "cat" / "1.jpg", photos / "cat" / "9.jpg")
    shutil.copy(photos / "cat" / "2.jpg", photos / "dog" / "a.jpg")
    shutil.copy(photos / "cat" / "2.jpg", photos / "dog" / "b.jpg")
    checkup = check_folder(photos)
    assert [(same.files, same.across) for same in checkup.duplicates] == [
        (("cat/0.jpg", "cat/1.jpg", "cat/9.jpg"), False),
        (("cat/2.jpg", "dog/a.jpg", "dog/b.jpg"), True),
    ]
    found = kinds(photos)
    assert found["duplicate"] == {"cat/1.jpg", "cat/9.jpg"}
    assert found["duplicate-across-classes"] == {"cat/2.jpg", "dog/a.jpg", "dog/b.jpg"}
    assert checkup.classes == {"cat": 1, "dog": 2}
    assert "near-duplicate" not in found


def test_broken_files_are_no_copies_of_each_other(photos: Path) -> None:
    for name in ("x.jpg", "y.jpg"):
        (photos / "cat" / name).write_bytes(b"")
    assert check_folder(photos).duplicates == []


def test_the_tutorials_test_is_the_tutorials(shared_data: Path) -> None:
    folder = shared_data / "nasty_images"

    def kept(path: Path) -> bool:
        with path.open("rb", buffering=4096) as fobj:
            return b"JFIF" in fobj.peek(10)

    checkup = check_folder(folder)
    for file in checkup.jfif.good_deleted:
        assert pillow_reads((folder / file).read_bytes())
        assert not kept(folder / file)
    for file in checkup.jfif.broken_kept:
        assert not pillow_reads((folder / file).read_bytes())
        assert kept(folder / file)
    assert {"made__cmyk_cat.jpg", "made__no_jfif_header.jpg", "pillow__hopper.webp"} <= set(checkup.jfif.good_deleted)
    assert {"made__half_cat.jpg", "vips__truncated.jpg"} <= set(checkup.jfif.broken_kept)


def test_progress_counts_every_file_and_memory_holds_few(photos: Path) -> None:
    told: list[tuple[str, int | None]] = []
    parts: list[str] = []

    class Watch:
        def stage(self, text: str, total: int | None = None) -> None:
            told.append((text, total))

        def advance(self) -> None:
            parts.append(told[-1][0])

    check_folder(photos, watch=Watch())
    assert told == [("looking for files", None), ("reading files", 4), ("comparing photos", 1)]
    assert parts == ["reading files"] * 4 + ["comparing photos"]


def test_results_come_in_order_and_never_more_than_asked_wait() -> None:
    taken, lock, given = 0, threading.Lock(), 0

    def work(number: int) -> int:
        nonlocal taken
        with lock:
            taken += 1
            assert taken - given <= 9  # 8 wait, one is being handed over
        return number * number

    with ThreadPoolExecutor(3) as pool:
        for place, square in enumerate(in_order(pool, work, iter(range(200)), 8)):
            with lock:
                given += 1
            assert square == place * place
    assert taken == 200


# Everything mixed together


def test_all_is_found_no_good_photo_is_flagged_and_none_is_lost(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    going, near, others = mixed(shared_data, folder, int(os.environ.get("CONVSCOPE_DOCTOR_PHOTOS", "150")))
    checkup = check_folder(folder)
    assert {finding.file for finding in checkup.of_level(Level.PROBLEM)} == going
    assert {finding.file for finding in checkup.findings if finding.kind == "other-file"} == others
    groups = [set(same.files) for same in checkup.near]
    for pair in near:
        assert any(pair <= group for group in groups), pair
    total = sum(1 for path in folder.rglob("*") if path.is_file())
    assert (checkup.files, checkup.photos) == (total, total - len(going) - len(others))
    # Beside what was planted, only what is really the same: some of the odd files, and two photos of the same puppies.
    odd = {path.name for path in (shared_data / "nasty_images").iterdir()} | {"cat.3.jpg"}
    planted = set().union(*near)
    for group in groups:
        assert group & planted or {Path(file).name for file in group} <= odd | {"dog.180.jpg", "dog.74.jpg"}


def test_training_uses_exactly_the_photos_that_the_doctor_can_open(shared_data: Path, photos: Path) -> None:
    from convscope.data.folder import open_folder

    for path in (shared_data / "nasty_images").iterdir():
        shutil.copy(path, photos / "cat")
    checkup = check_folder(photos)
    useless = {one.file for one in checkup.findings if one.kind == "other-file" or one.level is Level.PROBLEM}
    useless -= {file for same in checkup.duplicates for file in same.files}
    samples = open_folder(photos, (16, 16))
    try:
        assert {file.path for file in samples.files} == {
            path.relative_to(photos).as_posix() for path in photos.rglob("*.*")
        } - useless
    finally:
        samples.close()
