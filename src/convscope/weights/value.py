"""The value in the middle of this package: the parameters of some layers, by layer name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt16

Layers = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True, eq=False, repr=False)
class Weights:
    """The parameters of some layers, in PyTorch's layout, read-only.

    Attributes:
        layers: layer name -> parameter name -> values. ``weight`` of a convolution is
            ``(out, in / groups, h, w)``, of a transposed one ``(in, out / groups, h, w)``, of a dense
            layer ``(out, in)``; normalisations have ``weight``, ``bias``, ``running_mean``,
            ``running_var``. Numbers keep the precision of the file, except that bfloat16 and float8,
            which numpy lacks, arrive as float32 (without loss).
        source: the framework whose conventions the file follows. A dense layer after flatten reads
            its map as H, W, C when this is ``keras``.
        metadata: what a safetensors file says about itself; empty for Keras.
        unread: what was found and could not be interpreted, one text each. Optimizer state and random
            seeds are left out silently.
        flattens_channels_first: a Keras network that nevertheless flattens C, H, W, as those of the
            Theano days do.
        in_order: whether the layers stand in the order in which their network was written.

    >>> weights = Weights({"dense": {"weight": np.ones((2, 3), np.float32)}}, "torch")
    >>> weights
    Weights(1 layer from torch: dense)
    >>> weights.layers["dense"]["weight"].shape
    (2, 3)
    """

    layers: Layers
    source: Literal["torch", "keras"]
    metadata: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    flattens_channels_first: bool = False
    in_order: bool = False

    def __post_init__(self) -> None:
        frozen = {
            layer: MappingProxyType({name: read_only(array) for name, array in params.items()})
            for layer, params in self.layers.items()
        }
        object.__setattr__(self, "layers", MappingProxyType(frozen))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    def __repr__(self) -> str:
        count = len(self.layers)
        return f"Weights({count} layer{'' if count == 1 else 's'} from {self.source}: {named(self.layers)})"


def read_only(array: np.ndarray) -> np.ndarray:
    """A view of ``array`` that cannot be written to; the array itself stays as it was."""
    view = array.view()
    view.flags.writeable = False
    return view


def widen_bfloat16(bits: UInt16[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """Bfloat16 numbers as float32, exactly: they are its upper half."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def shown(name: str) -> str:
    """A layer's name for people: as it is, or quoted where it would not print as itself."""
    return name if name and name.isprintable() else ascii(name)


def named(names: Mapping[str, object] | tuple[str, ...] | list[str], most: int = 5) -> str:
    """The first few names as a list for people.

    >>> named(["a", "b", "c"], most=2)
    'a, b and 1 more'
    >>> named([])
    'none'
    """
    listed = [shown(name) for name in names]
    if not listed:
        return "none"
    rest = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + rest


def size_text(shape: tuple[int, ...] | None) -> str:
    """A shape for people: ``3x3x16``.

    >>> size_text((3, 3)), size_text(()), size_text(None)
    ('3x3', 'one number', 'not there')
    """
    if shape is None:
        return "not there"
    return "x".join(str(n) for n in shape) or "one number"
