"""Writing a trace: whole or not at all, refused before anything is written, and with little memory."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from convscope.errors import CallError, OutputError
from convscope.store import atomic, dumps, layout, load, save
from convscope.traces import Placement, Step, Trace
from stored_traces import ENVIRONMENT, WHOLE, assert_same, compact_trace, lazy_trace, photo, ramp, small_trace


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    save(small_trace(), path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OutputError, match=r"cannot write '.*a.safetensors': No space left on device; nothing was changed"
    ):
        save(compact_trace(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")
    trace = small_trace()

    def interrupted() -> None:
        with atomic.replacing(path) as file:
            file.write(dumps(trace)[:100])
            assert len(list(tmp_path.iterdir())) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="kills a process with a POSIX signal")
def test_a_killed_writer_harms_nothing_and_is_swept_up_after(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")
    script = (
        "import os, signal, sys; from convscope.store.atomic import replacing\n"
        f"with replacing({str(path)!r}) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, check=False)
    assert path.read_bytes() == b"old"
    stray = next(part for part in tmp_path.iterdir() if part != path)
    with atomic.replacing(tmp_path / "b") as file:
        assert not stray.exists()
        atomic._sweep.cache_clear()
        atomic._sweep(tmp_path)
        file.write(b"a writer at work is not swept")
    assert sorted(part.name for part in tmp_path.iterdir()) == ["a.safetensors", "b"]


def test_destinations_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    trace = small_trace()
    with pytest.raises(OutputError, match="it is a folder; give the name of a file"):
        save(trace, tmp_path)
    with pytest.raises(OutputError, match=r"there is no folder '.*nowhere'; make it first"):
        save(trace, tmp_path / "nowhere" / "a.safetensors")
    save(trace, tmp_path / "a", overwrite=False)
    with pytest.raises(OutputError, match="already exists; give another name"):
        save(trace, tmp_path / "a", overwrite=False)


def test_a_link_is_followed_and_permissions_are_ordinary(tmp_path: Path) -> None:
    target, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(target)
    save(small_trace(), link)
    assert link.is_symlink()
    plain = tmp_path / "plain"
    plain.touch()
    assert target.stat().st_mode == plain.stat().st_mode


@pytest.mark.skipif(os.name != "posix", reason="Windows does not replace a file that is open")
def test_who_reads_the_old_file_keeps_it_whole_while_a_new_one_takes_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(small_trace(), path)
    mapped = load(path)
    save(compact_trace(), path)
    assert_same(small_trace(), mapped)
    save(mapped, path)
    save(load(path), path)
    assert_same(small_trace(), load(path))


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"when": object()}, "the trace's about holds a object, which JSON cannot"),
        ({"n": 2**70}, "holds a whole number of 71 bits"),
        ({"a": {1: 2}}, "has the key 1, which is no text"),
    ],
)
def test_what_json_cannot_hold_is_refused_before_writing(about: Mapping, message: str, tmp_path: Path) -> None:
    trace = Trace(photo(), (Step("input", "input", ramp(2)),), (), WHOLE, about=about)
    with pytest.raises(CallError, match=message):
        save(trace, tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_wrong_number_types_are_refused_before_writing(tmp_path: Path) -> None:
    params = {"weight": np.zeros(3)}
    with pytest.raises(CallError, match="step/1/param/weight holds float64 numbers; a trace file holds float32 there"):
        save(lazy_trace(params), tmp_path / "a")
    with pytest.raises(CallError, match="the trace's placement holds nan; four finite numbers are needed"):
        dumps(Trace(photo(), (Step("input", "input", ramp(2)),), (), Placement(math.nan, 0.0, 1.0, 1.0)))


def test_too_much_structure_is_refused_before_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = Trace(photo(), (Step("input", "input", ramp(2)),), (), WHOLE, about={"a": [0] * 600})
    monkeypatch.setattr(layout, "MARKS_LIMIT", 500)
    with pytest.raises(
        CallError, match=r"the trace cannot be written: it has a header of about 6.. values; at most 500"
    ):
        dumps(trace)
    monkeypatch.setattr(layout, "HEADER_LIMIT", 1000)
    with pytest.raises(CallError, match=r"it has a header of 1,.* bytes; at most 1,000 are allowed"):
        dumps(trace)


# Memory. numpy reports its arrays to tracemalloc, so this counts a second copy wherever it is made.


def most_memory(function: Callable[[], object]) -> float:
    """The most that was allocated at once while the function ran, in bytes."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_saving_and_opening_100_mb_adds_little_memory(tmp_path: Path) -> None:
    steps = [Step("input", "input", np.zeros((3, 8, 8), np.float32))]
    for i in range(10):
        value = np.random.default_rng(i).random((40, 256, 256), np.float32)
        steps.append(Step(str(i), "conv2d", value, (steps[-1],)))
    trace = Trace(photo(), tuple(steps), ("9",), WHOLE)
    exact, coarse = tmp_path / "exact", tmp_path / "compact"
    assert most_memory(lambda: save(trace, exact)) < 5e6
    assert most_memory(lambda: save(trace, coarse, compact=True)) < 30e6
    assert most_memory(lambda: float(load(exact)["3"].value[3].sum())) < 5e6
    assert most_memory(lambda: load(exact, mmap=False)) > 100e6


def test_importing_the_store_loads_no_framework() -> None:
    script = (
        "import sys, convscope.store; sys.exit(bool({'torch', 'safetensors', 'PIL', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, check=False).returncode == 0
