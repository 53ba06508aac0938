"""A :class:`~convscope.arithmetic.pixel.Pixel` as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from convscope.arithmetic.terms import number

if TYPE_CHECKING:
    from convscope.arithmetic.pixel import Pixel

WIDEST = 12
"""Largest window, in columns, that is printed as a grid."""


def table(pixel: Pixel) -> str:
    """The calculation: a window of one channel as three grids, anything larger as its largest inputs."""
    lines = [_title(pixel)]
    shape = window_shape(pixel)
    if shape is not None:
        lines += _grids(pixel, shape)
    elif len(pixel.terms) > 1:
        lines += _shares(pixel)
    lines += [pixel.formula, _verdict(pixel)]
    return "\n".join(lines)


def window_shape(pixel: Pixel) -> tuple[int, int] | None:
    """Rows and columns when the terms are a window of one channel, small enough to print."""
    if not pixel.linear or len(pixel.terms) < 2 or pixel.positions.shape[1] < 2 or (pixel.source != 0).any():
        return None
    height, width = (len(np.unique(pixel.positions[:, axis])) for axis in (-2, -1))
    one_channel = len(np.unique(pixel.positions[:, :-2], axis=0)) == 1
    fits = one_channel and height * width == len(pixel.terms) and width <= WIDEST and height <= 2 * WIDEST
    return (height, width) if fits else None


def _title(pixel: Pixel) -> str:
    at = ", ".join(str(part) for part in pixel.index)
    return f"{pixel.step.name}[{at}] ({pixel.step.kind})"


def _grids(pixel: Pixel, shape: tuple[int, int]) -> Iterator[str]:
    channel = ", ".join(str(part) for part in (*pixel.positions[0, :-2], "y", "x"))
    name = f"{pixel.step.inputs[0].name}[{channel}]"
    columns = [_column(name, pixel.inputs, shape), _column("x factor", pixel.factors, shape)]
    columns.append(_column("= product", pixel.terms, shape))
    for parts in zip(*columns, strict=True):
        yield ("  " + "   ".join(parts)).rstrip()


def _column(title: str, values: np.ndarray, shape: tuple[int, int]) -> list[str]:
    """A grid of numbers under its title, every line as wide as the widest."""
    written = np.array([number(v) for v in values]).reshape(shape)
    wide = max(len(cell) for cell in written.ravel())
    lines = [title, *(" ".join(cell.rjust(wide) for cell in row) for row in written)]
    longest = max(map(len, lines))
    return [line.ljust(longest) for line in lines]


def _shares(pixel: Pixel) -> Iterator[str]:
    shares = pixel.top(5)
    wide = max((len(share.label) for share in shares), default=0)
    for share in shares:
        terms = f"{share.count} term{'s' * (share.count != 1)}"
        yield f"  {share.label.ljust(wide)}  {number(share.sum):>10}  {terms}".rstrip()


def _verdict(pixel: Pixel) -> str:
    if not np.isfinite(pixel.value):
        return f"recorded {number(pixel.value)}, which is no finite number"
    if pixel.holds:
        return f"recorded {number(pixel.value)}"
    return f"recorded {number(pixel.value)}, which these terms do not give"
