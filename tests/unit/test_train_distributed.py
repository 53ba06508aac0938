"""Two processes under torchrun: the loss of one process, and on again when one of them is killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tiny_training
from convscope.train.distributed import Group, joined


def torchrun(folder: Path, *words: str, restarts: int = 0) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--max-restarts", str(restarts),
        "--monitor-interval", "0.1", "--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}",
        "--local-addr", "127.0.0.1", tiny_training.__file__, "train", str(folder), *words,
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def losses(folder: Path) -> np.ndarray:
    return np.array([float(line) for line in (folder / "losses").read_text().split()])


def test_two_processes_have_the_loss_of_one_also_when_one_is_killed(tmp_path: Path) -> None:
    tiny_training.train(tmp_path / "one", plain=True)
    told = torchrun(tmp_path / "two", "plain", "2", restarts=1)
    np.testing.assert_allclose(losses(tmp_path / "two"), losses(tmp_path / "one"), atol=1e-3)
    epochs = [line.split()[1] for line in told.splitlines() if line.startswith("epoch")]
    assert epochs[0] == "1"
    assert epochs[-1] == "4"
    assert len(epochs) in {4, 5}, "only what the killed process took with it was done again"


def test_a_batch_is_divided_among_all_and_lost_by_nobody() -> None:
    for size in (1, 2, 3, 7):
        parts = [Group(rank, size).part(np.arange(5)) for rank in range(size)]
        assert np.concatenate(parts).tolist() == [0, 1, 2, 3, 4]


def test_a_group_that_exists_is_used_and_stays(tmp_path: Path) -> None:
    import torch.distributed as dist

    if dist.is_initialized():
        pytest.fail("another test has left a process group behind")
    with joined("cpu") as group:
        assert (group.rank, group.size, group.leads) == (0, 1, True)
        assert group.share("mine") == "mine"
        assert group.totals(2, 3) == [2, 3]
    store = dist.FileStore(str(tmp_path / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        with joined("cpu") as group:
            assert group == Group()
        assert dist.is_initialized()
    finally:
        dist.destroy_process_group()
