"""What is said about a step beside its picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from convscope.traces import Step


def number(value: float, digits: int = 3) -> str:
    """A number in so many digits, as short as it can be.

    >>> number(0.123456), number(-1234567.0), number(20.0)
    ('0.123', '-1.23e6', '20')
    """
    text = f"{value:.{digits}g}"
    if "e" not in text:
        return text
    mantissa, power = text.split("e")
    return f"{mantissa}e{int(power)}"


def size_text(shape: tuple[int, ...]) -> str:
    """A shape as the field writes it, height and width before channels.

    >>> size_text((16, 300, 300)), size_text((10,)), size_text(())
    ('300x300x16', '10', 'one number')
    """
    if len(shape) == 3:
        shape = (*shape[1:], shape[0])
    return "x".join(str(part) for part in shape) or "one number"


def amount_text(shape: tuple[int, ...]) -> str:
    """A shape in words.

    >>> amount_text((1, 7, 9)), amount_text((1000,)), amount_text((2, 3))
    ('1 map of 7x9', '1,000 values', '2x3 values')
    """
    if len(shape) == 3:
        return f"{shape[0]:,} {'map' if shape[0] == 1 else 'maps'} of {shape[1]}x{shape[2]}"
    if len(shape) == 1:
        return f"{shape[0]:,} {'value' if shape[0] == 1 else 'values'}"
    return f"{size_text(shape)} values" if shape else "one number"


def kind_text(step: Step) -> str:
    """The kind of a step and what it was told, leaving out what is usual.

    >>> conv = Step("c", "conv2d", np.zeros((1, 2, 2), np.float32), settings={
    ...     "kernel": [3, 3], "stride": [2, 2], "padding": [1, 1, 1, 1], "dilation": [1, 1], "groups": 1})
    >>> kind_text(conv)
    'conv2d 3x3, stride 2, padding 1'
    """
    told = step.settings
    kernel = told.get("kernel") or told.get("output")
    words = [f"{step.kind} {'x'.join(map(str, kernel))}" if kernel else step.kind]
    for name, usual in UNUSUAL.items():
        setting = told.get(name)
        if setting is None or (name == "stride" and setting == kernel):
            continue
        if (text := _setting(setting)) != usual:
            words.append(f"{name.replace('_', ' ')} {text}")
    return ", ".join(words)


UNUSUAL = {
    "stride": "1",
    "padding": "0",
    "dilation": "1",
    "groups": "1",
    "output_padding": "0",
    "negative_slope": "",
    "mode": "",
    "scale": "",
    "axis": "",
    "axes": "",
    "exponent": "",
    "factor": "",
}
"""Settings that are named, with the text that need not be said."""


def _setting(setting: object) -> str:
    if isinstance(setting, (list, tuple)):
        parts = [_setting(part) for part in setting]
        return parts[0] if len(set(parts)) == 1 else ",".join(parts)
    return number(setting) if isinstance(setting, float) else str(setting)


@dataclass(frozen=True)
class Facts:
    """What is true of the numbers of a value, whatever the picture shows.

    Attributes:
        low, high: the range of the finite values; NaN if there are none.
        zeros: share of exact zeros, 0..1.
        nan, infinite: how many values are not numbers, and not finite.
    """

    low: float
    high: float
    zeros: float
    nan: int
    infinite: int

    @property
    def warning(self) -> str:
        """What the pink and cyan pixels are; empty if there are none.

        >>> Facts(0.0, 1.0, 0.0, nan=2, infinite=1).warning
        '2 NaN (pink), 1 infinite (cyan)'
        """
        found = [f"{self.nan:,} NaN (pink)"] if self.nan else []
        return ", ".join([*found, f"{self.infinite:,} infinite (cyan)"] if self.infinite else found)


def describe(value: Float32[np.ndarray, "..."]) -> Facts:
    """Range, share of zeros and values that are no finite numbers, of any array.

    >>> describe(np.array([0, 1, np.nan, -np.inf], np.float32))
    Facts(low=0.0, high=1.0, zeros=0.25, nan=1, infinite=1)
    """
    if value.size == 0:
        return Facts(float("nan"), float("nan"), 0.0, 0, 0)
    low, high = float(value.min()), float(value.max())
    zeros = 1 - float(np.count_nonzero(value)) / value.size
    if np.isfinite(low) and np.isfinite(high):
        return Facts(low, high, zeros, 0, 0)
    nan, infinite = int(np.isnan(value).sum()), int(np.isinf(value).sum())
    finite = value[np.isfinite(value)]
    if not finite.size:
        return Facts(float("nan"), float("nan"), zeros, nan, infinite)
    return Facts(float(finite.min()), float(finite.max()), zeros, nan, infinite)


def facts_of(step: Step) -> Facts:
    """As :func:`describe`, of a step, which remembers its range and its zeros.

    >>> facts_of(Step("a", "relu", np.array([0, 2], np.float32)))
    Facts(low=0.0, high=2.0, zeros=0.5, nan=0, infinite=0)
    """
    low, high = step.range
    return Facts(low, high, step.zeros, 0, 0) if np.isfinite([low, high]).all() else describe(step.value)


def range_text(facts: Facts, *, digits: int = 3) -> str:
    """The range in words.

    >>> range_text(describe(np.array([-1, 2.5], np.float32)))
    '-1 to 2.5'
    """
    return (
        f"{number(facts.low, digits)} to {number(facts.high, digits)}" if facts.low == facts.low else "no finite value"
    )


def share_text(share: float) -> str:
    """A share as a percentage that says 0 and 100 only when it is.

    >>> share_text(0.5), share_text(0.0001), share_text(0.99999), share_text(1.0)
    ('50 %', '<1 %', '>99 %', '100 %')
    """
    if 0 < share < 0.005:
        return "<1 %"
    if 0.995 <= share < 1:
        return ">99 %"
    return f"{share:.0%}".replace("%", " %")
