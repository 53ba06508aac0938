"""Live Keras models: read like a file, compared with what they answer themselves, and else recorded as they are."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convscope.adapters.brought import Brought
from convscope.adapters.doors import package
from convscope.adapters.keras.description import UnreadError, parse
from convscope.adapters.keras.opening import AUTOMATIC, Opened, opened
from convscope.adapters.keras.recorded import KerasNetwork, numpy_of, tensors_of
from convscope.adapters.keras.values import Value
from convscope.adapters.options import Options
from convscope.errors import ConvscopeError, ModelError, WeightsError
from convscope.network import Preprocessing
from convscope.weights import read
from convscope.weights.keras_files import read_said

CLOSE = 1e-4
"""How far what is built may be from the model's own answer, as a share of its largest number."""
ROUGH = 0.05
"""The same for a model that computes in 16 bits itself."""


def open_live(model: Any, options: Options) -> Brought:
    """A live model as a PyTorch module; where that cannot be had, as values without gradients.

    Raises:
        ModelError: it is not built yet, takes no photo, or is no model.
    """
    keras = sys.modules.get("keras") or package("keras", extra="keras", purpose="a Keras model")
    if not hasattr(model, "layers") or not callable(model):
        raise ModelError(f"a Keras network is a keras.Model; got {type(model).__name__}")
    if not getattr(model, "built", False):
        raise ModelError(
            f"the Keras model {model.name!r} is not built yet, so its layers have no weights; begin it with "
            "keras.Input or call it once on a photo"
        )
    about = {"format": f"Keras {keras.__version__}, live on {keras.config.backend()}"}
    title = "" if AUTOMATIC.fullmatch(model.name) else model.name
    try:
        found = _as_read(keras, model, options)
        reason = _difference(keras, model, found)
    except (UnreadError, NotImplementedError, WeightsError) as error:
        found, reason = None, str(error).split("; ")[0]
    if found is not None and not reason:
        return Brought(
            found.module, title or found.title, found.preprocessing, about=about, notes=found.notes,
            scale_known=found.scale_known,
        )  # fmt: skip
    return _recorded(keras, model, options, title, about, reason)


def open_trusted(path: Path, options: Options, reason: str) -> Brought:
    """A file through Keras itself, which may run code that is in it.

    Raises:
        ModelError: Keras is not there, or cannot open it either.
    """
    if "keras" not in sys.modules and importlib.util.find_spec("tensorflow") is None:
        os.environ.setdefault("KERAS_BACKEND", "torch")  # which convscope brings; TensorFlow is Keras' default
    keras = package("keras", extra="keras", purpose="this file")
    try:
        with _quiet():
            model = keras.saving.load_model(str(path), compile=False, safe_mode=False)
    except Exception as error:
        failed = f"({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        raise ModelError(f"{reason}; Keras {keras.__version__} cannot open it either {failed}") from error
    title = "" if AUTOMATIC.fullmatch(model.name) else model.name
    about = {"format": f"Keras {keras.__version__}, through Keras on {keras.config.backend()}"}
    return _recorded(keras, model, options, title or path.stem, about, reason)


def _as_read(keras: Any, model: Any, options: Options) -> Opened:
    """The model as our own reader has it, from a file that is gone again at once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        try:
            with _quiet():
                keras.saving.save_model(model, str(path))
        except ConvscopeError:
            raise
        except Exception as error:
            raise UnreadError(f"Keras cannot save it ({type(error).__name__})") from error
        weights, said = read(path), read_said(path)
    if said.config is None:
        raise UnreadError("Keras saves no description of it")
    return opened(parse(said.config), weights.layers, said.version, options.size)


def _difference(keras: Any, model: Any, found: Opened) -> str:
    """In what the module that was built differs from the model, on one made-up photo; empty where it does not."""
    height, width = found.preprocessing.size or (1, 1)
    photo = np.random.default_rng(0).random((found.preprocessing.channels, height, width), np.float32)
    if found.preprocessing.scale == "byte":
        photo *= 255
    with torch.no_grad(), _quiet():
        given = [found.as_keras(photo)[None] for _ in getattr(model, "inputs", [None])]
        own = tensors_of(model(given if len(given) > 1 else given[0], training=False))
        ours = found.module(torch.from_numpy(photo[None].copy()))
    ours = ours if isinstance(ours, tuple) else (ours,)
    if len(own) != len(ours):
        return "its outputs are not those that it was read to have"
    allowed = ROUGH if any("float32" in note for note in found.notes) else CLOSE
    for theirs, mine, value in zip(own, ours, found.outputs, strict=True):
        wanted, got = numpy_of(keras, theirs), _keras_axes(mine.numpy(), value)
        largest = max(1.0, float(np.abs(wanted).max(initial=0)))
        if wanted.shape != got.shape or not np.abs(wanted - got).max(initial=0) <= allowed * largest:
            return "what was read of it answers otherwise than the model itself"
    return ""


def _keras_axes(array: np.ndarray, value: Value) -> np.ndarray:
    if value.layout == "moved":
        return array.transpose(0, 2, 3, 1)
    return array[:, 0] if value.layout == "grey" else array


def _recorded(keras: Any, model: Any, options: Options, title: str, about: dict[str, Any], reason: str) -> Brought:
    preprocessing, first = _photo_of(keras, model, options)
    title = title or type(model).__name__
    network = KerasNetwork(keras, model, title=title, preprocessing=preprocessing, channels_first=first, about=about)
    note = (
        f"{reason[:1].lower()}{reason[1:]}; so its values come from Keras itself, layer by layer, without gradients "
        "and without arithmetic, and it cannot be explained"
    )
    return Brought(network, network.title, preprocessing, about=about, notes=(note,), scale_known=False)


def _photo_of(keras: Any, model: Any, options: Options) -> tuple[Preprocessing, bool]:
    """Size and channels that the model takes, and whether the channels come first."""
    shape = getattr(model, "input_shape", None) or (model.get_build_config() or {}).get("input_shape")
    first = keras.config.image_data_format() == "channels_first"
    if shape is None:  # a subclassed model may keep no record of what it was called with
        return Preprocessing(size=options.size), first
    listed = isinstance(shape, list | tuple) and all(one is None or isinstance(one, int) for one in shape)
    if not listed or len(shape) != 4:
        raise ModelError(
            f"the Keras model {model.name!r} takes {shape!r:.60}, which is not one photo; give one that does"
        )
    channels, sides = (shape[1], shape[2:]) if first else (shape[3], shape[1:3])
    size = options.size if None in sides else (int(sides[0]), int(sides[1]))
    return Preprocessing(size=size, channels=channels or 3), first


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings that Keras has for those who train."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
