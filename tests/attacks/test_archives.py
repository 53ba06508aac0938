"""Archives made to do harm: each is refused with one sentence, and nothing of it stays anywhere."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from convscope.data import archives
from convscope.data.archives import Limits, unpack
from convscope.errors import DataError

PHOTO = bytes(range(256)) * 8
#: What every test folder holds beside the archive; it must be the same afterwards.
NEIGHBOUR = b"the user's own file"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """The folder to unpack in, two levels down, with neighbours that must survive and stay alone."""
    place = tmp_path / "outer" / "inner"
    place.mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "outer"):
        (folder / "victim.txt").write_bytes(NEIGHBOUR)
    yield place
    for folder in (tmp_path, tmp_path / "outer"):
        assert (folder / "victim.txt").read_bytes() == NEIGHBOUR
        assert {path.name for path in folder.iterdir()} <= {"victim.txt", "outer", "inner"}


def refused(archive: Path, match: str, **options: Limits) -> None:
    before = sorted(archive.parent.iterdir())
    with pytest.raises(DataError, match=match) as caught:
        unpack(archive, archive.parent / "photos", **options)
    assert "\n" not in str(caught.value)
    assert sorted(archive.parent.iterdir()) == before


def zipped(path: Path, entries: list[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in entries:
            file.writestr(name, content)
    return path


def tarred(path: Path, entries: list[tuple[str | tarfile.TarInfo, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:
        for entry, content in entries:
            info = tarfile.TarInfo(entry) if isinstance(entry, str) else entry
            if info.isreg():
                info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def make(kind: str, folder: Path, entries: list[tuple[str, bytes]]) -> Path:
    if kind == "zip":
        return zipped(folder / "a.zip", entries)
    return tarred(
        folder / f"a.{kind}", entries, {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}[kind]
    )


KINDS = ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]
GOOD = [("PetImages/Cat/0.jpg", PHOTO), ("PetImages/Dog/0.jpg", PHOTO[::-1]), ("PetImages/Dog/é\u202e\n.jpg", b"")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_archive_is_unpacked_whole(kind: str, place: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    archive = make(kind, place, GOOD)
    unpack(archive, place / "photos", progress=lambda *facts: told.append(facts))
    found = {
        path.relative_to(place / "photos").as_posix(): path.read_bytes() for path in (place / "photos").rglob("*.jpg")
    }
    assert found == dict(GOOD)
    assert sorted(path.name for path in place.iterdir()) == sorted([archive.name, "photos"])
    total = 2 * len(PHOTO)
    assert told[-1] == (archive.name, total, total if kind == "zip" else None)


def test_folders_of_their_own_and_leading_dots_are_fine(place: Path) -> None:
    folder = tarfile.TarInfo("./cat")
    folder.type = tarfile.DIRTYPE
    tarred(place / "a.tar", [(folder, b""), (folder, b""), ("./cat/1.jpg", PHOTO)])
    unpack(place / "a.tar", place / "photos")
    assert (place / "photos/cat/1.jpg").read_bytes() == PHOTO
    zipped(place / "b.zip", [("cat/", b""), ("cat\\2.jpg", PHOTO)])
    unpack(place / "b.zip", place / "more")
    assert (place / "more/cat/2.jpg").read_bytes() == PHOTO


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.parametrize(
    "name",
    [
        "../victim.txt",
        "cat/../../victim.txt",
        "/etc/victim.txt",
        "..\\victim.txt",
        "C:\\victim.txt",
        "c:victim.txt",
        "//h/s/x",
    ],
)
def test_names_that_lead_outside(kind: str, name: str, place: Path) -> None:
    refused(
        make(kind, place, [("cat/1.jpg", PHOTO), (name, b"x")]),
        "is refused: its entry '.*' names a place outside the folder",
    )


def test_a_name_with_nul(place: Path) -> None:
    archive = zipped(place / "a.zip", [("cat/1.jpg@../../victim.txt", PHOTO)])
    archive.write_bytes(archive.read_bytes().replace(b"@", b"\0"))
    refused(archive, r"its entry 'cat/1.jpg\\x00../../victim.txt' has a NUL character in its name")


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "a/" * 70 + "b.jpg", "é" * 200])
def test_names_that_no_disk_takes(name: str, place: Path) -> None:
    refused(make("zip", place, [(name, PHOTO)]), "has a name that is too long, or too many folders in it")


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    ("names", "match"),
    [
        (["cat/1.jpg", "cat/1.jpg"], "its entry 'cat/1.jpg' is there twice"),
        (["cat/1.jpg", "cat/./1.jpg"], "its entry 'cat/./1.jpg' is there twice"),
        (["cat/1.jpg", "Cat/2.jpg"], "its entry 'Cat/2.jpg' differs from 'cat' in upper and lower case only"),
        (["cat/1.jpg", "cat/1.JPG"], "differs from 'cat/1.jpg' in upper and lower case only"),
        (["stra\N{LATIN SMALL LETTER SHARP S}e", "STRASSE"], "in upper and lower case only"),
        (["e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}"], "in upper and lower case only"),
        (["cat", "cat/1.jpg"], "its entry 'cat/1.jpg' is both a file and a folder"),
        (["cat/1.jpg", "cat"], "its entry 'cat' is both a file and a folder"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_two_entries_for_one_place(kind: str, names: list[str], match: str, place: Path) -> None:
    refused(make(kind, place, [(name, PHOTO) for name in names]), match)


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        (tarfile.SYMTYPE, "is a link, which may lead outside"),
        (tarfile.LNKTYPE, "is a link, which may lead outside"),
        (tarfile.CHRTYPE, "is a device or another special file"),
        (tarfile.BLKTYPE, "is a device or another special file"),
        (tarfile.FIFOTYPE, "is a device or another special file"),
        (tarfile.GNUTYPE_SPARSE, "is a file with holes"),
    ],
)
def test_tar_entries_that_are_no_files(kind: bytes, match: str, place: Path) -> None:
    info = tarfile.TarInfo("cat/out")
    info.type, info.linkname = kind, "../../victim.txt"
    # The link alone, then what would be written through it.
    refused(tarred(place / "a.tar", [("cat/1.jpg", PHOTO), (info, b""), ("cat/out/x", b"x")]), match)


def test_a_sparse_file_of_a_terabyte(place: Path) -> None:
    info = tarfile.TarInfo("cat/huge.jpg")
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(1 << 40)}
    info.pax_headers |= {"GNU.sparse.map": "0,512", "GNU.sparse.name": "cat/huge.jpg"}
    archive = place / "a.tar"
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as file:
        file.addfile(info)
    refused(archive, "is a file with holes, which can be larger than any disk")


@pytest.mark.parametrize(
    ("mode", "match"), [(stat.S_IFLNK, "is a link, which may lead outside"), (stat.S_IFCHR, "is no file and no folder")]
)
def test_zip_entries_that_are_no_files(mode: int, match: str, place: Path) -> None:
    info = zipfile.ZipInfo("cat/out")
    info.create_system, info.external_attr = 3, (mode | 0o777) << 16
    refused(zipped(place / "a.zip", [(info, b"../../victim.txt"), ("cat/out/x", b"x")]), match)


def test_a_zip_bomb(place: Path) -> None:
    refused(zipped(place / "a.zip", [("cat/1.jpg", bytes(3 << 20))]), "unpacks to more than 100 times what is packed")


def test_many_entries_that_share_their_bytes(place: Path) -> None:
    """As in D. Fifield, "A better zip bomb" (2019): no entry alone is suspicious."""
    name, content = "a", bytes(1 << 20)
    packed = zipped(place / "one.zip", [(name, content)]).read_bytes()
    (place / "one.zip").unlink()
    start = packed.index(b"PK\x01\x02")
    end = packed.index(b"PK\x05\x06")
    record, count = packed[start:end], 200
    records = b"".join(record[:46] + b"%c" % (0x41 + i % 26) * 1 + record[47:] for i in range(count))
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(records), start, 0)
    (place / "a.zip").write_bytes(packed[:start] + records + tail)
    refused(place / "a.zip", "is there twice|unpacks to more than 100 times")


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_a_tar_bomb(kind: str, place: Path) -> None:
    refused(make(kind, place, [("cat/1.jpg", bytes(3 << 20))]), "unpacks to more than 100 times what is packed")


def test_a_bomb_in_a_header_never_enters_memory(place: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 6 << 30
    (place / "a.tar.gz").write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)))
    refused(place / "a.tar.gz", "'a.tar.gz' is refused: it has a header of 6,442,450,944 bytes")


def test_a_bomb_behind_the_last_entry_is_not_read(place: Path) -> None:
    tarred(place / "b.tar", [("cat/1.jpg", PHOTO)])
    (place / "a.tar.gz").write_bytes(gzip.compress((place / "b.tar").read_bytes() + bytes(8 << 20)))
    unpack(place / "a.tar.gz", place / "photos")
    assert (place / "photos/cat/1.jpg").read_bytes() == PHOTO


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_more_than_is_allowed(kind: str, place: Path) -> None:
    archive = make(kind, place, [(f"cat/{i}.jpg", PHOTO) for i in range(5)])
    refused(
        archive, "is refused: it has more than 4 entries; unpack it yourself if you trust it", limits=Limits(entries=4)
    )
    refused(archive, "is refused: it unpacks to more than 9e-06 GB", limits=Limits(size=9_000))


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_of_being_cut_short(kind: str, place: Path) -> None:
    whole = make(kind, place, [("cat/1.jpg", PHOTO * 40), ("dog/1.jpg", PHOTO * 40)]).read_bytes()
    archive = next(place.iterdir())
    # What follows the last entry is padding in an unpacked tar file.
    for length in (0, 1, 5, 100, len(whole) // 3, len(whole) // 2, (len(whole) * 3) // 4 // 512 * 512):
        archive.write_bytes(whole[:length])
        refused(archive, "is damaged|is not a zip or tar archive, or is damaged")


@pytest.mark.parametrize("kind", KINDS)
def test_changed_bytes_are_noticed_wherever_there_is_a_checksum(kind: str, place: Path) -> None:
    archive = make(kind, place, GOOD)
    whole = archive.read_bytes()
    middle = whole.index(PHOTO[100:160]) if kind == "tar" else len(whole) // 3
    archive.write_bytes(whole[:middle] + bytes(32) + whole[middle + 32 :])
    if kind == "tar":  # which has none over its contents
        unpack(archive, place / "photos")
    else:
        refused(archive, "is damaged|packed in a way")


def test_a_broken_header_in_the_middle_of_a_tar(place: Path) -> None:
    archive = tarred(place / "a.tar", [("cat/1.jpg", PHOTO), ("dog/1.jpg", PHOTO)])
    whole = bytearray(archive.read_bytes())
    whole[whole.index(b"dog/1.jpg") + 148] ^= 0x01  # its checksum
    archive.write_bytes(whole)
    refused(archive, "is damaged .it ends in the middle, or has a broken header")


def test_an_entry_longer_than_it_says(place: Path) -> None:
    archive = zipped(place / "a.zip", [("cat/1.jpg", PHOTO)], zipfile.ZIP_STORED)
    data = archive.read_bytes()
    length = struct.pack("<L", len(PHOTO))
    archive.write_bytes(data.replace(length, struct.pack("<L", len(PHOTO) - 100)))
    refused(archive, "is damaged")


def test_a_locked_zip(place: Path) -> None:
    archive = zipped(place / "a.zip", [("cat/1.jpg", PHOTO)])
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(data)
    refused(archive, "its entry 'cat/1.jpg' is locked with a password")


def test_a_way_of_packing_that_is_not_known(place: Path) -> None:
    archive = zipped(place / "a.zip", [("cat/1.jpg", PHOTO)])
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\1\2") + 10] = 77
    data[data.index(b"PK\3\4") + 8] = 77
    archive.write_bytes(data)
    refused(archive, "'a.zip' is packed in a way that is not read here; unpack it yourself")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>log in first</html>" * 100,
        PHOTO * 30,
        gzip.compress(PHOTO),
        bz2.compress(PHOTO),
        lzma.compress(PHOTO),
    ],
)
def test_no_archive(content: bytes, place: Path) -> None:
    (place / "a.zip").write_bytes(content)
    refused(place / "a.zip", "'a.zip' is not a zip or tar archive, or is damaged; fetch the archive again")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_nothing_in_it(kind: str, place: Path) -> None:
    refused(make(kind, place, []), "'a.*' has no files in it; give another archive|is not a zip or tar")


def test_no_such_archive(place: Path) -> None:
    with pytest.raises(DataError, match=r"cannot unpack 'none.zip' .*: No such file or directory"):
        unpack(place / "none.zip", place / "photos")


def test_a_destination_that_exists_is_left_alone(place: Path) -> None:
    archive = make("zip", place, GOOD)
    (place / "photos").symlink_to(place / "nowhere")
    refused(archive, "photos' already exists; remove it first")
    assert (place / "photos").is_symlink()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_full_disk(kind: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make(kind, place, GOOD)
    real: Callable[..., None] = archives._Writer.write

    def full(self: archives._Writer, entry: archives.Entry, *rest: object) -> None:
        if "Dog" in entry.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, entry, *rest)

    monkeypatch.setattr(archives._Writer, "write", full)
    refused(archive, f"there is no room in '.*inner' to unpack '{archive.name}'; make room and try again")


def test_a_disk_that_would_be_full_is_not_filled(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1000, 900, 100))
    refused(make("zip", place, GOOD), "there is no room")


def test_what_a_killed_unpacker_left_is_removed(place: Path) -> None:
    left = place / ".convscope-0123456789abcdef.unpacking"
    (left / "PetImages").mkdir(parents=True)
    with archives._temporary(place) as busy:
        unpack(make("zip", place, GOOD), place / "photos")
        assert busy.is_dir(), "somebody is at work in it"
    assert not left.exists()
