"""A first convolution that begins with what the training pictures are made of, instead of with noise.

Small patches of pictures differ in a few ways far more than in others: in brightness, then across an edge one way, then
the other. Weights drawn at random see mostly the first of these, in every filter again. Here the filters begin as the
directions of the patches themselves, each scaled so that its outputs have about the same size: a first layer has little
left to learn then, and can stand still sooner (:mod:`convscope.train.freezing`).

Coates, Ng and Lee 2011, *An Analysis of Single-Layer Networks in Unsupervised Feature Learning*
(https://proceedings.mlr.press/v15/coates11a.html), for filters from whitened patches; Jordan 2024, *94% on CIFAR-10 in
3.29 Seconds on a Single GPU* (https://arxiv.org/abs/2404.00498), for a first layer that has them with both signs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from convscope.errors import CallError
from convscope.train import pixels
from convscope.train.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

PICTURES, PATCHES = 1024, 48
"""How many pictures are looked at, and at how many places in each."""
FLOOR = 0.1
"""Share of the mean variance that is added to that of each direction, so that noise is not blown up."""
SPREAD = 0.5
"""Deviation of the thresholds of the filters, whose outputs have a deviation of about 1."""


def whiten(model: nn.Module, samples: Any, numbers: np.ndarray, recipe: Recipe) -> None:
    """Give a model's first convolution the directions of the patches of some training pictures.

    Filters come in pairs of opposite signs: first the directions ``e_j = v_j / sqrt(l_j + f)``, of the largest variance
    first, then random mixtures of them. ``v_j`` and ``l_j`` are the eigenvectors and eigenvalues of the patches'
    covariance, ``f`` is a tenth of the mean of the ``l``. Biases move each filter's zero to the mean patch, and by half
    a deviation at random, downwards.

    Args:
        model: its first layer with weights is a convolution of the pictures themselves; written in place.
        samples: the pictures.
        numbers: of the training samples.
        recipe: its ``scale`` and ``seed``.

    Raises:
        CallError: the first layer is another one.
    """
    import torch

    first = _first_convolution(model, samples.shape[-1])
    chosen = np.unique(np.linspace(0, len(numbers) - 1, PICTURES).astype(np.int64))
    images = pixels.scaled(pixels.unit(samples.take(np.sort(numbers)[chosen])), recipe.scale).numpy()
    random = np.random.default_rng([recipe.seed, 3])
    found = _patches(images, first.kernel_size, first.dilation, random)
    weight, bias = directions(found, first.out_channels, random)
    with torch.no_grad():
        first.weight.copy_(torch.from_numpy(weight.reshape(tuple(first.weight.shape))))
        if first.bias is not None:
            first.bias.copy_(torch.from_numpy(bias))


def directions(
    patches: Float64[np.ndarray, "n d"], count: int, random: np.random.Generator
) -> tuple[Float64[np.ndarray, "count d"], Float64[np.ndarray, " count"]]:
    """Filters and biases for patches, as :func:`whiten` says.

    >>> random = np.random.default_rng(0)
    >>> patches = random.normal(size=(5000, 3)) * (10, 1, 0.1) + 4
    >>> weight, bias = directions(patches, 4, random)
    >>> (patches @ weight.T).std(axis=0).round(1).tolist()  # the second direction is a small part of all variance
    [1.0, 1.0, 0.5, 0.5]
    >>> bool((weight[0] == -weight[1]).all())
    True
    """
    mean = patches.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(patches, rowvar=False).reshape(2 * (patches.shape[1],)))
    scaled = vectors / np.sqrt(variances.clip(0) + FLOOR * variances.mean() + 1e-12)
    own = list(scaled.T[::-1])
    while 2 * len(own) < count:
        mixture = random.standard_normal(len(mean))
        own.append(scaled @ (mixture / np.linalg.norm(mixture)))
    weight = np.stack([sign * filter_ for filter_ in own for sign in (1.0, -1.0)])[:count]
    return weight, -(weight @ mean) - SPREAD * np.abs(random.standard_normal(count))


def _patches(
    images: np.ndarray, kernel: tuple[int, ...], dilation: tuple[int, ...], random: np.random.Generator
) -> Float64[np.ndarray, "n d"]:
    """What a kernel would see at random places that lie wholly in the pictures, (n, C kh kw)."""
    count, _, *size = images.shape
    spans = [min(side, reach * (taps - 1) + 1) for side, reach, taps in zip(size, dilation, kernel, strict=True)]
    which = np.repeat(np.arange(count), PATCHES)
    top, left = (random.integers(0, side - span + 1, len(which)) for side, span in zip(size, spans, strict=True))
    seen = [
        images[
            which,
            :,
            np.minimum(top + down * dilation[0], size[0] - 1),
            np.minimum(left + across * dilation[1], size[1] - 1),
        ]
        for down in range(kernel[0])
        for across in range(kernel[1])
    ]
    return np.stack(seen, axis=2).reshape(len(which), -1).astype(np.float64)


def _first_convolution(model: nn.Module, channels: int) -> nn.Conv2d:
    from torch import nn

    for module in model.modules():
        if not any(True for _ in module.parameters(recurse=False)):
            continue
        if isinstance(module, nn.Conv2d) and module.groups == 1 and module.in_channels == channels:
            return module
        raise CallError(
            f"whiten is for a network whose first layer is a convolution of the pictures' {channels} channels, and "
            f"here it is {type(module).__name__}; leave whiten out of the recipe"
        )
    raise CallError(
        "whiten is for a network whose first layer is a convolution, and this one has no layer with weights"
    )
