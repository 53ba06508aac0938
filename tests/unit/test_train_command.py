"""``convscope train``: what it prints, what it writes, how it says no."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import convscope as cs
from convscope.app import train as command
from convscope.app.train_compare import asked
from convscope.app.train_network import short, wanted
from convscope.app.train_request import Typed, understood
from convscope.errors import CallError
from convscope.train.progress import Progress
from typed_training import QUICK, TINY, answer, folder_of_photos, refused, refused_late, run


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with folder_of_photos(tmp_path, monkeypatch) as folder:
        yield folder


# What it does


def test_a_folder_of_photos_becomes_a_network_with_its_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("photos", *QUICK, "--epochs", "3", "--learning-rate", "0.05", "--out", "run") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert "12x12x3, 2 classes (cat, dog)" in lines[0]
    assert lines[1] == "network of 5 layers: 122 parameters"
    epochs = [line for line in lines if line.strip().startswith(("1/3", "2/3", "3/3"))]
    assert len(epochs) == 3
    assert lines[-2] == "see a photo in it:  convscope see PHOTO --model run"
    files = {path.name for path in Path("run").iterdir()}
    assert files >= {
        "config.toml", "environment.json", "data.json", "metrics.csv", "checkpoints", "network.safetensors",
        "curves.png", "confusion.png", "wrong.png", "report.json", "probe", "film.png",
    }  # fmt: skip
    for name in files:
        if name.endswith(".png"):
            Image.open(Path("run", name)).verify()
    probes = sorted(path.name for path in Path("run/probe").iterdir())
    assert probes == [f"epoch-00{epoch}.safetensors" for epoch in range(4)]
    last, network = cs.load("run/probe/epoch-003.safetensors"), cs.trace("run", "photos/dog/dog.1.png")
    assert {score.label for score in last.scores} == {score.label for score in network.scores} == {"cat", "dog"}


def test_the_object_says_what_the_folder_holds(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "photos", *QUICK, "--epochs", "2", "--out", "run")
    assert found["classes"] == ["cat", "dog"]
    assert found["epochs"] == 2
    assert found["recipe"]["batch"] == 8
    assert found["trained_on"] + found["validation"]["samples"] == 28
    assert found["files"]["folder"] == "run"
    assert all(Path(path).exists() for path in found["files"].values())
    assert found["test"] is None


def test_training_learns_what_can_be_learnt(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--epochs", "6", "--learning-rate", "0.1", "--no-probe")
    found = answer(capsys, "photos", *QUICK, *flags, "--out", "run")
    assert found["validation"]["accuracy"] == 1.0
    assert "film" not in found["files"]


def test_cnn_and_dense_fit_themselves_to_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    small = ("--size", "16", "--epochs", "1", "--batch", "16", "--threads", "1", "--no-probe")
    found = answer(capsys, "photos", "--net", "dense", *small, "--out", "a")
    assert found["parameters"] == (16 * 16 * 3 + 1) * 128 + 129 * 2
    Path("photos/fox").mkdir()
    for i in range(5):
        Image.new("RGB", (20, 20), (200, 90 + i, 20)).save(f"photos/fox/{i}.png")
    found = answer(capsys, "photos", *small, "--out", "b")
    assert found["classes"] == ["cat", "dog", "fox"]
    assert found["title"] == "cnn"


def test_two_networks_are_compared_on_the_same_data(capsys: pytest.CaptureFixture[str]) -> None:
    both = ("--compare", f"dense,{TINY}", "--size", "12", "--epochs", "2", "--threads", "1", "--no-probe")
    assert run("photos", *both, "--out", "both") == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "both/compare.png"
    assert [line.split()[0] for line in out.splitlines()[-4:-2]] == ["dense", "conv(4,"]
    report = json.loads(Path("both/compare.json").read_text())
    assert [row["network"] for row in report["networks"]] == ["dense", TINY]
    dense, tiny = report["networks"]
    assert (dense["parameters"], tiny["parameters"]) == (433 * 128 + 129 * 2, 122)
    for row in report["networks"]:
        assert 0 <= row["train"] <= 1
        assert 0 <= row["validation"] <= 1
        assert row["test"] is None
        assert (Path(row["folder"]) / "network.safetensors").is_file()
    Image.open("both/compare.png").verify()
    assert "holds trainings already" in refused(capsys, "photos", *both, "--out", "both")


def test_a_test_set_is_used_where_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    Path("sides").mkdir()
    Path("photos").rename("sides/train")
    for label, level in (("cat", 61), ("dog", 189)):
        Path("sides/test", label).mkdir(parents=True)
        Image.new("RGB", (20, 20), (level, level, level)).save(f"sides/test/{label}/1.png")
    found = answer(capsys, "sides", *QUICK, "--epochs", "1", "--no-probe", "--out", "run")
    assert found["test"]["samples"] == 2
    assert found["validation"]["samples"] > 0


def test_a_photo_of_ones_own_is_followed_through_the_epochs() -> None:
    Image.new("RGB", (33, 44), (9, 99, 199)).save("mine.png")
    assert run("photos", *QUICK, "--epochs", "1", "--probe", "mine.png", "--out", "run") == 0
    trace = cs.load("run/probe/epoch-001.safetensors")
    assert trace.about["image"]["name"] == "mine.png"
    assert trace.picture.shape == (44, 33, 3)


def test_without_out_nothing_is_replaced() -> None:
    for _ in range(2):
        assert run("photos", *QUICK, "--epochs", "1", "--no-probe") == 0
    names = sorted(path.name for path in Path("convscope-out").iterdir())
    assert names == ["photos-network_of_5_layers", "photos-network_of_5_layers-2"]


def test_a_model_of_code_is_trained_as_it_is(
    photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "mine_to_train.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))\n"
    )
    monkeypatch.setattr(sys, "path", [str(photos), *sys.path])
    flags = ("--model", "mine_to_train:build", "--size", "12", "--epochs", "1", "--threads", "1", "--out", "run")
    assert answer(capsys, "photos", *flags)["parameters"] == 62
    assert run("--resume", "--out", "run") == 0  # has ended, so there is nothing more to do


def test_only_the_first_of_several_processes_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")  # WORLD_SIZE is 1, so that it trains alone
    assert run("photos", *QUICK, "--epochs", "1", "--out", "run") == 0
    assert capsys.readouterr() == ("", "")


# Saying no


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "DATA is missing; give a folder with a sub-folder of photos for each class, or fashion-mnist"),
        (["nothing"], "there is no data set '"),
        (["photos", "--net", "cnn", "--model", "catdog"], "--net and --model both name a network; give one of them"),
        (["photos", "--net", "convv(3)"], "unknown layer 'convv'"),
        (["photos", "--size", "big"], "--size 'big' is no size; write HEIGHTxWIDTH"),
        (["photos", "--optimizer", "magic"], "--optimizer is 'magic'; use one of adam, adamw, rmsprop, sgd"),
        (["photos", "--learning-rate", "0"], "--learning-rate is 0, so nothing would be learnt"),
        (["photos", "--label-smoothing", "0.9"], "--label-smoothing is 0.9; use a number from 0 to 0.5"),
        (["photos", "--validation", "nan"], "--validation is nan; use a number from 0 to 0.9"),
        (["photos", "--augment", "spin"], "there is no augmentation 'spin'; choose from flip, rotation"),
        (["photos", "--scale", "log"], "--scale is 'log'; use one of unit, byte, imagenet"),
        (["photos", "--probe", "a.jpg", "--no-probe"], "--probe and --no-probe say opposite things"),
        (["photos", "--compare", "dense"], "--compare 'dense' does not name 2 to 12 different networks"),
        (["photos", "--compare", "dense,cnn", "--net", "cnn"], "--net 'cnn' has no use with --compare"),
        (["photos", "--net", "input(8x8x1) | gap | dense(2)", "--size", "8x8"], ""),
    ],
)
def test_a_wrong_call_is_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    if sentence:
        assert sentence in refused(capsys, *arguments)
        assert not Path("convscope-out").exists()
    else:  # a grey network takes grey pictures
        assert run(*arguments, "--epochs", "1", "--no-probe", "--out", "run") == 0


def test_a_network_that_does_not_fit_the_classes_is_told_what_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused_late(capsys, "photos", "--net", "fashion-cnn", "--size", "28", "--out", "run")
    assert "the network ends in 10 values, but the data has 2 classes; end it in dense(2) or dense(1)" in said
    assert not Path("run").exists()


def test_a_broken_photo_is_left_out_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    Path("photos/cat/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no photo")
    assert run("photos", *QUICK, "--epochs", "1", "--no-probe", "--out", "run") == 0
    assert "left out: cat/broken.jpg because" in capsys.readouterr().out


def test_an_empty_folder_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    said = refused(capsys, "empty")
    assert "'" in said
    assert "internal error" not in said


def test_names_from_outside_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Path("photos/cat").rename("photos/\x1b[31mcat")
    assert run("photos", *QUICK, "--epochs", "1", "--out", "run") == 0
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err


# Parts


def test_short_names_become_the_tutorials_networks() -> None:
    from types import SimpleNamespace

    fashion = SimpleNamespace(shape=(28, 28, 1), classes=tuple("0123456789"))
    pets = SimpleNamespace(shape=(300, 300, 3), classes=("cat", "dog"))
    for name, samples, known, count in (
        ("cnn", fashion, "fashion-cnn", 243_786), ("dense", fashion, "fashion-dense", 101_770),
        ("cnn", pets, "cats-dogs", 97_569),
    ):  # fmt: skip
        spec, title = short(name, samples)
        assert title == known
        assert wanted(name, None, seed=0).fitted(samples, 0).params == count, spec
    assert wanted(None, None, seed=0).text == "cnn"


def test_a_folder_is_remembered_by_its_whole_path(photos: Path) -> None:
    job = understood(Typed("photos", probe="mine.png"))
    assert job.data == str(photos / "photos")
    assert job.probe == str(photos / "mine.png")
    assert understood(Typed("fashion-mnist")).data == "fashion-mnist"


def test_specs_may_be_compared_too() -> None:
    assert asked(Typed("x", compare="dense,conv(3, 3) | gap | dense(2)")) == ["dense", "conv(3, 3) | gap | dense(2)"]
    with pytest.raises(CallError, match="does not name 2 to 12 different networks"):
        asked(Typed("x", compare="cnn,cnn"))


def test_the_first_report_of_a_step_begins_and_no_remark_does() -> None:
    from convscope.app.train_watch import Told

    begun: list[int] = []
    watch = Told(quiet=True, begun=lambda: begun.append(1))
    watch(Progress("note", 0, 3, note="a remark"))
    assert begun == []
    for step in (1, 2):
        watch(Progress("train", 1, 3, step, 9))
    assert begun == [1]
    watch(Progress("epoch", 1, 3, row={"epoch": 1}))
    assert watch.epoch == 1


def test_a_bar_is_shown_to_a_terminal_and_lines_go_to_standard_output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from convscope.app.train_watch import told

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with told(quiet=False) as watch:
        watch(Progress("train", 1, 2, 3, 9, loss=0.5, accuracy=0.75, rate=1234.0, left=65.0))
        time.sleep(0.15)
        watch(Progress("epoch", 1, 2, row={"epoch": 1, "train_loss": 0.5, "validation_accuracy": 0.8, "seconds": 2.0}))
    printed = capsys.readouterr()
    assert "epoch 1/2" in printed.err
    assert "75.00 %  1,234/s  1:05 left" in printed.err
    assert printed.out.splitlines()[1].split() == ["1/2", "0.5000", "80.00", "%", "2.0", "s", "nan", "best"]


def test_only_the_leader_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command.leads()
    monkeypatch.setenv("RANK", "3")
    assert not command.leads()
    assert command.silent(Typed("x"))
