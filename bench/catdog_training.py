"""How the bundled network ``catdog`` was trained, in three stages, and the tutorial's network beside it.

    python bench/catdog_training.py first RUN       # 30 epochs on the squares, with the photos of the test kept away
    python bench/catdog_training.py second RUN --from RUN1    # 12 more, on originals too, with stronger changes
    python bench/catdog_training.py third RUN --from RUN2     # 16 more, of which some photos lose their colours
    python bench/catdog_training.py bundle RUN      # put the network of a training into the package, in half the bytes
    python bench/catdog_training.py tutorial RUN    # the tutorial's network and recipe on the 2,000 originals

A training that was stopped goes on when the same line is typed again. ``catdog.py`` measures what comes out, and says
which photos are for what.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from catdog import ALIKE, DATA, HELD_OUT, SEED, TEST, class_folders, likeness
from torch import Tensor

from convscope.adapters.saved import NAME_IN_RUN, Saved
from convscope.data.folder import FolderSamples, open_folder
from convscope.data.samples import ArraySamples
from convscope.data.splitting import keyed_draws
from convscope.image import open_image, resize
from convscope.network import Fit
from convscope.networks import FOLDER
from convscope.spec import build, load
from convscope.train import fit
from convscope.train.calibrate import fit_temperature
from convscope.train.checkpoint import Checkpoints, decode
from convscope.train.evaluate import evaluate_model
from convscope.train.export import export_network
from convscope.train.recipe import Recipe
from convscope.train.recipes import recipe_for
from convscope.weights import load_into, read

SIDE = 224
FITS: tuple[Fit, ...] = ("pad", "crop")
"""How an original, which has proportions, is shown to the later stages: whole with bars, and its middle."""
SECOND: dict[str, Any] = {
    "epochs": 12,
    "learning_rate": 1.2e-3,
    "warmup": 0.15,
    "augment": "flip,rotation=0.03,crop=0.3,colour=0.5,erase=0.3",
    "sizes": ((0.5, 160), (0.5, 192)),
}
THIRD = SECOND | {
    "epochs": 16,
    "learning_rate": 1.5e-3,
    "augment": "flip,rotation=0.03,crop=0.3,colour=0.5,erase=0.3,grey=0.3",
    "sizes": ((0.5, 160), (0.5, 208)),
}
CARD = (
    "Cat or dog, trained by convscope on photos of the cats-vs-dogs set; catdog.md beside this file says how, how good "
    "it is, and where its limits are. Apache-2.0."
)


def squares_of(data: Path, cache: Path | None) -> FolderSamples:
    return open_folder(data / "cats_dogs_128", (SIDE, SIDE), cache=cache)


def taken(samples: FolderSamples, which: np.ndarray) -> np.ndarray:
    """The pixels of these samples, decoded a few hundred at a time."""
    made = np.empty((len(which), *samples.shape), np.uint8)
    for start in range(0, len(which), 512):
        made[start : start + 512] = samples.take(which[start : start + 512])
    return made


def first_samples(data: Path, cache: Path | None) -> ArraySamples:
    """The squares without those of the test."""
    squares = squares_of(data, cache)
    kept = np.flatnonzero(keyed_draws(squares.keys, SEED) >= TEST)
    names, keys = ([values[i] for i in kept] for values in (squares.names, squares.keys))
    return ArraySamples(taken(squares, kept), squares.labels[kept], squares.classes, names=names, keys=keys)


def later_samples(data: Path, cache: Path | None) -> ArraySamples:
    """The same, and the originals of squares to train on, in their proportions.

    An original carries the key of its square, so that both stay on one side of the split; one that looks like any
    square of the test or the validation stays away.
    """
    first = first_samples(data, cache)
    squares, originals = class_folders(data / "cats_dogs_128"), class_folders(data / "cats_dogs_photos")
    keys = [key_of(file) for file in squares.files]
    held = keyed_draws(keys, SEED) < HELD_OUT
    products = likeness(originals) @ likeness(squares).T
    twins = products.argmax(1)
    used = np.flatnonzero((products.max(1) > ALIKE) & (products[:, held].max(1) <= ALIKE))
    pixels, labels, names, more = [], [], [], []
    for i in used:
        picture = open_image(originals.files[i])
        for how in FITS:
            pixels.append(resize(picture, (SIDE, SIDE), fit=how)[0])
            labels.append(originals.labels[i])
            names.append(f"{originals.files[i].name} {how}")
            more.append(keys[twins[i]])
    print(f"{len(first):,} squares and {len(used):,} originals, each {len(FITS)} times")
    return ArraySamples(
        np.concatenate([first.images, np.stack(pixels)]), np.concatenate([first.labels, np.array(labels)]),
        first.classes, names=[*first.names, *names], keys=[*first.keys, *more],
    )  # fmt: skip


def key_of(file: Path) -> str:
    import hashlib

    return hashlib.sha256(file.read_bytes()).hexdigest()


def train(samples: Any, net: str, recipe: Recipe, run: Path, weights: Path | None = None) -> None:
    """Train in the product's own loop; a run that was stopped goes on."""
    spec = load(net)

    def watch(progress: Any) -> None:
        if progress.row:
            print({name: round(value, 4) for name, value in progress.row.items()}, flush=True)
        elif progress.note:
            print(progress.note, flush=True)

    height, width, channels = samples.shape
    model = build(spec, (channels, height, width), seed=recipe.seed)
    if weights is not None:
        load_into(model, weights)
    print(fit(model, samples, recipe, run, resume=run.exists(), watch=watch, spec=spec.text(), title=net))


def last_weights(run: Path) -> dict[str, Tensor]:
    """The running mean of the weights at the end of a training, by name.

    The run keeps those of its most accurate epoch. Of 1,910 photos a handful decides which one that is; the third stage
    was said to be best in its second epoch, and had the lowest loss in its last.
    """
    newest = Checkpoints(run / "checkpoints", print).newest()
    assert newest is not None
    _, tensors = decode(newest)
    means = {name.removeprefix("mean/"): value for name, value in tensors.items() if name.startswith("mean/")}
    return {name.removeprefix("model/"): value for name, value in tensors.items() if name.startswith("model/")} | means


def bundle(run: Path, data: Path, how: Fit) -> None:
    """Save the network at the end of a training as the one that comes along, kernels as float16.

    Its temperature is fitted anew, on the squares for validation.

    Args:
        run: folder of the training.
        data: the folder of photos.
        how: how a photo of other proportions gets to the size of the network.
    """
    said = Saved.read(read(run / NAME_IN_RUN).metadata)
    assert said.spec is not None
    assert said.preprocessing is not None
    model = build(said.spec, (3, SIDE, SIDE))
    model.load_state_dict(last_weights(run))
    squares = squares_of(data, None)
    at = keyed_draws(squares.keys, SEED)
    found = evaluate_model(
        model, squares, np.flatnonzero((at >= TEST) & (at < HELD_OUT)), scale=said.preprocessing.scale, batch=64
    )
    calibration = fit_temperature(found.logits, found.labels)
    print(f"validation: {found.accuracy:.2%}, {calibration}")
    asked = replace(said.preprocessing, size=(SIDE, SIDE), fit=how)
    place = FOLDER / "catdog.safetensors"
    export_network(place, model, said.spec, said.labels, asked, calibration, "catdog", CARD, half=True)
    print(f"{place}: {place.stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("first", "second", "third", "bundle", "tutorial"))
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the training")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of photos")
    parser.add_argument("--cache", type=Path, help="a folder to keep decoded squares in, 3 GB")
    parser.add_argument("--from", dest="before", type=Path, metavar="RUN", help="the stage before")
    parser.add_argument("--size", type=int, default=300, help="with tutorial: pixels a side")
    parser.add_argument("--fit", default="crop", choices=get_args(Fit), help="with bundle")
    told = parser.parse_args()
    if not told.data.is_dir():
        sys.exit(f"the folder of photos is missing: {told.data}")
    recipe = recipe_for("catdog")

    def tutorial() -> None:
        # So few photos make 13 steps an epoch at the tutorial's batch of 128; it names 32 as well.
        samples = open_folder(told.data / "cats_dogs_photos", (told.size, told.size))
        train(samples, "cats-dogs", recipe_for("cats-dogs").replace(batch=32), told.run)

    def later(changes: dict[str, Any]) -> None:
        if told.before is None:
            sys.exit("this stage begins with the weights of the one before; give its folder with --from RUN")
        samples = later_samples(told.data, told.cache)
        train(samples, "catdog", recipe.replace(**changes), told.run, told.before / NAME_IN_RUN)

    stages: dict[str, Callable[[], None]] = {
        "first": lambda: train(first_samples(told.data, told.cache), "catdog", recipe, told.run),
        "second": lambda: later(SECOND),
        "third": lambda: later(THIRD),
        "bundle": lambda: bundle(told.run, told.data, cast("Fit", told.fit)),
        "tutorial": tutorial,
    }
    stages[told.what]()


if __name__ == "__main__":
    main()
