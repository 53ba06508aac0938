"""Kinds that slide a window over maps: convolution, its transpose, pooling."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from convscope.arithmetic import taps
from convscope.arithmetic.terms import (
    Index,
    Reads,
    Terms,
    entry,
    largest,
    number,
    optional,
    parameter,
    plural,
    products,
    read_grid,
    signed,
)
from convscope.traces import Step

Row = Int64[np.ndarray, " _"]


def conv2d(step: Step, index: Index) -> Terms:
    """``sum over c, i, j of weight[o, c, i, j] * x[c, y s - p + i d, x s - p + j d] + bias[o]``."""
    out, y, x = index
    weight = parameter(step, "weight")
    rows, columns = sliding_windows(step, y, x)
    per_group = weight.shape[1]
    group = out // (step.shape[0] // int(step.settings["groups"]))
    channels = taps.every(per_group) + group * per_group
    reads = read_grid(step, [channels, rows, columns])
    factors = weight[out].astype(np.float64).ravel()
    return weighted_sum(reads, factors, entry(optional(step, "bias"), out))


def conv_transpose2d(step: Step, index: Index) -> Terms:
    """Every input value spreads ``weight[c, o]`` over the output; these are the spreads that meet here."""
    out, y, x = index
    weight = parameter(step, "weight")
    groups = int(step.settings["groups"])
    per_group = weight.shape[1]
    from_group = weight.shape[0] // groups
    channels = taps.every(from_group) + out // per_group * from_group
    height, width = step.inputs[0].shape[-2:]
    found = []
    for at, axis, size in ((y, 0, height), (x, 1, width)):
        every_tap = taps.transposed(np.array([at]), *window(step, axis))[0]
        found.append((np.flatnonzero((every_tap >= 0) & (every_tap < size)), every_tap))
    (kernel_rows, rows), (kernel_columns, columns) = found
    reads = read_grid(step, [channels, rows[kernel_rows], columns[kernel_columns]])
    factors = weight[np.ix_(channels, [out % per_group], kernel_rows, kernel_columns)].astype(np.float64).ravel()
    return weighted_sum(reads, factors, entry(optional(step, "bias"), out))


def max_pool2d(step: Step, index: Index) -> Terms:
    """``max over i, j of x[c, y s - p + i d, x s - p + j d]``; padding is -inf."""
    return largest_of(pool_reads(step, index, *sliding_windows(step, *index[-2:]), fill=-np.inf))


def avg_pool2d(step: Step, index: Index) -> Terms:
    """``sum over i, j of x[c, y s - p + i, x s - p + j] / divisor``.

    The divisor is the number of values in the window, padding counted where ``count_include_pad`` says so.
    A window may reach over the padding too (``ceil_mode``); what lies beyond is never counted.
    """
    height, width = step.inputs[0].shape[-2:]
    _, bottom, _, right = sides(step)
    rows, columns = sliding_windows(step, *index[-2:])
    if step.settings["count_include_pad"]:
        rows, columns = rows[rows < height + bottom], columns[columns < width + right]
    else:
        rows = rows[(rows >= 0) & (rows < height)]
        columns = columns[(columns >= 0) & (columns < width)]
    divisor = step.settings["divisor"]
    return average(pool_reads(step, index, rows, columns), float(divisor) if divisor else None)


def adaptive_avg_pool2d(step: Step, index: Index) -> Terms:
    """``mean of x[c, floor(y H / out) .. ceil((y + 1) H / out), ...]``."""
    return average(pool_reads(step, index, *adaptive_windows(step, index)), None)


def adaptive_max_pool2d(step: Step, index: Index) -> Terms:
    """``max of x[c, floor(y H / out) .. ceil((y + 1) H / out), ...]``."""
    return largest_of(pool_reads(step, index, *adaptive_windows(step, index)))


def weighted_sum(reads: Reads, factors: np.ndarray, bias: float) -> Terms:
    """Products and a bias, as convolution and dense layers have them."""
    subtotal = float((reads.inputs * factors)[~reads.padded].sum())
    padding = int(reads.padded.sum())
    note = f", {padding} of them with padding" if padding else ""
    how = f"{plural(len(reads), 'product')}{note} ({number(subtotal)})"
    if bias:
        how += f" + bias {signed(bias)}"
    return products(reads, factors, how, bias=bias)


def average(reads: Reads, divisor: float | None) -> Terms:
    """The sum of the values read, over their number or over a given divisor."""
    by = divisor or float(len(reads))
    total = float(reads.inputs.sum())
    how = f"{number(total)} (sum of {plural(len(reads), 'value')}) / {number(by)}"
    return products(reads, np.full(len(reads), 1.0 / by if by else 1.0), how, symbols={"sum": total, "divisor": by})


def largest_of(reads: Reads) -> Terms:
    """The largest of the values read."""
    real = int((~reads.padded).sum())
    return largest(reads, f"max of {plural(real, 'value')}")


def pool_reads(step: Step, index: Index, rows: Row, columns: Row, fill: float = 0.0) -> Reads:
    """A window of the same channel; an input without a channel axis is pooled as it is."""
    channel = [np.array([part], np.int64) for part in index[:-2]]
    return read_grid(step, [*channel, rows, columns], fill)


def sliding_windows(step: Step, y: int, x: int) -> tuple[Row, Row]:
    """The rows and the columns under the window of output (y, x), padding included."""
    return (
        taps.sliding(np.array([y]), *window(step, 0))[0],
        taps.sliding(np.array([x]), *window(step, 1))[0],
    )


def adaptive_windows(step: Step, index: Index) -> tuple[Row, Row]:
    """The rows and the columns of one cell of an adaptive pooling."""
    found = []
    for axis in (-2, -1):
        cell = taps.adaptive(np.array([index[axis]]), step.inputs[0].shape[axis], step.shape[axis])[0]
        found.append(cell[cell != taps.NOWHERE])
    return found[0], found[1]


def window(step: Step, axis: int) -> tuple[int, int, int, int]:
    """Kernel, stride, padding before, and dilation along one axis (0: rows, 1: columns)."""
    settings = step.settings
    dilation = settings["dilation"][axis] if "dilation" in settings else 1
    return int(settings["kernel"][axis]), int(settings["stride"][axis]), sides(step)[2 * axis], int(dilation)


def sides(step: Step) -> tuple[int, int, int, int]:
    """Padding as (top, bottom, left, right)."""
    top, bottom, left, right = (int(part) for part in step.settings["padding"])
    return top, bottom, left, right


WINDOWS = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "adaptive_max_pool2d": adaptive_max_pool2d,
}
