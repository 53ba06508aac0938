"""What a client asks to be run: JSON from outside, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convscope.server.answers import Refusal
from convscope.server.limits import Limits
from convscope.server.networks import Networks, Offer, Settings
from convscope.server.pictures import Photo, Pictures

SCALES = ("unit", "byte", "imagenet")
LARGEST_SEED = 2**53 - 1
"""Beyond it, JavaScript no longer tells whole numbers apart."""


@dataclass(frozen=True, eq=False)
class Wish:
    """One picture through one network, in one way."""

    photo: Photo
    offer: Offer
    settings: Settings

    @property
    def key(self) -> str:
        """The same for wishes that have the same result."""
        return repr((self.photo.key, self.offer.key, self.settings))

    def facts(self) -> dict[str, Any]:
        """What the API says of it."""
        settings = self.settings
        return {
            "network": self.offer.facts(),
            "picture": self.photo.facts(),
            "seed": settings.seed,
            "scale": settings.scale,
            "size": settings.size and list(settings.size),
        }


def read_wish(data: Any, pictures: Pictures, networks: Networks, usual: Settings, limits: Limits) -> Wish:
    """The wish in a JSON value.

    Args:
        data: what the client sent.
        pictures, networks: what there is.
        usual: settings for what the client does not say.
        limits: how large an input may be.

    Raises:
        Refusal: 422 where the value has another form, 404 where it names what is not there.
        SpecError: the text of its network is no network.
    """
    fields = _object(data, "the request", {"picture", "network", "seed", "scale", "size"})
    for name in ("picture", "network"):
        if name not in fields:
            raise _wrong(f"the request names no {name}; add it")
    photo = _photo(fields["picture"], pictures)
    offer = _offer(fields["network"], networks)
    settings = Settings(
        _seed(fields.get("seed", usual.seed)),
        _scale(fields.get("scale", usual.scale)),
        _size(fields["size"], limits.side) if "size" in fields else usual.size,
    )
    return Wish(photo, offer, settings)


def _photo(data: Any, pictures: Pictures) -> Photo:
    which, text = _choice(data, "picture", ("id", "sample"))
    return pictures.upload(text) if which == "id" else pictures.sample(text)


def _offer(data: Any, networks: Networks) -> Offer:
    which, text = _choice(data, "network", ("id", "spec"))
    return networks.named(text) if which == "id" else networks.sent(text)


def _choice(data: Any, what: str, names: tuple[str, str]) -> tuple[str, str]:
    fields = _object(data, f"the {what}", set(names))
    if len(fields) != 1:
        raise _wrong(f"the {what} is given by one of {names[0]!r} and {names[1]!r}; give one of them")
    ((which, text),) = fields.items()
    if not isinstance(text, str):
        raise _wrong(f"{which!r} of the {what} is no text; send text")
    return which, text


def _object(data: Any, what: str, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise _wrong(f"{what} is no JSON object; send an object with {', '.join(sorted(names))}")
    unknown = sorted(data.keys() - names)
    if unknown:
        raise _wrong(f"{what} has the unknown field {unknown[0][:40]!r}; it may have {', '.join(sorted(names))}")
    return data


def _seed(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST_SEED:
        raise _wrong("the seed is no whole number from 0 to 2^53 - 1; send one, or leave it out")
    return value


def _scale(value: Any) -> str | None:
    if value is not None and value not in SCALES:
        raise _wrong(f"the scale is none of {', '.join(SCALES)}; send one of them, or leave it out")
    return None if value is None else str(value)


def _size(value: Any, most: int) -> tuple[int, int] | None:
    if value is None:
        return None
    if not (isinstance(value, list) and len(value) == 2 and all(type(n) is int and 1 <= n <= most for n in value)):
        raise _wrong(f"the size is no [height, width] of 1 to {most} pixels each; send one, or null")
    return value[0], value[1]


def _wrong(message: str) -> Refusal:
    return Refusal(422, "request", message)
