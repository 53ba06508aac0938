"""Multiplications and parameters of a recorded step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from convscope.traces import Step


def macs(step: Step) -> int:
    """Multiplications with a weight, each followed by an addition: convolutions and dense layers.

    Other kinds have none: their work is small beside it, and the field counts it as none.

    >>> import numpy as np
    >>> x = Step("x", "input", np.zeros(6, np.float32))
    >>> macs(Step("y", "linear", np.zeros(4, np.float32), (x,)))
    24
    """
    if step.kind == "linear":
        return step.value.size * step.inputs[0].shape[-1]
    if step.kind not in {"conv2d", "conv_transpose2d"}:
        return 0
    kernel = math.prod(int(side) for side in step.settings["kernel"])
    source, groups = step.inputs[0], int(step.settings["groups"])
    if step.kind == "conv2d":
        return step.value.size * kernel * source.shape[0] // groups
    return source.value.size * kernel * step.shape[0] // groups


def param_count(step: Step) -> int:
    """How many numbers the step holds, running statistics included."""
    return sum(int(step.params[name].size) for name in step.params)


def total_params(steps: Sequence[Step]) -> int:
    """Parameters of all steps; those of a layer that ran several times count once.

    >>> import numpy as np
    >>> x = Step("x", "input", np.zeros(6, np.float32))
    >>> once, again = (
    ...     Step(name, "linear", np.zeros(6, np.float32), (x,), {}, {"weight": np.eye(6, dtype=np.float32)})
    ...     for name in ("fc", "fc:2")
    ... )
    >>> total_params([x, once, again])
    36
    """
    counted: dict[str, list[Step]] = {}
    for step in steps:
        known = counted.setdefault(step.name.split(":")[0], [])
        if step.params and not any(_same_params(step, other) for other in known):
            known.append(step)
    return sum(param_count(step) for known in counted.values() for step in known)


def _same_params(step: Step, other: Step) -> bool:
    return set(step.params) == set(other.params) and all(
        np.array_equal(step.params[name], other.params[name]) for name in step.params
    )


def param_formula(step: Step) -> str:
    """The parameter count as a product, as in ``(3*3*64+1)*128 = 73,856``; ``0`` for none.

    The 1 is the bias. Batch normalisation has four numbers a channel: scale, shift, mean and variance.

    >>> import numpy as np
    >>> x = Step("x", "input", np.zeros(6, np.float32))
    >>> params = {"weight": np.zeros((4, 6), np.float32), "bias": np.zeros(4, np.float32)}
    >>> param_formula(Step("y", "linear", np.zeros(4, np.float32), (x,), {}, params))
    '(6+1)*4 = 28'
    """
    total = param_count(step)
    if not total:
        return "0"
    if step.kind == "batch_norm" and len(step.params) == 4:
        half = f"{total // 2:,}"
        return f"4*{total // 4} = {total:,} ({half} learned, {half} running statistics)"
    product = _layer(step) if step.kind in {"conv2d", "conv_transpose2d", "linear"} else _plain(step)
    return product if product == f"{total:,}" else f"{product} = {total:,}"


def _layer(step: Step) -> str:
    """Weights into one output, a bias with them, times the outputs."""
    shape = step.params["weight"].shape
    out, kernel = shape[0], shape[2:]
    into = str(shape[1]) if len(shape) > 1 else "1"
    groups = int(step.settings.get("groups", 1))
    if step.kind == "conv_transpose2d":
        out, into = shape[1] * groups, str(shape[0])
    elif groups > 1:
        into = str(shape[1] * groups)
    if groups > 1:
        into += f"/{groups}"
    one = "*".join([*map(str, kernel), into])
    return f"({one}+1)*{out}" if "bias" in step.params else f"{one}*{out}"


def _plain(step: Step) -> str:
    """Vectors of one length as their number times the length; anything else as a sum."""
    shapes = [tuple(step.params[name].shape) for name in step.params]
    written = ["*".join(map(str, shape)) or "1" for shape in shapes]
    if len(shapes) > 1 and len(set(shapes)) == 1:
        return f"{len(shapes)}*{written[0]}"
    return " + ".join(written)
