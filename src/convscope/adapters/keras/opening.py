"""A described network with its weights, as what :mod:`convscope.adapters` is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from convscope.adapters.graph import Graph, Node
from convscope.adapters.keras.activations import ACTIVATIONS
from convscope.adapters.keras.building import Build, Builder, Common
from convscope.adapters.keras.description import Layer, Network, UnreadError
from convscope.adapters.keras.entering import entry_of
from convscope.adapters.keras.joins import JOINS
from convscope.adapters.keras.moves import MOVES
from convscope.adapters.keras.norms import NORMS
from convscope.adapters.keras.operations import OPERATIONS
from convscope.adapters.keras.values import Value
from convscope.adapters.keras.windows import WINDOWS
from convscope.errors import ModelError
from convscope.network import Preprocessing
from convscope.weights.value import named

KINDS: Mapping[str, Build] = {**WINDOWS, **ACTIVATIONS, **MOVES, **JOINS, **NORMS, **OPERATIONS}
"""Every kind of layer that is read."""

AUTOMATIC = re.compile(r"(sequential|functional|model)(_\d+)?|")
CODE = ("Lambda", "__lambda__")


class CodeError(UnreadError):
    """The network holds Python code, which would have to be run."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A network that is ready.

    Attributes:
        module: takes a batch of photos (N, C, H, W).
        title: its own name; empty where Keras made it up.
        preprocessing: what its input and its first layers say.
        scale_known: whether they say how large the numbers are.
        as_keras: from a photo (C, H, W) to the numbers that Keras' own network takes, without the batch.
        outputs: what the module gives, and how its axes lie.
        notes: sentences for people.
    """

    module: torch.nn.Module
    title: str
    preprocessing: Preprocessing
    scale_known: bool
    as_keras: Callable[[np.ndarray], np.ndarray]
    outputs: tuple[Value, ...]
    notes: tuple[str, ...] = ()


class Sized(Graph):
    """A network that was built for pictures of one size, and says so when it is given another.

    ``flattened`` names the layers that read a flattened map, as :func:`convscope.weights.assign` wants to know.
    """

    def __init__(
        self, inputs: Sequence[str], nodes: Sequence[Node], outputs: Sequence[str], shape: tuple[int, int, int],
        flattened: Mapping[str, tuple[int, int, int]],
    ) -> None:  # fmt: skip
        super().__init__(inputs, nodes, outputs)
        self.shape, self.flattened = shape, dict(flattened)

    def forward(self, *values: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """The network's output, or a tuple of them."""
        given = tuple(values[0].shape[1:])
        if given != self.shape:
            wanted, found = ("x".join(map(str, one)) for one in (self.shape, given))
            raise ModelError(
                f"the network was opened for pictures of {wanted} (channels, height, width) and is given {found}; give "
                f"it that size (--size {self.shape[1]}x{self.shape[2]})"
            )
        return super().forward(*values)


def opened(
    network: Network, weights: Mapping[str, Mapping[str, np.ndarray]], version: str, size: tuple[int, int] | None
) -> Opened:
    """Build the network.

    Args:
        network: as described.
        weights: layer name -> parameter name -> values, PyTorch's layout.
        version: of Keras; it decides what some settings mean.
        size: (height, width) of the input where the network leaves it open.

    Raises:
        CodeError: it holds Python code.
        UnreadError: something in it is not read here.
        ModelError: it is impossible, or takes no photo.
        WeightsError: weights are missing or do not fit.
    """
    check_kinds(network)
    channels_first = any(
        layer.get("data_format", "dim_ordering") in {"channels_first", "th"} and layer.kind != "Flatten"
        for layer in network.walk()
    )
    entry = entry_of(network, channels_first=channels_first, size=size)
    major = re.match(r"\d+", version)
    common = Common(weights, int(major.group()) if major else 3, channels_first, KINDS)
    builder = Builder(common)
    inputs, outputs = builder.build(network, [entry.value] * len(network.inputs))
    names, nodes = [value.name for value in inputs], builder.nodes
    if entry.flattens:  # a vector is the photo row by row
        unrolled = [Node("input_flatten", torch.nn.Flatten(), ("photo",), (name,)) for name in names]
        names, nodes = ["photo"], [*unrolled, *nodes]
    module = Sized(names, nodes, [value.name for value in outputs], entry.photo, common.flattened).eval()
    channels, height, width = entry.photo
    preprocessing = Preprocessing(size=(height, width), channels=channels, scale=common.scale or "unit")
    title = "" if AUTOMATIC.fullmatch(network.name) else network.name
    notes = (*entry.notes, *_precision(network))
    return Opened(module, title, preprocessing, common.scale is not None, entry.as_keras, tuple(outputs), notes)


def check_kinds(network: Network) -> None:
    """See that every layer is of a kind that is read.

    Raises:
        CodeError: one holds Python code.
        UnreadError: one is of a kind that is not read, or of the author's own.
    """
    unread: list[Layer] = []
    for layer in network.walk():
        if layer.network is not None or layer.kind == "InputLayer":
            continue
        if layer.kind in CODE:
            raise CodeError(f"it holds Python code ({layer.title}), which would have to be run to open it")
        if layer.custom or layer.kind not in KINDS:
            unread.append(layer)
    if unread:
        kinds = list(dict.fromkeys(layer.title for layer in unread))
        raise UnreadError(f"it has layers of kinds that are not read here: {named(kinds, 3)}")


def _precision(network: Network) -> tuple[str, ...]:
    found = sorted({policy for layer in network.walk() if "float" in (policy := _policy(layer))} - {"float32"})
    if not found:
        return ()
    return (f"Keras computes this network in {named(found)}; here it is computed in float32, so that numbers differ",)


def _policy(layer: Layer) -> str:
    said = layer.get("dtype", default="")
    if isinstance(said, dict):
        config = said.get("config")
        said = config.get("name", "") if isinstance(config, dict) else ""
    return said if isinstance(said, str) and layer.kind != "InputLayer" else ""
