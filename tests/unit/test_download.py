"""Downloads, against a server on this machine that misbehaves in every way that was thought of."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from convscope.data import download
from convscope.data.download import Patience, Remote, fetch
from convscope.errors import DataError
from misbehaving_site import CONTENT, OTHER, Site, misbehaving_site

#: Nothing here waits for longer than the tests can bear.
HASTY = Patience(connect=5, read=0.3, attempts=3, pause=0.001)


@pytest.fixture
def site() -> Iterator[Site]:
    with misbehaving_site() as site:
        yield site


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


PARTIAL = [".photos.zip.download"]


def part(folder: Path) -> bytes:
    return (folder / ".photos.zip.download" / "part").read_bytes()


def test_a_download_is_told_about_and_leaves_the_file_alone(site: Site, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    path = fetch(site.remote(), tmp_path / "new" / "data", progress=lambda *facts: told.append(facts))
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["photos.zip"]
    assert told[0] == ("photos.zip", 0, len(CONTENT))
    assert told[-1] == ("photos.zip", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert len(told) > 3


def test_a_file_that_is_there_is_not_asked_for(site: Site, tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(CONTENT)
    assert fetch(site.remote(), tmp_path).read_bytes() == CONTENT
    assert site.asked == []


def test_a_wrong_file_that_is_there_is_replaced_only_by_the_right_one(site: Site, tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"old")
    site.status = 404
    with pytest.raises(DataError, match="the server answered 404"):
        fetch(site.remote(), tmp_path, patience=HASTY)
    assert (tmp_path / "photos.zip").read_bytes() == b"old"
    site.status = 200
    assert fetch(site.remote(), tmp_path, patience=HASTY).read_bytes() == CONTENT


def test_a_cut_connection_is_taken_up_where_it_broke(site: Site, tmp_path: Path) -> None:
    site.cuts = [500_000, 300_000, None]
    assert fetch(site.remote(), tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert [asked.get("range") for asked in site.asked] == [None, "bytes=500000-", "bytes=800000-"]
    assert [asked.get("if-range") for asked in site.asked] == [None, '"one"', '"one"']
    assert names(tmp_path) == ["photos.zip"]


def test_the_next_call_continues_what_an_earlier_one_began(site: Site, tmp_path: Path) -> None:
    site.cuts = [400_000, 0]
    with pytest.raises(
        DataError, match=r"cannot download http.*: the connection was cut; .*; 0.4 MB of 1.3 MB are kept"
    ):
        fetch(site.remote(), tmp_path, patience=HASTY)
    assert names(tmp_path) == PARTIAL
    assert part(tmp_path) == CONTENT[:400_000]
    site.cuts, site.asked = [None], []
    assert fetch(site.remote(), tmp_path).read_bytes() == CONTENT
    assert [asked.get("range") for asked in site.asked] == ["bytes=400000-"]
    assert names(tmp_path) == ["photos.zip"]


def test_it_gives_up_only_when_nothing_new_arrives(site: Site, tmp_path: Path) -> None:
    site.cuts = [200_000] * 10
    assert fetch(site.remote(), tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert len(site.asked) == 7


def test_a_stop_by_the_user_keeps_what_has_arrived(site: Site, tmp_path: Path) -> None:
    def stop(name: str, done: int, total: int | None) -> None:
        if done > 600_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(site.remote(), tmp_path, progress=stop)
    kept = part(tmp_path)
    assert len(kept) > 600_000
    assert kept == CONTENT[: len(kept)]
    fetch(site.remote(), tmp_path)
    assert site.asked[-1]["range"] == f"bytes={len(kept)}-"


@pytest.mark.parametrize(
    ("etag", "modified", "condition"),
    [
        ('"one"', "Mon, 01 Jan 2024 00:00:00 GMT", '"one"'),
        ('W/"one"', "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00 GMT"),
        ('W/"one"', None, None),
        (None, None, None),
    ],
)
def test_a_rest_is_asked_for_only_of_the_same_version(
    etag: str | None, modified: str | None, condition: str | None, site: Site, tmp_path: Path
) -> None:
    site.etag, site.modified, site.cuts = etag, modified, [500_000, None]
    assert fetch(site.remote(), tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert site.asked[1].get("if-range") == condition
    assert site.asked[1].get("range") == (f"bytes={500_000}-" if condition else None)


def test_a_server_that_knows_no_ranges(site: Site, tmp_path: Path) -> None:
    site.ranges, site.cuts = False, [500_000, None]
    assert fetch(site.remote(), tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert len(site.asked) == 2


def test_a_file_that_changes_in_between_is_begun_anew(site: Site, tmp_path: Path) -> None:
    site.content, site.cuts = OTHER, [500_000, 0]
    with pytest.raises(DataError, match="the connection was cut"):
        fetch(site.remote(), tmp_path, patience=HASTY)
    assert part(tmp_path) == OTHER[:500_000]
    site.content, site.etag, site.cuts = CONTENT, '"two"', [None]
    assert fetch(site.remote(), tmp_path, patience=HASTY).read_bytes() == CONTENT


def test_a_part_of_another_file_is_not_continued(site: Site, tmp_path: Path) -> None:
    site.cuts = [500_000, 0]
    with pytest.raises(DataError):
        fetch(site.remote(), tmp_path, patience=HASTY)
    site.cuts, site.asked = [None], []
    fetch(replace(site.remote(), url=site.url + "/moved.zip"), tmp_path)
    assert "range" not in site.asked[0]


@pytest.mark.parametrize("facts", ["", "[]", "{}", '{"url": 1, "validator": 2}', "\0"])
def test_broken_notes_beside_a_part_only_cost_time(facts: str, site: Site, tmp_path: Path) -> None:
    work = tmp_path / ".photos.zip.download"
    work.mkdir()
    (work / "part").write_bytes(OTHER[:1000])
    (work / "part.json").write_text(facts)
    assert fetch(site.remote(), tmp_path).read_bytes() == CONTENT


def test_another_piece_than_asked_for(site: Site, tmp_path: Path) -> None:
    site.cuts, site.shift = [500_000, None], 7
    site.extra = b""
    assert fetch(site.remote(), tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert [asked.get("range") for asked in site.asked] == [None, "bytes=500000-", None]


def test_a_part_that_is_longer_than_the_file(site: Site, tmp_path: Path) -> None:
    work = tmp_path / ".photos.zip.download"
    work.mkdir()
    (work / "part").write_bytes(CONTENT + b"more")
    (work / "part.json").write_text(json.dumps({"url": site.remote().url, "validator": '"one"'}))
    site.status = 416
    with pytest.raises(DataError, match="the server has no bytes after those already here"):
        fetch(site.remote(), tmp_path, patience=HASTY)
    site.status = 200
    assert fetch(site.remote(), tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum(site: Site, tmp_path: Path) -> None:
    site.content = OTHER
    expected, got = (hashlib.sha256(content).hexdigest() for content in (CONTENT, OTHER))
    with pytest.raises(
        DataError, match=f"'photos.zip' from http.* has the SHA-256 {got}, not {expected}, so it was removed"
    ):
        fetch(site.remote(), tmp_path)
    assert not any(path.is_file() and path.stat().st_size for path in tmp_path.rglob("*") if path.name != "part.json")
    site.content = CONTENT
    assert fetch(site.remote(), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410])
def test_a_file_that_is_not_there(status: int, site: Site, tmp_path: Path) -> None:
    site.status = status
    with pytest.raises(DataError, match=f"/photos.zip cannot be had: the server answered {status} "):
        fetch(site.remote(), tmp_path, patience=HASTY)
    assert len(site.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_in_trouble_is_asked_again(status: int, site: Site, tmp_path: Path) -> None:
    site.status = status
    with pytest.raises(DataError, match=f"cannot download http.*: the server answered {status} .*; check the network"):
        fetch(site.remote(), tmp_path, patience=HASTY)
    assert len(site.asked) == 3


def test_a_server_that_says_nothing(site: Site, tmp_path: Path) -> None:
    site.cuts, site.hang = [700_000], True
    with pytest.raises(DataError, match=r"the server was silent for 0.3 s; check the network and try again; \d"):
        fetch(site.remote(), tmp_path, patience=replace(HASTY, attempts=1))
    assert CONTENT.startswith(part(tmp_path))


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot download http://127.0.0.1:9/x: the server cannot be reached"):
        fetch(Remote("http://127.0.0.1:9/x", "x", "0" * 64, 1), tmp_path, patience=HASTY)


def test_a_page_instead_of_the_file(site: Site, tmp_path: Path) -> None:
    site.content = b"<html>log in</html>"
    with pytest.raises(
        DataError, match=r"is 19 bytes long, not 1,280,000: it is not the file .* nothing was downloaded"
    ):
        fetch(site.remote(), tmp_path)
    assert len(site.asked) == 1


def test_an_answer_without_an_end(site: Site, tmp_path: Path) -> None:
    site.length, site.extra = False, bytes(1 << 20)
    told: list[int] = []
    with pytest.raises(DataError, match="sends more than the 1,280,000 bytes that were published"):
        fetch(site.remote(), tmp_path, progress=lambda _, done, __: told.append(done))
    assert max(told) <= len(CONTENT), "the disk is not filled with what nobody asked for"
    assert not (tmp_path / ".photos.zip.download" / "part").exists()


def test_an_answer_of_unknown_length(site: Site, tmp_path: Path) -> None:
    site.length = False
    assert fetch(site.remote(), tmp_path).read_bytes() == CONTENT


def test_a_cut_that_only_the_known_size_shows(site: Site, tmp_path: Path) -> None:
    site.length, site.cuts = False, [500_000, None]
    assert fetch(site.remote(), tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert [asked.get("range") for asked in site.asked] == [None, "bytes=500000-"]


def test_a_disk_without_room_is_not_filled(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 9 * 10**5, 10**5))
    with pytest.raises(
        DataError, match=r"there is no room for 'photos.zip' \(1.3 MB\) in '.*'; make room and try again"
    ):
        fetch(site.remote(), tmp_path)


def test_a_disk_that_fills_up_keeps_what_has_arrived(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    class Full:
        """A file on a disk that takes half a million bytes more."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *error: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, block: bytes) -> None:
            if self.file.tell() + len(block) > 500_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.file.write(block)

    with monkeypatch.context() as patch:
        patch.setattr(
            Path, "open", lambda at, *a, **k: Full(real(at, *a, **k)) if at.name == "part" else real(at, *a, **k)
        )
        with pytest.raises(DataError, match=r"there is no room for 'photos.zip' .* what has arrived is kept"):
            fetch(site.remote(), tmp_path)
    kept = len(part(tmp_path))
    assert kept > 100_000
    assert fetch(site.remote(), tmp_path).read_bytes() == CONTENT
    assert site.asked[-1]["range"] == f"bytes={kept}-"


def test_a_folder_that_cannot_be_written(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"a file")
    with pytest.raises(
        DataError, match=r"cannot write 'photos.zip' in '.*data': (File exists|Not a directory); give another"
    ):
        fetch(site.remote(), tmp_path / "data")


def test_two_at_once(site: Site, tmp_path: Path) -> None:
    with (
        download._workplace(site.remote(), tmp_path),
        pytest.raises(DataError, match=r"'photos.zip' is being downloaded by another process"),
    ):
        fetch(site.remote(), tmp_path)
    assert fetch(site.remote(), tmp_path).read_bytes() == CONTENT


def test_what_a_killed_process_left_is_swept(site: Site, tmp_path: Path) -> None:
    work = tmp_path / ".photos.zip.download"
    work.mkdir()
    (work / "tmpabc").write_bytes(CONTENT)
    fetch(site.remote(), tmp_path)
    assert names(tmp_path) == ["photos.zip"]


def test_packing_on_the_way_is_declined(site: Site, tmp_path: Path) -> None:
    fetch(site.remote(), tmp_path)
    assert site.asked[0]["accept-encoding"] == "identity"
    assert site.asked[0]["user-agent"] == "convscope", "nothing about the machine"
