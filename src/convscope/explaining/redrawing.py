"""The same maps by networks that know nothing: copies of a network with new weights, kept for many photos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float32
from torch import nn

from convscope.errors import ConvscopeError
from convscope.explaining.methods import METHODS
from convscope.explaining.opened import Opened
from convscope.explaining.randomised import DRAWS, EVERYTHING, cascade, redrawn
from convscope.explaining.run import run_methods
from convscope.explaining.targets import Target

STEPS = 16
"""Of integrated gradients, for which a like map is enough here."""


class Redrawing:
    """Explains photos with networks that are like a given one in all but what it learned.

    Args:
        opened: the network; it is copied, never changed.
        thorough: follow the cascade from the head towards the image, and ask methods that take many passes too.
        seed: of the new weights.

    >>> from convscope.adapters.torch import TorchNetwork
    >>> layers = nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    >>> opened = Opened(TorchNetwork(nn.Sequential(*layers), labels=("cat", "dog")))
    >>> ask = Redrawing(opened).maps(np.ones((3, 8, 8), np.float32), Target("cat", 0), {"map": ("gradcam", "0")})
    >>> [(drawn, value.shape) for drawn, value in ask("map")]
    [('all', (8, 8)), ('all', (8, 8))]
    """

    def __init__(self, opened: Opened, *, thorough: bool = False, seed: int = 0) -> None:
        self._network, self._thorough, self._seed = opened.network, thorough, seed
        self._kept: list[Opened] | None = None

    def maps(
        self, x: Float32[np.ndarray, "c h w"], target: Target, asked: Mapping[str, tuple[str, str]]
    ) -> Callable[[str], list[tuple[str, np.ndarray]]]:
        """What :func:`convscope.explaining.checks.evidence_for` asks for: by name of a map, what it would be.

        Args:
            x: the input.
            target: the class.
            asked: for each name of a map its method and its layer, "" for none.
        """

        def found(name: str) -> list[tuple[str, np.ndarray]]:
            method, layer = asked[name]
            many = METHODS[method].family == "perturbation" or METHODS[method].passes == 0
            if many and not self._thorough:
                return []
            maps: list[tuple[str, np.ndarray]] = []
            for drawn, opened in self._networks():
                try:
                    rows = run_methods(opened, x[None], [target], [method], layer or None, steps=STEPS, seed=self._seed)
                except ConvscopeError:  # with these weights it has no such map, or no answer
                    continue
                maps.append((drawn, rows[0][0].value))
            return maps

        return found

    def _networks(self) -> list[tuple[str, Opened]]:
        """The copies, in the order of the cascade; those of which everything is new come last, and are kept."""
        model = getattr(self._network, "model", None)
        if not isinstance(model, nn.Module):
            return []  # a recorded trace: there is no network behind it
        try:
            stages = cascade(model) if self._thorough else []
            found = [(name, self._opened(redrawn(model, (self._seed, 0), only))) for name, only in stages]
            if self._kept is None:
                self._kept = [self._opened(redrawn(model, (self._seed, draw))) for draw in range(DRAWS)]
        except Exception:  # noqa: BLE001 - what a user's module does when it is copied is its own affair
            return []
        return [*found, *((EVERYTHING, opened) for opened in self._kept)]

    def _opened(self, model: nn.Module) -> Opened:
        network: Any = self._network
        kind: Any = type(network)
        return Opened(
            kind(
                model, title=network.title, preprocessing=network.preprocessing, labels=network.labels,
                about=network.about,
            )
        )  # fmt: skip
