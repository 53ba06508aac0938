"""From a described Keras network and its weights to a PyTorch module of standard layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch

from convscope.adapters.elementary import Permute, Reshape
from convscope.adapters.graph import Graph, Node
from convscope.adapters.keras.description import Call, Layer, Network, Reference, UnreadError
from convscope.adapters.keras.ordering import in_order
from convscope.adapters.keras.values import Layout, Value
from convscope.errors import ModelError, WeightsError
from convscope.weights.value import shown, size_text

MOST_NUMBERS = 1 << 31
"""Numbers in one value: 8 GiB of them."""
MOST_RUNS = 50_000
"""Runs of layers, where a network within a network is called again and again."""

Params = Mapping[str, np.ndarray]
Build = Callable[["Builder", Layer, Call, list[Value]], "Value | list[Value]"]


@dataclass(eq=False)
class Common:
    """What all builders of one model share.

    Attributes:
        weights: layer name -> parameter name -> values, PyTorch's layout.
        version: major version of the Keras that wrote the model.
        channels_first: what layers that do not say so use.
        kinds: how each kind of layer is built.
        scale: what the network's own first layers say of the pixels: ``unit``, ``byte``, None for nothing.
        modules: made already, by layer and setting; a shared layer is one module.
        used: layers whose weights were taken.
        flattened: by layer that reads a flattened map, the map's (C, H, W).
    """

    weights: Mapping[str, Params]
    version: int
    channels_first: bool
    kinds: Mapping[str, Build]
    scale: Literal["unit", "byte"] | None = None
    modules: dict[tuple[object, ...], torch.nn.Module] = field(default_factory=dict)
    graphs: dict[tuple[object, ...], tuple[Graph, list[Value], int]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    flattened: dict[str, tuple[int, int, int]] = field(default_factory=dict)


class Builder:
    """Builds one network: the model, or one within it.

    Args:
        common: what is known of the whole model.
        path: names of the networks around this one, the outermost first.
    """

    def __init__(self, common: Common, path: tuple[str, ...] = ()) -> None:
        self.common, self.path = common, path
        self.nodes: list[Node] = []
        self.runs = 0
        self._made = 0

    def build(self, network: Network, given: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        """The network's inputs and outputs, between which :attr:`nodes` stand.

        Raises:
            UnreadError: a layer is of a kind, or is used in a way, that is not read here.
            ModelError: the network is impossible.
            WeightsError: weights are missing or do not fit.
        """
        if len(given) != len(network.inputs):
            raise ModelError(f"a network with {len(network.inputs)} inputs is given {len(given)}; save the model again")
        places = {reference.layer: place for place, reference in enumerate(network.inputs)}
        inputs = [value.named(f"input {place}") for place, value in enumerate(given)]
        known: dict[Reference, Value] = {}
        for layer, number in in_order(network):
            if layer.name in places:
                known[Reference(layer.name)] = inputs[places[layer.name]]
                continue
            call = layer.calls[number] if layer.calls else Call()
            values = [_known(known, reference) for reference in call.references()]
            for place, value in enumerate(self._layer(layer, call, values, known)):
                known[Reference(layer.name, number, place)] = value
        outputs = [_known(known, reference) for reference in network.outputs]
        if not self.path:
            outputs = [self.settled(value) for value in outputs]
        return inputs, outputs

    def _layer(self, layer: Layer, call: Call, values: list[Value], known: Mapping[Reference, Value]) -> list[Value]:
        self.runs += 1
        if layer.network is not None:
            return self._nested(layer, layer.network, values)
        call = Call(
            tuple(_filled(one, known) for one in call.args),
            {key: _filled(one, known) for key, one in call.options.items()},
        )
        if not values:
            raise ModelError(f"layer {shown(layer.name)} is given nothing; save the model again")
        try:
            made = self.common.kinds[layer.kind](self, layer, call, values)
        except (KeyError, TypeError, ValueError, OverflowError, RuntimeError, IndexError) as error:
            if isinstance(error, ModelError | WeightsError):
                raise
            reason = " ".join(str(error).split())[:160]
            given = " and ".join(size_text(value.keras_shape) for value in values[:3])
            raise ModelError(f"{layer.title} cannot work on {given}: {reason}; save the model again") from None
        return made if isinstance(made, list) else [made]

    def _nested(self, layer: Layer, network: Network, values: list[Value]) -> list[Value]:
        """A network within the network, as one module; built once for inputs of the same shapes."""
        path = (*self.path, layer.name)
        key = (path, *(value.signature for value in values))
        if key not in self.common.graphs:
            inner = Builder(self.common, path)
            inputs, outputs = inner.build(network, values)
            graph = Graph([value.name for value in inputs], inner.nodes, [value.name for value in outputs])
            self.common.graphs[key] = graph, outputs, inner.runs
        graph, outputs, runs = self.common.graphs[key]
        self.runs += runs
        if self.runs > MOST_RUNS:
            raise ModelError(f"the network runs over {MOST_RUNS:,} layers; refused")
        results = [value.named(self._fresh(layer.name)) for value in outputs]
        names = tuple(value.name for value in results)
        self.nodes.append(Node(layer.name, graph, tuple(value.name for value in values), names))
        return results

    # What the functions of single layers use.

    def add(
        self,
        name: str,
        module: torch.nn.Module,
        *values: Value,
        layout: Layout | None = None,
        keeps_order: bool = False,
    ) -> Value:
        """Run a module on values.

        Args:
            name: of the step.
            module: what runs.
            values: what it reads.
            layout: of the result; None for that of the first value.
            keeps_order: the result's numbers stand where those of the first value stand.
        """
        with torch.no_grad():
            like = module.eval()(*(value.like for value in values))
        if math.prod(like.shape[1:]) > MOST_NUMBERS or min(like.shape[1:]) < 1:
            shape = size_text(tuple(like.shape[1:]))
            raise ModelError(f"layer {shown(name)} would make {shape} numbers, which cannot be; save the model again")
        result = Value(self._fresh(name), like, layout or values[0].layout)
        if keeps_order:
            result = replace(result, order=values[0].order, grid=values[0].grid)
        self.nodes.append(Node(name, module, tuple(value.name for value in values), (result.name,)))
        return result

    def module(self, layer: Layer, key: tuple[object, ...], make: Callable[[], torch.nn.Module]) -> torch.nn.Module:
        """A layer's module; the same one where the layer is called again in the same way."""
        full = (self.full_name(layer), layer.kind, *key)
        if full not in self.common.modules:
            self.common.modules[full] = make()
        return self.common.modules[full]

    def full_name(self, layer: Layer) -> str:
        """The layer's name with those of the networks around it, as the weights have it."""
        return ".".join((*self.path, layer.name))

    def params(self, layer: Layer, part: str = "") -> Params:
        """The layer's weights.

        Raises:
            WeightsError: the file does not have them.
        """
        name = self.full_name(layer) + (f".{part}" if part else "")
        if name not in self.common.weights:  # a network in two places has its weights in one of them
            others = [one for one in self.common.weights if one.endswith(f".{name}") or name.endswith(f".{one}")]
            name = others[0] if len(others) == 1 else name
        found = self.common.weights.get(name)
        if found is None:
            raise WeightsError(f"the file has no weights for layer {shown(name)} ({layer.kind}); save the whole model")
        self.common.used.add(name)
        return found

    def note_flattened(self, layer: Layer, value: Value) -> None:
        """Remember that a layer's weights were put into the order of a flattened map."""
        if value.grid is not None:
            self.common.flattened[self.full_name(layer)] = value.grid

    def settled(self, value: Value) -> Value:
        """A vector with its numbers in Keras' order; steps that bring them there stand in the network."""
        if value.order is None:
            return value
        if value.grid is None:
            return self.add(f"{value.name}_order", _Reordered(value.order), value)
        base = value.name.partition(" ")[0]
        grid = self.add(f"{base}_grid", Reshape(value.grid), value)
        turned = self.add(f"{base}_permute", Permute((0, 2, 3, 1)), replace(grid, order=None), layout="plain")
        return self.add(f"{base}_order", Reshape((math.prod(value.shape),)), turned)

    def map(self, layer: Layer, value: Value) -> Value:
        """A map with its channels where the layer looks for them, in front of PyTorch's."""
        if len(value.keras_shape) != 3:
            shape = size_text(value.keras_shape)
            raise UnreadError(f"{layer.title} works on {shape} numbers, which is no map")
        wanted: Layout = "plain" if self.channels_first(layer) else "moved"
        if value.layout == wanted:
            return value
        axes = (0, 2, 3, 1) if value.layout == "moved" else (0, 3, 1, 2)
        return self.add(f"{layer.name}_permute", Permute(axes), value, layout=wanted)

    def plain(self, layer: Layer, value: Value) -> Value:
        """A value with its numbers in Keras' order and its axes where Keras has them."""
        value = self.settled(value)
        if value.layout == "moved":
            return self.add(f"{layer.name}_permute", Permute((0, 2, 3, 1)), value, layout="plain")
        if value.layout == "grey":
            return self.add(f"{layer.name}_squeeze", Reshape(value.keras_shape), value, layout="plain")
        return value

    def channels_first(self, layer: Layer) -> bool:
        """Whether the layer takes axis 1 for the channels."""
        said = layer.get("data_format", "dim_ordering")
        return self.common.channels_first if said in {None, "default"} else said in {"channels_first", "th"}

    def _fresh(self, name: str) -> str:
        self._made += 1
        return f"{name} {self._made}"


class _Reordered(torch.nn.Module):
    """Numbers of a vector in another order."""

    def __init__(self, order: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("order", torch.from_numpy(np.ascontiguousarray(order)), persistent=False)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """``value`` (N, F) with its columns rearranged."""
        order = self.order
        assert isinstance(order, torch.Tensor)
        return torch.index_select(value, 1, order)


def fill(module: torch.nn.Module, params: Params, layer: Layer) -> torch.nn.Module:
    """Give a module that was made on the ``meta`` device its numbers.

    Raises:
        WeightsError: their shapes are not those of the layer.
    """
    for name, array in params.items():
        place = getattr(module, name, None)
        if not isinstance(place, torch.Tensor) or tuple(place.shape) != array.shape:
            wanted = size_text(tuple(place.shape) if isinstance(place, torch.Tensor) else None)
            raise WeightsError(
                f"{shown(layer.name)}.{name} is {size_text(array.shape)} in the file, but {layer.kind} says "
                f"{wanted}; save the model again"
            )
        tensor = torch.from_numpy(np.array(array, np.float32, order="C"))
        setattr(module, name, torch.nn.Parameter(tensor) if isinstance(place, torch.nn.Parameter) else tensor)
    if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
        module.num_batches_tracked = torch.tensor(0)
    lacking = [name for name, one in (*module.named_parameters(), *module.named_buffers()) if one.is_meta]
    if lacking:
        raise WeightsError(f"the file lacks {lacking[0]} of {layer.title}; save the model again")
    return module


def _known(known: Mapping[Reference, Value], reference: Reference) -> Value:
    if reference not in known:
        raise ModelError(f"layer {shown(reference.layer)} has no output {reference.output}; save the model again")
    return known[reference]


def _filled(argument: Any, known: Mapping[Reference, Value]) -> Any:
    """An argument with values in the place of references."""
    if isinstance(argument, Reference):
        return _known(known, argument)
    return [_filled(one, known) for one in argument] if isinstance(argument, list) else argument
