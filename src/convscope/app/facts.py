"""What is said of a traced step, in numbers for programs and in words for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from convscope.structure import macs, param_count, param_formula, receptive_fields
from convscope.traces import Step, Trace


def step_facts(trace: Trace, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """One JSON object a step: name, kind, shape (channels first), counts, receptive field, range, share of zeros."""
    fields = receptive_fields(trace.steps)
    return [_facts(step, list(fields[step.name].seen) if step.name in fields else None) for step in steps]


def _facts(step: Step, field: list[int] | None) -> dict[str, Any]:
    low, high = (number if math.isfinite(number) else str(number) for number in step.range)
    return {
        "name": step.name,
        "kind": step.kind,
        "settings": dict(step.settings),
        "inputs": [source.name for source in step.inputs],
        "shape": list(step.shape),
        "params": param_count(step),
        "formula": param_formula(step),
        "macs": macs(step),
        "receptive_field": field,
        "min": low,
        "max": high,
        "zeros": round(step.zeros, 6),
    }


def report(trace: Trace, steps: Sequence[Step], files: Mapping[str, Any]) -> dict[str, Any]:
    """What ``see --json`` prints."""
    return {
        "convscope": trace.about.get("version"),
        "image": trace.about.get("image"),
        "network": {key: value for key, value in trace.about.items() if key not in {"image", "version"}},
        "steps": step_facts(trace, steps),
        "outputs": list(trace.outputs),
        "scores": [{"label": score.label, "value": score.value} for score in trace.scores],
        "probabilities": trace.ends_in_probabilities,
        "files": dict(files),
    }


def shape_text(shape: Sequence[int]) -> str:
    """(C, H, W) as people write it, HxWxC; other shapes in their order.

    >>> shape_text((3, 573, 605)), shape_text((10,))
    ('573x605x3', '10')
    """
    ordered = (*shape[1:], shape[0]) if len(shape) == 3 else shape
    return "x".join(str(size) for size in ordered) or "1"


def count_text(count: int) -> str:
    """A count with thousands separated; multiplications in k, M, G."""
    return f"{count:,}" if count else ""


def work_text(count: int) -> str:
    """Multiplications as 1.2 k, 3.4 M, 5.6 G.

    >>> work_text(26_011_648)
    '26.0 M'
    """
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return str(count) if count else ""


def range_text(step: Step) -> str:
    """The smallest and largest value, to four digits."""
    return " .. ".join(f"{number:.4g}" for number in step.range)


def share_text(share: float) -> str:
    """A share in percent; only what is exactly none or all is written as 0 or 100."""
    if share in {0.0, 1.0}:
        return f"{share:.0%}" if share else ""
    return f"{min(max(share, 0.001), 0.999):.1%}"
