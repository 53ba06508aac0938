"""How good the bundled network ``fashion`` is on the 10,000 test images, and how it was trained.

    python bench/fashion.py                   # what the model card says, measured again; exits 1 when it is not so
    python bench/fashion.py --bundle RUN      # put the network of a training into the package, in half the bytes

RUN is the folder of ``convscope train fashion-mnist --net fashion-vgg --out RUN``, which holds a tenth of the
training images out to choose the epoch and the temperature, and never looks at the test.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from convscope.adapters.saved import NAME_IN_RUN, Saved
from convscope.data.sources import open_source
from convscope.networks import FOLDER
from convscope.spec import build
from convscope.train.calibrate import calibrated, calibration_error
from convscope.train.evaluate import evaluate_model
from convscope.train.export import export_network
from convscope.weights import load_into, read

FILE = FOLDER / "fashion.safetensors"
ACCURACY, ERROR, BYTES = 0.935, 0.03, 1_200_000
CARD = (
    "What a piece of clothing is, from a picture of 28x28 pixels, trained by convscope on Fashion-MNIST; fashion.md "
    "beside this file says how, how good it is, and where its limits are. Apache-2.0."
)


def opened(file: Path) -> tuple:
    """The model in a file, and what the file says of itself."""
    said = Saved.read(read(file).metadata)
    model = build(said.spec, (1, 28, 28))
    load_into(model, file)
    return model.eval(), said


def bundle(run: Path) -> None:
    """Save the network of a training as the one that comes along, kernels as float16."""
    model, said = opened(run / NAME_IN_RUN)
    export_network(
        FILE, model, said.spec, said.labels, said.preprocessing, said.calibration, "fashion", CARD, half=True
    )
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")


def measured() -> list[str]:
    """Print the table of the card; the promises that do not hold."""
    model, said = opened(FILE)
    test = open_source("fashion-mnist").test
    found = evaluate_model(model, test, np.arange(len(test)), scale=said.preprocessing.scale)
    temperature = said.calibration["temperature"]
    error = calibration_error(calibrated(found.logits, temperature), found.labels)
    size, params = FILE.stat().st_size, sum(value.numel() for value in model.parameters())
    print(f"{params:,} parameters, {size:,} bytes, temperature {temperature:.4f} from {said.calibration['samples']:,}")
    print(f"test: {found.right:,} of {len(found):,} right, {found.accuracy:.4f}; calibration error {error:.4f}")
    for name, right in zip(said.labels, found.per_class, strict=True):
        print(f"  {name:<12} {right:.3f}")
    for truth, answer, count in found.confused(5):
        print(f"  {said.labels[truth]} taken for {said.labels[answer]}: {count}")
    promises = {
        f"accuracy {found.accuracy:.4f}, promised above {ACCURACY}": found.accuracy > ACCURACY,
        f"calibration error {error:.4f}, promised under {ERROR}": error < ERROR,
        f"{size:,} bytes, promised at most {BYTES:,}": size <= BYTES,
    }
    return [text for text, holds in promises.items() if not holds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, metavar="RUN", help="put the network of this training into the package")
    options = parser.parse_args()
    if options.bundle:
        bundle(options.bundle)
    failed = measured()
    for promise in failed:
        print(f"FAILED {promise}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
