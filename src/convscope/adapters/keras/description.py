"""The network that a Keras configuration describes, whatever version of Keras wrote it.

Keras 1 to 3 write the same things in three ways: a Sequential as a list or as a dictionary, calls of layers as
``[["conv", 0, 0, {}]]`` or as nested ``__keras_tensor__`` entries, settings under changing names. Here all become
layers with the calls that are made of them. Nothing is imported and nothing is run: what is code stays text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from convscope.errors import ModelError
from convscope.weights.value import shown

MOST_DEPTH = 32
"""Networks within networks."""
MOST_NESTED = 200
"""Lists within lists of a call's arguments."""
MOST_LAYERS = 20_000
DAMAGED = "the network's description cannot be understood; it is damaged, save the model again"


class UnreadError(ModelError):
    """The network is a network, but something in it is not read here; Keras itself may know it."""


@dataclass(frozen=True)
class Reference:
    """One value of a call of a layer: the ``output``-th of the ``call``-th call, from 0 on."""

    layer: str
    call: int = 0
    output: int = 0


@dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes:
        args: what it is given in order; references, numbers, arrays, lists of these.
        options: what it is given by name.
    """

    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def references(self) -> list[Reference]:
        """The values that it reads, in order."""
        return [*_references(self.args), *_references(list(self.options.values()))]


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer.

    Attributes:
        name: the user's.
        kind: its Keras class, such as ``Conv2D``.
        settings: as Keras wrote them.
        calls: of it, in Keras' order.
        network: the network that it is, for a network within a network.
        custom: whether its class is one of the author's own.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    calls: tuple[Call, ...] = ()
    network: Network | None = None
    custom: bool = False

    @property
    def title(self) -> str:
        """What to call it in a sentence."""
        return f"layer {shown(self.name)} ({shown(self.kind)})"

    def get(self, *names: str, default: Any = None) -> Any:
        """The first of the settings with one of these names (they changed with Keras) that is not null."""
        for name in names:
            if self.settings.get(name) is not None:
                return self.settings[name]
        return default


@dataclass(frozen=True, eq=False)
class Network:
    """Layers, the inputs and the outputs of all.

    >>> text = '{"class_name": "Sequential", "config": [{"class_name": "Flatten", "config": {"name": "flat"}}]}'
    >>> network = parse(text)
    >>> [layer.name for layer in network.layers], network.inputs, network.outputs[0].layer
    (['input', 'flat'], (Reference(layer='input', call=0, output=0),), 'flat')
    """

    name: str
    layers: tuple[Layer, ...]
    inputs: tuple[Reference, ...]
    outputs: tuple[Reference, ...]

    def walk(self) -> Iterator[Layer]:
        """Every layer, those of networks within it too."""
        for layer in self.layers:
            yield layer
            if layer.network is not None:
                yield from layer.network.walk()


def parse(text: str | bytes) -> Network:
    """The network in a configuration.

    Raises:
        UnreadError: it is of a class of the author's own.
        ModelError: it is no network, damaged, or absurd.
    """
    try:
        value = json.loads(text)
        network = _network(value, 0)
    except (ValueError, RecursionError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            "the network's description cannot be understood; it is damaged, save the model again"
        ) from None
    if sum(1 for _ in network.walk()) > MOST_LAYERS:
        raise ModelError(f"the network's description has over {MOST_LAYERS:,} layers; refused")
    return network


def _network(entry: Any, depth: int) -> Network:
    if depth > MOST_DEPTH:
        raise ModelError(f"networks are nested over {MOST_DEPTH} deep; refused")
    kind = entry["class_name"] if isinstance(entry, dict) else None
    if not isinstance(kind, str):
        raise ModelError(DAMAGED)
    config = entry.get("config")
    described = isinstance(config, list) or (isinstance(config, dict) and isinstance(config.get("layers"), list))
    if kind == "Sequential" and described:
        return _sequential(config if isinstance(config, dict) else {"layers": config}, entry, depth)
    if described and "output_layers" in config:
        return _functional(config, depth)
    raise UnreadError(
        f"the network is of the class {shown(kind)}, whose layers are called by Python code that is not in the file"
    )


def _sequential(config: dict[str, Any], entry: dict[str, Any], depth: int) -> Network:
    """A chain: each layer is called once, with what the one before it gave."""
    layers: list[Layer] = []
    for one in config["layers"]:
        layer = _layer(one, depth)
        if not layers and layer.kind != "InputLayer":
            layers.append(Layer("input", "InputLayer", {"batch_shape": _first_shape(layer, config, entry)}))
        calls = (Call((Reference(layers[-1].name),)),) if layers else ()
        layers.append(Layer(layer.name, layer.kind, layer.settings, calls, layer.network, layer.custom))
    if len(layers) < 2:
        raise ModelError("the network has no layers")
    _check_names(layers)
    first, last = Reference(layers[0].name), Reference(layers[-1].name)
    return Network(_text(config.get("name")), tuple(layers), (first,), (last,))


def _first_shape(layer: Layer, config: dict[str, Any], entry: dict[str, Any]) -> Any:
    """The input of a chain that does not begin with an input layer."""
    if layer.network is not None:
        return _input_shape(layer.network)
    built = entry.get("build_config")
    return (
        layer.get("batch_input_shape", "batch_shape")
        or config.get("build_input_shape")
        or (built.get("input_shape") if isinstance(built, dict) else None)
    )


def _input_shape(network: Network) -> Any:
    names = {reference.layer for reference in network.inputs}
    first = next(layer for layer in network.layers if layer.name in names)
    return first.get("batch_shape", "batch_input_shape")


def _functional(config: dict[str, Any], depth: int) -> Network:
    layers = [_layer(one, depth) for one in config["layers"]]
    _check_names(layers)
    inputs, outputs = (tuple(_ends(config.get(key))) for key in ("input_layers", "output_layers"))
    if not inputs or not outputs:
        raise ModelError("the network's description names no inputs or no outputs; save the model again")
    modern = any(isinstance(node, dict) for one in config["layers"] for node in one.get("inbound_nodes") or ())
    used: dict[str, int] = {}
    for read in (*outputs, *(read for layer in layers for call in layer.calls for read in call.references())):
        used[read.layer] = min(used.get(read.layer, read.call), read.call)
    # A network within a network counts the call that made it, too; Keras 3 does so only where it names the outputs.
    before = {layer.name: 0 if modern else min(1, used.get(layer.name, 0)) for layer in layers if layer.network}
    built = {layer.name: 1 for layer in layers if modern and layer.network and layer.kind != "Sequential"}
    numbered = tuple(
        replace(
            layer,
            calls=tuple(Call(_counted(call.args, before), _counted(call.options, before)) for call in layer.calls),
        )
        for layer in layers
    )
    ends = tuple(_counted(one, built if modern else before) for one in outputs)
    return Network(_text(config.get("name")), numbered, inputs, ends)


def _counted(value: Any, before: Mapping[str, int]) -> Any:
    """References with the number of their call among those that the file has."""
    if isinstance(value, Reference):
        return Reference(value.layer, value.call - before.get(value.layer, 0), value.output)
    if isinstance(value, dict):
        return {key: _counted(one, before) for key, one in value.items()}
    return type(value)(_counted(one, before) for one in value) if isinstance(value, list | tuple) else value


def _layer(entry: Any, depth: int) -> Layer:
    kind, config = entry["class_name"], entry.get("config")
    if not isinstance(kind, str):
        raise ModelError(DAMAGED)
    settings = config if isinstance(config, dict) else {}
    nested = None
    if isinstance(config, list) or (isinstance(settings.get("layers"), list) and "layer" not in settings):
        nested = _network(entry, depth + 1)
    name = entry.get("name") or settings.get("name")
    registered = entry.get("registered_name")
    custom = nested is None and isinstance(registered, str) and ">" in registered
    calls = tuple(_call(node) for node in entry.get("inbound_nodes") or () if node)
    return Layer(_text(name) or kind, kind, settings, calls, nested, custom)


def _call(node: Any) -> Call:
    if isinstance(node, dict):  # Keras 3
        options = node.get("kwargs") or {}
        return Call(
            tuple(_argument(one, 0) for one in node.get("args") or ()),
            {str(key): _argument(value, 0) for key, value in options.items()},
        )
    entries = [node] if isinstance(node[0], str) else node
    args, options = [], {}
    for one in entries:
        args.append(one[2] if one[0] == "_CONSTANT_VALUE" else _reference(one))
        if len(one) > 3 and isinstance(one[3], dict):
            options |= {
                str(key): _old_option(value) for key, value in one[3].items() if key not in {"name", "training"}
            }
    return Call(tuple(args), options)


def _old_option(value: Any) -> Any:
    is_reference = isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str)
    return _reference(value) if is_reference else _argument(value, 0)


def _argument(value: Any, depth: int) -> Any:
    """One argument of a call as Keras 3 writes it."""
    if depth > MOST_NESTED:
        raise ModelError("the arguments of a layer are nested too deeply; refused")
    if isinstance(value, list):
        return [_argument(one, depth + 1) for one in value]
    if not isinstance(value, dict):
        return value
    special = _SPECIAL.get(str(value.get("class_name")))
    if special is not None:
        return special(value["config"])
    if value.get("class_name") == "__tuple__":
        return [_argument(one, depth + 1) for one in value.get("items") or value.get("config") or ()]
    return {str(key): _argument(one, depth + 1) for key, one in value.items()}


def _reference(entry: Any) -> Reference:
    layer, call, output = entry[:3]
    if not isinstance(layer, str) or not all(
        type(number) is int and 0 <= number < MOST_LAYERS for number in (call, output)
    ):
        raise ModelError(
            "a layer reads from something that is no layer; the description is damaged, save the model again"
        )
    return Reference(layer, call, output)


_SPECIAL: Mapping[str, Callable[[Any], Any]] = {
    "__keras_tensor__": lambda config: _reference(config["keras_history"]),
    "__tensor__": lambda config: np.asarray(config["value"], np.float64),
    "__numpy__": lambda config: np.asarray(config["value"], np.float64),
    "__ellipsis__": lambda _: Ellipsis,
    "__slice__": lambda config: slice(config["start"], config["stop"], config["step"]),
}


def _ends(structure: Any) -> Iterator[Reference]:
    """The references in what may be one, a list or a dictionary of them."""
    if isinstance(structure, dict):
        for key in sorted(structure):  # as Keras numbers the outputs of a network that names them
            yield from _ends(structure[key])
    elif isinstance(structure, list) and len(structure) >= 3 and isinstance(structure[0], str):
        yield _reference(structure)
    elif isinstance(structure, list):
        for one in structure:
            yield from _ends(one)


def _references(value: Any) -> Iterator[Reference]:
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _references(one)


def _check_names(layers: list[Layer]) -> None:
    known: set[str] = set()
    for layer in layers:
        if layer.name in known:
            raise ModelError(f"two layers are called {shown(layer.name)}; save the model again")
        known.add(layer.name)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
