"""The pictures that a run can be asked for: a shelf that is there from the start, and what was uploaded."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from convscope.image import Picture, fit_within, open_image, sample_names
from convscope.server.answers import Refusal
from convscope.server.kept import Kept
from convscope.server.limits import Limits

THUMB = 320
"""Longest side of the small pictures that choosers show, in pixels."""


@dataclass(eq=False)
class Photo:
    """One picture that networks can be run on.

    Attributes:
        key: what tells it from all others for as long as the server runs.
        name: what people call it; text from outside.
        picture: upright RGB.
    """

    key: str
    name: str
    picture: Picture
    _small: bytes = field(default=b"", repr=False)

    def facts(self) -> dict[str, Any]:
        """Name and size, as the API has them."""
        height, width = self.picture.size
        return {"name": self.name, "width": width, "height": height}

    def small(self) -> bytes:
        """A small PNG, made when it is first asked for."""
        if not self._small:
            from PIL import Image

            from convscope.draw.png import encode_png

            self._small = encode_png(Image.fromarray(fit_within(self.picture, THUMB).pixels))
        return self._small


class Pictures:
    """The shelf and the uploads.

    Args:
        given: photos that stand on the shelf before those that come along.
        limits: how many uploads are kept.

    >>> [photo.name for photo in Pictures([], Limits()).shelf]
    ['chelsea', 'astronaut', 'coffee']
    """

    def __init__(self, given: Sequence[Picture], limits: Limits) -> None:
        self._shelf: dict[str, Photo] = {}
        for picture in given:
            self._shelf[picture.name] = Photo(f"given {picture.name}", picture.name, picture)
        for name in sorted(sample_names(), key=lambda name: name != "chelsea"):
            if name not in self._shelf:
                self._shelf[name] = Photo(f"sample {name}", name, _bundled(name))
        self._uploads: Kept[Photo] = Kept(limits.pictures, limits.pictures_bytes, lambda p: p.picture.pixels.nbytes)

    @property
    def shelf(self) -> list[Photo]:
        """What is always there, the one to begin with first."""
        return list(self._shelf.values())

    def add(self, picture: Picture) -> Photo:
        """Keep an upload."""
        photo = Photo(secrets.token_urlsafe(12), picture.name, picture)
        self._uploads.put(photo.key, photo)
        return photo

    def sample(self, name: str) -> Photo:
        """One of the shelf.

        Raises:
            Refusal: there is none of that name.
        """
        photo = self._shelf.get(name)
        if photo is None:
            raise Refusal(404, "picture", f"there is no sample of that name; there are {', '.join(self._shelf)}")
        return photo

    def upload(self, key: str) -> Photo:
        """One that was uploaded.

        Raises:
            Refusal: it is not there, or no longer.
        """
        photo = self._uploads.get(key)
        if photo is None:
            raise Refusal(404, "gone", "this picture is no longer kept; upload it again")
        return photo


def _bundled(name: str) -> Picture:
    """The photo that comes along, whatever files lie in the current folder."""
    from importlib import resources

    return open_image((resources.files("convscope") / "assets" / f"{name}.png").read_bytes(), name=name)
