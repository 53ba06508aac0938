"""From uint8 pixels to the tensor a network is given, in PyTorch and a whole batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from convscope.errors import DataError
from convscope.image.prepare import IMAGENET

if TYPE_CHECKING:
    import torch

Scale = str | tuple[tuple[float, ...], tuple[float, ...]]


def unit(pixels: UInt8[np.ndarray, "n h w c"], device: str = "cpu") -> torch.Tensor:
    """Float32 (N, C, H, W) in 0..1, channels last in memory, on ``device``.

    >>> unit(np.full((1, 2, 2, 3), 255, np.uint8)).max()
    tensor(1.)
    """
    import torch

    bytes_ = torch.from_numpy(np.ascontiguousarray(pixels))
    if device != "cpu":
        bytes_ = bytes_.pin_memory().to(device, non_blocking=True)
    return bytes_.permute(0, 3, 1, 2).to(torch.float32).div_(255)  # as an answer later divides, to the last bit


def scaled(images: torch.Tensor, scale: Scale) -> torch.Tensor:
    """Values of 0..1 as the network wants them; may write into ``images``.

    Args:
        images: float32 (N, C, H, W) in 0..1.
        scale: ``unit``, ``byte`` (0..255), ``imagenet``, or means and deviations of the channels in 0..1.

    Raises:
        DataError: the scale is for another number of channels.
    """
    import torch

    if scale == "unit":
        return images
    if scale == "byte":
        return images.mul_(255)
    means, deviations = IMAGENET if isinstance(scale, str) else scale
    if len(means) not in {1, images.shape[1]}:
        raise DataError(
            f"the scale has {len(means)} means and the pictures have {images.shape[1]} channels; give one for each"
        )
    mean = torch.tensor(means, device=images.device).view(1, -1, 1, 1)
    deviation = torch.tensor(deviations, device=images.device).view(1, -1, 1, 1)
    return images.sub_(mean).div_(deviation)
