"""A trace at one glance: what the page shows before it has read a single value.

``docs/page.md`` specifies the file. It is on the way from a photo to the screen, so it is made in few passes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import numpy as np

from convscope.page.channels import HIGH, LOW, ODD, ZEROS, Summary, histogram, summarize
from convscope.page.tensors import pack
from convscope.structure import Field, macs, param_count, param_formula, receptive_fields, setting_text, total_params
from convscope.structure.reach import Reach
from convscope.traces import Step, Trace

Told = TypeVar("Told", str, int)

KEY = "convscope_overview"
"""The field of the header's ``__metadata__`` that holds the JSON."""

VERSION = 1
THUMB = 64
"""Longest side of a small picture, unless a smaller one is asked for."""


def overview_bytes(trace: Trace, *, thumb: int = THUMB, contributions: Mapping[str, np.ndarray] | None = None) -> bytes:
    """The overview of ``trace`` as a safetensors file: facts of every step, a small picture of every channel.

    Args:
        trace: what is to be shown.
        thumb: longest side of the small pictures, in pixels.
        contributions: by step name one signed number a channel, its part in the first score
            (:attr:`convscope.contribution.Contributions.channels`); left out, the page does not show any.

    Returns:
        the file, specified in ``docs/page.md``; the same trace gives the same bytes.

    >>> from convscope.traces import Placement
    >>> seen = Step("input", "input", np.ones((3, 4, 4), np.float32))
    >>> trace = Trace(np.zeros((4, 4, 3), np.uint8), (seen,), ("input",), Placement(0.0, 0.0, 4.0, 4.0))
    >>> len(overview_bytes(trace)) % 64
    0
    """
    return pack(KEY, *overview_parts(trace, thumb, contributions or {}))


def overview_parts(
    trace: Trace, thumb: int, contributions: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The JSON object and the arrays of which the overview consists."""
    maker = _Maker(thumb)
    with np.errstate(divide="ignore", invalid="ignore"):  # a stride of 0, in a trace from a file
        fields = receptive_fields(trace.steps)
    steps = [maker.step(i, step, fields[step.name]) for i, step in enumerate(trace.steps)]
    for i, step in enumerate(trace.steps):
        if step.name in contributions and f"thumb/{i}" in maker.arrays:
            maker.arrays[f"contribution/{i}"] = contributions[step.name]
    output = trace.output
    scores = None
    if output is not None and trace.scores:
        maker.arrays["scores"] = output.value.reshape(-1)
        scores = {"step": next(i for i, step in enumerate(trace.steps) if step is output), "values": "scores"}
    structure = {
        "version": VERSION,
        "thumb": thumb,
        "params": total_params(trace.steps),
        "macs": sum(step["macs"] for step in steps),
        "probabilities": trace.ends_in_probabilities,
        "scores": scores,
        "steps": steps,
    }
    return structure, maker.arrays


class _Maker:
    """Describes one step after the other and collects their arrays; what lies in the same memory is read once."""

    def __init__(self, thumb: int) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._thumb = thumb
        self._summaries: dict[Hashable, Summary] = {}
        self._ranges: dict[Hashable, tuple[dict[str, float | None], np.ndarray]] = {}

    def step(self, i: int, step: Step, field: Field) -> dict[str, Any]:
        """The JSON of one step; its arrays go to ``arrays``."""
        summary = self._summary(step.value)
        if summary is not None:
            self.arrays[f"thumb/{i}"] = summary.thumbs
            self.arrays[f"stats/{i}"] = summary.stats
            self.arrays[f"same/{i}"] = summary.same
        said, self.arrays[f"histogram/{i}"] = self._range(step.value, summary)
        self.arrays[f"rows/{i}"] = _seen(field.rows, 1, step)
        self.arrays[f"columns/{i}"] = _seen(field.columns, 2, step)
        return {
            "params": param_count(step),
            "formula": _told(param_formula, step, ""),
            "macs": _told(macs, step, 0),
            "settings": _told(setting_text, step, ""),
            **said,
            "field": _field(field),
        }

    def _summary(self, value: np.ndarray) -> Summary | None:
        if value.ndim != 3 or value.size == 0:
            return None
        key = _memory(value)
        if key not in self._summaries:
            self._summaries[key] = summarize(value, self._thumb)
        return self._summaries[key]

    def _range(self, value: np.ndarray, summary: Summary | None) -> tuple[dict[str, float | None], np.ndarray]:
        """Range and share of zeros of the whole step, and its histogram."""
        key = _memory(value)
        if key not in self._ranges:
            low, high, zeros = _ends(value) if summary is None else _ends_of_all(summary, value[0].size)
            counts = histogram(value, low or 0.0, high or 0.0)
            self._ranges[key] = {"low": low, "high": high, "zeros": zeros}, counts
        return self._ranges[key]


def _told(describe: Callable[[Step], Told], step: Step, otherwise: Told) -> Told:
    """What is said of a step, if its settings make sense: those of a trace from a file may say anything."""
    try:
        return describe(step)
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return otherwise


def _memory(array: np.ndarray) -> Hashable:
    return array.__array_interface__["data"][0], array.shape, array.strides


Ends = tuple[float | None, float | None, float | None]


def _ends_of_all(summary: Summary, pixels: int) -> Ends:
    stats = summary.stats.astype(np.float64)
    some = stats[:, ODD] < pixels
    if not some.any():
        return None, None, None
    return float(stats[some, LOW].min()), float(stats[some, HIGH].max()), float(stats[:, ZEROS].mean())


def _ends(value: np.ndarray) -> Ends:
    finite = value[np.isfinite(value)]
    if not finite.size:
        return None, None, None
    return float(finite.min()), float(finite.max()), 1 - np.count_nonzero(value) / value.size


def _seen(reach: Reach, axis: int, step: Step) -> np.ndarray:
    """First and last input row (or column) for each row of the step's maps; one pair where all see the same."""
    moves = step.has_maps and reach.axis == axis
    view = reach if moves or reach.axis is None else reach.hull()
    pairs = np.stack([view.first, view.last], axis=1)
    pairs[view.last < 0] = -1
    return pairs.astype(np.int32)


def _field(field: Field) -> dict[str, Any] | None:
    if not (field.rows.sees and field.columns.sees):
        return None
    jump = [part if math.isfinite(part) else None for part in field.jump]
    return {"size": list(field.size), "seen": list(field.seen), "jump": jump, "whole": field.whole}
