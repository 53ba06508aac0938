"""From what people bring (a module, a spec, a reference) to a :class:`convscope.network.Network`.

Each door is opened lazily: nothing is imported for a framework that is not used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.errors import ModelError
from convscope.network import Network, Preprocessing

if TYPE_CHECKING:
    from os import PathLike

    from convscope.spec import Spec
    from convscope.weights import Report

FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
CLOSED = {
    ".keras": "a Keras", ".h5": "a Keras", ".hdf5": "a Keras", ".onnx": "an ONNX",
    ".pt": "a PyTorch", ".pth": "a PyTorch", ".th": "a PyTorch", ".pt2": "a PyTorch",
}  # fmt: skip
HUBS = ("timm:", "torchvision:", "hf:")


@dataclass(frozen=True)
class Options:
    """How a network is to be opened.

    Attributes:
        seed: of the random weights: of a spec by layer name, of a function's model as PyTorch draws them.
        weights: a file whose weights are put in by layer name.
        scale: how pixels reach the network where it does not say itself.
        size: (height, width) of its input, None for the network's or the photo's own.
        labels: names of its classes.
        title: what to call it, where it has no name of its own.
        report: told what a weights file gave.
    """

    seed: int = 0
    weights: str | PathLike[str] | None = None
    scale: Any = "unit"
    size: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()
    title: str = ""
    report: Callable[[Report], None] = field(default=lambda _: None)


def connect(
    model: Any, shape: Callable[[Preprocessing], tuple[int, int, int]], options: Options | None = None
) -> Network:
    """A network ready to run.

    Args:
        model: a :class:`convscope.network.Network`, a ``torch.nn.Module``, a
            :class:`convscope.spec.Spec`, or text: a spec, a name on the shelf of specs, a file, or
            ``package.module:function``.
        shape: tells the (C, H, W) that the image will have under a preprocessing; a spec is built for it.
        options: seed, weights, scale, size, labels.

    Raises:
        ModelError: the reference cannot be opened, or is not a network.
        SpecError: the text is not a network, or an impossible one.
        WeightsError: the weights file cannot be read or fits nowhere.
    """
    options = options or Options()
    if isinstance(model, str | Path):
        model, options = _referenced(str(model), options)
    if _is_spec(model):
        return _from_spec(model, shape, options)
    if isinstance(model, Network):
        return model
    return _from_module(model, options)


def _is_spec(model: Any) -> bool:
    from convscope.spec import Spec

    return isinstance(model, Spec)


def _referenced(reference: str, options: Options) -> tuple[Any, Options]:
    suffix = Path(reference).suffix.lower()
    if reference.startswith(HUBS):
        raise ModelError(
            f"{reference!r} names a model hub, which this version does not open; make the model in a function of your "
            "own and give package.module:function"
        )
    if suffix == ".safetensors":
        return _from_safetensors(Path(reference), options)
    if suffix in CLOSED and "(" not in reference:
        raise ModelError(
            f"{reference!r} is {CLOSED[suffix]} file, which this version does not open as a network; write the "
            "network as a spec and give the file as its weights (--weights), or give package.module:function"
        )
    if FUNCTION.fullmatch(reference):
        return _from_function(reference, options.seed), options
    from convscope.spec import load, shelf

    spec = load(reference)
    return spec, replace(options, title=reference if reference in shelf() else options.title)


def _from_function(reference: str, seed: int) -> Any:
    import importlib

    import torch

    module_name, _, path = reference.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"{reference!r} cannot be imported: {error}; give package.module:function as Python would import it here"
        ) from error
    if isinstance(found, torch.nn.Module) or not callable(found):
        return found
    with torch.random.fork_rng():  # weights that the function draws at random are the same every time
        torch.manual_seed(seed)
        return found()


def _from_safetensors(path: Path, options: Options) -> tuple[Spec, Options]:
    """A network that ``convscope see`` saved: its weights file carries the spec it belongs to."""
    from convscope.spec import parse
    from convscope.weights import read

    metadata = read(path).metadata
    if "spec" not in metadata:
        raise ModelError(
            f"{path.name!r} holds weights but does not say which network they belong to; give the network too "
            "(--net SPEC --weights FILE)"
        )
    return parse(metadata["spec"]), replace(options, weights=options.weights or path)


def _from_spec(spec: Spec, shape: Callable[[Preprocessing], tuple[int, int, int]], options: Options) -> Network:
    from convscope.adapters.torch import TorchNetwork
    from convscope.spec import build, flatten_shapes

    preprocessing = Preprocessing(scale=options.scale, size=options.size)
    if spec.input is not None:
        height, width, channels = spec.input
        preprocessing = replace(preprocessing, size=options.size or (height, width), channels=channels)
    built_for = shape(preprocessing)
    module = build(spec, built_for, seed=options.seed)
    about: dict[str, Any] = {"spec": spec.text(), "seed": options.seed, "input": list(built_for)}
    _load_weights(module, options, flatten_shapes(spec, built_for), about)
    return TorchNetwork(
        module,
        title=options.title or f"network of {len(spec.layers)} layer{'s' * (len(spec.layers) != 1)}",
        preprocessing=preprocessing,
        labels=options.labels,
        about=about,
    )


def _from_module(module: Any, options: Options) -> Network:
    from convscope.adapters.torch import TorchNetwork, first_channels

    preprocessing = Preprocessing(scale=options.scale, size=options.size, channels=first_channels(module))
    about: dict[str, Any] = {}
    _load_weights(module, options, {}, about)
    return TorchNetwork(module, title=options.title, preprocessing=preprocessing, labels=options.labels, about=about)


def _load_weights(
    module: Any, options: Options, flattened: dict[str, tuple[int, int, int]], about: dict[str, Any]
) -> None:
    if options.weights is None:
        return
    from convscope.weights import load_into

    options.report(load_into(module, options.weights, flattened=flattened))
    about["weights"] = Path(options.weights).name
