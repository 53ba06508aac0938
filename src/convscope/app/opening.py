"""From what was typed to what the library takes: which network, which size, which scale."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from convscope.adapters import Options
from convscope.app.console import note
from convscope.app.output import safe_name
from convscope.errors import CallError
from convscope.traces import Step, Trace
from convscope.tracing import DEFAULT_IMAGE

SCALES = ("unit", "byte", "imagenet")
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
        """How the network is to be opened; a weights file's report goes to standard error."""
        if self.scale is not None and self.scale not in SCALES:
            raise CallError(f"--scale {self.scale!r} is unknown; it is one of {', '.join(SCALES)}")
        return Options(self.seed, self.weights, self.scale, parsed_size(self.size), report=lambda r: note(str(r)))


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
