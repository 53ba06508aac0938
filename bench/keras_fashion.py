"""The tutorial's script: Fashion-MNIST with Keras, as thousands of people have typed it.

Two convolutions, Adam, batches of 32, 10 epochs, float32. Run it in an environment with Keras and TensorFlow
(`requirements-bench.txt`); `bench/train_fashion.py` does. Prints one line of JSON:

* seconds: from the first byte of the files to the end of the last epoch, without imports and without testing;
* accuracy: on the 10,000 test images, after each epoch.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np


def idx(path: Path, offset: int) -> np.ndarray:
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=offset)


class Test(keras.callbacks.Callback):
    """Tests after each epoch and keeps the time it took, which is not training."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        super().__init__()
        self.images, self.labels = images, labels
        self.accuracy: list[float] = []
        self.seconds = 0.0

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:  # noqa: ARG002 - Keras' words
        began = time.perf_counter()
        scores = self.model.predict(self.images, batch_size=256, verbose=0)
        self.accuracy.append(float((scores.argmax(1) == self.labels).mean()))
        self.seconds += time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the four files of Fashion-MNIST")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--samples", type=int, default=60_000)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)

    began = time.perf_counter()
    images = idx(options.data / "train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)[: options.samples] / 255.0
    labels = idx(options.data / "train-labels-idx1-ubyte.gz", 8)[: options.samples]
    loading = time.perf_counter() - began
    test_images = idx(options.data / "t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1) / 255.0
    test = Test(test_images, idx(options.data / "t10k-labels-idx1-ubyte.gz", 8))

    began = time.perf_counter()
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(images, labels, epochs=options.epochs, batch_size=32, verbose=0, callbacks=[test])
    seconds = loading + time.perf_counter() - began - test.seconds
    found = {
        "seconds": seconds,
        "accuracy": test.accuracy,
        "train_accuracy": history.history["accuracy"][-1],
        "parameters": model.count_params(),
        "versions": f"Keras {keras.__version__} on {keras.backend.backend()}",
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
