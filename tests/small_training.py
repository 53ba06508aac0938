"""A small network that is trained for two epochs."""

from __future__ import annotations

from pathlib import Path

from torch import nn

import tiny_training
from convscope.spec import build, parse
from convscope.train import Recipe, fit

SMALL = Recipe(
    epochs=2, batch=16, learning_rate=0.05, precision="float32", threads=1, validation=0.25, schedule="constant"
)


def small_network(ending: str = "dense(2) | softmax", seed: int = 1) -> nn.Sequential:
    return build(parse(f"conv(4, 3) | relu | maxpool(2) | flatten | {ending}"), (1, 12, 12), seed=seed)


def run(out: Path, recipe: Recipe = SMALL, model: nn.Module | None = None, **options):
    options = {"finish": False} | options
    return fit(model or small_network(), tiny_training.samples(), recipe, out, **options)
