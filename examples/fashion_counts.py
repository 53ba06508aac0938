"""Tutorial 3, its shapes and counts: a dense against a convolutional network on a 28 x 28 picture.

Prints the shape of every layer and how its parameters are counted, and draws what each of the seven
layers makes of one picture. The networks are untrained here, so the maps are those of random filters.
The picture is your photo, made grey and 28 x 28. Without one it is the first test image of Fashion-MNIST
where Debian's package dataset-fashion-mnist has put it, else an ankle boot drawn by a few lines below.

    python examples/fashion_counts.py [FOLDER] [PHOTO]
"""

import gzip
from pathlib import Path

import numpy as np
from stated import Lesson

import convscope as cs
from convscope.draw import contact, grid, step_picture
from convscope.spec import load, plan

DEBIAN = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")
DENSE = [("flatten_1", "784", 0), ("dense_1", "128", 100_480), ("dense_2", "10", 1_290)]
CONVOLUTIONAL = [  # layer, its output with the activation, the shape and count that the tutorial states
    ("conv_1", "relu_1", "26x26x64", 640),
    ("pool_1", "pool_1", "13x13x64", 0),
    ("conv_2", "relu_2", "11x11x64", 36_928),
    ("pool_2", "pool_2", "5x5x64", 0),
    ("flatten_1", "flatten_1", "1600", 0),
    ("dense_1", "relu_3", "128", 204_928),
    ("dense_2", "softmax_1", "10", 1_290),
]


def first_test_image():
    """28 x 28 grey values, and where they are from."""
    if DEBIAN.is_file():
        with gzip.open(DEBIAN) as file:
            header_and_image = file.read(16 + 28 * 28)
        image = np.frombuffer(header_and_image, np.uint8, offset=16).reshape(28, 28)
        return image, "the first test image of Fashion-MNIST"
    return drawn_boot(), "an ankle boot drawn by this example"


def drawn_boot():
    """A 28 x 28 picture that needs no download."""
    y, x = np.mgrid[0:28, 0:28]
    shaft = (x >= 15) & (x <= 25) & (y >= 5) & (y <= 20)
    foot = (y >= 13) & (y <= 20) & (x >= 2) & ((x - 14) ** 2 / 144 + (y - 21) ** 2 / 64 <= 1)
    sole = (y >= 20) & (y <= 22) & (x >= 2) & (x <= 26)
    boot = np.where(shaft | foot, 150 + 4 * (x - y), 0)
    boot[(shaft | foot) & ((x + y) % 5 == 0)] += 40
    boot[sole] = 90
    return boot.clip(0, 255).astype(np.uint8)


lesson = Lesson(__file__, __doc__, photo=True)
image, source = (lesson.photo, lesson.photo) if lesson.photo else first_test_image()
print(f"the picture is {source}")

# 1. Counted without running anything: every count is a product that can be checked by hand.
lesson.title("The dense network")
layers = {layer.name: layer for layer in plan(load("fashion-dense"))}
for name, stated, count in DENSE:
    lesson.shape(name, np.empty(layers[name].shape), stated)
    if count:
        lesson.number(f"  {layers[name].formula}", layers[name].params, count)
lesson.number("all parameters", sum(layer.params for layer in layers.values()), 101_770)

lesson.title("The convolutional network")
layers = {layer.name: layer for layer in plan(load("fashion-cnn"))}
for name, _, stated, count in CONVOLUTIONAL:
    lesson.shape(name, np.empty(layers[name].shape), stated)
    if count:
        lesson.number(f"  {layers[name].formula}", layers[name].params, count)
lesson.number("all parameters", sum(layer.params for layer in layers.values()), 243_786)

# 2. Run: the outputs of all seven layers for this picture, any channel of any layer.
lesson.title("What really came out of the seven layers")
trace = cs.trace("fashion-cnn", image)
for number, (name, step, stated, _) in enumerate(CONVOLUTIONAL, start=1):
    lesson.shape(f"layer {number}  {name}", trace[step].value, stated)
    lesson.picture(f"layer_{number}_{name}", step_picture(trace[step]))
lesson.picture("channel_12_of_layer_1", grid(trace["relu_1"].value[12:13], colors="viridis"))
lesson.picture("whole_network", contact(trace))
lesson.fact("the ten scores add up to 1", abs(sum(score.value for score in trace.scores) - 1) < 1e-5)

lesson.done()
