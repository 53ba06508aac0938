"""From what people bring (a module, a spec, a reference) to a :class:`convscope.network.Network`.

Each door is opened lazily (``doors.py``): nothing is imported for a framework that is not used. What a door gives
(``brought.py``) says things of itself; a text file beside the model (``sidecar.py``) goes before that, and what the
caller asks for (``options.py``) before everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.adapters.brought import Brought
from convscope.adapters.doors import file_for_a_door, through_a_door
from convscope.adapters.given import Given
from convscope.adapters.options import Options
from convscope.adapters.saved import file_of, naming, read_network
from convscope.adapters.sidecar import Sidecar
from convscope.errors import ModelError
from convscope.network import Network, Preprocessing

if TYPE_CHECKING:
    from convscope.spec import Spec

__all__ = ["Options", "connect", "saved_network"]

FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
Shape = Callable[[Preprocessing], tuple[int, int, int]]


def connect(model: Any, shape: Shape, options: Options | None = None) -> Network:
    """A network ready to run.

    Args:
        model: a :class:`convscope.network.Network`, a ``torch.nn.Module``, a Keras model, a
            :class:`convscope.spec.Spec`, or text: the name of a trained network that comes along, a spec, a name
            on the shelf of specs, a file of any framework, the folder of a training, a network of a hub
            (``timm:resnet18``), or ``package.module:function``.
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
        brought = through_a_door(model, options)
        if brought is not None:
            return _from_door(brought, options, Given.of(options.weights), _said_beside(model))
        model, options = _referenced(str(model), options)
    return _from_value(model, shape, options)


def _from_value(model: Any, shape: Shape, options: Options) -> Network:
    if isinstance(model, Network):
        return _from_network(model, options)
    given = Given.of(options.weights)
    brought = through_a_door(model, options)
    if brought is not None:
        return _from_door(brought, options, given, Sidecar())
    return _from_spec(model, shape, options, given) if _is_spec(model) else _from_module(model, options, given)


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


def _said_beside(model: Any) -> Sidecar:
    path = file_for_a_door(model) if isinstance(model, str | Path) else None
    return Sidecar() if path is None else Sidecar.beside(path)


def _referenced(reference: str, options: Options) -> tuple[Any, Options]:
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


def _from_file(path: Path, shape: Shape, options: Options) -> Network:
    """A network whose file says what it is: one that a training or ``convscope see`` saved."""
    said, weights = read_network(path)
    other = None if options.weights is None else Given.of(options.weights)
    assert said.spec is not None
    with naming(path):
        given = Given(path.name, weights, said, own=True)
        if other is not None:  # whose probabilities were never calibrated
            given = replace(other, said=replace(said, calibration=None))
        return _from_spec(said.spec, shape, options, given)


def _from_spec(spec: Spec, shape: Shape, options: Options, given: Given) -> Network:
    from convscope.adapters.torch import TorchNetwork
    from convscope.spec import build, flatten_shapes, plan

    said = given.said
    preprocessing = _asked(given.beside.over(said.preprocessing or Preprocessing()), options)
    if spec.input is not None:
        height, width, channels = spec.input
        preprocessing = replace(preprocessing, size=preprocessing.size or (height, width), channels=channels)
    built_for = shape(preprocessing)
    last = plan(spec, built_for)[-1]
    said.check_answer(last.shape, last.kind)
    module = build(spec, built_for, seed=options.seed)
    about: dict[str, Any] = {"spec": spec.text(), "seed": options.seed, "input": list(built_for)}
    given.load_into(module, options, flatten_shapes(spec, built_for), about)
    return TorchNetwork(
        module,
        title=said.title or options.title or f"network of {len(spec.layers)} layer{'s' * (len(spec.layers) != 1)}",
        preprocessing=preprocessing,
        labels=options.labels or given.beside.labels or said.labels,
        about=about,
    )


def _from_network(network: Network, options: Options) -> Network:
    """One that is open already, run as the caller wants it; itself where nothing is asked for."""
    preprocessing = _asked(network.preprocessing, options)
    labels = options.labels or network.labels
    model = getattr(network, "model", None)
    if (preprocessing, labels) == (network.preprocessing, network.labels) or model is None:
        return network
    from convscope.adapters.torch import TorchNetwork

    return TorchNetwork(model, title=network.title, preprocessing=preprocessing, labels=labels, about=network.about)


def _from_module(module: Any, options: Options, given: Given) -> Network:
    from convscope.adapters.torch import TorchNetwork, first_channels

    base = given.said.preprocessing or Preprocessing(channels=first_channels(module))
    about: dict[str, Any] = {}
    given.load_into(module, options, {}, about)
    return TorchNetwork(
        module,
        title=options.title,
        preprocessing=_asked(given.beside.over(base), options),
        labels=options.labels or given.beside.labels or given.said.labels,
        about=about,
    )


def _from_door(brought: Brought, options: Options, given: Given, beside: Sidecar) -> Network:
    """What a door gave, with what is said elsewhere put over what it says of itself."""
    import torch

    from convscope.adapters.torch import TorchNetwork, first_channels

    model = brought.model
    own = given.said.preprocessing or brought.preprocessing or Preprocessing(channels=first_channels(model))
    preprocessing = _asked(given.beside.over(beside.over(own)), options)
    labels = options.labels or given.beside.labels or given.said.labels or beside.labels or brought.labels
    title = options.title or beside.title or brought.title
    about = dict(brought.about)
    notes = list(brought.notes)
    known = (brought.preprocessing is not None and brought.scale_known) or given.said.preprocessing is not None
    if not known and all(said.scale is None for said in (options, beside, given.beside)):
        notes.append(_GUESSED)
    for sentence in notes:
        options.tell(sentence)
    if notes:
        about["notes"] = notes
    if isinstance(model, torch.nn.Module):
        given.load_into(model, options, dict(getattr(model, "flattened", {})), about)  # Keras flattens H, W, C
        return TorchNetwork(model, title=title, preprocessing=preprocessing, labels=labels, about=about)
    if given.weights is not None:
        raise ModelError(
            f"{title or 'this network'} is no PyTorch module that weights could be put into; leave them out"
        )
    model.title, model.preprocessing, model.labels = title or model.title, preprocessing, labels or model.labels
    model.about = {**model.about, **about}
    return model


_GUESSED = (
    "nobody says how pixels reach this network, so 0..1 is a guess: say it with scale (--scale), or in a .toml beside "
    "the file"
)


def _asked(preprocessing: Preprocessing, options: Options) -> Preprocessing:
    """What the caller asks for goes before what the network says."""
    scale = preprocessing.scale if options.scale is None else options.scale
    return replace(
        preprocessing, size=options.size or preprocessing.size, scale=scale, fit=options.fit or preprocessing.fit
    )
