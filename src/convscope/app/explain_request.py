"""``convscope explain``: what was asked for, and who does it: one photo, many, a channel, or the list of methods."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convscope.app.console import console, print_json, printable
from convscope.app.opening import Request, one_network
from convscope.errors import CallError
from convscope.explaining.methods import METHODS

REPORT = "explain.json"


@dataclass(frozen=True)
class Asked:
    """What was typed after ``explain``."""

    request: Request
    images: Sequence[str]
    net: str | None
    model: str | None
    classes: Sequence[str]
    methods: Sequence[str]
    thorough: bool
    maximise: str | None
    page: bool
    listed: bool

    @property
    def network(self) -> str:
        """The one network that was asked for."""
        return one_network(self.net, self.model)

    @property
    def target(self) -> list[str] | None:
        """The classes, None for the likeliest."""
        return list(self.classes) or None

    @property
    def method(self) -> list[str]:
        """Names of the methods as they were typed."""
        return split(self.methods, "--method") or ["gradcam"]

    @property
    def layer(self) -> list[str] | None:
        """Names of the layers as they were typed; None for the one that is chosen."""
        return split(self.request.layers, "--layer") or None

    @property
    def trace(self) -> str | None:
        """The trace file that was given in place of a photo."""
        one = self.images[0] if len(self.images) == 1 else ""
        return one if one.lower().endswith(".safetensors") else None

    def refuse_network(self) -> None:
        """A trace file has its network in it.

        Raises:
            CallError: something was given that it has no use for.
        """
        asked = self.request
        given = {
            "--net": self.net, "--model": self.model, "--weights": asked.weights, "--size": asked.size,
            "--scale": asked.scale, "--fit": asked.fit, "--labels": asked.labels,
        }  # fmt: skip
        for flag, value in given.items():
            if value is not None:
                raise CallError(
                    f"{flag} {str(value)!r} has no use for a trace, which was recorded already; leave it out"
                )


def run(asked: Asked) -> None:
    """Do what the command line asked for; see :func:`convscope.app.cli.explain`."""
    if any(not image.strip() for image in asked.images):
        raise CallError("an IMAGE is empty; give a file, or leave it out for the photo that comes along")
    if asked.listed:
        _list(as_json=asked.request.as_json)
        return
    if asked.maximise is not None:
        from convscope.app.maximise import run as maximise

        maximise(asked, asked.maximise)
        return
    if asked.trace is None and _many(asked.images):
        from convscope.app.explain_many import run as explain_many

        explain_many(asked)
        return
    from convscope.app.explain import run as explain

    explain(asked)


def _many(images: Sequence[str]) -> bool:
    """Whether a table is wanted: several photos, a folder, or a pattern."""
    from glob import has_magic

    from convscope.image import sample_names

    if len(images) != 1:
        return len(images) > 1
    (one,) = images
    return Path(one).is_dir() or (has_magic(one) and not Path(one).exists() and one not in sample_names())


def split(typed: Sequence[str], flag: str) -> list[str]:
    """What stands between commas, of an option that may be repeated.

    >>> split(["gradcam, cam", "rise"], "--method")
    ['gradcam', 'cam', 'rise']
    """
    found = [part.strip() for text in typed for part in text.split(",")]
    if not all(found):
        raise CallError(f"{flag} {','.join(typed)!r} has an empty name in it; write it like A,B")
    return found


def _list(*, as_json: bool) -> None:
    if as_json:
        print_json({"methods": [
            {"name": one.name, "title": one.title, "family": one.family, "idea": one.idea, "paper": one.paper,
             "at_layer": one.at_layer, "passes": one.passes, "warning": one.warning}
            for one in METHODS.values()
        ]})  # fmt: skip
        return
    out = console()
    for one in METHODS.values():
        out.print(f"{one.name:<15} {one.title}: {one.idea}", soft_wrap=True)
        out.print(f"{'':<15} {one.paper}", soft_wrap=True)
        if one.warning:
            out.print(f"{'':<15} {one.warning}", soft_wrap=True)


def finite(value: Any) -> Any:
    """A JSON value in which numbers that are not finite are text, as strict JSON has none.

    >>> finite({"a": [1.5, math.inf]})
    {'a': [1.5, 'inf']}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return value


def write_json(folder: Path, name: str, report: Mapping[str, Any]) -> None:
    """One object as a file."""
    (folder / name).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def say(text: str, indent: int = 0) -> None:
    """One line for people, whatever is in it."""
    console().print(" " * indent + printable(text), soft_wrap=True)
