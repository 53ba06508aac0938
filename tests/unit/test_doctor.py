"""What the doctor says of each file. Oracles: Pillow, the list of the odd files, the tutorial's test."""

from __future__ import annotations

import io
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convscope.doctor import KINDS, Level, check_folder
from convscope.doctor.checkup import in_order
from convscope.doctor.examining import examine
from convscope.errors import DataError
from doctor_folder import mixed

ASSETS = Path(__file__).parents[2] / "src" / "convscope" / "assets"


def photo(name: str = "chelsea", box: tuple[int, int, int, int] | None = None) -> Image.Image:
    return Image.open(ASSETS / f"{name}.png").convert("RGB").crop(box)


def save(image: Image.Image, path: Path, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of two different photos."""
    folder = tmp_path / "photos"
    save(photo("chelsea"), folder / "cat" / "1.jpg")
    save(photo("coffee"), folder / "cat" / "2.jpg")
    save(photo("astronaut"), folder / "dog" / "1.png")
    save(photo("astronaut", (200, 250, 480, 500)), folder / "dog" / "2.jpg")
    return folder


def kinds(folder: Path) -> dict[str, set[str]]:
    """By kind, the files of its findings."""
    found: dict[str, set[str]] = {}
    for finding in check_folder(folder).findings:
        found.setdefault(finding.kind, set()).add(finding.file)
    return found


def problems(folder: Path) -> set[str]:
    return {finding.file for finding in check_folder(folder).of_level(Level.PROBLEM)}


def test_nothing_is_found_where_nothing_is_wrong(photos: Path) -> None:
    checkup = check_folder(photos)
    assert checkup.findings == []
    assert (checkup.files, checkup.photos, checkup.classes) == (4, 4, {"cat": 2, "dog": 2})
    assert sorted(map(tuple, checkup.sizes.tolist())) == [(250, 280), (300, 451), (400, 600), (512, 512)]


# One file


JPEG = io.BytesIO()
photo().save(JPEG, "JPEG", quality=85)
PROGRESSIVE = io.BytesIO()
photo().save(PROGRESSIVE, "JPEG", quality=85, progressive=True)
RESTARTS = io.BytesIO()
photo().save(RESTARTS, "JPEG", quality=85, restart_marker_rows=1)


def pillow_reads(data: bytes) -> bool:
    try:
        Image.open(io.BytesIO(data)).load()
    except OSError:
        return False
    return True


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
