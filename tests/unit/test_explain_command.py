"""``convscope explain``: what it prints, what it writes, and how it says no."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import convscope
from convscope.app import cli
from convscope.app.explain_request import finite, split
from convscope.errors import CallError
from convscope.explaining.methods import METHODS

NET = ("--net", "conv(4, 3) | relu | gap | dense(2) | softmax", "--size", "24x32")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with some photos."""
    monkeypatch.chdir(tmp_path)
    numbers = np.random.default_rng(0)
    Path("photos/deep").mkdir(parents=True)
    for name, shape in (("photo.png", (30, 40)), ("photos/b.png", (50, 20)), ("photos/deep/a <b>.jpg", (24, 32))):
        Image.fromarray(numbers.integers(0, 256, (*shape, 3), dtype=np.uint8)).save(name)
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        cli.main(["explain", *arguments])
    return int(done.value.code or 0)


# One photo


def test_one_photo_gives_maps_a_sheet_a_trace_a_page_and_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("photo.png", *NET, "--method", "gradcam,gradcam++", "--class", "1", "--class", "0", "--out", "a") == 0
    printed = capsys.readouterr()
    names = sorted(path.name for path in Path("a").iterdir())
    pictures = [f"{i + 1:02d}-{m}-{c}.png" for i, (c, m) in enumerate(
        (c, m) for c in ("1", "0") for m in ("gradcam", "gradcampp")
    )]  # fmt: skip
    assert names == sorted([*pictures, "contact.png", "explain.json", "page.html", "trace.safetensors"])
    for name in (*pictures, "contact.png"):
        with Image.open(Path("a", name)) as image:
            image.load()
    lines = printed.out.splitlines()
    assert lines[0] == "photo.png  30x40  through  network of 5 layers  (input 24x32x3)"
    assert lines[1].startswith("it says: ")
    assert "Grad-CAM++ for 0  (04-gradcampp-0.png)" in lines
    assert sum("Taken at relu_1: it is the last step that still has a grid" in line for line in lines) == 4
    assert sum("This map " in line for line in lines) == 4
    assert lines[-3:] == ["a/contact.png", "a/trace.safetensors", "a/page.html"]
    assert printed.err == ""
    trace = convscope.load("a/trace.safetensors")
    assert [(made.method, made.target) for made in trace.maps][:2] == [("gradcam", "1"), ("gradcam++", "1")]
    assert all(made.evidence["verdict"] for made in trace.maps)


def test_the_json_object_is_alone_on_standard_output_and_in_the_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("photo.png", *NET, "--layer", "conv_1,relu_1", "--no-html", "--out", "a", "--json") == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out, parse_constant=pytest.fail)
    assert printed.err == ""
    assert [one["layer"] for one in told["maps"]] == ["conv_1", "relu_1"]
    for one in told["maps"]:
        assert Path(one["file"]).is_file()
        assert (one["method"], one["title"], one["target"]) == ("gradcam", "Grad-CAM", told["target"])
        assert one["score"] == told["score"]
        assert one["evidence"]["verdict"] == one["verdict"]
        assert one["evidence"]["insertion"]["curve"]
        assert one["why_layer"]
    assert told["maps"][0]["file"] == f"a/01-gradcam-conv_1-{told['target']}.png"
    assert told["files"].keys() == {"contact", "trace", "folder"}
    written = json.loads(Path("a/explain.json").read_text(encoding="utf-8"))
    assert written.keys() == told.keys()
    assert written["maps"][1]["file"] == Path(told["maps"][1]["file"]).name


def test_the_picture_has_the_photos_own_size() -> None:
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (900, 1500, 3), dtype=np.uint8)).save("large.png")
    assert run("large.png", *NET, "--out", "a", "--no-html") == 0
    (picture,) = Path("a").glob("01-*.png")
    with Image.open(picture) as image:
        assert image.width == 1500
        assert image.height > 900
        pixels = np.asarray(image)
    below = pixels[900:].reshape(-1, 3)
    assert (below == (252, 252, 251)).all(axis=1).mean() > 0.5, "a strip of words on the page's colour"


def test_a_trace_file_needs_no_network_and_takes_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("photo.png", *NET, "--out", "a", "--no-html") == 0
    assert run("a/trace.safetensors", "--method", "layercam", "--out", "b", "--no-html", "--json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [one["method"] for one in told["maps"]] == ["layercam"]
    for flag, value in (("--net", "conv(1, 3)"), ("--model", "catdog"), ("--size", "8"), ("--scale", "unit")):
        assert run("a/trace.safetensors", flag, value, "--out", "c") == 2
        assert f"{flag} '{value}' has no use for a trace" in capsys.readouterr().err
    assert not Path("c").exists()


def test_a_contrast_and_a_warning_are_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("photo.png", *NET, "--class", "0 against 1", "--method", "guided", "--out", "a", "--no-html")
    assert run(*words) == 0
    out = capsys.readouterr().out
    assert "Guided backpropagation for 0 against 1" in out
    assert METHODS["guided"].warning in out
    assert Path("a/01-guided-0_against_1.png").is_file()
    assert METHODS["guided"].warning in Path("a/explain.json").read_text(encoding="utf-8")


def test_a_result_is_replaced_only_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("photo.png", *NET, "--method", "gradient", "--no-html", "--out", "a")
    assert run(*words) == 0
    assert run(*words) == 2
    assert "'a' exists already; choose another name, or add --overwrite" in capsys.readouterr().err
    Path("a/old").touch()
    assert run(*words, "--overwrite") == 0
    assert not Path("a/old").exists()
    Path("a/explain.json").unlink()
    assert run(*words, "--overwrite") == 2
    assert "was not written by convscope" in capsys.readouterr().err


def test_without_out_a_new_folder_is_taken() -> None:
    for _ in range(2):
        assert run("photo.png", *NET, "--method", "gradient", "--no-html") == 0
    assert sorted(path.name for path in Path("convscope-out").iterdir()) == ["photo-explained", "photo-explained-2"]


# Many photos


def test_many_photos_give_a_row_and_a_picture_each(capsys: pytest.CaptureFixture[str]) -> None:
    Path("photos/broken.png").write_bytes(b"")
    assert run("photos", "chelsea", *NET, "--out", "many") == 1
    printed = capsys.readouterr()
    with Path("many/explain.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["photos/b.png", "photos/deep/a <b>.jpg", "chelsea"]
    for row in rows:
        assert (row["method"], row["layer"]) == ("gradcam", "relu_1")
        assert row["verdict"] in {"trust", "doubt", "no"}
        assert 0 <= float(row["trust"]) <= 1
        with Image.open(Path("many", row["picture"])) as image:
            image.load()
    lines = [json.loads(line) for line in Path("many/explain.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["file"] for line in lines] == [row["file"] for row in rows]
    assert all(line["maps"][0]["evidence"]["controls"] for line in lines)
    names = {path.name for path in Path("many").iterdir()}
    assert names == {"explain.csv", "explain.json", "explain.jsonl", *(row["picture"] for row in rows)}
    said = printed.err.splitlines()
    assert said[0].startswith("convscope: photos/broken.png: 'broken.png' is empty")
    assert said[1] == "convscope: 1 of 4 photos could not be explained"
    out = printed.out.splitlines()
    assert len(out) == 4
    assert out[0].startswith("photos/b.png  ")
    assert out[-1] == "many/explain.csv"


def test_many_photos_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("photos/*.png", *NET, "--method", "gradcam,gradient", "--out", "many", "--json") == 0
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    (one,) = told["photos"]
    assert one["file"] == "photos/b.png"
    assert [made["method"] for made in one["maps"]] == ["gradcam", "gradient"]
    assert all(Path(made["file"]).is_file() and "evidence" not in made for made in one["maps"])
    assert told["failed"] == []
    assert set(told["files"]) == {"table", "lines", "folder"}


def test_one_photo_of_a_folder_gives_the_numbers_of_the_photo_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("photos/b.png", *NET, "--out", "one", "--json") == 0
    assert run("photos/b.png", "photo.png", *NET, "--out", "many", "--json") == 0
    alone, many = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    first = many["photos"][0]
    assert first["score"] == pytest.approx(alone["score"], abs=1e-6)
    assert first["maps"][0]["verdict"] == alone["maps"][0]["verdict"]
    assert first["maps"][0]["trust"] == pytest.approx(alone["maps"][0]["trust"], abs=0.02)
    sizes = []
    for told in (first, alone):
        with Image.open(told["maps"][0]["file"]) as image:
            sizes.append(image.size)
    assert sizes[0] == sizes[1]


def test_a_stop_leaves_nothing_half_written() -> None:
    """A real Ctrl-C, while photos are being explained."""
    many = Path("lots")
    many.mkdir()
    for i in range(400):
        Image.new("RGB", (40, 30), (i % 256, 90, 30)).save(many / f"{i}.png")
    code = "from convscope.app.cli import main; main()"
    command = [sys.executable, "-c", code, "explain", "lots", *NET, "--out", "stopped"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("lots/0.png")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "convscope: stopped; nothing was left half-written"
    assert {path.name for path in Path().iterdir()} == {"lots", "photo.png", "photos"}


# A channel


def test_maximising_writes_a_sheet_and_a_picture_a_channel(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("photo.png", *NET, "--maximise", "relu_1:0,2-3", "--out", "a") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "These pictures illustrate what a channel responds to; they are no cause of an answer."
    assert [line.split(":")[0] for line in out[1:4]] == ["channel 0", "channel 2", "channel 3"]
    assert out[-1] == "a/maximised.png"
    names = {"maximised.png", "explain.json", *(f"channel-{i:03d}.png" for i in (0, 2, 3))}
    assert {path.name for path in Path("a").iterdir()} == names
    with Image.open("a/channel-002.png") as image:
        assert image.size == (32, 24)
    told = json.loads(Path("a/explain.json").read_text(encoding="utf-8"))
    assert told["note"] == out[0]
    assert [one["channel"] for one in told["channels"]] == [0, 2, 3]


# The list


def test_the_list_has_every_method_with_paper_and_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list") == 0
    out = capsys.readouterr().out
    for method in METHODS.values():
        assert method.paper in out
        assert f"{method.name} " in out
        assert method.warning in out
    assert run("--list", "--json") == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["methods"]] == list(METHODS)


# Wrong calls


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing.jpg"], "there is no file 'nothing.jpg'"),
        ([""], "an IMAGE is empty"),
        (["photo.png", "--class", "camel"], "there is no class 'camel'"),
        (["photo.png", "--method", "gradcm"], "there is no method 'gradcm'; did you mean 'gradcam'"),
        (["photo.png", "--method", "gradcam,,cam"], "--method 'gradcam,,cam' has an empty name in it"),
        (["photo.png", "--layer", "conv_7"], "conv_7"),
        (["photo.png", "--maximise", "conv_7"], "there is no step 'conv_7' to maximise"),
        (["photo.png", "--maximise", "conv_1:9"], "step 'conv_1' has no channel 9; its 4 are numbered from 0"),
        (["photo.png", "--maximise", "conv_1", "--class", "1"], "--class has no use with --maximise"),
        (["photo.png", "chelsea", "--maximise", "conv_1"], "--maximise takes one photo; got 2"),
        (["photos/*.gif"], "no picture matches 'photos/*.gif'"),
        (["photos", "--class", "camel"], "there is no class 'camel'"),
        (["photos", "--layer", "conv_7"], "conv_7"),
        (["photo.png", "--model", "catdog"], "--net and --model both name a network"),
        (["photo.png", "--scale", "huge"], "--scale 'huge' is unknown"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_writes_nothing(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, *NET, "--out", "a") == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert sentence in err
    assert not Path("a").exists()
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]


def test_what_answers_with_no_scores_cannot_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("photo.png", "--net", "conv(3, 3) | relu", "--out", "a") == 2
    assert "does not answer with a list of scores" in capsys.readouterr().err


def test_help_and_list_are_quick() -> None:
    code = "import sys; from convscope.app.cli import main\ntry: main(['explain', '--list'])\nexcept SystemExit: pass\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "print(*sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"torch", "matplotlib", "scipy"} & set(done.stderr.split())


# Pieces


def test_lists_are_split_and_numbers_are_json() -> None:
    assert split(["a, b", "c"], "--x") == ["a", "b", "c"]
    assert split([], "--x") == []
    with pytest.raises(CallError, match="--x 'a,' has an empty name"):
        split(["a,"], "--x")
    assert finite({"a": (1.0, float("nan")), "b": [{"c": float("-inf")}], "d": None}) == {
        "a": [1.0, "nan"], "b": [{"c": "-inf"}], "d": None,
    }  # fmt: skip


def test_names_that_are_no_text_are_spelled_out(capsys: pytest.CaptureFixture[str]) -> None:
    odd = Path("photos/\x1b[31m\udcff.png")
    Path("photos/b.png").rename(odd)
    assert run("photos", *NET, "--method", "gradient", "--out", "a") == 0
    out = capsys.readouterr().out
    assert r"\x1b[31m\xff.png" in out
    assert "\x1b" not in out
    assert json.loads(Path("a/explain.json").read_text(encoding="utf-8"))["photos"]
