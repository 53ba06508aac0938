"""``convscope export`` and the page that ``see`` writes, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import page_files
from convscope.app.cli import main

TINY = ["--net", "conv(2, 3) | relu | gap | dense(3)", "--size", "12x16"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(list(words))
    return int(done.value.code or 0), *capsys.readouterr()


def test_the_file_is_named_by_the_photo_and_its_path_comes_last(capsys) -> None:
    status, out, err = typed(capsys, "export", "coffee", *TINY)
    assert (status, err) == (0, "")
    first, last = out.splitlines()
    assert "every number: 1,143 values and 65 parameters, exact" in first
    assert last == "coffee.html"
    assert page_files.Html(Path(last).read_bytes()).trace().text["format"] == 1


def test_an_excerpt_says_what_is_left_out(capsys) -> None:
    _, out, _ = typed(capsys, "export", "coffee", *TINY, "--channels", "1")
    assert "an excerpt: " in out
    assert "every channel as a small picture" in out
    assert "for more use --limit MB, --channels K, or --full for everything" in out


def test_nothing_is_replaced_unless_that_was_said(capsys) -> None:
    Path("a.html").write_text("mine", encoding="utf-8")
    status, out, err = typed(capsys, "export", "coffee", *TINY, "--out", "a.html")
    assert (status, out) == (2, "")
    assert err == "convscope: 'a.html' exists already; choose another name, or add --overwrite to replace it\n"
    assert Path("a.html").read_text(encoding="utf-8") == "mine"
    assert typed(capsys, "export", "coffee", *TINY, "--out", "a.html", "--overwrite")[0] == 0
    assert Path("a.html").read_bytes().startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    "words", [["--net", "lenet-cat"], ["--seed", "3"], ["--scale", "byte"], ["--size", "12"], ["--weights", "w.h5"]]
)
def test_a_trace_takes_no_network(words: list[str], capsys) -> None:
    status, _, err = typed(capsys, "export", "old.safetensors", *words)
    assert status == 2
    told = f"convscope: {words[0]} '{words[1]}' has no use for a trace, which was recorded already; leave it out\n"
    assert err == told


def test_weights_alone_are_no_trace(capsys) -> None:
    typed(capsys, "see", "coffee", *TINY, "--out", "seen")
    status, _, err = typed(capsys, "export", "seen/weights.safetensors")
    assert status == 2
    assert "holds no trace" in err


def test_full_and_channels_contradict_each_other(capsys) -> None:
    status, _, err = typed(capsys, "export", "coffee", *TINY, "--full", "--channels", "2")
    assert (status, err) == (2, "convscope: full and channels=2 contradict each other; give one of them\n")


def test_see_writes_a_page_and_names_it_last(capsys) -> None:
    _, out, _ = typed(capsys, "see", "coffee", *TINY, "--out", "seen")
    assert out.splitlines()[-1] == str(Path("seen/page.html"))
    assert page_files.Html(Path("seen/page.html").read_bytes()).overview().text["version"] == 1
    _, out, _ = typed(capsys, "see", "coffee", *TINY, "--out", "bare", "--no-html", "--json")
    assert "page" not in json.loads(out)["files"]
    assert not Path("bare/page.html").exists()
