"""Whatever ends a training early, what was done is kept, and a resume goes on from there or says why it cannot."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import tiny_training
from convscope.data.samples import ArraySamples
from convscope.errors import DataError, OutputError, TrainingError
from convscope.train import Progress, fit
from convscope.train import session as session_module
from small_training import SMALL, run, small_network


def test_patience_ends_the_training(tmp_path: Path) -> None:
    found = run(tmp_path / "run", SMALL.replace(epochs=50, patience=2, learning_rate=1e-12))
    assert [len(found.rows), found.best] == [3, 1]
    again = run(tmp_path / "run", SMALL.replace(epochs=50, patience=2, learning_rate=1e-12), resume=True)
    assert again.rows == found.rows


def test_a_loss_that_is_not_finite_stops_with_the_step_and_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    class Explodes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense, self.calls = nn.Linear(144, 2), 0

        def forward(self, value: torch.Tensor) -> torch.Tensor:
            self.calls += self.training
            return self.dense(value.flatten(1)) * (math.inf if self.calls == 7 else 1.0)

    sentence = r"the loss became (nan|inf), in step 3 of epoch 2; the last checkpoint is kept, so use a smaller"
    with pytest.raises(TrainingError, match=sentence):
        run(tmp_path / "run", SMALL.replace(epochs=5, batch=12), Explodes())
    kept = sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir())
    assert kept == ["best.safetensors", "last.safetensors"]
    # A model that does not explode again goes on from the good one.
    healthy = Explodes()
    healthy.calls = 100
    assert len(run(tmp_path / "run", SMALL.replace(epochs=5, batch=12), healthy, resume=True).rows) == 5


def test_ctrl_c_ends_the_step_writes_a_checkpoint_and_raises(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(session_module, "TOLD_EVERY", 0)
    steps: list[int] = []

    def watch(progress: Progress) -> None:
        if progress.stage == "train":
            steps.append(progress.step)
            if len(steps) == 4:
                signal.raise_signal(signal.SIGINT)

    recipe = SMALL.replace(batch=10, epochs=3)
    wanted = run(tmp_path / "whole", recipe)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", recipe, watch=watch)
    assert steps == [1, 2, 3, 4]
    again = run(tmp_path / "run", recipe, resume=True, watch=watch)
    assert steps[4] == 5, "the step that ran was finished, and none is done twice"
    assert [row["train_loss"] for row in again.rows] == [row["train_loss"] for row in wanted.rows]


def test_ctrl_c_while_it_validates_loses_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(session_module, "TOLD_EVERY", 0)

    def watch(progress: Progress) -> None:
        if progress.stage == "validate" and progress.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    recipe = SMALL.replace(epochs=3, ema=0.5)
    wanted = run(tmp_path / "whole", recipe)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", recipe, watch=watch)
    again = run(tmp_path / "run", recipe, resume=True)
    for a, b in zip(wanted.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_second_ctrl_c_raises_at_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(session_module, "TOLD_EVERY", 0)
    reached: list[str] = []

    def watch(_: Progress) -> None:
        signal.raise_signal(signal.SIGINT)
        reached.append("after the first")
        signal.raise_signal(signal.SIGINT)
        reached.append("after the second")

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", watch=watch)
    assert reached == ["after the first"]
    assert not list((tmp_path / "run/checkpoints").iterdir())


def test_a_disk_that_fills_up_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch) -> None:
    def fill(progress: Progress) -> None:
        if progress.stage == "epoch":
            monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))

    with pytest.raises(OutputError, match=r"No space left; nothing was changed, so make room") as caught:
        run(tmp_path / "run", watch=fill)
    assert isinstance(caught.value.__cause__, OSError)
    monkeypatch.undo()
    assert len(run(tmp_path / "run", resume=True).rows) == 2


def test_a_damaged_checkpoint_is_said_and_the_one_before_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    recipe = tiny_training.RECIPE.replace(whiten=False)  # so it is the last epoch that is best
    wanted = run(tmp_path / "run", recipe, tiny_training.model())
    last = tmp_path / "run/checkpoints/last.safetensors"
    last.write_bytes(last.read_bytes()[:-3])
    (tmp_path / "run/checkpoints/best.safetensors").unlink()
    again = run(tmp_path / "run", recipe, tiny_training.model(), resume=True)
    assert again.notes[0].startswith("the checkpoint last.safetensors cannot be used: ")
    assert all(torch.equal(a, b) for a, b in zip(wanted.model.parameters(), again.model.parameters(), strict=True))


def test_a_run_that_has_ended_is_not_trained_again(tmp_path: Path) -> None:
    first = run(tmp_path / "run")
    told: list[str] = []
    again = run(tmp_path / "run", resume=True, watch=lambda progress: told.append(progress.stage))
    assert again.rows == first.rows
    assert told == []
    longer = run(tmp_path / "run", SMALL.replace(epochs=3), resume=True)
    assert [longer.rows[:2], len(longer.rows)] == [first.rows, 3]


def test_a_folder_is_not_trained_into_twice(tmp_path: Path) -> None:
    run(tmp_path / "run")
    with pytest.raises(OutputError, match=r"holds a training already; resume it \(--resume\), or choose another"):
        run(tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    for resume in (False, True):
        with pytest.raises(OutputError, match=r"exists and is no training of convscope; choose another folder"):
            run(tmp_path / "mine", resume=resume)
    (tmp_path / "file").write_text("dear")
    with pytest.raises(OutputError):
        run(tmp_path / "file")


def test_a_resume_refuses_another_network_recipe_or_data(tmp_path: Path) -> None:
    run(tmp_path / "run", spec="conv(4, 3)")
    with pytest.raises(DataError, match=r"begun with another network: 'dense_1\.bias' was of shape \(2,\) and is of"):
        run(tmp_path / "run", model=small_network("dense(1)"), resume=True)
    with pytest.raises(DataError, match=r"begun with another network \(config\.toml\)"):
        run(tmp_path / "run", spec="conv(4, 5)", resume=True)
    with pytest.raises(DataError, match=r"begun with seed 1337, not 4"):
        run(tmp_path / "run", SMALL.replace(seed=4), resume=True)
    with pytest.raises(DataError, match=r"not what the run was begun with \(60 samples then, 50 now\)"):
        fit(small_network(), tiny_training.samples(50), SMALL, tmp_path / "run", resume=True, finish=False)
    other = ArraySamples(tiny_training.samples().images, tiny_training.samples().labels, ["up", "down"])
    with pytest.raises(DataError, match=r"begun with the classes 'left', 'right', and the data has 'up', 'down'"):
        fit(small_network(), other, SMALL, tmp_path / "run", resume=True, finish=False)


class Files(ArraySamples):
    """Samples that say they come from files."""

    def __init__(self, keep: list[int], changed: dict[int, str] | None = None) -> None:
        whole = tiny_training.samples()
        keys = [(changed or {}).get(number, f"{number:064}") for number in keep]
        names = [f"{'ab'[whole.labels[number]]}/{number}.png" for number in keep]
        super().__init__(whole.images[keep], whole.labels[keep], whole.classes, names=names, keys=keys)
        self.files = [
            SimpleNamespace(path=name, label=int(label), size=1, changed=2)
            for name, label in zip(names, self.labels, strict=True)
        ]


def test_files_that_vanish_change_or_come_are_said_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    recipe = SMALL.replace(epochs=4, augment="shift=2")
    begun = list(range(50))

    def stop(progress: Progress) -> None:
        if progress.stage == "epoch" and progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(small_network(), Files(begun), recipe, tmp_path / "run", watch=stop, finish=False)
    rows = json.loads((tmp_path / "run/data.json").read_text())["files"]
    assert [row[0] for row in rows] == Files(begun).names
    trained = [row for row in range(50) if rows[row][2] == "train"]
    gone, other = trained[:2], trained[2]
    numbers: list[set[int]] = []
    original = session_module.augment

    def spy(images, which, **options):
        numbers.append(set(which.tolist()))
        return original(images, which, **options)

    now = [number for number in range(55) if number not in gone]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session_module, "augment", spy)
        found = fit(small_network(), Files(now, {other: "f" * 64}), recipe, tmp_path / "run", resume=True, finish=False)
    assert found.notes == (
        f"'{rows[gone[0]][0]}', '{rows[gone[1]][0]}' have vanished since the run began and are skipped",
        f"'{rows[other][0]}' has changed since the run began",
        "'a/50.png', 'a/52.png', 'a/54.png', 'b/51.png', 'b/53.png' came after the run began and are left out",
    )
    assert set.union(*numbers) == set(trained) - set(gone)
    assert len(found.rows) == 4
