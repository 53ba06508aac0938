"""``torchvision:NAME``: the classifiers of torchvision (https://docs.pytorch.org/vision/stable/models.html)."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable
from typing import Any

from convscope.adapters.brought import Brought
from convscope.adapters.doors import package
from convscope.adapters.hub import Reference
from convscope.adapters.hub.fetching import fetching
from convscope.adapters.options import Options
from convscope.errors import ModelError
from convscope.network import Preprocessing

USUAL = Preprocessing((224, 224), "crop", scale="imagenet", crop=224 / 256)
"""What most of torchvision's classifiers are trained with."""


def open_network(reference: Reference, options: Options) -> Brought:
    """A classifier of torchvision.

    Raises:
        ModelError: torchvision is missing or has none of that name, or its weights cannot be fetched.
    """
    torchvision = package("torchvision", extra="torchvision", purpose=f"torchvision:{reference.name}")
    models: Any = package("torchvision.models", extra="torchvision", purpose=f"torchvision:{reference.name}")
    names = models.list_models(module=models)
    if reference.name not in names:
        near = difflib.get_close_matches(reference.name, names, n=1, cutoff=0.5)
        hint = f"did you mean torchvision:{near[0]}?" if near else "torchvision.models.list_models() lists all"
        raise ModelError(f"torchvision has no classifier {reference.name!r}; {hint}")
    wanted = reference.wants_weights(options)
    trained = models.get_model_weights(reference.name).DEFAULT
    with fetching(reference):
        model = _created(models, reference.name, trained if wanted else None, options.seed)
    preprocessing = _preprocessing(trained)
    about = {
        "reference": f"torchvision:{reference.name}", "format": f"torchvision {torchvision.__version__}",
        "pretrained": wanted,
    }  # fmt: skip
    notes = []
    if options.weights is not None and not wanted:
        notes.append("how pixels reach it is what its architecture is usually trained with, a guess for these weights")
    labels = tuple(distinct(trained.meta.get("categories", ()))) if wanted or options.weights is not None else ()
    return Brought(model.eval(), reference.name, preprocessing, labels, about, tuple(notes))


def _created(models: Any, name: str, weights: Any, seed: int) -> Any:
    import torch

    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        return models.get_model(name, weights=weights, progress=False)


def _preprocessing(weights: Any) -> Preprocessing:
    """What torchvision does with a photo: the shorter side to ``resize_size``, then the middle ``crop_size``."""
    made = weights.transforms()
    try:
        (crop,), (resize,) = made.crop_size, made.resize_size
        scale = (tuple(map(float, made.mean)), tuple(map(float, made.std)))
    except (AttributeError, TypeError, ValueError):
        return USUAL
    return Preprocessing((crop, crop), "crop", scale=scale, crop=min(1.0, crop / resize))


def distinct(names: Iterable[str]) -> list[str]:
    """The second class of a name gets its number behind it: classes are told apart by their names.

    >>> distinct(["crane", "hook", "crane"])
    ['crane', 'hook', 'crane (2)']
    """
    found: list[str] = []
    for number, name in enumerate(names):
        found.append(f"{name} ({number})" if name in found else str(name))
    return found
