"""The loop: that it learns, leaves everything as it was, tells what it does, and refuses what does not fit."""

from __future__ import annotations

import csv
import json
import math
import random
import signal
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import tiny_training
from convscope.errors import CallError, DataError, TrainingError
from convscope.spec import build, parse
from convscope.train import Progress, Recipe, fit
from convscope.train import steps as steps_module
from convscope.train.environment import kept, seed_step
from small_training import SMALL, run, small_network


def test_it_learns_and_says_so_in_files(tmp_path: Path) -> None:
    recipe = SMALL.replace(epochs=4, learning_rate=0.02)
    told: list[Progress] = []
    found = run(tmp_path / "run", recipe, watch=told.append, spec="conv(4, 3)", title="small")
    assert found.rows[-1]["train_loss"] < 0.7 * found.rows[0]["train_loss"]
    assert found.rows[-1]["validation_accuracy"] == 1.0
    assert [progress.row["epoch"] for progress in told if progress.stage == "epoch"] == [1, 2, 3, 4]
    assert told[-1].left == 0.0
    with (tmp_path / "run/metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["train_loss"]) for row in rows] == pytest.approx([row["train_loss"] for row in found.rows], 1e-6)
    config = tomllib.loads((tmp_path / "run/config.toml").read_text(encoding="utf-8"))
    assert config["network"] == {"title": "small", "text": "conv(4, 3)"}
    assert config["data"]["classes"] == ["left", "right"]
    assert Recipe.from_dict(config["recipe"]) == recipe
    assert json.loads((tmp_path / "run/environment.json").read_text())["libraries"]["torch"] == torch.__version__
    assert json.loads((tmp_path / "run/data.json").read_text())["samples"] == 60


def test_the_loss_of_the_first_step_is_the_cross_entropy_of_the_untouched_network(tmp_path: Path) -> None:
    """An oracle in numpy: one step an epoch, a rate so small that nothing moves."""
    model, samples = small_network(), tiny_training.samples()
    found = run(tmp_path / "run", SMALL.replace(batch=60, epochs=1, learning_rate=1e-30, validation=0.0), model)
    images = torch.from_numpy(samples.images).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        chances = model(images).numpy().astype(np.float64)
    wanted = -np.log(chances[np.arange(60), samples.labels]).mean()
    assert found.rows[0]["train_loss"] == pytest.approx(wanted, rel=1e-5)
    assert found.rows[0]["train_accuracy"] == (chances.argmax(1) == samples.labels).mean()
    assert "validation_loss" not in found.rows[0]


def test_validation_is_that_of_the_weights_that_are_kept(tmp_path: Path) -> None:
    found = run(tmp_path / "run", SMALL.replace(epochs=5, ema=0.7, learning_rate=0.01))
    samples = tiny_training.samples()
    images = torch.from_numpy(samples.images[found.split.validation]).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        chances = found.model(images).numpy().astype(np.float64)
    labels = samples.labels[found.split.validation]
    best = found.rows[found.best - 1]
    assert -np.log(chances[np.arange(len(labels)), labels]).mean() == pytest.approx(best["validation_loss"], rel=1e-4)
    assert not set(found.split.train) & set(found.split.validation)
    assert not found.model.training


def test_one_output_serves_for_two_classes(tmp_path: Path) -> None:
    found = run(tmp_path / "run", SMALL.replace(epochs=4), small_network("dense(1) | sigmoid"))
    assert found.rows[-1]["validation_accuracy"] == 1.0


def test_everything_is_left_as_it_was(tmp_path: Path) -> None:
    model = small_network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.set_num_threads(2)
    torch.manual_seed(77)
    np.random.seed(7)  # noqa: NPY002
    handler, dtype = signal.getsignal(signal.SIGINT), torch.get_default_dtype()
    wanted = torch.rand(3), np.random.rand(3)  # noqa: NPY002
    torch.manual_seed(77)
    np.random.seed(7)  # noqa: NPY002

    def fails(progress: Progress) -> None:
        if progress.stage == "epoch":
            raise ZeroDivisionError

    run(tmp_path / "fine", model=model)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "broken", model=model, watch=fails)
    assert torch.equal(torch.rand(3), wanted[0])
    assert np.array_equal(np.random.rand(3), wanted[1])  # noqa: NPY002
    assert torch.get_num_threads() == 2
    assert signal.getsignal(signal.SIGINT) is handler
    assert torch.get_default_dtype() is dtype
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.grad is None for value in model.parameters())


def test_python_s_own_random_state_is_put_back_too() -> None:
    """By itself: what checks annotations while the tests run draws from it as well."""
    state = random.getstate()
    with kept():
        random.seed(1)
        seed_step(3, 4)
    assert random.getstate() == state


def test_twice_the_same_gives_the_same_bits_and_another_seed_others(tmp_path: Path) -> None:
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        found = run(tmp_path / name, tiny_training.RECIPE.replace(epochs=2, seed=seed), tiny_training.model())
        weights.append(torch.cat([value.flatten().float() for value in found.model.state_dict().values()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_dropout_differs_from_step_to_step(tmp_path: Path) -> None:
    class Spy(nn.Dropout):
        seen: list[tuple[bool, ...]] = []  # noqa: RUF012

        def forward(self, value: torch.Tensor) -> torch.Tensor:
            made = super().forward(torch.ones_like(value))
            if self.training:
                self.seen.append(tuple((made == 0).flatten().tolist()))
            return made

    model = nn.Sequential(nn.Flatten(), Spy(0.5), nn.Linear(144, 2))
    run(tmp_path / "run", SMALL.replace(validation=0.0, batch=30), model)
    assert len(set(Spy.seen)) == len(Spy.seen) == 4


def test_memory_that_runs_out_halves_the_batch_and_changes_nothing(tmp_path: Path, monkeypatch) -> None:
    recipe = SMALL.replace(learning_rate=0.01, optimizer="sgd")  # Adam would not see gradients of another length
    wanted = run(tmp_path / "whole", recipe)
    honest = steps_module.losses.loss_sum

    def hungry(logits: torch.Tensor, *rest: object, **more: object) -> torch.Tensor:
        if logits.requires_grad and len(logits) > 5:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        return honest(logits, *rest, **more)

    monkeypatch.setattr(steps_module.losses, "loss_sum", hungry)
    found = run(tmp_path / "parts", recipe)
    assert found.notes == tuple(
        f"out of memory: a batch is now worked on in {parts} parts, whose gradients are added up" for parts in (2, 4)
    )
    for a, b in zip(wanted.model.parameters(), found.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    measuring = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(144), nn.Linear(144, 2))
    found = run(tmp_path / "measured", recipe.replace(validation=0.0), measuring)
    assert int(found.model[1].num_batches_tracked) == 2 * 4 * 4, "a try that failed has left nothing behind"

    def starving(*_: object, **__: object) -> torch.Tensor:
        raise MemoryError

    monkeypatch.setattr(steps_module.losses, "loss_sum", starving)
    with pytest.raises(TrainingError, match=r"out of memory, even with a batch worked on in 8 parts; use a smaller"):
        run(tmp_path / "never")


def test_a_network_that_does_not_fit_the_pictures_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ends in 10 values, but the data has 2 classes"):
        run(tmp_path / "run", model=small_network("dense(10)"))
    with pytest.raises(DataError, match=r"cannot take pictures of 12x12x1: .*; give pictures of the size"):
        run(tmp_path / "run", model=build(parse("conv(2, 3) | flatten | dense(2)"), (1, 20, 20)))
    with pytest.raises(DataError, match=r"cannot take pictures of 8x8x1"):
        run(tmp_path / "run", SMALL.replace(sizes=((0.5, 8), (0.5, 12))))
    with pytest.raises(DataError, match=r"the scale has 3 means and the pictures have 1 channels"):
        run(tmp_path / "run", SMALL.replace(scale="imagenet"))
    with pytest.raises(CallError, match=r"there is no device 'tpu'; use auto, cpu, cuda or cuda:0"):
        run(tmp_path / "run", SMALL.replace(device="tpu"))
    assert not (tmp_path / "run").exists()


def test_a_last_batch_that_is_too_small_is_left_out(tmp_path: Path) -> None:
    """Of 45 training samples in batches of 11, one is over: a normalisation could not measure it."""
    recipe = SMALL.replace(batch=11, epochs=1)
    found = run(tmp_path / "run", recipe, nn.Sequential(nn.Flatten(), nn.BatchNorm1d(144), nn.Linear(144, 2)))
    train = len(found.split.train)
    assert found.rows[0]["steps"] == math.ceil(train / 11) - (train % 11 == 1)
    dropped = run(tmp_path / "dropped", SMALL.replace(batch=20, epochs=1, drop_last=True))
    assert dropped.rows[0]["steps"] == train // 20
    with pytest.raises(TrainingError, match=r"fewer than a batch of 100, and incomplete batches are dropped"):
        run(tmp_path / "none", SMALL.replace(batch=100, drop_last=True))


def test_a_probe_sees_the_untrained_network_and_every_epoch(tmp_path: Path) -> None:
    seen: list[tuple[int, bool, bool]] = []

    def probe(model: nn.Module, epoch: int, *, last: bool) -> None:
        seen.append((epoch, last, model.training))

    run(tmp_path / "run", probe=probe)
    assert seen == [(0, False, False), (1, False, False), (2, True, False)]


def test_sizes_grow_over_the_epochs(tmp_path: Path) -> None:
    shapes: list[tuple[int, int]] = []

    class Any(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.dense = nn.Conv2d(1, 2, 3), nn.Linear(2, 2)

        def forward(self, value: torch.Tensor) -> torch.Tensor:
            if self.training:
                shapes.append((value.shape[2], value.shape[3]))
            return self.dense(self.conv(value).mean((2, 3)))

    found = run(tmp_path / "run", SMALL.replace(epochs=4, batch=60, sizes=((0.5, 6), (0.5, 10))), Any())
    assert shapes == [(6, 6), (6, 6), (10, 10), (10, 10)]
    assert [row["size"] for row in found.rows] == [6, 6, 10, 10]


def test_numbers_go_to_tensorboard_as_well(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    found = run(tmp_path / "run")
    (events,) = (tmp_path / "run/events").iterdir()
    data = events.read_bytes()
    assert data.count(b"accuracy/validation") == len(found.rows) == 2


def test_the_result_is_a_file_that_opens_as_a_network(tmp_path: Path) -> None:
    from convscope.tracing import trace

    text = "input(12x12x1) | conv(4, 3) | relu | gap | dense(2) | softmax"
    found = fit(build(parse(text)), tiny_training.samples(), SMALL, tmp_path / "run", spec=text, title="squares")
    made = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"network.safetensors", "report.json", "curves.png", "confusion.png", "wrong.png"} <= made
    report = json.loads((tmp_path / "run/report.json").read_text(encoding="utf-8"))
    assert report == json.loads(json.dumps(found.report))
    assert report["validation"]["accuracy"] == pytest.approx(found.rows[found.best - 1]["validation_accuracy"])
    picture = tiny_training.samples().images[0].repeat(3, axis=2)
    recorded = trace(tmp_path / "run/network.safetensors", picture)
    with torch.no_grad():
        wanted = found.model(torch.from_numpy(tiny_training.samples().images[:1]).permute(0, 3, 1, 2) / 255)[0]
    scores = {score.label: score.value for score in recorded.scores}
    assert [scores["left"], scores["right"]] == pytest.approx(wanted.tolist(), abs=1e-5)


def test_a_picture_that_cannot_be_drawn_does_not_cost_the_network(tmp_path: Path, monkeypatch) -> None:
    from convscope.train import pictures

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no ink")

    monkeypatch.setattr(pictures, "save_pictures", broken)
    found = run(tmp_path / "run", finish=True)
    assert found.notes == ("could not draw the pictures: ZeroDivisionError: no ink",)
    assert (tmp_path / "run/network.safetensors").is_file()
    assert found.report["notes"] == list(found.notes)
