"""``convscope train`` into a folder for the second time: what is overwritten, how a stopped training goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convscope as cs
from convscope.errors import TrainingError
from typed_training import QUICK, folder_of_photos, refused, refused_late, run


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with folder_of_photos(tmp_path, monkeypatch) as folder:
        yield folder


# Overwriting


def test_overwrite_replaces_a_training_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    line = ("photos", *QUICK, "--epochs", "1", "--no-probe", "--out", "run")
    assert run(*line) == 0
    Path("run/mine.txt").touch()
    capsys.readouterr()
    assert "holds a training already; resume it (--resume), or choose another folder" in refused_late(capsys, *line)
    assert run(*line, "--overwrite") == 0
    assert not Path("run/mine.txt").exists()
    assert [path.name for path in Path().iterdir() if path.name.startswith(".run")] == []
    Path("other").mkdir()
    Path("other/thing").touch()
    capsys.readouterr()
    assert "is no training of convscope" in refused_late(capsys, *line[:-1], "other", "--overwrite")
    assert Path("other/thing").exists()


def test_the_old_training_comes_back_when_the_new_one_cannot_begin(capsys: pytest.CaptureFixture[str]) -> None:
    line = ("photos", *QUICK, "--epochs", "1", "--no-probe", "--out", "run")
    assert run(*line) == 0
    before = Path("run/network.safetensors").read_bytes()
    wrong = ("photos", "--net", "gap | dense(5)", "--size", "12", "--out", "run", "--overwrite")
    assert "the network ends in 5 values, but the data has 2 classes" in refused_late(capsys, *wrong)
    assert Path("run/network.safetensors").read_bytes() == before
    assert sorted(path.name for path in Path().iterdir()) == ["cache", "photos", "run"]


# Stopping and going on


def weights(folder: str) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(f"{folder}/network.safetensors")


def test_ctrl_c_says_how_to_go_on_and_the_result_is_the_same(photos: Path) -> None:
    line = ["photos", *QUICK, "--augment", "flip,rotation=0.1", "--epochs", "12", "--no-probe"]
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=str(Path(cs.__file__).parents[1]))
    process = subprocess.Popen(
        [sys.executable, "-m", "convscope", "train", *line, "--out", "stopped"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert process.stdout is not None
    for shown in process.stdout:
        if shown.strip().startswith("2/12"):
            process.send_signal(signal.SIGINT)
            break
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.splitlines()[-1].startswith("convscope: stopped in epoch ")
    assert err.splitlines()[-1].endswith("; go on with: convscope train --resume --out stopped")
    assert not Path("stopped/network.safetensors").exists()
    assert run("--resume", "--out", "stopped") == 0
    assert run(*line, "--out", "whole") == 0
    stopped, whole = weights("stopped"), weights("whole")
    assert stopped.keys() == whole.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(stopped[name], value, err_msg=name)


def test_stopping_before_anything_was_done_leaves_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("convscope.train.loop.fit", stopped)
    assert run("photos", *QUICK, "--out", "run") == 130
    assert capsys.readouterr().err == "convscope: stopped before the first step; nothing was left half-written\n"


def test_what_stops_a_training_is_one_sentence_and_status_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise TrainingError("the loss became nan, in step 3 of epoch 1; use a smaller learning rate")

    monkeypatch.setattr("convscope.train.loop.fit", broken)
    assert run("photos", *QUICK, "--out", "run") == 1
    assert capsys.readouterr().err.endswith("in step 3 of epoch 1; use a smaller learning rate\n")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "--resume needs the folder of the training; add --out RUN"),
        (["--out", "run", "--batch", "9"], "--batch 9 has no use with --resume, which goes on as the training began"),
        (["--out", "run", "--net", "cnn"], "--net 'cnn' has no use with --resume"),
        (["other", "--out", "run"], "not on 'other'; leave DATA out"),
        (["--out", "nothing"], "there is no training in 'nothing'; give the folder of one"),
    ],
)
def test_resume_needs_only_the_folder(flags: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("photos", *QUICK, "--epochs", "1", "--no-probe", "--out", "run") == 0
    capsys.readouterr()
    assert sentence in refused(capsys, "--resume", *flags)
