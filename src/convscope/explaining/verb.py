"""``convscope.explain``: where an answer came from, as maps with their evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from convscope.adapters import Options
from convscope.errors import CallError
from convscope.explaining import wording
from convscope.explaining.asking import Watch
from convscope.explaining.checks import shown_part
from convscope.explaining.methods import find_methods
from convscope.explaining.proving import Wanted, answers_of, classes_of, proved
from convscope.explaining.targets import Target, find_target
from convscope.image import Picture
from convscope.network import DEFAULT_MEMORY, Network
from convscope.record import record
from convscope.traces import Map, Placement, Trace
from convscope.tracing import DEFAULT_IMAGE, open_network

if TYPE_CHECKING:
    from PIL import Image

BUDGET = 2.0
"""Seconds that the evidence for one map may take, unless it is to be thorough."""


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Where an answer came from.

    Attributes:
        target: the class that was asked about; the first of several.
        score: what the network says of it, as it came out.
        maps: one for each class, method and layer, each with its evidence.
        trace: what the photo did in the network, with the maps.
        photo: ``(H, W, 3)`` uint8, the photo at its full size; the trace's may be smaller.
    """

    target: Target
    score: float
    maps: tuple[Map, ...]
    trace: Trace
    photo: UInt8[np.ndarray, "h w 3"]

    @property
    def map(self) -> Map:
        """The first map."""
        return self.maps[0]

    def picture(
        self, map: str | int | Map | None = None, *, size: int | None = None, dark: bool = False  # noqa: A002
    ) -> Image.Image:  # fmt: skip
        """The photo with a map over it, and under it what the map is and whether to believe it.

        Args:
            map: one of :attr:`maps`, its place among them, or its method; the first when left out.
            size: longest side of the photo in pixels; its own size when left out.
            dark: for a dark page.

        Raises:
            CallError: there is no such map, or it has no evidence.
        """
        from convscope.draw.explained import card

        chosen = self._chosen(map)
        panel = wording.panel_of(chosen, wording.scale_for(chosen, self.maps))
        photo = self.photo if size is None else _within(self.photo, size)
        return card(photo, panel, placed(self.trace, photo), dark=dark)

    def sheet(self, *, dark: bool = False) -> Image.Image:
        """The photo, every map, and the curves of their evidence side by side.

        Raises:
            CallError: a map has no evidence.
        """
        from convscope.draw.explained import sheet_of_maps

        title, lines = wording.heading_of(self.trace)
        panels = wording.panels_of(self.maps)
        return sheet_of_maps(self.photo, placed(self.trace, self.photo), panels, title=title, lines=lines, dark=dark)

    def _chosen(self, wanted: str | int | Map | None) -> Map:
        if isinstance(wanted, Map):
            return wanted
        if isinstance(wanted, str):
            found = [made for made in self.maps if made.method == wanted]
            if not found:
                known = ", ".join(dict.fromkeys(made.method for made in self.maps))
                raise CallError(f"there is no map by {wanted!r} here; there are {known}")
            return found[0]
        place = 0 if wanted is None else wanted
        if not -len(self.maps) <= place < len(self.maps):
            raise CallError(f"there is no map number {place}; there are {len(self.maps)}, numbered from 0")
        return self.maps[place]

    def __repr__(self) -> str:
        maps = ", ".join(f"{made.method} at {made.layer}" if made.layer else made.method for made in self.maps)
        word, trust = wording.verdict_of(self.map.evidence)
        told = f", {word} {trust:.2f}" if word and trust is not None else ""
        return f"Explanation({self.target.label} {self.score:.4g}: {maps}{told})"

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows; nothing for maps without evidence, whose text is shown instead."""
        if not all(made.evidence for made in self.maps):
            return None
        from convscope.draw.png import encode_png

        return encode_png(self.picture(size=720) if len(self.maps) == 1 else self.sheet())


def explain(
    model_or_trace: Any, image: Any = DEFAULT_IMAGE, *, target: Wanted = None, method: str | Sequence[str] = "gradcam",
    layer: str | Sequence[str] | None = None, thorough: bool = False, evidence: bool = True,
    budget_s: float | None = BUDGET, seed: int = 0, weights: str | PathLike[str] | None = None, scale: Any = None,
    size: int | tuple[int, int] | None = None, labels: tuple[str, ...] = (), memory: int = DEFAULT_MEMORY,
    watch: Watch | None = None, trust: bool = False,
) -> Explanation:  # fmt: skip
    """Where an answer came from: maps over the photo, each with evidence of whether to believe it.

    Args:
        model_or_trace: whatever :func:`convscope.trace` takes; or a trace, which needs no model.
        image: whatever :func:`convscope.trace` takes; a trace has its own.
        target: the class: its name, its index, None for the likeliest; ``"cat:dog"`` for what speaks for the cat rather
            than for the dog; a list for several.
        method: a name of :data:`convscope.explaining.methods.METHODS`, or several.
        layer: name of the step to look at, or several; None for the last one that still has a grid.
        thorough: finer evidence, whatever it takes, with a check on re-drawn weights.
        evidence: False for maps alone, which are then not drawn.
        budget_s: seconds that the evidence for one map may take; None for as long as it takes.
        seed: of everything that is drawn at random, the weights of a network given as text among it.
        weights, scale, size, labels, memory, trust: as in :func:`convscope.trace`; not for a trace.
        watch: told how far it is.

    Returns:
        the maps, the class, and the trace with the maps in it.

    Raises:
        CallError: the model, the image, the class, a method or a layer cannot be used (its subclasses say which).
        RunError: the network raised; or ``watch`` stopped it.

    >>> found = explain("conv(4, 3) | relu | gap | dense(2) | softmax", "chelsea", target=1, size=32)
    >>> found.map.method, found.map.layer, found.map.value.shape, sorted(found.map.evidence["controls"])
    ('gradcam', 'relu_1', (32, 32), ['centre', 'edges', 'random'])
    """
    asked: dict[str, Any] = {
        "target": target, "method": method, "layer": layer, "thorough": thorough, "evidence": evidence,
        "budget_s": budget_s, "seed": seed, "watch": watch,
    }  # fmt: skip
    if isinstance(model_or_trace, Trace):
        given = {"weights": weights, "scale": scale, "size": size, "labels": labels or None}
        named = next((name for name, value in given.items() if value is not None), None)
        if named is None and not (isinstance(image, str) and image == DEFAULT_IMAGE):
            named = "image"
        if named is not None:
            raise CallError(f"{named} has no use for a trace, which was recorded already; leave it out")
        return explain_trace(model_or_trace, **asked)
    square = (size, size) if isinstance(size, int) else size
    options = Options(seed, weights, scale, square, tuple(labels), trust=trust)
    network, picture = open_network(model_or_trace, image, options)
    return explain_picture(network, picture, memory=memory, **asked)


def explain_picture(network: Network, picture: Any, *, memory: int = DEFAULT_MEMORY, **asked: Any) -> Explanation:
    """As :func:`explain`, for a network and a picture that are open already."""
    found = explain_trace(record(network, picture, memory=memory), network=network, **asked)
    return replace(found, photo=picture.pixels) if isinstance(picture, Picture) else found


def explain_trace(
    trace: Trace, *, network: Network | None = None, target: Wanted = None, method: str | Sequence[str] = "gradcam",
    layer: str | Sequence[str] | None = None, thorough: bool = False, evidence: bool = True,
    budget_s: float | None = BUDGET, seed: int = 0, watch: Watch | None = None,
) -> Explanation:  # fmt: skip
    """As :func:`explain`, for what was recorded already.

    Args:
        trace: the photo in the network; maps that it has are replaced.
        network: the network that recorded it; None to run the trace's own steps again.
        target, method, layer, thorough, evidence, budget_s, seed, watch: as in :func:`explain`.

    Raises:
        CallError: as :func:`explain`; or, without a network, a step cannot be run again.
        RunError: as :func:`explain`.
    """
    methods = [one.name for one in find_methods(method)]
    opened = _opened(trace, network)
    batch = trace.input.value[None].copy()  # what is in a trace is read-only, which PyTorch dislikes
    said = answers_of(opened, batch)
    targets = list(dict.fromkeys(find_target(one, said.labels, said.likely[0]) for one in classes_of(target)))
    inside = shown_part(trace.placement, (trace.picture.shape[0], trace.picture.shape[1]), batch.shape[2:])
    (found,) = proved(
        opened, batch, [targets], methods, layer, [inside], thorough=thorough, evidence=evidence, budget_s=budget_s,
        seed=seed, watch=watch,
    )  # fmt: skip
    maps = tuple(replace(made, score=float(said.raw[0, one.index])) for one, made in found)
    return Explanation(targets[0], float(said.raw[0, targets[0].index]), maps, replace(trace, maps=maps), trace.picture)


def placed(trace: Trace, photo: UInt8[np.ndarray, "h w 3"]) -> Placement:
    """Where the network's input lies in the photo, whose size may be another than that of the trace's picture."""
    place = trace.placement
    down, across = photo.shape[0] / trace.picture.shape[0], photo.shape[1] / trace.picture.shape[1]
    return Placement(place.top * down, place.left * across, place.height * down, place.width * across)


def _opened(trace: Trace, network: Network | None) -> Any:
    if network is None:
        from convscope.explaining.replayed import open_trace

        return open_trace(trace)
    from convscope.explaining.opened import open_for_explaining

    return open_for_explaining(network)


def _within(photo: UInt8[np.ndarray, "h w 3"], longest: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    from convscope.image import fit_within

    picture = Picture(photo, "photo", "array", photo.shape[:2])
    return fit_within(picture, longest).pixels
