"""Near duplicates, the reports and the command ``doctor``."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from convscope.app.cli import main
from convscope.doctor import KINDS, check_folder, near
from convscope.doctor.page import page
from convscope.doctor.thumbs import shown_files, thumbs

ASSETS = Path(__file__).parents[2] / "src" / "convscope" / "assets"
ROOT = Path(__file__).parents[2]


def photo(name: str) -> Image.Image:
    return Image.open(ASSETS / f"{name}.png").convert("RGB")


# Looks


def naive_groups(looks: np.ndarray, most: int) -> list[tuple[list[int], int]]:
    """Bit by bit in Python integers, groups by flooding."""
    numbers = [int.from_bytes(look.tobytes(), "big") for look in looks]
    apart = {
        (a, b): (numbers[a] ^ numbers[b]).bit_count()
        for a in range(len(numbers))
        for b in range(len(numbers))
        if a != b
    }
    left, groups = set(range(len(numbers))), []
    while left:
        group, waiting = set(), [min(left)]
        while waiting:
            here = waiting.pop()
            group.add(here)
            waiting += [other for other in left - group if apart.get((here, other), 257) <= most]
        left -= group
        if len(group) > 1:
            groups.append((sorted(group), max(min(apart[a, b] for b in group - {a}) for a in group)))
    return groups


@pytest.mark.parametrize("links", [1_000_000, 5])
@pytest.mark.parametrize("seed", range(6))
def test_groups_are_those_of_comparing_every_pair(seed: int, links: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "_COLUMNS", 50)
    monkeypatch.setattr(near, "_MOST_LINKS", links)
    rng = np.random.default_rng(seed)
    looks = rng.integers(0, 256, (150, 32), np.uint8)
    for one, other in rng.integers(0, 150, (60, 2)):
        looks[one] = looks[other]
        for bit in rng.integers(0, 256, rng.integers(0, 40)):
            looks[one, bit // 8] ^= 1 << bit % 8
    found = [(group.tolist(), distance) for group, distance in near.groups_of_near(looks, near=24)]
    assert found == naive_groups(looks, 24)
    assert len(found) > 3


def test_no_photos_have_no_groups() -> None:
    for count in (0, 1):
        assert list(near.groups_of_near(np.zeros((count, 32), np.uint8))) == []


def apart(one: Image.Image, other: Image.Image) -> int:
    looks = (near.look_of(np.asarray(image)) for image in (one, other))
    return sum((a ^ b).bit_count() for a, b in zip(*looks, strict=True))


@pytest.mark.parametrize("name", ["chelsea", "coffee", "astronaut"])
def test_a_photo_changed_a_little_looks_the_same_and_another_does_not(name: str) -> None:
    image = photo(name)
    width, height = image.size
    for changed in (
        image.resize((width // 3, height // 3)),
        image.resize((128, 128)),
        image.convert("L").convert("RGB"),
        ImageEnhance.Brightness(image).enhance(1.2),
        ImageEnhance.Contrast(image).enhance(0.8),
        image.crop((width // 50, height // 50, width - width // 50, height - height // 50)),
    ):
        assert apart(image, changed) <= near.NEAR
    for other in {"chelsea", "coffee", "astronaut"} - {name}:
        assert apart(image, photo(other)) > 2 * near.NEAR
    assert apart(image, image.crop((width // 3, 0, width, height))) > near.NEAR


# The page


class Elements(HTMLParser):
    """What is in a page: its elements, its attributes, whether all are closed."""

    VOID = frozenset({"meta", "img", "br", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader's current folder with photos of a class of an evil name."""
    monkeypatch.chdir(tmp_path)
    for name in ("cat", EVIL):
        Path("photos", name).mkdir(parents=True)
    photo("chelsea").save("photos/cat/1.jpg")
    photo("chelsea").save("photos/cat/again.jpg", quality=50)
    photo("coffee").save(Path("photos", EVIL, "1\n\u202e.jpg"))
    photo("coffee").save(Path("photos", EVIL, "2.jpg"), quality=40)
    photo("astronaut").convert("L").save(Path("photos", EVIL, os.fsdecode(b"\xff\xfe.jpg")))
    Path("photos", EVIL, f"{EVIL[1:-1]}.jpg").write_bytes(b"")
    return tmp_path / "photos"


def test_the_page_is_whole_escaped_and_asks_for_nothing(folder: Path) -> None:
    checkup = check_folder(folder)
    text = page(checkup, None, thumbs(folder, shown_files(checkup)))
    found = Elements(text)
    assert found.open == []
    assert not {"script", "iframe", "object", "link", "form", "base"} & set(found.names)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    links = [value for name, value in found.attributes if name in {"src", "href", "srcset", "action", "style"}]
    assert links
    assert all(value.startswith("data:image/jpeg;base64,") for value in links)
    assert "default-src 'none'" in text
    assert EVIL in found.text
    assert "\u202e" not in text
    text.encode("utf-8")


def test_the_page_shows_pairs_side_by_side_and_the_numbers(folder: Path) -> None:
    checkup = check_folder(folder)
    text = page(checkup, None, thumbs(folder, shown_files(checkup)))
    pairs = re.findall(r'<div class="same">.*?</div></div>', text, re.DOTALL)
    assert [pair.count("<img ") for pair in pairs] == [2, 2]
    assert text.count("prefers-color-scheme:dark") == 1
    for title in ("Empty files", "Nearly the same photo", "Greyscale", "Classes", "Sizes"):
        assert f"{title}</h" in text
    assert "256 to 511 px" in text


def test_a_page_on_very_many_findings_stays_small(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(600):
            (tmp_path / name / f"{number}.jpg").touch()
    checkup = check_folder(tmp_path)
    text = page(checkup, None, {})
    assert len(checkup.findings) == 1203
    assert "and 976 more: see report.json" in text
    assert len(text) < 100_000


def test_photos_that_vanished_have_no_picture(folder: Path, tmp_path: Path) -> None:
    (folder / "cat" / "1.jpg").unlink()
    (folder / "cat" / "again.jpg").unlink()
    (folder / "cat" / "again.jpg").symlink_to(tmp_path / "photos" / EVIL / "2.jpg")
    assert thumbs(folder, ["cat/1.jpg", "cat/again.jpg", "cat"]) == {}


# The command


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(["doctor", *arguments])
    return int(done.value.code or 0)


def test_the_command_prints_a_table_writes_reports_and_says_whether_all_is_well(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("photos") == 1
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0].startswith("photos  6 files read  5 photos can be used: ")
    assert "\u202e" not in printed.out
    assert any(re.match(r"problem +Empty files +1 ", line) for line in lines)
    assert any(re.match(r"doubt +Nearly the same photo +4 ", line) for line in lines)
    assert "A test for JFIF" not in printed.out
    assert lines[-1] == "convscope-out/photos-doctor/doctor.html"
    found = json.loads(Path("convscope-out/photos-doctor/report.json").read_text(encoding="utf-8"))
    assert (found["problems"], found["doubts"], found["remarks"], found["quarantine"]) == (1, 4, 1, None)
    assert {one["kind"] for one in found["findings"]} == {"empty", "near-duplicate", "greyscale"}
    assert f"{EVIL}/\\xff\\xfe.jpg" in {one["file"] for one in found["findings"]}


def test_fix_and_undo_by_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = sorted(folder.rglob("*"), key=os.fsencode)
    assert run("photos", "--fix", "quarantine", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    evil = f"{EVIL}/{EVIL[1:-1]}.jpg"
    assert found["quarantine"] == {"folder": f"{folder}-quarantine", "moved": [evil], "left": []}
    assert found["files"]["folder"] == "convscope-out/photos-doctor"
    assert f"1 file moved to <code>{folder}-quarantine</code>" in Path(found["files"]["page"]).read_text(
        encoding="utf-8"
    )
    assert run("photos") == 0
    assert run("photos", "--undo") == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"1 file brought back from {folder}-quarantine"
    assert sorted(folder.rglob("*"), key=os.fsencode) == names
    run("photos", "--fix", "quarantine", "--to", "away", "--out", "r")
    assert "1 file moved to " in capsys.readouterr().out
    (folder / evil).write_bytes(b"mine")
    assert run("photos", "--undo", "--to", "away", "--json") == 1
    assert json.loads(capsys.readouterr().out)["left"] == [
        {"file": evil, "why": "another file has its name now; rename that and undo again"}
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("photos", "--fix", "delete"), "--fix 'delete' is unknown; it is quarantine"),
        (("photos", "--fix", "quarantine", "--undo"), "--fix and --undo are opposites; give one of them"),
        (("photos", "--to", "x"), "--to says where --fix quarantine moves files, or where --undo finds them"),
        (("photos", "--fix", "quarantine", "--to", "photos/x"), "lies inside the folder itself"),
        (("photos/cat/1.jpg",), "'photos/cat/1.jpg' is a file and no folder; give the folder that the photos are in"),
        (("nothing",), "there is no folder 'nothing'; check the path"),
        (("photos", "--undo"), "there is nothing to bring back"),
        (("photos", "--out", "photos"), "exists already; choose another name"),
    ],
)  # fmt: skip
def test_wrong_calls(
    arguments: tuple[str, ...], sentence: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err
    assert printed.err.count("\n") == 1


def test_the_page_of_documentation_has_the_table_of_the_program() -> None:
    text = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"(?m)^\| `([\w-]+)` \| (problem|doubt|remark) \|", text))
    assert rows == {name: kind.level.value for name, kind in KINDS.items()}
    assert f"at most {near.NEAR} of" in text
