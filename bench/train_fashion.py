"""Training on Fashion-MNIST against the tutorial's script in Keras, on the same machine, in one sitting.

The same network of 243,786 parameters, the same 60,000 images (none held out), two threads. Asked, for every seed:

* the script's final accuracy on the 10,000 test images in at most 1/15 of its time (`fashion-cnn`, 2 epochs);
* its best accuracy after any epoch in at most 1/10 (3 epochs);
* 92.4 % in at most 1/3 (9 epochs);
* above 93.5 % in at most its whole time, with the stronger network `fashion-vgg`;
* an epoch of `fashion-cnn` in at most 2.2 times the arithmetic floor: 29.6 million floating point operations a sample
  and step, divided by the rate at which this machine multiplies bfloat16 matrices. Machines drift, so the rate is
  measured before and after every epoch, outside of what is timed, and the median of the epochs' ratios counts. For
  this alone three epochs are trained in which every layer learns in every step.

What is timed is the same on both sides: from the first byte of the files to the last step, reading, unpacking, building
and the product's own checkpoints included; imports and testing are not. Each training is a process of its own. Ours is
`convscope.train.fit`, what `convscope train` calls. Accuracy is that of the weights at the end, tested once.

    python bench/train_fashion.py --keras-python .venv-bench/bin/python
    python bench/train_fashion.py --keras-python .venv-bench/bin/python --seeds 1 --save fashion.json

With `--save`, measurements that are in the file are not made again, so that a long sitting can be cut in pieces. Exits
1 when a claim does not hold.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDERS = (Path("/usr/share/datasets/fashion-mnist"), Path.home() / ".cache/convscope/fashion-mnist")
FLOP = 29.6e6
"""Of a sample and step of fashion-cnn: forward, and backward twice that but for the first layer's input."""
SHORT = ("fashion-cnn-2", "fashion-cnn-3")
"""Trained before and after the script, whose minutes may be quicker or slower ones; the mean of both times counts."""
RATIO = 2.2
FLOORED, FLOOR_EPOCHS = "fashion-cnn", 3
"""The recipe whose epochs are compared with the floor, and how many are, with every layer learning in all of them."""
OURS = (
    # recipe, share of the script's time, the accuracy asked for: a number, or a word for the script's own
    ("fashion-cnn-2", 1 / 15, "final"),
    ("fashion-cnn-3", 1 / 10, "best"),
    ("fashion-cnn", 1 / 3, 0.924),
    ("fashion-vgg", 1.0, 0.935),
)


class Rate:
    """How fast this process multiplies bfloat16 matrices, measured between the epochs of a training, as its probe."""

    def __init__(self) -> None:
        import torch

        self.pairs = [tuple(torch.randn(n, n).to(torch.bfloat16) for _ in range(2)) for n in (1024, 2048)]
        self.flops: list[float] = []
        self.seconds: list[float] = []

    def __call__(self, *_: object, **__: object) -> None:
        began = time.perf_counter()
        self.flops.append(max(self._median(left, right) for left, right in self.pairs))
        self.seconds.append(time.perf_counter() - began)

    @staticmethod
    def _median(left, right) -> float:
        """Floating point operations a second, of the median of seven products."""
        each = []
        for _ in range(7):
            began = time.perf_counter()
            left @ right
            each.append(time.perf_counter() - began)
        return 2 * len(left) ** 3 / statistics.median(each)


def train(name: str, seed: int, threads: int, samples: int, epochs: int, *, floor: bool = False) -> dict:
    """One training of ours, in this process; for the floor only its first epochs, with nothing that stands still."""
    import numpy as np
    import torch

    from convscope.data.samples import ArraySamples
    from convscope.data.sources import open_source
    from convscope.spec import build, load
    from convscope.train import fit
    from convscope.train.evaluate import evaluate_model
    from convscope.train.recipes import network_of, recipe_for

    recipe = recipe_for(name).replace(validation=0.0, seed=seed, threads=threads)
    torch.set_num_threads(threads)
    rate = Rate() if floor else None
    recipe = recipe.replace(epochs=FLOOR_EPOCHS, freeze=0.0) if floor else recipe
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        source = open_source("fashion-mnist")
        data = source.train
        if samples < len(data):
            some = np.arange(samples)
            data, recipe = ArraySamples(data.take(some), data.labels[some], data.classes), recipe.replace(epochs=epochs)
        model = build(load(network_of(name)), seed=seed)
        run = fit(model, data, recipe, Path(folder) / "run", finish=False, probe=rate)
        seconds = time.perf_counter() - began
    found = evaluate_model(run.model, source.test, np.arange(len(source.test)), scale=recipe.scale)
    ends = [0.0, *(row["seconds"] for row in run.rows)]
    each = [after - before for before, after in itertools.pairwise(ends)]
    result = {
        "seconds": seconds,
        "accuracy": found.accuracy,
        "epoch": statistics.median(each),
        "epochs": len(each),
        "precision": run.precision,
        "parameters": sum(value.numel() for value in run.model.parameters()),
    }
    if rate:
        # A row's seconds count from the start of training: the measuring before the epoch is in it, and is taken out.
        each = [epoch - measuring for epoch, measuring in zip(each, rate.seconds, strict=False)]
        rates = [(before + after) / 2 for before, after in itertools.pairwise(rate.flops)]
        floors = [FLOP * samples / flops for flops in rates]
        result |= {
            "epoch": statistics.median(each),
            "floor": statistics.median(floors),
            "ratio": statistics.median(epoch / floor for epoch, floor in zip(each, floors, strict=True)),
        }
    return result


def asked(command: list[str]) -> dict:
    """What a process answers: the last line that it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


class Sitting:
    """Measurements by name, kept in a file where one is given."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.found: dict[str, dict] = json.loads(file.read_text()) if file and file.exists() else {}

    def measured(self, name: str, command: list[str]) -> dict:
        if name not in self.found:
            self.found[name] = asked(command)
            if self.file:
                self.file.write_text(json.dumps(self.found, indent=1))
        return self.found[name]


def trained(sitting: Sitting, options: argparse.Namespace, name: str, seed: int, when: str) -> dict:
    """One training of ours, in a process of its own."""
    command = [sys.executable, __file__, "--one", name, "--seed", str(seed), "--threads", str(options.threads)]
    command += ["--quick"] * options.quick + ["--floor"] * (when == "floor")
    return sitting.measured(f"{name} {seed} {when}".rstrip(), command)


def seed_holds(sitting: Sitting, options: argparse.Namespace, data: Path, seed: int) -> bool:
    """Measure and print one seed; whether every claim holds."""
    samples, epochs = (6000, 1) if options.quick else (60_000, 10)
    script = None
    for name in SHORT:
        if not options.only or name in options.only:
            trained(sitting, options, name, seed, "before")
    if options.keras_python:
        command = [options.keras_python, str(Path(__file__).with_name("keras_fashion.py")), "--data", str(data)]
        command += ["--seed", str(seed), "--epochs", str(epochs), "--samples", str(samples)]
        script = sitting.measured(f"script {seed}", command)
        final, best = script["accuracy"][-1], max(script["accuracy"])
        print(
            f"\nseed {seed}: {script['versions']}, {script['parameters']:,} parameters: {script['seconds']:.1f} s, "
            f"test {final:.4f} at the end, {best:.4f} at its best, train {script['train_accuracy']:.4f}"
        )
    else:
        print(f"\nseed {seed}")
    good = True
    for name, share, goal in OURS:
        if options.only and name not in options.only:
            continue
        found = trained(sitting, options, name, seed, "")
        if name in SHORT:
            before = trained(sitting, options, name, seed, "before")
            found = {**found, "seconds": (before["seconds"] + found["seconds"]) / 2}
        line = f"  {name:<14} {found['epochs']:>2} epochs {found['seconds']:6.1f} s, test {found['accuracy']:.4f}"
        wanted = goal if isinstance(goal, float) else (final if goal == "final" else best) if script else None
        holds = wanted is None or (found["accuracy"] > wanted if name == "fashion-vgg" else found["accuracy"] >= wanted)
        line += "" if wanted is None else f" (asked {wanted:.4f})"
        if script:
            allowed = script["seconds"] * share
            holds = holds and found["seconds"] <= allowed
            line += f", 1/{script['seconds'] / found['seconds']:.1f} of the script's time (asked {allowed:.1f} s)"
        if name == FLOORED:
            whole = trained(sitting, options, name, seed, "floor")
            holds = holds and (options.quick or whole["ratio"] <= RATIO)
            line += f"\n{'':17}a whole epoch {whole['epoch']:.2f} s, {whole['ratio']:.2f} x the floor of "
            line += f"{whole['floor']:.2f} s (asked {RATIO}), in {whole['precision']}"
        print(line + ("" if options.quick else "   holds" if holds else "   FAILS"), flush=True)
        good = good and holds
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keras-python", help="an interpreter with Keras and TensorFlow; left out, only ours is run")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0")
    parser.add_argument("--seed", type=int, help="this seed alone")
    parser.add_argument("--only", nargs="*", help="of ours, only these recipes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="the folder with the four files")
    parser.add_argument("--save", type=Path, help="a file of measurements, read and added to")
    parser.add_argument("--quick", action="store_true", help="one epoch of 6,000 images; nothing is claimed")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--floor", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        samples, epochs = (6000, 1) if options.quick else (60_000, 10)
        print(json.dumps(train(options.one, options.seed or 0, options.threads, samples, epochs, floor=options.floor)))
        return
    data = options.data or next((folder for folder in FOLDERS if folder.is_dir()), None)
    if data is None:
        sys.exit("Fashion-MNIST is not there; run `convscope train fashion-mnist --download` once, or give --data")
    sitting = Sitting(options.save)
    seeds = [options.seed] if options.seed is not None else range(options.seeds)
    good = [seed_holds(sitting, options, data, seed) for seed in seeds]
    sys.exit(0 if options.quick or all(good) else 1)


if __name__ == "__main__":
    main()
