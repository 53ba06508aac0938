"""From ``--net`` and ``--model`` to a network that can be trained on some data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convscope.errors import CallError
from convscope.spec import Spec, build, load, parse, shelf

if TYPE_CHECKING:
    from torch import nn

SHORT = ("cnn", "dense")
#: Bodies of the short names, by the kind of pictures; the last layer follows from the number of classes.
BODIES = {
    ("cnn", "small"): "fashion-cnn",
    ("cnn", "photos"): "cats-dogs",
    ("dense", "small"): "fashion-dense",
    ("dense", "photos"): "fashion-dense",
}
SMALL = 48
"""Pictures of at most so many pixels a side are small."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """A network for a training.

    Attributes:
        model: with its first weights.
        title: what people call it.
        spec: its text, empty for code.
        name: by which a recipe may be known, empty where there is none.
    """

    model: nn.Module
    title: str
    spec: str = ""
    name: str = ""

    @property
    def params(self) -> int:
        """How many numbers are learnt."""
        return sum(parameter.numel() for parameter in self.model.parameters())


@dataclass(frozen=True, eq=False)
class Wanted:
    """A network that was asked for, before the data is known.

    Attributes:
        text: what was typed.
        spec: its layers; None for a short name and for a model.
        network: an opened ``--model``, else None.
    """

    text: str
    spec: Spec | None = None
    network: Any = None

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) that it is made for, None where any will do."""
        if self.network is not None:
            size: tuple[int, int] | None = self.network.preprocessing.size
            return size
        return self.spec.input[:2] if self.spec is not None and self.spec.input else None

    @property
    def channels(self) -> int | None:
        """1 or 3, None where nothing says."""
        if self.network is not None:
            return int(self.network.preprocessing.channels)
        return self.spec.input[2] if self.spec is not None and self.spec.input else None

    def fitted(self, samples: Any, seed: int) -> Chosen:
        """The network for pictures and classes like these, with its first weights.

        Raises:
            SpecError: it is impossible for pictures of this size.
            CallError: its input has another number of channels.
        """
        height, width, channels = samples.shape
        if self.network is not None:
            text = str(self.network.about.get("spec", ""))
            return Chosen(self.network.model, self.network.title, text, self.network.title)
        spec, name = (self.spec, self.text) if self.spec is not None else short(self.text, samples)
        if spec.input is not None and spec.input[2] != channels:
            raise CallError(
                f"the network takes {spec.input[2]} channels and the pictures have {channels}; "
                f"write its first line as input({height}x{width}x{channels}), or leave that line out"
            )
        known = name if name in shelf() else ""
        title = known or (self.text if self.spec is None else f"network of {len(spec.layers)} layers")
        if self.spec is None and kind_of(samples) == "photos":
            known = BODIES[self.text, "photos"]  # whatever the size and the number of classes
        model = build(spec, (channels, height, width), seed=seed)
        stated = replace(spec, input=(height, width, channels)) if spec.input is not None else spec
        return Chosen(model, title, stated.text(), known)


def wanted(net: str | None, model: str | None, *, seed: int) -> Wanted:
    """The network that was typed; without one, ``cnn``.

    Raises:
        CallError, SpecError, ModelError: it cannot be used.
    """
    if net is not None and model is not None:
        raise CallError("--net and --model both name a network; give one of them")
    if model is not None:
        from convscope.adapters import Options, connect

        def shape(preprocessing: Any) -> tuple[int, int, int]:
            height, width = preprocessing.size or (224, 224)
            return preprocessing.channels, height, width

        network = connect(model, shape, Options(seed=seed))
        if not hasattr(network, "model"):
            raise CallError(f"--model {model!r} cannot be trained; give a network of PyTorch")
        return Wanted(model, network=network)
    text = (net or SHORT[0]).strip()
    return Wanted(text) if text in SHORT else Wanted(text, load(text))


def short(name: str, samples: Any) -> tuple[Spec, str]:
    """The network that ``cnn`` or ``dense`` stands for with these pictures, and its name on the shelf if it is one.

    >>> from types import SimpleNamespace
    >>> spec, name = short("cnn", SimpleNamespace(shape=(300, 300, 3), classes=("ant", "bee", "cat")))
    >>> print(spec.layers[-2], spec.layers[-1], name)
    dense(3) softmax cnn
    >>> short("dense", SimpleNamespace(shape=(28, 28, 1), classes=("0",) * 10))[1]
    'fashion-dense'
    """
    height, width, channels = samples.shape
    kind = kind_of(samples)
    original = load(BODIES[name, kind])
    lines = [str(layer) for layer in original.layers[:-2]]
    classes = len(samples.classes)
    tail = [str(layer) for layer in original.layers[-2:]]
    head = tail if _fits(tail, classes) else [f"dense({classes})", "softmax"]
    spec = parse(" | ".join([f"input({height}x{width}x{channels})", *lines, *head]))
    same = head == tail and original.input == (height, width, channels)
    return spec, BODIES[name, kind] if same else name


def kind_of(samples: Any) -> str:
    """``small`` pictures or ``photos``."""
    return "small" if max(samples.shape[:2]) <= SMALL else "photos"


def _fits(tail: list[str], classes: int) -> bool:
    return tail[0] == f"dense({classes})" or (tail[0] == "dense(1)" and classes == 2)
