"""Random changes that leave a picture in its class: the list of them, as a value and as text."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Integer

from convscope.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor
else:
    # Reading a recipe needs no torch.
    Tensor = object

PURPOSES = 17
"""Random numbers that one picture uses; each change has its own, so that one more leaves the others as they were."""


@dataclass(frozen=True)
class Augment:
    """What may happen to a training picture.

    Attributes:
        flip: left and right are exchanged in half of the pictures.
        rotation: largest rotation in turns, either way, 0..0.5; ``0.1`` is Keras' ``RandomRotation(0.1)``.
        shift: largest shift in pixels, either way and in both directions.
        crop: least share of the area that is cut out and brought back to size, above 0 to 1; 1 cuts nothing.
        colour: largest change of brightness, contrast and saturation, 0..1, each as a factor around 1.
        erase: share of the pictures in which a random rectangle is painted over, 0..1.
        grey: share of the pictures that lose their colours, 0..1.

    What comes in over an edge is the picture mirrored there.

    Raises:
        DataError: a value makes no sense.

    >>> Augment.parse("flip,rotation=0.1")
    Augment(flip=True, rotation=0.1, shift=0, crop=1.0, colour=0.0, erase=0.0, grey=0.0)
    >>> str(Augment(flip=True, shift=2)), str(Augment())
    ('flip,shift=2', 'none')
    """

    flip: bool = False
    rotation: float = 0.0
    shift: int = 0
    crop: float = 1.0
    colour: float = 0.0
    erase: float = 0.0
    grey: float = 0.0

    def __post_init__(self) -> None:
        _check("rotation", self.rotation, 0, 0.5, "a number from 0 to 0.5, in turns")
        _check("colour", self.colour, 0, 1, "a number from 0 to 1")
        _check("erase", self.erase, 0, 1, "a number from 0 to 1")
        _check("grey", self.grey, 0, 1, "a number from 0 to 1")
        _check("crop", self.crop, 0.01, 1, "the least share of the area, from 0.01 to 1")
        if isinstance(self.shift, bool) or not isinstance(self.shift, int) or not 0 <= self.shift <= 10_000:
            raise DataError(f"the augmentation shift={self.shift!r} is none; give whole pixels, 0 or more")

    @classmethod
    def parse(cls, text: str) -> Augment:
        """The value that a text such as ``"flip,rotation=0.1,crop=0.6"`` spells; ``""`` and ``"none"`` are nothing.

        Raises:
            DataError: a word or a number is unknown.
        """
        settings: dict[str, bool | int | float] = {}
        for part in text.replace(" ", "").split(","):
            name, _, value = part.partition("=")
            if part in {"", "none"}:
                continue
            if name not in _NAMES:
                raise DataError(f"there is no augmentation {name!r}; choose from {', '.join(_NAMES)}")
            if name in settings:
                raise DataError(f"the augmentation {name} is there twice in {text!r}; give it once")
            settings[name] = _value(name, value)
        return cls(**settings)  # type: ignore[arg-type]

    def __str__(self) -> str:
        parts = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                parts.append(field.name if value is True else f"{field.name}={value:.12g}")
        return ",".join(parts) or "none"

    @property
    def nothing(self) -> bool:
        """Whether pictures stay as they are."""
        return self == Augment()


_NAMES = tuple(field.name for field in fields(Augment))


def _value(name: str, text: str) -> bool | int | float:
    try:
        if name == "flip":
            return {"": True, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
                text.lower()
            ]
        return int(text) if name == "shift" else float(text)
    except (KeyError, ValueError):
        wanted = "nothing, or =yes or =no" if name == "flip" else "= and a number"
        raise DataError(f"the augmentation {name} cannot be {text!r}; write {wanted} behind it") from None


def _check(name: str, value: float, low: float, high: float, wanted: str) -> None:
    right = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not right or not low <= value <= high:
        raise DataError(f"the augmentation {name}={value!r} is none; give {wanted}")


def augment(
    images: Float[Tensor, "n c h w"],
    which: Integer[np.ndarray, " m"],
    *,
    how: Augment,
    seed: int,
    epoch: int,
    size: tuple[int, int] | None = None,
    white: float = 1.0,
) -> Float[Tensor, "n c h2 w2"]:
    """Training pictures, each changed at random in the ways that ``how`` allows.

    What happens to a sample depends on (seed, epoch, sample number) alone: not on the batch it is in, the process
    that does it, nor where a training was resumed. Order: flip, rotation, shift, crop (together one sampling,
    bilinear), then grey, then colour, then erasing.

    Args:
        images: values from 0 (black) to ``white``, of any floating type, on any device; not written to.
        which: numbers of the samples.
        how: what may happen.
        seed: of the training.
        epoch: counted from 0.
        size: height and width to return; by default those of ``images``. Smaller ones are antialiased.
        white: the value of white, 1 or 255; colours beyond it are cut off.

    Raises:
        DataError: there is not one number an image.

    >>> import numpy as np, torch
    >>> made = augment(torch.rand(2, 3, 8, 8), np.array([5, 9]), how=Augment(flip=True, rotation=0.1), seed=1, epoch=0)
    >>> tuple(made.shape)
    (2, 3, 8, 8)
    """
    from convscope.data.draws import draws
    from convscope.data.painting import erased, greyed, recoloured
    from convscope.data.warping import warped

    if len(which) != len(images):
        raise DataError(f"there are {len(images)} images and {len(which)} sample numbers; give one number an image")
    chance = draws(which, PURPOSES, seed=seed, epoch=epoch)
    images = warped(images, chance, how, size or (images.shape[2], images.shape[3]))
    if how.grey:
        images = greyed(images, chance, how.grey)
    if how.colour:
        images = recoloured(images, chance, how.colour, white)
    return erased(images, chance, how.erase) if how.erase else images
