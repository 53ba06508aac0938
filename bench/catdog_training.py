"""How the bundled network ``catdog`` was trained, in two stages, and the tutorial's network beside it.

    python bench/catdog_training.py first RUN       # 30 epochs on the squares, with the photos of the test kept away
    python bench/catdog_training.py second RUN      # 12 more from the bundled weights, on originals too, changed more
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

from convscope.adapters.saved import NAME_IN_RUN, Saved
from convscope.data.folder import FolderSamples, open_folder
from convscope.data.samples import ArraySamples
from convscope.data.splitting import keyed_draws
from convscope.image import open_image, resize
from convscope.network import Fit
from convscope.networks import FOLDER, path_of
from convscope.spec import build, load
from convscope.train import fit
from convscope.train.export import export_network
from convscope.train.recipe import Recipe
from convscope.train.recipes import recipe_for
from convscope.weights import load_into, read

SIDE = 224
FITS: tuple[Fit, ...] = ("pad", "crop")
"""How an original, which has proportions, is shown to the second stage: whole with bars, and its middle."""
SECOND: dict[str, Any] = {
    "epochs": 12,
    "learning_rate": 1.2e-3,
    "warmup": 0.15,
    "augment": "flip,rotation=0.03,crop=0.3,colour=0.5,erase=0.3",
    "sizes": ((0.5, 160), (0.5, 192)),
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


def second_samples(data: Path, cache: Path | None) -> ArraySamples:
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


def bundle(run: Path, size: int | None, how: Fit) -> None:
    """Save the network of a training as the one that comes along, kernels as float16.

    Args:
        run: folder of the training.
        size: pixels a side that a photo is brought to, None for those of the training.
        how: how a photo of other proportions gets there.
    """
    file = run / NAME_IN_RUN
    said = Saved.read(read(file).metadata)
    assert said.spec is not None
    assert said.preprocessing is not None
    assert said.preprocessing.size is not None
    model = build(said.spec, (3, *said.preprocessing.size))
    load_into(model, file)
    asked = replace(said.preprocessing, size=(size, size) if size else said.preprocessing.size, fit=how)
    place = FOLDER / "catdog.safetensors"
    export_network(place, model, said.spec, said.labels, asked, said.calibration, "catdog", CARD, half=True)
    print(f"{place}: {place.stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("first", "second", "bundle", "tutorial"))
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the training")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of photos")
    parser.add_argument("--cache", type=Path, help="a folder to keep decoded squares in, 3 GB")
    parser.add_argument("--from", dest="weights", type=Path, help="weights that the second stage begins with")
    parser.add_argument("--size", type=int, help="with bundle and tutorial: pixels a side")
    parser.add_argument("--fit", default="pad", choices=get_args(Fit), help="with bundle")
    told = parser.parse_args()
    if not told.data.is_dir():
        sys.exit(f"the folder of photos is missing: {told.data}")
    recipe = recipe_for("catdog")

    def tutorial() -> None:
        # So few photos make 13 steps an epoch at the tutorial's batch of 128; it names 32 as well.
        samples = open_folder(told.data / "cats_dogs_photos", (told.size or 300,) * 2)
        train(samples, "cats-dogs", recipe_for("cats-dogs").replace(batch=32), told.run)

    stages: dict[str, Callable[[], None]] = {
        "first": lambda: train(first_samples(told.data, told.cache), "catdog", recipe, told.run),
        "second": lambda: train(
            second_samples(told.data, told.cache), "catdog", recipe.replace(**SECOND), told.run,
            told.weights or path_of("catdog"),
        ),
        "bundle": lambda: bundle(told.run, told.size, cast("Fit", told.fit)),
        "tutorial": tutorial,
    }  # fmt: skip
    stages[told.what]()


if __name__ == "__main__":
    main()
