"""EfficientNet-Lite0 with ImageNet's weights: its classes that are cats and dogs, and the network if it is there."""

from __future__ import annotations

from convscope.adapters import connect
from convscope.adapters.hub.efficientnet_lite0 import PACKAGE, weights
from convscope.network import Network

__all__ = ["CATS", "DOGS", "PACKAGE", "efficientnet_lite0"]

CATS, DOGS = range(281, 286), range(151, 269)
"""Classes of ImageNet that are cats and dogs of the house."""


def efficientnet_lite0() -> Network | None:
    """The network, None where the package with its weights is not installed."""
    if weights() is None:
        return None
    return connect("efficientnet-lite0", lambda _: (3, 224, 224))
