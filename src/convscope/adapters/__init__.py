"""From what people bring (a module, a spec, a reference) to a :class:`convscope.network.Network`.

Each door is opened lazily: nothing is imported for a framework that is not used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.adapters.saved import Saved, file_of, naming, read_network
from convscope.errors import ModelError, WeightsError
from convscope.network import Network, Preprocessing

if TYPE_CHECKING:
    from os import PathLike

    from convscope.spec import Spec
    from convscope.weights import Report, Weights

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
        scale: how pixels reach the network; None for what it says itself, ``unit`` where it does not.
        size: (height, width) of its input, None for the network's or the photo's own.
        labels: names of its classes; empty for what it says itself.
        title: what to call it, where it has no name of its own.
        report: told what a weights file gave.
    """

    seed: int = 0
    weights: str | PathLike[str] | None = None
    scale: Any = None
    size: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()
    title: str = ""
    report: Callable[[Report], None] = field(default=lambda _: None)


@dataclass(frozen=True, eq=False)
class _Given:
    """Weights for a network, and what their file says beside them.

    ``own`` where the network came out of the same file, so that all of it must fit.
    """

    name: str = ""
    weights: Weights | None = None
    said: Saved = field(default_factory=Saved)
    own: bool = False

    @classmethod
    def of(cls, path: str | PathLike[str] | None) -> _Given:
        """A file whose weights are put into another network; it is listened to where it names its classes."""
        if path is None:
            return cls()
        from convscope.weights import read

        weights = read(path)
        with naming(path):
            said = Saved.read(weights.metadata) if "labels" in weights.metadata else Saved()
        return cls(Path(path).name, weights, said)


def connect(
    model: Any, shape: Callable[[Preprocessing], tuple[int, int, int]], options: Options | None = None
) -> Network:
    """A network ready to run.

    Args:
        model: a :class:`convscope.network.Network`, a ``torch.nn.Module``, a
            :class:`convscope.spec.Spec`, or text: the name of a trained network that comes along, a spec, a name
            on the shelf of specs, a file, the folder of a training, or ``package.module:function``.
        shape: tells the (C, H, W) that the image will have under a preprocessing; a spec is built for it.
        options: seed, weights, scale, size, labels.

    Raises:
        ModelError: the reference cannot be opened, or is not a network.
        SpecError: the text is not a network, or an impossible one.
        WeightsError: the weights file cannot be read or fits nowhere.
    """
    options = options or Options()
    if isinstance(model, str | Path):
        path = saved_network(model)
        if path is not None:
            return _from_file(path, shape, options)
        model, options = _referenced(str(model), options)
    if isinstance(model, Network):
        return model
    given = _Given.of(options.weights)
    if _is_spec(model):
        return _from_spec(model, shape, options, given)
    return _from_module(model, options, given)


def saved_network(reference: str | Path) -> Path | None:
    """The file of the trained network that a reference names; None where it names something else.

    Args:
        reference: a name of :func:`convscope.networks.names`, a ``.safetensors`` file, or the folder of a training.

    Raises:
        ModelError: it is a folder that holds no network.

    >>> saved_network("conv(3, 3) | relu") is None
    True
    """
    from convscope.networks import names, path_of
    from convscope.spec import shelf

    if str(reference) in names():
        return path_of(str(reference))
    return None if str(reference) in shelf() else file_of(reference)  # a name means the same in every folder


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


def _from_file(path: Path, shape: Callable[[Preprocessing], tuple[int, int, int]], options: Options) -> Network:
    """A network whose file says what it is: one that a training or ``convscope see`` saved."""
    said, weights = read_network(path)
    other = None if options.weights is None else _Given.of(options.weights)
    assert said.spec is not None
    with naming(path):
        given = _Given(path.name, weights, said, own=True)
        if other is not None:  # whose probabilities were never calibrated
            given = replace(other, said=replace(said, calibration=None))
        return _from_spec(said.spec, shape, options, given)


def _from_spec(
    spec: Spec, shape: Callable[[Preprocessing], tuple[int, int, int]], options: Options, given: _Given
) -> Network:
    from convscope.adapters.torch import TorchNetwork
    from convscope.spec import build, flatten_shapes, plan

    said = given.said
    preprocessing = _merged(said.preprocessing or Preprocessing(), options)
    if spec.input is not None:
        height, width, channels = spec.input
        preprocessing = replace(preprocessing, size=preprocessing.size or (height, width), channels=channels)
    built_for = shape(preprocessing)
    last = plan(spec, built_for)[-1]
    said.check_answer(last.shape, last.kind)
    module = build(spec, built_for, seed=options.seed)
    about: dict[str, Any] = {"spec": spec.text(), "seed": options.seed, "input": list(built_for)}
    _load_weights(module, options, given, flatten_shapes(spec, built_for), about)
    return TorchNetwork(
        module,
        title=said.title or options.title or f"network of {len(spec.layers)} layer{'s' * (len(spec.layers) != 1)}",
        preprocessing=preprocessing,
        labels=options.labels or said.labels,
        about=about,
    )


def _from_module(module: Any, options: Options, given: _Given) -> Network:
    from convscope.adapters.torch import TorchNetwork, first_channels

    preprocessing = _merged(given.said.preprocessing or Preprocessing(channels=first_channels(module)), options)
    about: dict[str, Any] = {}
    _load_weights(module, options, given, {}, about)
    labels = options.labels or given.said.labels
    return TorchNetwork(module, title=options.title, preprocessing=preprocessing, labels=labels, about=about)


def _merged(preprocessing: Preprocessing, options: Options) -> Preprocessing:
    """What the caller asks for goes before what the network says."""
    scale = preprocessing.scale if options.scale is None else options.scale
    return replace(preprocessing, size=options.size or preprocessing.size, scale=scale)


def _load_weights(
    module: Any, options: Options, given: _Given, flattened: dict[str, tuple[int, int, int]], about: dict[str, Any]
) -> None:
    if given.weights is None:
        return
    from convscope.weights import assign

    with nullcontext() if given.own else naming(given.name):
        report = assign(module, given.weights, flattened=flattened)
    about["weights"] = given.name
    if given.own and (report.missing or report.mismatched):
        misfits = [*map(str, report.mismatched), *(f"{layer} is not in the file" for layer in report.missing)]
        raise WeightsError(
            f"its weights do not fit its network at this size: {'; '.join(misfits[:3])}; leave out --size, or give the "
            "size that it was saved for"
        )
    if not given.own or report.unused or report.nan or report.unread:
        options.report(report)
    if given.said.calibration is not None and not report.missing:
        about["calibration"] = dict(given.said.calibration)
