"""Where the pixels of an augmented picture come from: flips and shifts by index, rotations and crops by one sampling.

Every geometric change of a picture is one affine map, so that it is interpolated once and not once a change.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch.nn.functional import grid_sample, interpolate

from convscope.data.augment import Augment

# Widest change of proportions of a crop (Szegedy et al., "Going Deeper with Convolutions", 2014).
_MOST_ASPECT = float(np.log(4 / 3))


def warped(
    images: Float[torch.Tensor, "n c h w"], chance: Float64[np.ndarray, "n _"], how: Augment, size: tuple[int, int]
) -> Float[torch.Tensor, "n c h2 w2"]:
    """The pictures flipped, rotated, shifted and cropped, in ``size``.

    Args:
        images: on any device.
        chance: numbers of 0..1, of which the columns 0..7 are used: flip, turn, shift down and across, area and
            proportions of the crop, its place down and across.
        how: what is done.
        size: height and width wanted.
    """
    if how.rotation or how.crop < 1:
        return _sampled(_shrunk(images, how, size), chance, how, size)
    if how.shift:
        images = _moved(images, chance, how)
    elif how.flip:
        flips = torch.from_numpy(chance[:, 0] < 0.5).to(images.device)
        images = torch.where(flips[:, None, None, None], images.flip(3), images)
    return resized(images, size)


def resized(images: Float[torch.Tensor, "n c h w"], size: tuple[int, int]) -> Float[torch.Tensor, "n c h2 w2"]:
    """The pictures in ``size``, bilinear and antialiased."""
    if tuple(images.shape[2:]) == size:
        return images
    return interpolate(images, size, mode="bilinear", antialias=True)


def _moved(
    images: Float[torch.Tensor, "n c h w"], chance: Float64[np.ndarray, "n _"], how: Augment
) -> Float[torch.Tensor, "n c h w"]:
    """Flipped and shifted by whole pixels: exact, nothing is interpolated."""
    count, _, height, width = images.shape
    down, across = (np.floor(chance[:, i] * (2 * how.shift + 1)).astype(np.int64) - how.shift for i in (2, 3))
    rows = _mirrored(np.arange(height) - down[:, None], height)
    columns = _mirrored(np.arange(width) - across[:, None], width)
    if how.flip:
        columns = np.where(chance[:, :1] < 0.5, width - 1 - columns, columns)
    flat = torch.from_numpy((rows[:, :, None] * width + columns[:, None, :]).reshape(count, 1, -1)).to(images.device)
    moved = images.flatten(2).gather(2, flat.expand(-1, images.shape[1], -1)).view(images.shape)
    return moved.contiguous(memory_format=_format(images))


def _mirrored(places: np.ndarray, length: int) -> np.ndarray:
    """Places outside of a row, brought back by mirroring at its edges (``d c b a | a b c d | d c b a``)."""
    inside = places % (2 * length)
    return np.where(inside < length, inside, 2 * length - 1 - inside)


def _format(images: torch.Tensor) -> torch.memory_format:
    last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def _shrunk(
    images: Float[torch.Tensor, "n c h w"], how: Augment, size: tuple[int, int]
) -> Float[torch.Tensor, "n c h2 w2"]:
    """Smaller pictures where the sampling would skip pixels: it looks at four neighbours however far it strides."""
    usual = ((1 + how.crop) / 2) ** 0.5  # the side of a crop of middle area
    sides = [min(old, round(new / usual)) for old, new in zip(images.shape[2:], size, strict=True)]
    return resized(images, (sides[0], sides[1]))


def _sampled(
    images: Float[torch.Tensor, "n c h w"], chance: Float64[np.ndarray, "n _"], how: Augment, size: tuple[int, int]
) -> Float[torch.Tensor, "n c h2 w2"]:
    maps = _affine(chance, how, (images.shape[2], images.shape[3])).astype(np.float32)
    theta = torch.from_numpy(maps).to(images.device)
    return grid_sample(
        images, _places(theta, size).to(images.dtype), mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _places(theta: Float[torch.Tensor, "n 2 3"], size: tuple[int, int]) -> Float[torch.Tensor, "n h w 2"]:
    """Where each new pixel comes from, as PyTorch's ``affine_grid``, which takes ten times as long on a processor."""
    down, across = ((2 * torch.arange(side, dtype=theta.dtype, device=theta.device) + 1) / side - 1 for side in size)
    maps = theta[:, :, :, None, None]
    grid = torch.empty(len(theta), *size, 2, dtype=theta.dtype, device=theta.device)
    for axis in (0, 1):
        first = maps[:, axis, 1] * down[:, None] + maps[:, axis, 2]
        torch.add(first, maps[:, axis, 0] * across, out=grid[..., axis])
    return grid


def _affine(chance: Float64[np.ndarray, "n _"], how: Augment, size: tuple[int, int]) -> Float64[np.ndarray, "n 2 3"]:
    """From a place in the new picture to a place in the old one; both run from -1 to 1, across and down."""
    height, width = size
    count = len(chance)
    half = np.array([width / 2, height / 2])
    # crop: new place -> place in the whole, turned picture
    centre, share = _crops(chance, how)
    # shift and rotation: in pixels around the middle, where angles are angles
    steps = np.floor(chance[:, [3, 2]] * (2 * how.shift + 1)) - how.shift
    angle = (2 * chance[:, 1] - 1) * how.rotation * 2 * np.pi
    turn = np.empty((count, 2, 2))
    turn[:, 0, 0], turn[:, 0, 1] = np.cos(angle), -np.sin(angle)
    turn[:, 1, 0], turn[:, 1, 1] = np.sin(angle), np.cos(angle)
    if how.flip:
        turn[chance[:, 0] < 0.5, 0] *= -1
    linear = turn * half[None, None, :] / half[None, :, None]
    moved = centre - steps / half
    return np.concatenate([linear * share[:, None, :], np.einsum("nij,nj->ni", linear, moved)[:, :, None]], axis=2)


def _crops(
    chance: Float64[np.ndarray, "n _"], how: Augment
) -> tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, "n 2"]]:
    """Middle (-1..1) and share (0..1) of each crop, across and down."""
    area = how.crop + (1 - how.crop) * chance[:, 4]
    # Narrower proportions where the area is large, so that no crop reaches over an edge.
    most = np.minimum(_MOST_ASPECT, -np.log(area))
    aspect = np.exp((2 * chance[:, 5] - 1) * most)
    share = np.minimum(np.sqrt(np.stack([area * aspect, area / aspect], axis=1)), 1)
    return (2 * chance[:, [7, 6]] - 1) * (1 - share), share
