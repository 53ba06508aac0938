"""How good the bundled network ``catdog`` is on photos that it never saw; ``catdog_training.py`` trains it.

    python bench/catdog.py                   # what the model card says, measured again; exits 1 when a promise fails
    python bench/catdog.py --network RUN     # the same of another network

Needs the folder of data beside the repository (``--data``). A photo of ``cats_dogs_128`` is for the test where the
hash of its file, keyed with the seed 1337, is below 0.1 of its range, and for validation where it is below 0.2: the
same hash by which ``convscope train`` holds 0.2 out. So the training photos are those of that command, what is
chosen on validation (epochs, the temperature, the fit) has not seen the test, and who repeats it gets the same parts.
Photos of the test that have a likeness elsewhere in the set are left out.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from convscope.adapters import Options
from convscope.data.splitting import keyed_draws
from convscope.networks import FOLDER, path_of
from convscope.predicting import Classifier, Prediction
from convscope.train.calibrate import calibration_error

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
CLASSES = ("cat", "dog")
SEED, TEST, HELD_OUT = 1337, 0.1, 0.2
ACCURACY, ERROR, BYTES = 0.95, 0.03, 4_000_000
ALIKE = 0.97
"""Correlation of two thumbnails above which they show one photo; of different ones, hardly a pair passes 0.94."""


@dataclass(frozen=True)
class Photos:
    """Labelled files."""

    what: str
    files: Sequence[Path]
    labels: np.ndarray


@dataclass(frozen=True)
class Result:
    """What a network says of them."""

    photos: Photos
    probabilities: np.ndarray

    @property
    def right(self) -> np.ndarray:
        return np.asarray(self.probabilities.argmax(1) == self.photos.labels)

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @property
    def error(self) -> float:
        return calibration_error(self.probabilities, self.photos.labels)

    def row(self) -> str:
        each = ", ".join(
            f"{name} {self.right[self.photos.labels == i].mean():.1%}"
            for i, name in enumerate(CLASSES)
            if (self.photos.labels == i).any()
        )
        return f"{self.photos.what:58} {len(self.right):6,} {self.accuracy:9.2%}  {each:24} {self.error:.4f}"


def class_folders(root: Path) -> Photos:
    files = [(file, label) for label, name in enumerate(CLASSES) for file in sorted((root / name).iterdir())]
    return Photos(root.name, [file for file, _ in files], np.array([label for _, label in files]))


def draws(photos: Photos) -> np.ndarray:
    """Where each photo stands between 0 and 1, by the hash of its file."""
    return keyed_draws([hashlib.sha256(file.read_bytes()).hexdigest() for file in photos.files], SEED)


def some(photos: Photos, which: np.ndarray, what: str) -> Photos:
    return Photos(what, [photos.files[i] for i in np.flatnonzero(which)], photos.labels[which])


def likeness(photos: Photos) -> np.ndarray:
    """One row of unit length a photo: its 8x8 colours less their mean; products of rows are correlations."""
    rows = np.empty((len(photos.files), 192), np.float32)
    for row, file in zip(rows, photos.files, strict=True):
        with Image.open(file) as image:
            image.draft("RGB", (64, 64))
            row[:] = np.asarray(image.convert("RGB").resize((8, 8), Image.Resampling.BOX), np.float32).ravel()
    rows -= rows.mean(1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def parts(data: Path) -> dict[str, Photos]:
    """The photos that the network is asked about; none of them was trained on."""
    squares = class_folders(data / "cats_dogs_128")
    at = draws(squares)
    looks = likeness(squares)
    tested = at < TEST
    twins = np.zeros(len(at), bool)
    twins[tested] = (looks[tested] @ looks[~tested].T).max(1) > ALIKE
    choosing = (at >= TEST) & (at < HELD_OUT)
    print(
        f"{len(at):,} photos: {np.sum(at >= HELD_OUT):,} to train on, {choosing.sum():,} for validation, "
        f"{tested.sum():,} for the test, of which {twins.sum()} are left out for a likeness elsewhere"
    )
    originals = class_folders(data / "cats_dogs_photos")
    products = likeness(originals) @ looks.T
    twin = products.argmax(1)
    assert (products.max(1) > ALIKE).all(), "an original is in no part of the split"
    side = np.where(twins[twin], 1.0, at[twin])
    with (data / "pets" / "manifest.csv").open(newline="") as file:
        pets = list(csv.DictReader(file))
    return {
        "validation": some(squares, choosing, "validation (chose epochs, temperature and fit)"),
        "test": some(squares, tested & ~twins, "test, squares of 128x128"),
        "originals": some(originals, side < TEST, "originals of test photos (those at hand)"),
        "pets": Photos(
            "Oxford-IIIT pets (another set)",
            [data / "pets" / "images" / pet["file"] for pet in pets],
            np.array([CLASSES.index(pet["species"]) for pet in pets]),
        ),
    }


def asked(classifier: Classifier, photos: Photos) -> Result:
    rows = []
    for found in classifier.over(photos.files):
        assert isinstance(found, Prediction), found
        rows.append([score.value for score in sorted(found.scores, key=lambda score: score.index)])
    return Result(photos, np.array(rows))


def measured(data: Path, network: str, size: tuple[int, int] | None) -> list[str]:
    """Print the table of the card; the promises that do not hold."""
    classifier = Classifier(network, Options(size=size))
    print(f"{classifier.title}: {classifier.preprocessing}, temperature {classifier.temperature}")
    found = parts(data)
    print(f"{'photos':58} {'number':>6} {'right':>9}  {'each class':24} calibration error")
    results = {name: asked(classifier, photos) for name, photos in found.items()}
    for result in results.values():
        print(result.row())
    failed = [
        f"{name}: {results[name].accuracy:.2%} right, promised {ACCURACY:.0%}"
        for name in ("test", "originals", "pets")
        if results[name].accuracy < ACCURACY
    ]
    if results["test"].error >= ERROR:
        failed.append(f"calibration error {results['test'].error:.4f} on the test, promised under {ERROR}")
    named = {
        "chelsea": "cat",
        data / "tutorial_photos" / "cat1.jpg": "cat",
        data / "tutorial_photos" / "dog1.jpg": "dog",
    }
    for (photo, wanted), said in zip(named.items(), classifier.over(named), strict=True):
        assert isinstance(said, Prediction), said
        print(f"{Path(photo).name}: {said.label} {said.value:.4f}")
        if said.label != wanted:
            failed.append(f"{photo} is a {wanted}, not a {said.label}")
    if network == "catdog":
        files = {file.name: file.stat().st_size for file in FOLDER.glob("*.safetensors")}
        print(f"files: {files}, together {sum(files.values()):,} bytes; here {path_of('catdog').stat().st_size:,}")
        if sum(files.values()) > BYTES:
            failed.append(f"the bundled networks take {sum(files.values()):,} bytes, promised {BYTES:,}")
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of photos")
    parser.add_argument(
        "--network", default="catdog", help="another network to measure: a file, the folder of a training"
    )
    parser.add_argument("--size", type=int, help="another size of its input")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"the folder of photos is missing: {arguments.data}")
    side = arguments.size
    failed = measured(arguments.data, arguments.network, (side, side) if side else None)
    for promise in failed:
        print(f"FAILED {promise}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
