"""interpolate: maps made larger or smaller."""

from __future__ import annotations

import numpy as np

from convscope.arithmetic import taps
from convscope.arithmetic.terms import Index, Terms, copied, number, plural, products, read_grid
from convscope.errors import NoArithmetic
from convscope.traces import Step


def interpolate(step: Step, index: Index) -> Terms:
    """Nearest neighbour copies one value; bilinear weighs the four around ``(i + 1/2) * step - 1/2``."""
    mode = step.settings["mode"]
    if mode == "nearest":
        return _nearest(step, index)
    if mode == "bilinear":
        return _bilinear(step, index)
    raise NoArithmetic(
        f"no arithmetic for op 'interpolate' with mode {mode!r} (step {step.name!r}); nearest and bilinear have one"
    )


def axis_geometry(step: Step, axis: int) -> tuple[int, int, float | None]:
    """Input size, output size and told scale along one axis (0: rows, 1: columns)."""
    scale = step.settings["scale"]
    told = None if scale is None or scale[axis] is None else float(scale[axis])
    return step.inputs[0].shape[axis - 2], step.shape[axis - 2], told


def _nearest(step: Step, index: Index) -> Terms:
    before = [np.array([part], np.int64) for part in index[:-2]]
    rows, columns = (taps.nearest(np.array([index[axis - 2]]), *axis_geometry(step, axis))[0] for axis in (0, 1))
    return copied(read_grid(step, [*before, rows, columns]), step.inputs[0].name)


def _bilinear(step: Step, index: Index) -> Terms:
    align = bool(step.settings["align_corners"])
    before = [np.array([part], np.int64) for part in index[:-2]]
    found = [
        taps.bilinear(np.array([index[axis - 2]]), *axis_geometry(step, axis), align_corners=align) for axis in (0, 1)
    ]
    (rows, row_shares), (columns, column_shares) = ((taps_[0], shares[0]) for taps_, shares in found)
    factors = np.outer(row_shares, column_shares).ravel()
    reads = read_grid(step, [*before, rows, columns])
    parts = " + ".join(f"{number(v)} * {number(f)}" for v, f in zip(reads.inputs, factors, strict=True) if f)
    # A share is a difference of row numbers, so that its error grows with them.
    magnitude = float(np.abs(reads.inputs).max() * (2 + rows.max() + columns.max()))
    symbols = {"row_share": float(row_shares[1]), "column_share": float(column_shares[1])}
    return products(reads, factors, parts or plural(4, "value"), symbols=symbols, magnitude=magnitude)


RESIZE = {"interpolate": interpolate}
