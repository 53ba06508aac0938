"""Keras networks, from files and live, as PyTorch modules of standard layers under the user's layer names.

::

    file ──► weights/ (numbers) + description.py (layers and calls) ─┐
    live model ──► live.py, saved for a moment ──────────────────────┴─► opening.py ──► building.py: one module
                       └─ layers of unknown kinds ──► recorded.py: values without gradients
    entering.py: how the photo goes in          values.py: how axes lie compared with Keras'
    windows.py activations.py moves.py joins.py norms.py operations.py: what each kind of layer becomes

Keras is not needed to open a file, and is never imported for it unless the caller trusts the file.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from convscope.adapters.brought import Brought
from convscope.adapters.options import Options
from convscope.errors import ModelError
from convscope.weights.value import named


def open_file(path: Path, options: Options) -> Brought:
    """The network in a ``.keras`` or HDF5 file of any version of Keras.

    Args:
        path: what it is, is decided by its content; a file of weights alone needs its JSON beside it (``NAME.json``).
        options: ``size`` where the network leaves it open; ``trust`` to let Keras open what is not read here.

    Raises:
        ModelError: it holds no network, or one that is not read here; says what to do.
        WeightsError: it is damaged or hostile.
    """
    from convscope.adapters.keras.description import UnreadError, parse
    from convscope.adapters.keras.opening import CodeError, opened
    from convscope.weights import read
    from convscope.weights.keras_files import read_said

    weights = read(path)
    if weights.source != "keras":
        raise ModelError("it was not saved by Keras; give it a name that ends in .safetensors")
    said = read_said(path)
    config = said.config if said.config is not None else _beside(path)
    if config is None:
        raise ModelError(
            f"it holds weights ({named(weights.layers)}) but not the network they belong to; give the network too "
            f"(--net SPEC --weights FILE), or put what model.to_json() gives beside it as {_stem(path)}.json"
        )
    try:
        found = opened(parse(config), weights.layers, said.version, options.size)
    except UnreadError as error:
        if options.trust:
            from convscope.adapters.keras.live import open_trusted

            return open_trusted(path, options, str(error))
        asks = "if you know who made it" if isinstance(error, CodeError) else "if you trust it"
        raise type(error)(
            f"{error}; {asks}, --trust opens it through Keras itself, without gradients and so without explanations"
        ) from None
    about: dict[str, Any] = {"format": f"Keras {said.version or 'of unknown version'}, {said.layout}"}
    if weights.unread:
        about["unread"] = list(weights.unread[:20])
    return Brought(
        found.module, found.title or _stem(path), found.preprocessing, about=about, notes=found.notes,
        scale_known=found.scale_known,
    )  # fmt: skip


def open_model(model: Any, options: Options) -> Brought:
    """A live Keras model of any backend; it is left as it is.

    Raises:
        ModelError: it is not built yet, or takes no photo.
    """
    from convscope.adapters.keras.live import open_live

    return open_live(model, options)


def _stem(path: Path) -> str:
    return path.name.removesuffix(path.suffix).removesuffix(".weights")


def _beside(path: Path) -> bytes | None:
    """The network's JSON in a plain file beside its weights."""
    from convscope.weights.keras_config import MOST_CONFIG

    other = path.with_name(f"{_stem(path)}.json")
    try:
        status = other.lstat()
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > MOST_CONFIG:
            raise ModelError(f"{other.name!r} beside it has {status.st_size} bytes, more than any network; refused")
        return other.read_bytes()
    except OSError:
        return None
