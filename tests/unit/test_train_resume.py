"""A training that is killed with SIGKILL at random moments ends with the weights of one that never was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tiny_training

PROGRAM = tiny_training.__file__


def program(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=240, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that can fork")
def test_killed_and_resumed_is_the_same_to_the_bit(tmp_path: Path) -> None:
    program("train", tmp_path / "whole")
    assert int(program("kills", tmp_path / "killed", 4, 1)) == 4
    for name in ("weights", "losses"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    left = {path.name for path in (tmp_path / "killed/run/checkpoints").iterdir()}
    assert left == {"last.safetensors", "previous.safetensors", "best.safetensors"}, "strays are swept"
