"""A training of a second that has everything a resume must carry on, and a program that kills it again and again.

A running mean, a normalisation, dropout, augmentation, a schedule, two sizes, clipping, and a checkpoint after every
step: `python tiny_training.py kills FOLDER COUNT SEED` kills it COUNT times with SIGKILL at random moments, resumes it
each time, and prints how often it was really killed; `... train FOLDER` trains once, as one of several processes too.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from convscope.data.samples import ArraySamples
from convscope.train import Progress, Recipe, fit

RECIPE = Recipe(
    epochs=4, batch=8, learning_rate=0.02, ema=0.8, label_smoothing=0.1, augment="shift=1,rotation=0.05,erase=0.3",
    sizes=((0.5, 8), (0.5, 12)), validation=0.25, clip=1.0, freeze=0.6, whiten=True,
    precision="float32", threads=1,
)  # fmt: skip


def samples(count: int = 60) -> ArraySamples:
    """A bright square on the left or on the right, and noise."""
    random = np.random.default_rng(5)
    images = random.integers(0, 120, (count, 12, 12, 1), np.uint8)
    labels = np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        image[4:9, 1 + 6 * label : 5 + 6 * label] += 110
    return ArraySamples(images, labels, ["left", "right"])


def model(*, plain: bool = False):
    """A small network; with a normalisation and dropout unless it shall be plain."""
    import torch
    from torch import nn

    state = torch.get_rng_state()
    torch.manual_seed(3)
    extra = [] if plain else [nn.BatchNorm2d(6)]
    made = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), *extra, nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.0 if plain else 0.2),
        nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(32, 2), nn.Softmax(1),
    )  # fmt: skip
    torch.set_rng_state(state)
    return made


def train(folder: Path, *, resume: bool = False, plain: bool = False, **options) -> None:
    """Train into ``folder/run`` and leave the weights and the losses in ``folder``."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    recipe = RECIPE.replace(ema=0.0) if plain else RECIPE
    run = fit(
        model(plain=plain), samples(), recipe, folder / "run", resume=resume, finish=False, save_every=0, **options
    )
    if os.environ.get("RANK", "0") == "0":
        save_file({name: value.contiguous() for name, value in run.model.state_dict().items()}, folder / "weights")
        losses = "".join(f"{row['train_loss']:.9f}\n" for row in run.rows)
        (folder / "losses").write_text(losses + str(run.best), encoding="utf-8")


def killed(folder: Path, count: int, seed: int) -> int:
    """Train in forked processes that are killed at random moments until ``count`` were; how often that was."""
    random.seed(seed)
    import convscope.train.loop  # noqa: F401 - imported once, before the forks

    kills = 0
    while True:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                train(folder, resume=True)
                status = 0
            finally:
                os._exit(status)
        patience = time.monotonic() + (random.uniform(0.02, 0.35) if kills < count else 120)
        while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < patience:
            time.sleep(0.001)
        if done == (0, 0):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            kills += 1
        elif done[1] == 0:
            return kills
        else:
            raise SystemExit("a training failed")


def main() -> None:
    match sys.argv[1:]:
        case ["kills", folder, count, seed]:
            print(killed(Path(folder), int(count), int(seed)))
        case ["train", folder, *words]:
            stop_at = next((int(word) for word in words if word.isdecimal()), 0)

            def watch(progress: Progress) -> None:
                print(progress.stage, progress.epoch, progress.step, progress.note, flush=True)

            def probe(model, epoch: int, *, last: bool) -> None:
                first = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0"
                if stop_at and epoch == stop_at and first:
                    os.kill(int(Path(folder, "rank1").read_text()), signal.SIGKILL)

            if os.environ.get("RANK") == "1":
                Path(folder).mkdir(parents=True, exist_ok=True)
                Path(folder, "rank1").write_text(str(os.getpid()))
            train(Path(folder), resume="resume" in words, plain="plain" in words, watch=watch, probe=probe)


if __name__ == "__main__":
    main()
