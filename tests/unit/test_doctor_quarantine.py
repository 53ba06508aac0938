"""Moving files with problems aside and back: nothing is lost, nothing is overwritten, whenever it is stopped."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from convscope.doctor import check_folder, isolate, manifest, quarantine_of, restore
from convscope.doctor.moving import move
from convscope.errors import OutputError
from doctor_folder import mixed

ASSETS = Path(__file__).parents[2] / "src" / "convscope" / "assets"
STRANGE = ["line\nbreak.jpg", "\u202egpj.exe.jpg", os.fsdecode(b"caf\xe9.jpg")]


def tree(folder: Path) -> dict[bytes, tuple[int, int, str]]:
    """Every file with its mode, its time and its bytes; folders with their mode."""
    found = {}
    for path in sorted(folder.rglob("*"), key=os.fsencode):
        facts, name = path.lstat(), os.fsencode(path.relative_to(folder))
        if path.is_dir():
            found[name] = (facts.st_mode, 0, "")
        else:
            found[name] = (facts.st_mode, facts.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Good photos, broken ones of strange names, copies within and across classes."""
    folder = tmp_path / "photos"
    for name in ("cat", "dog", "dog/small"):
        (folder / name).mkdir(parents=True)
    with Image.open(ASSETS / "chelsea.png") as chelsea, Image.open(ASSETS / "coffee.png") as coffee:
        chelsea.crop((0, 0, 200, 200)).save(folder / "cat" / "1.jpg")
        coffee.crop((0, 0, 200, 200)).save(folder / "dog" / "1.jpg")
        coffee.crop((200, 100, 400, 300)).save(folder / "dog" / "both.jpg")
    shutil.copy2(folder / "cat" / "1.jpg", folder / "cat" / "2.jpg")
    shutil.copy2(folder / "dog" / "both.jpg", folder / "cat" / "both.jpg")
    for number, name in enumerate(STRANGE):
        (folder / "dog" / "small" / name).write_bytes(b"broken %d" % number)
    (folder / "cat" / "empty.jpg").touch(mode=0o640)
    for number, path in enumerate(sorted(folder.rglob("*.jpg"))):
        os.utime(path, ns=(1_500_000_000_123_456_789 + number, 1_400_000_000_987_654_321 + number))
    (folder / "cat" / "2.jpg").chmod(0o600)
    return folder


GOING = {"cat/2.jpg", "cat/both.jpg", "dog/both.jpg", "cat/empty.jpg", *(f"dog/small/{name}" for name in STRANGE)}


def fix(folder: Path, to: Path | None = None):
    return isolate(check_folder(folder), quarantine_of(folder, to))


def undo(folder: Path, to: Path | None = None):
    return restore(folder, quarantine_of(folder, to))


def test_everything_goes_and_comes_back_byte_for_byte(photos: Path) -> None:
    before = tree(photos)
    done = fix(photos)
    assert (set(done.moved), done.left) == (GOING, [])
    assert done.quarantine == photos.with_name("photos-quarantine")
    moved = tree(done.quarantine / "files")
    assert {name: facts for name, facts in before.items() if os.fsdecode(name) in GOING} == {
        name: facts for name, facts in moved.items() if facts[1]
    }
    after = check_folder(photos)
    assert [one for one in after.findings if one.level == "problem"] == []
    assert after.photos == 2
    back = undo(photos)
    assert (set(back.moved), back.left) == (GOING, [])
    assert tree(photos) == before
    assert sorted(path.name for path in photos.parent.iterdir()) == ["photos"]


def test_the_manifest_says_what_was_moved_and_why(photos: Path) -> None:
    sizes = {file: (photos / file).stat().st_size for file in GOING}
    place = fix(photos).quarantine
    header, *lines = map(json.loads, (place / "manifest.jsonl").read_text(encoding="ascii").splitlines())
    assert header == {"convscope": "quarantine", "version": 1}
    assert {line["file"]: line["bytes"] for line in lines} == sizes
    kinds = {line["file"]: line["kind"] for line in lines}
    assert (kinds["cat/2.jpg"], kinds["cat/both.jpg"], kinds["cat/empty.jpg"]) == (
        "duplicate", "duplicate-across-classes", "empty"
    )  # fmt: skip
    for line in lines:
        data = (place / line["to"]).read_bytes()
        assert (line["to"], line["sha256"]) == (f"files/{line['file']}", hashlib.sha256(data).hexdigest())


def test_where_nothing_is_wrong_nothing_appears(photos: Path) -> None:
    fix(photos)
    undo_place = quarantine_of(photos)
    shutil.rmtree(undo_place)
    assert fix(photos).moved == []
    assert not undo_place.exists()


# Stopped at any moment


class Killed(BaseException):
    """As sudden as a signal."""


def deadly(monkeypatch: pytest.MonkeyPatch, place: int, *, crossing: bool) -> Callable[[], int]:
    """Of the steps that change the disk, number ``place // 2`` kills: before it is done, or after where that is odd."""
    count = 0

    def wrapped(real: Callable, fails: int | None = None) -> Callable:
        def step(*args, **named):
            nonlocal count
            count += 1
            if 2 * count == place:
                raise Killed
            if fails and not (str(args[0]).endswith("-part")):
                raise OSError(fails, os.strerror(fails))
            result = real(*args, **named)
            if 2 * count + 1 == place:
                raise Killed
            return result

        return step

    monkeypatch.setattr(os, "link", wrapped(os.link, errno.EXDEV if crossing else None))
    monkeypatch.setattr(os, "fsync", wrapped(os.fsync))
    monkeypatch.setattr(os, "unlink", wrapped(os.unlink))
    monkeypatch.setattr(Path, "unlink", wrapped(Path.unlink))
    monkeypatch.setattr(shutil, "copy2", wrapped(shutil.copy2))
    return lambda: count


@pytest.mark.parametrize("crossing", [False, True], ids=["same-disk", "other-disk"])
@pytest.mark.parametrize("direction", ["there", "back"])
def test_killed_at_any_step_of_moving_or_bringing_back_nothing_is_lost(
    photos: Path, monkeypatch: pytest.MonkeyPatch, crossing: bool, direction: str
) -> None:
    shutil.rmtree(photos / "dog")
    before, checkup, kept = tree(photos), check_folder(photos), quarantine_of(photos)
    assert len(checkup.digests) == 2
    works = {"there": lambda: isolate(checkup, kept), "back": lambda: restore(photos, kept)}
    for place in range(2, 200):
        if direction == "back":
            isolate(checkup, kept)
        with monkeypatch.context() as patched:
            steps = deadly(patched, place, crossing=crossing)
            with contextlib.suppress(Killed):
                works[direction]()
        left = {facts[2] for folder in (photos, kept) for facts in tree(folder).values()}
        assert {facts[2] for facts in before.values()} <= left, place
        if manifest.is_quarantine(kept):
            restore(photos, kept)
        elif kept.exists():
            shutil.rmtree(kept)
        assert tree(photos) == before, place
        assert not kept.exists()
        if place > 2 * steps() + 1:
            break
    assert 20 < place < 199


def test_killed_while_moving_the_next_run_goes_on(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(photos)
    for place in (14, 21, 28):
        with monkeypatch.context() as patched:
            deadly(patched, place, crossing=False)
            with pytest.raises(Killed):
                fix(photos)
    fix(photos)
    assert len(list(quarantine_of(photos).joinpath("files").rglob("*.jpg"))) == len(GOING)
    undo(photos)
    assert tree(photos) == before


def test_a_line_that_was_cut_off_is_passed_over(photos: Path) -> None:
    before = tree(photos)
    book = fix(photos).quarantine / "manifest.jsonl"
    with book.open("ab") as file:
        file.write(b'{"file": "cat/1.jpg", "to": "fil')
    shutil.copy2(photos / "cat" / "1.jpg", photos / "cat" / "another.jpg")
    assert fix(photos).moved == ["cat/another.jpg"]
    (photos / "cat" / "another.jpg").write_bytes(b"")
    assert undo(photos).left == [("cat/another.jpg", "another file has its name now; rename that and undo again")]
    (photos / "cat" / "another.jpg").unlink()
    assert undo(photos).moved == ["cat/another.jpg"]
    (photos / "cat" / "another.jpg").unlink()
    assert tree(photos) == before


# Other disks, other systems


@pytest.fixture
def no_second_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)


def test_a_disk_without_second_names_renames(photos: Path, no_second_names: None) -> None:
    before = tree(photos)
    assert set(fix(photos).moved) == GOING
    assert set(undo(photos).moved) == GOING
    assert tree(photos) == before


def test_a_copy_to_another_disk_is_compared_before_the_file_goes(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(photos)
    deadly(monkeypatch, -1, crossing=True)
    real = shutil.copy2

    def damaging(source, target, **named):
        real(source, target, **named)
        Path(target).write_bytes(b"something else")

    monkeypatch.setattr(shutil, "copy2", damaging)
    done = fix(photos)
    assert (done.moved, {why for _, why in done.left}) == (
        [], {"it cannot be moved: the copy is not the same as the file"}
    )  # fmt: skip
    assert tree(photos) == before
    assert not done.quarantine.exists()


def test_a_file_that_cannot_leave_its_folder_stays_and_is_not_doubled(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real = tree(photos), Path.unlink

    def forbidding(path: Path, **named):
        if photos in path.parents:
            raise PermissionError(13, "Permission denied")
        real(path, **named)

    monkeypatch.setattr(Path, "unlink", forbidding)
    done = fix(photos)
    assert (done.moved, {why for _, why in done.left}) == ([], {"it cannot be moved: Permission denied"})
    assert tree(photos) == before
    assert not done.quarantine.exists()


def test_moving_never_replaces_what_is_there(tmp_path: Path, no_second_names: None) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    (tmp_path / "c").symlink_to("nowhere")
    for target in ("b", "c"):
        with pytest.raises(FileExistsError):
            move(tmp_path / "a", tmp_path / target)
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()) == (b"a", b"b")


# What was changed meanwhile


def test_undo_overwrites_nothing_and_says_what_stays(photos: Path) -> None:
    before = tree(photos)
    place = fix(photos).quarantine
    (photos / "cat" / "2.jpg").write_bytes(b"mine now")
    (place / "files" / "cat" / "empty.jpg").write_bytes(b"drawn on")
    (place / "files" / "cat" / "both.jpg").unlink()
    done = undo(photos)
    assert done.left == [
        ("cat/2.jpg", "another file has its name now; rename that and undo again"),
        ("cat/both.jpg", "it is not in the quarantine any more"),
        ("cat/empty.jpg", "it was changed in the quarantine; move it by hand"),
    ]
    assert set(done.moved) == GOING - {file for file, _ in done.left}
    assert (photos / "cat" / "2.jpg").read_bytes() == b"mine now"
    assert hashlib.sha256((place / "files/cat/2.jpg").read_bytes()).hexdigest() == before[b"cat/2.jpg"][2]
    (photos / "cat" / "2.jpg").unlink()
    assert undo(photos).moved == ["cat/2.jpg"]
    assert tree(photos)[b"cat/2.jpg"] == before[b"cat/2.jpg"]


def test_undo_makes_folders_that_were_removed(photos: Path) -> None:
    before = tree(photos)
    fix(photos)
    (photos / "dog" / "small").rmdir()
    undo(photos)
    assert tree(photos) == before


def test_a_second_file_of_a_name_gets_a_number(photos: Path) -> None:
    fix(photos)
    (photos / "cat" / "empty.jpg").write_bytes(b"another one")
    place = fix(photos).quarantine
    assert (place / "files" / "cat" / "empty.jpg~2").read_bytes() == b"another one"
    assert (place / "files" / "cat" / "empty.jpg").read_bytes() == b""


def test_a_file_that_changed_after_it_was_read_stays(photos: Path) -> None:
    checkup = check_folder(photos)
    (photos / "cat" / "empty.jpg").write_bytes(b"still being written")
    (photos / "cat" / "2.jpg").unlink()
    done = isolate(checkup, quarantine_of(photos))
    assert dict(done.left) == {
        "cat/empty.jpg": "it changed after it was read; run the doctor again",
        "cat/2.jpg": "it cannot be moved: No such file or directory",
    }
    assert (photos / "cat" / "empty.jpg").exists()


# Strangers


def hostile(photos: Path, **changes: str) -> Path:
    place = photos.with_name("photos-quarantine")
    (place / "files").mkdir(parents=True)
    (place / "files" / "x").write_bytes(b"evil")
    line = {
        "file": "cat/x", "to": "files/x", "kind": "empty", "why": "", "bytes": 4,
        "sha256": hashlib.sha256(b"evil").hexdigest(), "mtime_ns": 0, "mode": 0o644,
    }  # fmt: skip
    (place / "manifest.jsonl").write_text(json.dumps({**line, **changes}) + "\n[1]\n3\n", encoding="ascii")
    return place


@pytest.mark.parametrize("file", ["../stolen", "/tmp/stolen", "cat/../../stolen", "", "a\0b"])
def test_a_manifest_cannot_write_outside_the_folder(file: str, photos: Path) -> None:
    hostile(photos, file=file)
    done = undo(photos)
    assert (done.moved, done.left) == ([], [])
    assert not (photos.parent / "stolen").exists()


@pytest.mark.parametrize("to", ["../photos/cat/1.jpg", "manifest.jsonl", "files/../../photos/cat/1.jpg"])
def test_a_manifest_cannot_take_files_from_outside(to: str, photos: Path) -> None:
    before = tree(photos)
    hostile(photos, to=to, sha256=hashlib.sha256((photos / "cat" / "1.jpg").read_bytes()).hexdigest())
    assert undo(photos).moved == []
    assert tree(photos) == before


def test_links_lead_neither_in_nor_out(photos: Path, tmp_path: Path) -> None:
    place = hostile(photos, file="way/x")
    (tmp_path / "outside").mkdir()
    (photos / "way").symlink_to(tmp_path / "outside")
    assert undo(photos).left == [("way/x", "a link stands where its folder was")]
    (photos / "way").unlink()
    (tmp_path / "outside" / "x").write_bytes(b"evil")
    (place / "files" / "x").unlink()
    (place / "files" / "x").symlink_to(tmp_path / "outside" / "x")
    assert undo(photos).left == [("way/x", "its place in the quarantine is a link")]


def test_wrong_places_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="lies inside the folder itself; choose another place with --to DIR"):
        quarantine_of(photos, photos / "cat")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(OutputError, match="exists and is no quarantine of convscope; choose another place"):
        quarantine_of(photos, tmp_path / "mine")
    with pytest.raises(OutputError, match="there is nothing beside '/'; choose a place with --to DIR"):
        quarantine_of(Path("/"))
    with pytest.raises(OutputError, match=r"there is nothing to bring back: no quarantine '.*photos-quarantine'"):
        undo(photos)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot make the quarantine '.*'"):
        fix(photos, tmp_path / "file" / "x")


def test_two_at_a_time_are_refused(photos: Path) -> None:
    place = fix(photos).quarantine
    with (
        manifest.opened(place),
        pytest.raises(OutputError, match=r"another convscope is at work on '.*'; wait for it"),
    ):
        undo(photos)


def test_another_place_may_be_chosen(photos: Path, tmp_path: Path) -> None:
    before = tree(photos)
    assert fix(photos, tmp_path / "far" / "away").quarantine == tmp_path / "far" / "away"
    undo(photos, tmp_path / "far" / "away")
    assert tree(photos) == before


def test_the_whole_mixed_folder_comes_back(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    going, _, _ = mixed(shared_data, folder, int(os.environ.get("CONVSCOPE_DOCTOR_PHOTOS", "60")))
    before = tree(folder)
    done = fix(folder)
    assert (set(done.moved), done.left) == (going, [])
    assert len(tree(folder)) + len(going) == len(before)
    undo(folder)
    assert tree(folder) == before
