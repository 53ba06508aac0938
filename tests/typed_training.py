"""``convscope train`` as it is typed in a folder with few photos, and what it answers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from convscope.app.cli import main

TINY = "conv(4, 3) | relu | gap | dense(2) | softmax"
QUICK = ("--net", TINY, "--size", "12", "--batch", "8", "--augment", "none", "--threads", "1")


@contextlib.contextmanager
def folder_of_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder with ``photos``: dark cats and bright dogs; the cache is here too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVSCOPE_DATA", str(tmp_path / "cache"))
    for label, level in (("cat", 60), ("dog", 190)):
        folder = tmp_path / "photos" / label
        folder.mkdir(parents=True)
        for i in range(14):
            pixels = np.random.default_rng(i + level).integers(-40, 40, (16, 20, 3)) + level
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{label}.{i}.png")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield tmp_path
    finally:
        torch.set_num_threads(threads)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(["train", *arguments])
    return int(done.value.code or 0)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    status = run(*arguments, "--json")
    printed = capsys.readouterr()
    assert (status, printed.err) == (0, "")
    return dict(json.loads(printed.out))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line.removeprefix("convscope: ")


def refused_late(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(*arguments) == 2
    return capsys.readouterr().err.splitlines()[-1]
