"""From what was typed to what the library takes: which network, which size, which scale."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from convscope.adapters import Options
from convscope.app.console import note, printable
from convscope.app.output import safe_name
from convscope.errors import CallError
from convscope.network import Fit
from convscope.traces import Step, Trace
from convscope.tracing import DEFAULT_IMAGE

SCALES = ("unit", "byte", "imagenet")
FITS = get_args(Fit)
SHAPE = re.compile(r"(\d{1,6})x(\d{1,6})(?:x(\d{1,4}))?")


GIB = 1 << 30
#: The trained network that stands in where none is given.
DEFAULT_NET = "catdog"
#: The same where a text is varied, whose weights are random.
DEFAULT_SPEC = "tutorial-1"


@dataclass(frozen=True)
class Request:
    """What was typed after ``see`` or ``compare``, beside the network."""

    image: str | None
    weights: Path | None
    seed: int
    scale: str | None
    size: str | None
    out: Path | None
    layers: Sequence[str]
    overwrite: bool
    memory: float
    as_json: bool
    fit: str | None = None
    labels: str | None = None
    trust: bool = False

    @property
    def photo(self) -> str:
        """The photo, or the one that stands in for it."""
        if self.image is not None and not self.image.strip():
            raise CallError("IMAGE is empty; give a file, or leave it out for the photo that comes along")
        return self.image or DEFAULT_IMAGE

    @property
    def stem(self) -> str:
        """A name for the results."""
        return safe_name(Path(self.photo).stem)

    @property
    def memory_bytes(self) -> int:
        """How much recorded values may take."""
        return int(self.memory * GIB)

    def options(self) -> Options:
        """How the network is to be opened; what there is to say of it goes to standard error."""
        return asked_options(
            self.weights, self.scale, self.size, self.fit, self.labels, trust=self.trust, seed=self.seed
        )


def asked_options(
    weights: Path | None, scale: str | None, size: str | None, fit: str | None, labels: str | None, *,
    trust: bool, seed: int = 0,
) -> Options:  # fmt: skip
    """How a network is to be opened, from what was typed; what there is to say of it goes to standard error.

    Raises:
        CallError: something that was typed cannot be.
    """
    if fit is not None and fit not in FITS:
        raise CallError(f"--fit {fit!r} is unknown; it is one of {', '.join(FITS)}")
    return Options(
        seed, weights, parsed_scale(scale), parsed_size(size), parsed_labels(labels),
        report=lambda r: note(str(r)), fit=cast("Fit | None", fit), trust=trust, tell=_once(),
    )  # fmt: skip


def _once() -> Callable[[str], None]:
    """Says each sentence on standard error, but never twice: a network may be opened for every size of photo."""
    said: set[str] = set()

    def tell(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            note(f"convscope: {printable(sentence)}")

    return tell


def one_network(net: str | None, model: str | None) -> str:
    """The one network that was asked for."""
    if net is not None and model is not None:
        raise CallError("--net and --model both name a network; give one of them")
    return net or model or DEFAULT_NET


def parsed_size(text: str | None) -> tuple[int, int] | None:
    """``224`` or ``300x451`` as (height, width)."""
    if text is None:
        return None
    found = SHAPE.fullmatch(text if "x" in text else f"{text}x{text}")
    if found is None or found[3] or min(int(found[1]), int(found[2])) < 1:
        raise CallError(
            f"--size {text!r} is no size; write HEIGHTxWIDTH, for example 300x451, or one number for a square"
        )
    return int(found[1]), int(found[2])


def parsed_scale(text: str | None) -> Any:
    """``unit``, ``byte``, ``imagenet``, or ``MEAN/STD`` as two tuples with one number a channel.

    >>> parsed_scale("byte"), parsed_scale("0.5/0.25"), parsed_scale("0.5,0.4,0.3/1,1,1")
    ('byte', ((0.5,), (0.25,)), ((0.5, 0.4, 0.3), (1.0, 1.0, 1.0)))
    """
    if text is None or text in SCALES:
        return text
    mean, slash, deviation = text.partition("/")
    try:
        found = tuple(tuple(float(number) for number in part.split(",")) for part in (mean, deviation))
    except ValueError:
        found = ()
    good = slash and found and len(found[0]) == len(found[1]) in {1, 3}
    if not good or not all(map(math.isfinite, found[0] + found[1])) or min(found[1]) <= 0:
        raise CallError(
            f"--scale {text!r} is unknown; it is one of {', '.join(SCALES)}, or MEAN/STD of values in 0..1, such as "
            "0.5/0.5, one number or one a channel"
        )
    return found


def parsed_labels(text: str | None) -> tuple[str, ...]:
    """Names of classes: those in a file, one a line, or those with commas between.

    >>> parsed_labels("cat, dog")
    ('cat', 'dog')
    """
    if text is None:
        return ()
    from convscope.adapters.sidecar import read_labels

    if Path(text).is_file():
        return read_labels(text)
    names = [part.strip() for part in text.split(",")]
    if len(names) < 2 or not all(names) or len(set(names)) < len(names):
        raise CallError(
            f"--labels {text!r} is neither a file nor a list; give a text file with a class on each line, or distinct "
            "names with commas between"
        )
    return tuple(names)


def parsed_shape(text: str) -> tuple[int, int, int]:
    """``300x451x3`` as (C, H, W); without the last part three channels."""
    found = SHAPE.fullmatch(text)
    if found is None or min(int(part) for part in found.groups(default="1")) < 1:
        raise CallError(f"--input {text!r} is no shape; write HEIGHTxWIDTHxCHANNELS, for example 300x451x3")
    return int(found[3] or 3), int(found[1]), int(found[2])


def chosen_steps(trace: Trace, layers: Sequence[str]) -> list[Step]:
    """The steps that match one of the patterns, in the order in which they ran; all without patterns."""
    if not layers:
        return list(trace.steps[1:])
    wanted: set[str] = set()
    for pattern in layers:
        found = trace.find(pattern)
        if not found:
            raise CallError(f"--layer {pattern!r} is no step of this network; {_suggestion(pattern, trace)}")
        wanted |= {step.name for step in found}
    return [step for step in trace if step.name in wanted]


def _suggestion(name: str, trace: Trace) -> str:
    names = [step.name for step in trace]
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}"
