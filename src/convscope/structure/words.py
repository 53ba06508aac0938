"""Settings of a step as a few words, for a table."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from convscope.traces import Step


def setting_text(step: Step) -> str:
    """What the step was told, leaving out what goes without saying; "" when that is everything.

    A single number stands for both directions, ``2x1`` is rows by columns, and ``0+1`` before and after. Settings
    that a step of this kind cannot have, in a trace from a file, are written as they are.

    >>> import numpy as np
    >>> x = Step("x", "input", np.zeros((4, 8, 8), np.float32))
    >>> told = {"kernel": [3, 3], "stride": [2, 2], "padding": [0, 1, 0, 1], "dilation": [1, 1], "groups": 4}
    >>> setting_text(Step("y", "conv2d", np.zeros((4, 4, 4), np.float32), (x,), told))
    '3x3, stride 2, padding 0+1, depthwise'
    """
    write = WORDS.get(step.kind)
    if write is not None:
        with contextlib.suppress(LookupError, TypeError, ValueError, ArithmeticError):
            return ", ".join(part for part in write(step) if part)
    return _generic(step.settings)


def size(pair: Sequence[int]) -> str:
    """``[3, 2]`` as ``3x2``."""
    return f"{pair[0]}x{pair[1]}"


def both(pair: Sequence[int]) -> str:
    """A number for each direction, or one for both."""
    return str(pair[0]) if pair[0] == pair[1] else size(pair)


def padding(sides: Sequence[int]) -> str:
    """``[top, bottom, left, right]`` in as few numbers as will do."""
    rows, columns = (
        str(before) if before == after else f"{before}+{after}" for before, after in (sides[:2], sides[2:])
    )
    return rows if rows == columns else f"{rows} by {columns}"


def _window(step: Step, usual_stride: Sequence[int]) -> list[str]:
    told = step.settings
    dilation = told.get("dilation", [1, 1])
    return [
        size(told["kernel"]),
        f"stride {both(told['stride'])}" if list(told["stride"]) != list(usual_stride) else "",
        f"padding {padding(told['padding'])}" if any(told["padding"]) else "",
        f"dilation {both(dilation)}" if list(dilation) != [1, 1] else "",
    ]


def _convolution(step: Step) -> list[str]:
    groups = int(step.settings["groups"])
    depthwise = step.inputs and groups == step.inputs[0].shape[0] > 1
    extra = step.settings.get("output_padding", [0, 0])
    return [
        *_window(step, [1, 1]),
        f"output padding {both(extra)}" if any(extra) else "",
        "depthwise" if depthwise else f"{groups} groups" if groups > 1 else "",
    ]


def _pooling(step: Step) -> list[str]:
    told = step.settings
    return [
        *_window(step, told["kernel"]),
        "rounded up" if told["ceil_mode"] else "",
        "padding not counted" if any(told["padding"]) and told.get("count_include_pad") is False else "",
        f"divided by {told['divisor']}" if told.get("divisor") else "",
    ]


def _batch_norm(step: Step) -> list[str]:
    return [f"eps {step.settings['eps']:g}", "its own mean" if step.settings["training"] else ""]


def _resize(step: Step) -> list[str]:
    told = step.settings
    return [told["mode"], f"to {size(told['size'])}", "corners aligned" if told.get("align_corners") else ""]


def _pad(step: Step) -> list[str]:
    told = step.settings
    axes = list(told["padding"])
    sides = [side for axis in axes[-2:] for side in axis]
    spatial = len(axes) == 3 and not any(axes[0])
    amount = padding(sides) if spatial else ", ".join(f"{before}+{after}" for before, after in axes)
    value = told.get("value") or 0
    return [amount, told["mode"] if told["mode"] != "constant" else f"with {value:g}" if value else ""]


def _slice(step: Step) -> list[str]:
    return ["[" + ", ".join(map(_axis, step.settings["index"])) + "]"]


def _axis(told: int | Sequence[int | None]) -> str:
    if isinstance(told, int):
        return str(told)
    start, stop, stride = told
    text = f"{'' if start is None else start}:{'' if stop is None else stop}"
    return text if stride in {None, 1} else f"{text}:{stride}"


def _join(step: Step) -> list[str]:
    """Operands that are no steps, and the factor of the second one."""
    told = step.settings
    numbers = [f"{part['number']:g}" for part in told.get("operands", ()) if "number" in part]
    names = [part["param"] for part in told.get("operands", ()) if "param" in part]
    axis = [f"axis {told['axis']}"] if "axis" in told else []
    alpha = [f"second times {told['alpha']:g}"] if told.get("alpha", 1) != 1 else []
    return [*axis, *(f"with {part}" for part in numbers + names), *alpha]


def _generic(settings: Mapping[str, Any]) -> str:
    """Names and values as they are: ``negative slope 0.01, inplace``."""
    parts = []
    for name, value in settings.items():
        word = name.replace("_", " ")
        if value is True:
            parts.append(word)
        elif value is not None and value is not False:
            parts.append(f"{word} {_value(value)}")
    return ", ".join(parts)


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return " ".join(map(_value, value))
    return str(value)


WORDS: dict[str, Callable[[Step], list[str]]] = {
    **dict.fromkeys(("conv2d", "conv_transpose2d"), _convolution),
    **dict.fromkeys(("max_pool2d", "avg_pool2d"), _pooling),
    **dict.fromkeys(
        ("adaptive_avg_pool2d", "adaptive_max_pool2d"), lambda step: [f"to {size(step.settings['output'])}"]
    ),
    **dict.fromkeys(("add", "sub", "mul", "div", "maximum", "minimum", "cat", "stack"), _join),
    "linear": lambda step: [f"{step.inputs[0].shape[-1]} to {step.shape[-1]}"],
    "batch_norm": _batch_norm,
    "interpolate": _resize,
    "pad": _pad,
    "slice": _slice,
}
