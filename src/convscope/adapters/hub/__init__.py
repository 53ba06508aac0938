"""Networks by name from the hubs: ``timm:resnet18``, ``torchvision:resnet18``, ``hf:owner/name``, and one of a package.

Each is its own library's to build; nothing is imported before it is asked for. Trained weights come by default, and
stay in the library's own cache; ``?pretrained=false`` behind a name gives random ones
(``timm:resnet18?pretrained=false``).
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field
from typing import cast

from convscope.adapters.brought import Brought
from convscope.adapters.options import Options
from convscope.errors import ModelError

OPENERS = {"timm": "timm_models", "torchvision": "torchvision_models", "hf": "hugging_face"}
NAME = re.compile(r"\w[\w.-]*(?:/[\w.-]+)*")
SWITCHES = {"true": True, "false": False}


@dataclass(frozen=True)
class Reference:
    """A network of a hub.

    Attributes:
        hub: ``timm``, ``torchvision`` or ``hf``.
        name: what the hub calls it.
        pretrained: whether its trained weights are wanted; None where nothing was said.
        revision: which version of a repository; empty for the newest.

    >>> Reference.read("timm:resnet18?pretrained=false")
    Reference(hub='timm', name='resnet18', pretrained=False, revision='')
    """

    hub: str
    name: str
    pretrained: bool | None = None
    revision: str = field(default="")

    @classmethod
    def read(cls, text: str) -> Reference:
        """Understand a reference.

        Raises:
            ModelError: it is none.
        """
        hub, _, rest = text.partition(":")
        name, _, query = rest.partition("?")
        settings = dict(part.partition("=")[::2] for part in query.split("&")) if query else {}
        known = {"pretrained", "revision"} if hub == "hf" else {"pretrained"}
        if not NAME.fullmatch(name) or ".." in name:
            raise ModelError(f"{text!r} names no network; write it like {_example(hub)}")
        if set(settings) - known or settings.get("pretrained", "true") not in SWITCHES:
            raise ModelError(
                f"{text!r} says {query!r} behind the name; what can be said there is pretrained=true or "
                f"pretrained=false{', and revision=NAME' * (hub == 'hf')}"
            )
        pretrained = SWITCHES[settings["pretrained"]] if "pretrained" in settings else None
        return cls(hub, name, pretrained, settings.get("revision", ""))

    def wants_weights(self, options: Options) -> bool:
        """Whether the hub's own weights are to be fetched: not where the caller brings others."""
        return options.weights is None if self.pretrained is None else self.pretrained

    def random(self) -> str:
        """The same network with random weights."""
        return f"{self.hub}:{self.name}?pretrained=false"


def open_reference(reference: str, options: Options) -> Brought:
    """A network that a hub or a package has under this name.

    Args:
        reference: ``timm:NAME``, ``torchvision:NAME``, ``hf:OWNER/NAME``, or ``efficientnet-lite0``.
        options: ``weights`` says that the hub's own are not wanted, ``seed`` that of random ones.

    Raises:
        ModelError: there is none of that name, a package is missing, or it cannot be fetched.
    """
    if reference == "efficientnet-lite0":
        from convscope.adapters.hub.efficientnet_lite0 import open_network

        return open_network(options)
    found = Reference.read(reference)
    opener = importlib.import_module(f"convscope.adapters.hub.{OPENERS[found.hub]}")
    return cast("Brought", opener.open_network(found, options))


def _example(hub: str) -> str:
    return {"timm": "timm:resnet18", "torchvision": "torchvision:resnet18"}.get(hub, "hf:timm/resnet18.a1_in1k")
