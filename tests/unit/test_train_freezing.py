"""A first layer that stands still after its share of the steps, and nothing else that does."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import torch
from torch import nn

from convscope.spec import build, load
from convscope.train import Recipe, fit
from convscope.train.freezing import FirstLayer
from tiny_training import model, samples

RECIPE = Recipe(epochs=4, batch=10, learning_rate=0.01, validation=0.0, precision="float32", threads=1)


def weights_by_epoch(folder: Path, freeze: float) -> tuple[list[dict[str, np.ndarray]], nn.Module]:
    seen: list[dict[str, np.ndarray]] = []

    def probe(trained: nn.Module, _epoch: int, *, last: bool) -> None:
        seen.append({name: value.detach().numpy().copy() for name, value in trained.named_parameters()})

    run = fit(model(), samples(), RECIPE.replace(freeze=freeze), folder, probe=probe, finish=False)
    return seen, run.model


def test_the_first_layer_learns_for_its_share_of_the_steps(tmp_path: Path) -> None:
    seen, trained = weights_by_epoch(tmp_path / "half", 0.5)
    first, others = ["0.weight", "0.bias", "1.weight", "1.bias"], ["5.weight", "5.bias", "9.weight", "9.bias"]
    assert set(first + others) == set(seen[0])
    for name in first:
        moves = [not np.array_equal(before[name], after[name]) for before, after in itertools.pairwise(seen)]
        assert moves == [True, True, False, False], name
    for name in others:
        assert all(not np.array_equal(before[name], after[name]) for before, after in itertools.pairwise(seen))
    assert all(value.requires_grad for value in trained.parameters())


def test_up_to_then_nothing_is_different(tmp_path: Path) -> None:
    half, _ = weights_by_epoch(tmp_path / "half", 0.5)
    never, _ = weights_by_epoch(tmp_path / "never", 0.0)
    for epoch in (1, 2):
        assert all(np.array_equal(half[epoch][name], never[epoch][name]) for name in half[epoch])
    assert not np.array_equal(half[4]["0.weight"], never[4]["0.weight"])


def still(network: nn.Module) -> list[str]:
    first = FirstLayer(network)
    first.hold(True)
    found = [name for name, value in network.named_parameters() if not value.requires_grad]
    first.hold(False)
    return found


def test_which_layer_is_the_first() -> None:
    assert still(build(load("fashion-cnn"))) == ["conv_1.weight", "conv_1.bias"]
    assert still(build(load("fashion-dense"))) == ["dense_1.weight", "dense_1.bias"]
    assert still(nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3))) == ["0.weight", "0.bias"]
    assert still(nn.Sequential(nn.Flatten())) == []


def test_what_was_frozen_before_stays_so() -> None:
    network = build(load("fashion-cnn"))
    network.get_submodule("conv_1").bias.requires_grad_(requires_grad=False)
    assert still(network) == ["conv_1.weight", "conv_1.bias"]
    assert [name for name, value in network.named_parameters() if not value.requires_grad] == ["conv_1.bias"]


def test_the_backward_pass_ends_behind_it() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3))
    FirstLayer(network).hold(True)
    middle = network[:2](torch.zeros(1, 1, 8, 8))
    assert not middle.requires_grad
    assert network[2](middle).requires_grad
