"""``timm:NAME``: the networks of the library timm (https://github.com/huggingface/pytorch-image-models)."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping
from typing import Any

from convscope.adapters.brought import Brought
from convscope.adapters.doors import package
from convscope.adapters.hub import Reference, imagenet
from convscope.adapters.hub.fetching import fetching
from convscope.adapters.options import Options
from convscope.errors import ModelError
from convscope.network import Fit, Preprocessing


def open_network(reference: Reference, options: Options) -> Brought:
    """A network of timm.

    Raises:
        ModelError: timm is missing or has none of that name, or its weights cannot be fetched.
    """
    timm = package("timm", extra="timm", purpose=f"timm:{reference.name}")
    if not timm.is_model(reference.name.partition(".")[0]) or "/" in reference.name:
        raise ModelError(f"timm has no network {reference.name!r}{_near(reference.name, timm)}")
    wanted = reference.wants_weights(options)
    with fetching(reference):
        model = created(timm, reference.name, options.seed, pretrained=wanted, reference=reference)
    config = dict(getattr(model, "pretrained_cfg", None) or {})
    brought, notes = configured(config, wanted=wanted, given=options.weights is not None)
    about = {"reference": f"timm:{reference.name}", "format": f"timm {timm.__version__}", "pretrained": wanted}
    return Brought(model.eval(), reference.name, brought, labels_of(config, wanted or options.weights), about, notes)


def created(timm: Any, name: str, seed: int, *, pretrained: bool, reference: Reference, **more: Any) -> Any:
    """The module; random weights are the same for the same seed, and the caller's random state stays as it was.

    Raises:
        ModelError: it has no trained weights, though they are wanted.
    """
    import torch

    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        try:
            return timm.create_model(name, pretrained=pretrained, **more)
        except RuntimeError as error:
            if "No pretrained weights" in str(error) or "Invalid pretrained tag" in str(error):
                raise ModelError(
                    f"timm has no trained weights for {name!r}; take random ones with {reference.random()}"
                ) from error
            raise


def configured(config: Mapping[str, Any], *, wanted: bool, given: bool) -> tuple[Preprocessing, tuple[str, ...]]:
    """How photos reach it, by its configuration, and what is a guess about that.

    Args:
        config: as timm writes it: ``input_size`` (C, H, W), ``mean``, ``std``, ``crop_pct``, ``crop_mode``.
        wanted: whether the configuration's own weights are in the network.
        given: whether other weights are.
    """
    channels, height, width = config.get("input_size") or (3, 224, 224)
    mean, deviation = config.get("mean") or (0.485, 0.456, 0.406), config.get("std") or (0.229, 0.224, 0.225)
    squash = config.get("crop_mode") == "squash"
    fit: Fit = "stretch" if squash else "crop"
    share = float(config.get("crop_pct") or 1.0)
    made = Preprocessing(
        (int(height), int(width)), fit, int(channels), (_floats(mean), _floats(deviation)),
        crop=share if 0 < share <= 1 and not squash else 1.0,
    )  # fmt: skip
    if given and not wanted:
        note = "how pixels reach it is what its architecture is usually trained with, a guess for these weights"
        return made, (note,)
    return made, ()


def labels_of(config: Mapping[str, Any], trained: Any) -> tuple[str, ...]:
    """Names of the classes: the configuration's, else ImageNet's for 1,000; none for random weights."""
    if not trained:
        return ()
    names = config.get("label_names")
    if isinstance(names, list | tuple) and all(isinstance(name, str) and name for name in names):
        described = config.get("label_descriptions")
        texts = [described.get(name, name) if isinstance(described, dict) else name for name in names]
        if len(set(texts)) == len(texts):
            return tuple(str(text) for text in texts)
    return imagenet.labels() if config.get("num_classes") == imagenet.COUNT else ()


def _floats(numbers: Any) -> tuple[float, ...]:
    return tuple(float(number) for number in numbers)


def _near(name: str, timm: Any) -> str:
    near = difflib.get_close_matches(name, timm.list_models(), n=1, cutoff=0.5)
    return f"; did you mean timm:{near[0]}?" if near else "; timm.list_models() lists all"
