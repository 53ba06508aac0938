"""Random changes of the values of pictures: grey, colour, and rectangles that are painted over."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64

# ITU-R BT.601, as greyscale is made everywhere else here.
_LUMA = (0.299, 0.587, 0.114)
# Zhong et al., "Random Erasing Data Augmentation", 2017: shares of the area, and proportions from 0.3 to 1 / 0.3.
_LEAST_AREA, _MOST_AREA, _MOST_ASPECT = 0.02, 0.33, float(-np.log(0.3))


def greyed(
    images: Float[torch.Tensor, "n c h w"], chance: Float64[np.ndarray, "n _"], share: float
) -> Float[torch.Tensor, "n c h w"]:
    """Some of the pictures without their colours; each channel is then the picture's grey.

    A network that may rely on colour takes every brown cat for a dog where most brown animals of its data are dogs.

    Args:
        images: one or three channels of any values; one channel is grey already.
        chance: numbers of 0..1, of which the column 16 is used.
        share: of the pictures that this happens to, 0..1.
    """
    if images.shape[1] != 3:
        return images
    chosen = torch.from_numpy(chance[:, 16] < share).to(images.device)
    return torch.where(chosen[:, None, None, None], _grey(images), images)


def _grey(images: Float[torch.Tensor, "n 3 h w"]) -> Float[torch.Tensor, "n 1 h w"]:
    weights = torch.tensor(_LUMA).to(images)[None, :, None, None]
    return (images * weights).sum(1, keepdim=True)


def recoloured(
    images: Float[torch.Tensor, "n c h w"], chance: Float64[np.ndarray, "n _"], amount: float, white: float
) -> Float[torch.Tensor, "n c h w"]:
    """Brightness, contrast and saturation changed, in this order, each by a factor of 1 - amount to 1 + amount.

    Brightness scales all values, contrast scales around the picture's mean grey, saturation around each pixel's grey.

    Args:
        images: one or three channels of values from 0 (black) to ``white``.
        chance: numbers of 0..1, of which the columns 8..10 are used.
        amount: 0..1.
        white: the largest value; what goes beyond 0 or white is cut off there, once, at the end.
    """
    factors = torch.from_numpy(1 + (2 * chance[:, 8:11] - 1) * amount).to(images)
    bright, contrast, colour = (factors[:, i, None, None, None] for i in range(3))
    grey = _grey(images) if images.shape[1] == 3 else images
    mean = grey.mean((2, 3), keepdim=True)
    # The three changes are linear: their product, written out.
    made = images * (bright * contrast * colour) if images.shape[1] == 3 else images * (bright * contrast)
    if images.shape[1] == 3:
        made = made + grey * (bright * contrast * (1 - colour))
    return (made + mean * (bright * (1 - contrast))).clamp_(0, white)


def erased(
    images: Float[torch.Tensor, "n c h w"], chance: Float64[np.ndarray, "n _"], share: float
) -> Float[torch.Tensor, "n c h w"]:
    """A rectangle of some of the pictures painted over with the picture's mean colour.

    Args:
        images: any values.
        chance: numbers of 0..1, of which the columns 11..15 are used.
        share: of the pictures that this happens to, 0..1.
    """
    height, width = images.shape[2:]
    area = _LEAST_AREA + (_MOST_AREA - _LEAST_AREA) * chance[:, 12]
    aspect = np.exp((2 * chance[:, 13] - 1) * _MOST_ASPECT)
    tall = np.clip(np.rint(height * np.sqrt(area / aspect)), 1, height)
    wide = np.clip(np.rint(width * np.sqrt(area * aspect)), 1, width)
    top = np.floor(chance[:, 14] * (height - tall + 1))
    left = np.floor(chance[:, 15] * (width - wide + 1))
    chosen = chance[:, 11] < share
    rows, columns = np.arange(height), np.arange(width)
    inside = (
        chosen[:, None, None]
        & ((rows >= top[:, None]) & (rows < (top + tall)[:, None]))[:, :, None]
        & ((columns >= left[:, None]) & (columns < (left + wide)[:, None]))[:, None, :]
    )
    covered = torch.from_numpy(inside[:, None]).to(images.device)
    return torch.where(covered, images.mean((2, 3), keepdim=True), images)
