"""The networks that can be run: given on the command line, on the shelf, or sent as text."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

from convscope.adapters import Options, connect, saved_network
from convscope.adapters.saved import Saved, read_network
from convscope.errors import SpecError
from convscope.image import Picture
from convscope.network import Network, Preprocessing
from convscope.networks import names as trained
from convscope.networks import path_of
from convscope.server.answers import Refusal
from convscope.server.kept import Kept
from convscope.server.limits import Limits
from convscope.spec import PlannedLayer, Spec, load, parse, plan, shelf
from convscope.tracing import input_shape

#: Networks that are kept ready to run, and bytes of their parameters.
_READY, _READY_BYTES = 8, 1 << 29


@dataclass(frozen=True)
class Settings:
    """How a network is to be run.

    Attributes:
        seed: of the random weights of a network given as text.
        scale: ``unit``, ``byte``, ``imagenet`` or (mean, std); None for what the network says, ``unit`` where it does
            not.
        size: (height, width) of its input, None for its own or the picture's.
    """

    seed: int = 0
    scale: Any = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Offer:
    """One network that can be run.

    Attributes:
        id: what a client calls it; empty for a text that a client sent.
        title: what people call it.
        kind: ``given`` (command line), ``trained`` (comes along), ``shelf``, or ``text`` (sent).
        source: the spec, the module, or the path of a network's file.
        weights: a file that fills it, from the command line.
        said: what the network's file says of itself.
    """

    id: str
    title: str
    kind: str
    source: Any
    weights: Path | None = None
    said: Saved = field(default_factory=Saved)

    @property
    def spec(self) -> Spec | None:
        """The network as text, where it has one."""
        return self.source if isinstance(self.source, Spec) else self.said.spec

    def preprocessing(self, settings: Settings) -> Preprocessing:
        """How pictures reach it, where it has a text."""
        found = self.said.preprocessing or Preprocessing()
        if self.spec is not None and self.spec.input is not None:
            height, width, channels = self.spec.input
            found = replace(found, size=found.size or (height, width), channels=channels)
        return replace(found, size=settings.size or found.size)

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return self.id or f"text {self.source.text()}"

    def facts(self) -> dict[str, Any]:
        """What the API says of it."""
        spec = self.spec
        return {"id": self.id or None, "title": self.title, "kind": self.kind, "spec": spec and spec.text()}


def given_spec(reference: str, number: int, weights: Path | None) -> Offer:
    """What ``--net`` names.

    Raises:
        SpecError: it is no network.
    """
    if reference.strip() in trained():
        return _trained(reference.strip(), number, weights)
    spec = load(reference)
    on_shelf = reference.strip() in shelf()
    if on_shelf and weights is None:
        return Offer(reference.strip(), reference.strip(), "shelf", spec)
    return Offer(f"given-{number}", reference.strip() if on_shelf else _title(spec), "given", spec, weights)


def given_model(
    reference: str,
    number: int,
    weights: Path | None,
    picture: Picture,
    settings: Settings,
    asked: Options | None = None,
) -> Offer:
    """What ``--model`` names: it is opened now, so that a wrong name is said at once.

    Args:
        reference: the name.
        number: its place on the command line.
        weights: a file that fills it.
        picture: the first photo.
        settings: how it is to be run.
        asked: what else the command line says of it: fit, labels, trust, and who is told of guesses.

    Raises:
        ModelError, WeightsError: it cannot be opened.
    """
    options = replace(asked or Options(), seed=settings.seed, weights=weights, scale=settings.scale, size=settings.size)
    network = connect(reference, lambda preprocessing: input_shape(picture, preprocessing), options)
    if reference in trained():
        return _trained(reference, number, weights)
    path = saved_network(reference)
    if path is not None:  # built again for every size of picture
        return Offer(f"given-{number}", network.title, "given", path, weights, _said(path))
    if "spec" in network.about:
        return Offer(f"given-{number}", network.title, "given", parse(network.about["spec"]), weights)
    return Offer(f"given-{number}", network.title, "given", network)


def _trained(name: str, number: int, weights: Path | None) -> Offer:
    """A network that comes along, with other weights if there are any."""
    path = path_of(name)
    if weights is None:
        return Offer(name, name, "trained", path, None, _said(path))
    return Offer(f"given-{number}", name, "given", path, weights, _said(path))


def _said(path: Path) -> Saved:
    return read_network(path)[0]


def _title(spec: Spec) -> str:
    return f"network of {len(spec.layers)} layer{'s' * (len(spec.layers) != 1)}"


class Networks:
    """All that can be run on this server.

    Args:
        given: from the command line; the first is the one to begin with.
        limits: how large a network of a client may be.
    """

    def __init__(self, given: Sequence[Offer], limits: Limits) -> None:
        self._limits = limits
        self._offers = {offer.id: offer for offer in given}
        for name in trained():
            self._offers.setdefault(name, _trained(name, 0, None))
        for name in shelf():
            self._offers.setdefault(name, Offer(name, name, "shelf", load_shelf(name)))
        self._ready: Kept[Network] = Kept(_READY, _READY_BYTES, _parameter_bytes)
        self._lock = threading.Lock()

    @property
    def offers(self) -> list[Offer]:
        """Those that have a name."""
        return list(self._offers.values())

    def named(self, name: str) -> Offer:
        """The network that a client calls ``name``.

        Raises:
            Refusal: there is none.
        """
        offer = self._offers.get(name)
        if offer is None:
            raise Refusal(404, "network", f"there is no network of that name; there are {', '.join(self._offers)}")
        return offer

    def sent(self, text: str) -> Offer:
        """A network that a client wrote; nothing but the grammar ever looks at the text.

        Raises:
            SpecError: it is no network.
        """
        spec = parse(text)
        return Offer("", _title(spec), "text", spec)

    def check(self, offer: Offer, picture: Picture, settings: Settings) -> int | None:
        """Plan a run without running anything; how many steps it will have, where that can be told.

        Raises:
            SpecError: the network is impossible on this picture, or too large for a server.
        """
        if offer.spec is None:
            return None
        preprocessing = offer.preprocessing(settings)
        if preprocessing.size is not None and max(preprocessing.size) > self._limits.side:
            raise SpecError(
                f"an input of {preprocessing.size[0]}x{preprocessing.size[1]} is larger than the {self._limits.side} "
                "pixels that this server takes along one side; use a smaller one"
            )
        shape = input_shape(picture, preprocessing)
        planned = plan(offer.spec, shape)
        if offer.kind != "given":
            self._check_size(planned, shape)
        return len(planned) + 1

    def _check_size(self, planned: Sequence[PlannedLayer], shape: tuple[int, ...]) -> None:
        for what, found, most in (
            ("values", prod(shape) + sum(prod(layer.shape) for layer in planned), self._limits.values),
            ("parameters", sum(layer.params for layer in planned), self._limits.params),
            ("multiplications", sum(layer.macs for layer in planned), self._limits.macs),
        ):
            if found > most:
                raise SpecError(
                    f"the network has {found:,} {what} on this picture and a server takes at most {most:,}; use a "
                    "smaller network or size, or give the network on the command line"
                )

    def open(self, offer: Offer, picture: Picture, settings: Settings) -> Network:
        """A network ready to run on ``picture``; those used last are kept ready.

        Raises:
            SpecError, ModelError, WeightsError: it cannot be built.
        """
        shape = input_shape(picture, offer.preprocessing(settings)) if offer.spec else None
        key = repr((offer.key, settings, shape))
        with self._lock:
            network = self._ready.get(key)
        if network is None:
            options = Options(settings.seed, offer.weights, settings.scale, settings.size, title=offer.title)
            network = connect(offer.source, lambda asked: input_shape(picture, asked), options)
            with self._lock:
                self._ready.put(key, network)
        return network


def load_shelf(name: str) -> Spec:
    """A network of the shelf, whatever files lie in the current folder."""
    from importlib import resources

    return parse((resources.files("convscope.spec") / "nets" / f"{name}.txt").read_text("utf-8"))


def _parameter_bytes(network: Network) -> int:
    model: Any = getattr(network, "model", None)
    return 0 if model is None else sum(parameter.nbytes for parameter in model.parameters())
