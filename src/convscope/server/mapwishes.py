"""What a client asks to be explained: JSON from outside, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convscope.explaining.methods import METHODS
from convscope.server.answers import Refusal
from convscope.traces import Trace

LONGEST_NAME = 1000
"""Letters of a layer's name that a client may send."""


@dataclass(frozen=True)
class MapWish:
    """Which explanation of a trace.

    Attributes:
        method: name of a method.
        target: index of the class; None for the likeliest.
        against: index of the class that it is set against; None for none.
        layer: name of the step to look at; None to have it chosen.
        thorough: whether its evidence may take long.
    """

    method: str
    target: int | None = None
    against: int | None = None
    layer: str | None = None
    thorough: bool = False

    def facts(self) -> dict[str, Any]:
        """What the API says of it."""
        return {
            "method": self.method,
            "target": self.target,
            "against": self.against,
            "layer": self.layer,
            "thorough": self.thorough,
        }

    def asked(self, trace: Trace) -> str | int | None:
        """The class as :func:`convscope.explain` takes it."""
        if self.target is None or self.against is None:
            return self.target
        names = {score.index: score.label for score in trace.scores}
        return f"{names[self.target]} against {names[self.against]}"


def known_methods() -> list[dict[str, Any]]:
    """What the API says of the methods."""
    return [
        {
            "name": method.name,
            "title": method.title,
            "family": method.family,
            "layered": method.at_layer,
            "warning": method.warning,
        }
        for method in METHODS.values()
    ]


def read_map_wish(data: Any) -> MapWish:
    """The wish in a JSON value.

    Raises:
        Refusal: 422 where the value has another form, or names no method.

    >>> read_map_wish({"method": "gradcam", "target": 1})
    MapWish(method='gradcam', target=1, against=None, layer=None, thorough=False)
    """
    known = ("method", "target", "against", "layer", "thorough")
    if not isinstance(data, Mapping):
        raise _wrong(f"the request is no JSON object; send an object with {', '.join(known)}")
    unknown = sorted(data.keys() - set(known))
    if unknown:
        raise _wrong(f"the request has the unknown field {unknown[0][:40]!r}; it may have {', '.join(known)}")
    method, layer, thorough = data.get("method"), data.get("layer"), data.get("thorough", False)
    if not isinstance(method, str) or method not in METHODS:
        raise _wrong(f"the method is none of {', '.join(METHODS)}; send one of them")
    if layer is not None and not (isinstance(layer, str) and len(layer) <= LONGEST_NAME):
        raise _wrong(f"the layer is no text of up to {LONGEST_NAME} letters; send the name of a step, or null")
    if not isinstance(thorough, bool):
        raise _wrong("'thorough' is neither true nor false; send one of them, or leave it out")
    target, against = _index(data, "target"), _index(data, "against")
    if against is not None and target is None:
        raise _wrong("'against' stands without a target; name the class that it is set against as 'target', too")
    return MapWish(method, target, against, layer, thorough)


def _index(data: Mapping[str, Any], name: str) -> int | None:
    value = data.get(name)
    if value is not None and (type(value) is not int or not 0 <= value < 2**31):
        raise _wrong(f"'{name}' is no class's number, counted from 0; send one, or null")
    return value


def check_wish(wish: MapWish, trace: Trace) -> None:
    """Whether a trace has what the wish names.

    Raises:
        Refusal: 422, it has no such class or step.
    """
    classes = len(trace.scores)
    if not classes:
        raise _wrong("this network answers with no list of scores, so there is no class to explain")
    for index in (wish.target, wish.against):
        if index is not None and index >= classes:
            raise _wrong(f"there is no class {index}; the network has {classes}, counted from 0")
    if wish.target is not None and wish.target == wish.against:
        raise _wrong("a class is set against itself; name two")
    if wish.layer is not None and wish.layer not in trace:
        raise _wrong(f"there is no step {wish.layer[:80]!r} in this trace; send the name of one, or null")


def _wrong(message: str) -> Refusal:
    return Refusal(422, "request", message)
