"""The description of a network that Keras stores beside its weights: which layer is of which class."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from convscope.errors import WeightsError

MOST_CONFIG = 4 * 1024 * 1024
"""Bytes of a configuration; the largest of Keras' own networks has 0.8 MB."""


@dataclass(frozen=True)
class LayerConfig:
    """One layer of the description.

    Attributes:
        name: the user's layer name, "" where it has none.
        class_name: its Keras class, such as ``Conv2D``.
        settings: its settings as Keras wrote them.
        layers: the layers inside, for networks.
    """

    name: str
    class_name: str
    settings: Mapping[str, Any]
    layers: tuple[LayerConfig, ...] = ()

    def part(self, key: str) -> LayerConfig | None:
        """The layer under one of its settings, such as the ``layer`` of a wrapper."""
        return _layer(self.settings.get(key))

    def child(self, name: str) -> LayerConfig | None:
        """Its own layer of that name."""
        return next((layer for layer in self.layers if layer.name == name), None)

    def walk(self) -> Iterator[LayerConfig]:
        """Itself and every layer inside, at any depth."""
        yield self
        for layer in self.layers:
            yield from layer.walk()

    def path_to(self, name: str) -> tuple[LayerConfig, ...]:
        """The layers on the way to the first one called ``name``, without itself; empty if there is none."""
        for layer in self.layers:
            if layer.name == name:
                return (layer,)
            inner = layer.path_to(name)
            if inner:
                return (layer, *inner)
        return ()

    @property
    def flattens_channels_first(self) -> bool:
        """Whether it flattens C, H, W.

        Flatten brings channels-first maps into the order H, W, C, but only if it is told of them:
        ``data_format`` came with Keras 2.2.
        """
        found = list(self.walk())
        channels_first = any(
            layer.settings.get("data_format") == "channels_first" or layer.settings.get("dim_ordering") == "th"
            for layer in found
            if "conv" in layer.class_name.lower()
        )
        return channels_first and any(
            layer.class_name == "Flatten" and layer.settings.get("data_format") != "channels_first" for layer in found
        )


def snake_case(class_name: str) -> str:
    """The name Keras gives to a layer of a class, before it is numbered.

    >>> [snake_case(name) for name in ("Conv2D", "MaxPooling2D", "DepthwiseConv2D", "MyBlock")]
    ['conv2d', 'max_pooling2d', 'depthwise_conv2d', 'my_block']
    """
    name = re.sub(r"\W+", "", class_name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def parse_config(text: str | bytes) -> LayerConfig | None:
    """The description in a JSON text; None where it describes no layers.

    Raises:
        WeightsError: the text is too long or is not JSON.
    """
    if len(text) > MOST_CONFIG:
        raise WeightsError(f"the network's description has {len(text)} bytes, over the limit of {MOST_CONFIG}; refused")
    try:
        return _layer(json.loads(text))
    except (ValueError, RecursionError):
        raise WeightsError("the network's description is not JSON; the file is damaged, save it again") from None


def _layer(value: object) -> LayerConfig | None:
    """One entry ``{"class_name": ..., "config": ...}``, of any Keras version."""
    if not isinstance(value, dict) or not isinstance(value.get("class_name"), str):
        return None
    config = value.get("config")
    # Before Keras 2.2.3 the config of a Sequential was the list of its layers.
    settings: dict[str, Any] = (
        {"layers": config} if isinstance(config, list) else config if isinstance(config, dict) else {}
    )
    name = settings.get("name", value.get("name"))
    entries = settings.get("layers")
    layers = tuple(filter(None, map(_layer, entries))) if isinstance(entries, list) else ()
    return LayerConfig(name if isinstance(name, str) else "", value["class_name"], settings, layers)
