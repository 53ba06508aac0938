"""The parameter randomisation check: a map should change when the network forgets what it learned.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, *Sanity Checks for Saliency Maps*, NeurIPS 2018,
https://arxiv.org/abs/1810.03292. A copy of the network gets new random weights; a method whose map stays the same shows
something of the photo (its edges, mostly) and nothing of what was learned. The user's network is not touched.

The likeness of two maps is the absolute value of Spearman's rank correlation: the correlation of the places that the
pixels have in the two orders, equal values sharing the mean of their places. Absolute, because new weights may turn the
sign of the score around, and the same map with the other sign is still the same map.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from convscope.explaining.controls import pooled

EVERYTHING = "all"
"""What is written for the layer where every weight was drawn anew."""
DRAWS = 2
"""How many networks are drawn: one alone is like the trained one, or unlike it, by chance."""
STAGES = 8
"""Of the cascade in the thorough check, at most."""


def similarity_of(
    value: Float[np.ndarray, "h w"], redrawn: Sequence[tuple[str, Float[np.ndarray, "h w"]]], grid: tuple[int, int]
) -> dict[str, Any]:
    """How like a map is to those of networks with new weights.

    Args:
        value: the map of the network itself.
        redrawn: the same map by each of the others, with what was drawn anew in it; :data:`EVERYTHING` for all.
        grid: the grid that the map had before it was drawn out; the maps are compared there.

    Returns:
        ``similarity``, 0..1, with everything drawn anew (or, where there is no such map, as much as there is), and
        ``layers``: ``layer`` and ``similarity`` for each, in the given order, those of one layer averaged.

    >>> found = similarity_of(np.array([[1.0, 2.0, 4.0]]), [("all", np.array([[-1.0, -2.0, -3.0]]))], (1, 3))
    >>> found["similarity"], found["layers"]
    (1.0, [{'layer': 'all', 'similarity': 1.0}])
    """
    own = _at(value, grid)
    stages: dict[str, list[float]] = {}
    for layer, other in redrawn:
        stages.setdefault(layer, []).append(abs(rank_correlation(own, _at(other, grid))))
    means = {layer: round(float(np.mean(found)), 4) for layer, found in stages.items()}
    last = means[EVERYTHING] if EVERYTHING in means else list(means.values())[-1]
    return {"similarity": last, "layers": [{"layer": layer, "similarity": mean} for layer, mean in means.items()]}


def rank_correlation(a: Float64[np.ndarray, "h w"], b: Float64[np.ndarray, "h w"]) -> float:
    """Spearman's rank correlation; 0 where one of them is the same everywhere or has something that is no number.

    >>> rank_correlation(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 10.0, 5.0]]))
    0.5
    """
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return 0.0
    first, second = _places(a), _places(b)
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float(first @ second) / size if size > 0 else 0.0


def redrawn(model: nn.Module, seed: Sequence[int] | int, only: Collection[str] | None = None) -> nn.Module:
    """A copy of a network with new random weights.

    Kernels and matrices get normally distributed numbers whose root mean square is that of the old ones, so that the
    signal neither dies nor explodes on its way; where all are zero, ``sqrt(2 / fan_in)`` (He et al. 2015). Biases,
    scales and other vectors keep their numbers, in a random order. Running statistics stay. No global random
    state is read or changed.

    Args:
        model: stays as it is.
        seed: same seed, same numbers.
        only: names of the modules (as in ``named_modules``) whose own weights are drawn anew; None for all.

    Raises:
        RuntimeError, TypeError: the module cannot be copied.

    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Linear(4, 2))
    >>> other = redrawn(model, 0, {"1"})
    >>> torch.equal(other[0].weight, model[0].weight), torch.equal(other[1].weight, model[1].weight)
    (True, False)
    """
    made = copy.deepcopy(model)
    generator = np.random.default_rng(seed)
    for name, module in made.named_modules():
        if only is None or name in only:
            for tensor in _weights(module):
                _draw(tensor, generator)
    return made


def weighted(model: nn.Module) -> list[str]:
    """Names of the modules that have weights of their own, the last first, as the cascade takes them.

    >>> weighted(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Linear(4, 2)))
    ['2', '0']
    """
    return [name for name, module in model.named_modules() if any(True for _ in _weights(module))][::-1]


def cascade(model: nn.Module, *, stages: int = STAGES) -> list[tuple[str, set[str]]]:
    """What is drawn anew at each stage: the head, then more and more towards the image, everything but the end.

    Args:
        model: the network.
        stages: how many at most; they are spread evenly over the modules that have weights.

    Returns:
        the name of the module that each stage reaches, and the names of all that are drawn anew in it.

    >>> cascade(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Linear(4, 2)))
    [('2', {'2'})]
    """
    names = weighted(model)
    most = len(names) - 1
    ends = sorted({round(end) for end in np.linspace(1, most, min(stages, most))}) if most > 0 else []
    return [(names[end - 1], set(names[:end])) for end in ends]


def _weights(module: nn.Module) -> Iterator[Tensor]:
    """A module's own weights; matrices that are kept as buffers are weights too (frozen and converted networks)."""
    for parameter in module.parameters(recurse=False):
        if parameter.is_floating_point() and parameter.numel() > 1:
            yield parameter
    for buffer in module.buffers(recurse=False):
        if buffer.is_floating_point() and buffer.ndim >= 2 and buffer.numel() > 1:
            yield buffer


def _draw(tensor: Tensor, generator: np.random.Generator) -> None:
    """New numbers, in place, without telling autograd."""
    with torch.no_grad():
        old = tensor.detach().float().cpu().numpy()
        new: np.ndarray
        if old.ndim < 2:
            new = generator.permutation(old)
        else:
            size = float(np.sqrt(np.mean(old.astype(np.float64) ** 2)))
            fan = max(1, old[0].size)
            new = generator.standard_normal(old.shape, np.float32) * np.float32(size or np.sqrt(2 / fan))
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(new)))


def _at(value: Float[np.ndarray, "h w"], grid: tuple[int, int]) -> Float64[np.ndarray, "y x"]:
    """A map at its own grid."""
    exact = value.astype(np.float64)
    return exact if exact.shape == grid else pooled(exact, grid)


def _places(value: Float64[np.ndarray, "h w"]) -> Float64[np.ndarray, " n"]:
    """The place of each pixel in the order, less the mean place."""
    _, inverse, amounts = np.unique(value.ravel(), return_inverse=True, return_counts=True)
    places = np.cumsum(amounts) - (amounts - 1) / 2
    found = places[inverse]
    return np.asarray(found - found.mean(), np.float64)
