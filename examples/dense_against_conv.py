"""Tutorial 3, trained: a dense against a convolutional network on Fashion-MNIST, on train and on test.

The tutorial compares accuracy on the training pictures: 0.9113 for the dense network, 0.9640 for the
convolutional one. What counts is the accuracy on pictures that were not trained on, and this example shows both.

Without --whole it takes a few seconds: three epochs on a thirtieth of the pictures. With --whole it is the
tutorial's training, ten epochs on all of them. Fashion-MNIST must be on this machine, for instance from Debian's
package dataset-fashion-mnist; without it, ten patterns drawn by a few lines below stand in.

    python examples/dense_against_conv.py [FOLDER] [--whole]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from stated import Lesson

from convscope.data.samples import ArraySamples
from convscope.data.sources import Source, open_source
from convscope.errors import DataError
from convscope.network import Preprocessing
from convscope.spec import build, load
from convscope.train import Recipe, fit
from convscope.train.evaluate import evaluate_model
from convscope.train.pictures import comparison_picture, confusion_picture, film_strip, wrong_picture
from convscope.train.probes import Probe, traces

STATED = {  # parameters, and the accuracy on the training pictures that the tutorial reports after ten epochs
    "fashion-dense": (101_770, 0.9113),
    "fashion-cnn": (243_786, 0.9640),
}


def part_of(samples, count):
    """The first pictures of a data set."""
    some = np.arange(min(count, len(samples)))
    return ArraySamples(samples.take(some), samples.labels[some], samples.classes)


def ten_patterns(count, seed):
    """Ten kinds of noisy pictures that need no download: a bright block at one of ten places."""
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, 10, count)
    images = draws.integers(0, 90, (count, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 5)
        image[4 + 12 * row : 10 + 12 * row, 1 + 5 * column : 6 + 5 * column] += 140
    return ArraySamples(images, labels, [f"place {label}" for label in range(10)])


whole = "--whole" in sys.argv
lesson = Lesson(__file__, __doc__, arguments=[word for word in sys.argv[1:] if word != "--whole"])

# 1. The pictures.
try:
    data = open_source("fashion-mnist")
except DataError as error:
    print(f"ten patterns stand in for Fashion-MNIST: {error}")
    data = Source("ten patterns", ten_patterns(2_000, 1), ten_patterns(500, 2))
if not whole:
    data = Source(data.name, part_of(data.train, 2_000), part_of(data.test, 500))
print(f"{data.name}: {len(data.train):,} pictures to train on, {len(data.test):,} to test with")

# 2. The same pictures and the same recipe for both networks. A tenth is held out to choose the best epoch with.
recipe = Recipe(
    epochs=10 if whole else 3, batch=128 if whole else 32, optimizer="adam", learning_rate=1e-3 if whole else 3e-3,
    weight_decay=0.0, validation=0.1,
)  # fmt: skip
results = {}
for name, (parameters, reported) in STATED.items():
    lesson.title(name)
    network = build(load(name))
    lesson.number("parameters", sum(value.numel() for value in network.parameters()), parameters)
    folder = Path(tempfile.mkdtemp()) / name
    first = data.test.take(np.array([0]))[0]  # is followed through the epochs
    probe = Probe(
        folder, first, Preprocessing((28, 28), channels=1), labels=data.train.classes, title=name,
        name="the first test picture",
    )  # fmt: skip
    run = fit(network, data, recipe, folder, probe=probe, finish=False)
    trained = evaluate_model(run.model, data.train, run.split.train)
    tested = evaluate_model(run.model, data.test, np.arange(len(data.test)))
    results[name] = run, trained, tested
    print(f"  accuracy on train {trained.accuracy:.4f}, on test {tested.accuracy:.4f}, {run.seconds:.1f} s")
    lesson.fact("better than guessing, on test", tested.accuracy > 0.5)
    if whole:
        lesson.fact(f"at least {reported} on train", trained.accuracy >= reported)
    lesson.picture(f"film-{name}", film_strip(traces(folder)))

# 3. Side by side.
lesson.title("network          parameters    train     test     time")
for name, (run, trained, tested) in results.items():
    print(f"{name:<16} {STATED[name][0]:>10,}   {trained.accuracy:.4f}   {tested.accuracy:.4f}   {run.seconds:5.1f} s")
lesson.picture("curves", comparison_picture([(name, run.rows) for name, (run, _, _) in results.items()]))
_, trained, tested = results["fashion-cnn"]
lesson.picture("confusion", confusion_picture(tested, data.test.classes))
lesson.picture("wrong", wrong_picture(tested, data.test))

lesson.done()
