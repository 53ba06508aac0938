"""Recipes that are known to work, by the name of the network on the shelf.

Each was found by measuring on the data it is for; ``docs/speed.md`` has the numbers. For any other network
:func:`recipe_for` gives a recipe that is seldom bad.
"""

from __future__ import annotations

from convscope.train.recipe import Recipe

FASHION_SCALE = ((0.286,), (0.353,))
"""Mean and deviation of Fashion-MNIST's training pixels, in values of 0..1."""

_FASHION = Recipe(
    epochs=9, batch=128, learning_rate=4e-3, weight_decay=0.1, label_smoothing=0.1, augment="flip",
    scale=FASHION_SCALE, validation=0.1, whiten=True, freeze=0.3,
)  # fmt: skip

_SHORT = _FASHION.replace(
    learning_rate=5e-3, warmup=0.2, weight_decay=0.01, label_smoothing=0.0, augment="", freeze=0.2
)

RECIPES: dict[str, Recipe] = {
    "fashion-cnn": _FASHION,
    "fashion-cnn-2": _SHORT.replace(epochs=2, learning_rate=6e-3),
    "fashion-cnn-3": _SHORT.replace(epochs=3),
    "fashion-dense": Recipe(epochs=10, batch=128, learning_rate=3e-3, scale=FASHION_SCALE, validation=0.1),
    "lenet-5": Recipe(epochs=10, batch=128, learning_rate=4e-3, augment="flip", scale=FASHION_SCALE, validation=0.1),
    "fashion-vgg": Recipe(
        epochs=8, batch=128, learning_rate=3e-3, weight_decay=0.15, label_smoothing=0.1, augment="flip",
        scale=FASHION_SCALE, validation=0.05, whiten=True, freeze=0.2,
    ),
    # The tutorial's own way: RMSprop at 0.001, 25 epochs, flips and rotations by up to a tenth of a turn.
    "cats-dogs": Recipe(
        epochs=25, batch=128, optimizer="rmsprop", learning_rate=1e-3, schedule="constant", weight_decay=0.0,
        augment="flip,rotation=0.1", validation=0.2,
    ),
    "catdog": Recipe(
        epochs=30, batch=64, learning_rate=2.5e-3, weight_decay=0.05, label_smoothing=0.05, ema=0.998, clip=2.0,
        augment="flip,rotation=0.02,crop=0.35,colour=0.2", scale="imagenet",
        # Small pictures first, which is quick. Crops enlarge the animals, so answers are best a size above the last.
        sizes=((0.35, 128), (0.35, 160), (0.3, 192)),
    ),
}  # fmt: skip
"""Network (with a number of epochs behind it where there are several) to recipe."""

SHORT = {"cnn": "fashion-cnn", "dense": "fashion-dense"}
"""Other names of networks."""


def recipe_for(name: str) -> Recipe:
    """The recipe of a network by its name on the shelf; for any other name one that is seldom bad.

    >>> recipe_for("cnn") == recipe_for("fashion-cnn")
    True
    >>> recipe_for("my own").schedule
    'one-cycle'
    """
    return RECIPES.get(SHORT.get(name, name), Recipe(augment="flip"))


def network_of(name: str) -> str:
    """The network on the shelf that a recipe is for.

    >>> network_of("fashion-cnn-2"), network_of("cnn")
    ('fashion-cnn', 'fashion-cnn')
    """
    name = SHORT.get(name, name)
    stem, _, epochs = name.rpartition("-")
    return stem if epochs.isdigit() and stem in RECIPES else name
