"""Checkpoints: whole or not at all, known when damaged, and the one before in reserve."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from convscope.errors import DataError, OutputError
from convscope.train.checkpoint import Checkpoints, decode, encode

TENSORS = {
    "weight": torch.randn(3, 2, 3, 3).to(memory_format=torch.channels_last),
    "half": torch.randn(4).to(torch.bfloat16),
    "count": torch.tensor(7),
    "none": torch.zeros(0, 3),
}


def test_state_and_tensors_come_back_to_the_bit() -> None:
    state, tensors = decode(encode({"loss": 0.1 + 0.2, "rows": [{"a": None}]}, TENSORS))
    assert state == {"loss": 0.1 + 0.2, "rows": [{"a": None}]}
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name], value)


def test_the_library_reads_what_is_written(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, print)
    checkpoints.save({"epoch": 1}, TENSORS)
    found = load_file(tmp_path / "last.safetensors")
    assert torch.equal(found["weight"], TENSORS["weight"])


WHOLE = encode({"epoch": 1, "loss": 0.25}, {"weight": torch.arange(12.0)})


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed_wherever_it_is(place: int, change: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] ^= change
    try:
        state, tensors = decode(bytes(damaged))
    except DataError:
        return
    # What still reads has lost nothing: blanks between the parts of the header mean nothing.
    assert state == {"epoch": 1, "loss": 0.25}
    assert torch.equal(tensors["weight"], torch.arange(12.0))


@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_that_was_cut_is_refused(length: int) -> None:
    with pytest.raises(DataError):
        decode(WHOLE[:length])


def test_two_are_kept_and_the_older_one_is_used_with_a_remark(tmp_path: Path) -> None:
    notes: list[str] = []
    checkpoints = Checkpoints(tmp_path, notes.append)
    assert checkpoints.newest() is None
    for epoch in range(4):
        checkpoints.save({"epoch": epoch}, TENSORS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.safetensors", "previous.safetensors"]
    assert [decode((tmp_path / f"{name}.safetensors").read_bytes())[0] for name in ("previous", "last")] == [
        {"epoch": 2},
        {"epoch": 3},
    ]
    (tmp_path / "last.safetensors").write_bytes(b"\0" * 500)
    again = Checkpoints(tmp_path, notes.append)
    data = again.newest()
    assert data is not None
    assert decode(data)[0] == {"epoch": 2}
    assert notes == [
        "the checkpoint last.safetensors cannot be used: it is cut short, so training goes on from the one before it"
    ]
    # The damaged one never takes the place of the good one.
    again.save({"epoch": 9}, TENSORS)
    assert decode((tmp_path / "previous.safetensors").read_bytes())[0] == {"epoch": 2}
    (tmp_path / "last.safetensors").write_bytes(b"")
    (tmp_path / "previous.safetensors").write_bytes(b"{}")
    with pytest.raises(DataError, match=r"last\.safetensors cannot be used: .*; start again in a new folder"):
        again.newest()


def test_a_full_disk_leaves_the_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path, print)
    checkpoints.save({"epoch": 1}, TENSORS)
    checkpoints.save({"epoch": 2}, TENSORS)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"No space left on device; nothing was changed") as caught:
        checkpoints.save({"epoch": 3}, TENSORS)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_where_links_are_not_known_the_newest_two_are_still_kept(tmp_path: Path, monkeypatch) -> None:
    def unknown(_old: object, _new: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unknown)
    checkpoints = Checkpoints(tmp_path, print)
    for epoch in range(3):
        checkpoints.save({"epoch": epoch}, TENSORS)
    assert decode((tmp_path / "previous.safetensors").read_bytes())[0] == {"epoch": 1}
    assert decode(checkpoints.newest() or b"")[0] == {"epoch": 2}


def test_damaged_best_weights_are_said_and_done_without(tmp_path: Path) -> None:
    notes: list[str] = []
    checkpoints = Checkpoints(tmp_path, notes.append)
    assert checkpoints.best() is None
    checkpoints.save_best({"epoch": 4}, TENSORS)
    found = checkpoints.best()
    assert found is not None
    assert found[0] == {"epoch": 4}
    whole = (tmp_path / "best.safetensors").read_bytes()
    (tmp_path / "best.safetensors").write_bytes(whole[:-1] + b"x")
    assert checkpoints.best() is None
    (told,) = notes
    assert told.startswith("the checkpoint best.safetensors cannot be used: its checksum is wrong, so the last weights")


@pytest.mark.parametrize("about", [{}, {"format": "other"}, {"format": "convscope checkpoint 1"}, 3])
def test_another_safetensors_file_is_no_checkpoint(about: object) -> None:
    head = json.dumps({"__metadata__": about}).encode()
    with pytest.raises(DataError, match=r"it is no"):
        decode(len(head).to_bytes(8, "little") + head)
