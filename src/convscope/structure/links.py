"""Along each axis of an input: which positions one position of the output reads.

A step is described by one :class:`Link` for each axis of each input. That is all that receptive fields need,
and it is the same for rows, columns and any other axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from convscope.arithmetic import taps
from convscope.arithmetic.functions import FUNCTIONS
from convscope.arithmetic.moves import joined_parts, part_length
from convscope.arithmetic.reductions import reduced_axes
from convscope.arithmetic.resize import axis_geometry
from convscope.arithmetic.windows import window
from convscope.errors import NoArithmetic
from convscope.traces import Step


@dataclass(frozen=True, eq=False)
class Link:
    """How one axis of an input is read.

    Attributes:
        to: the axis of the output that moves along it; None when every output reads the same positions.
        taps: ``(n, k)`` positions read by each of the n positions of that output axis, those outside the
            input being padding; None for position i reading i, or for all positions where ``to`` is None.
        stride: how many positions further the next output position reads.
        scattered: with ``to`` None, every output still reads one position, but no axis of the output moves
            along it, as after flattening.
    """

    to: int | None
    taps: taps.Taps | None = None
    stride: float = 1.0
    scattered: bool = False


Links = list[Link]
Describe = Callable[[Step, int], Links]
ALL = Link(None)
SCATTERED = Link(None, scattered=True)


def links_of(step: Step) -> list[Links]:
    """One list for each input, with a link for each of its axes.

    Steps of unknown kind, those that mixed the batch axis with others, and those whose settings contradict
    their shape are taken to read everything.
    """
    describe = DESCRIBE.get(step.kind, everything) if step.batched else everything
    return [_fitting(describe, step, source) for source in range(len(step.inputs))]


def _fitting(describe: Describe, step: Step, source: int) -> Links:
    """The links, if they fit the shapes; a trace from a file may say anything."""
    try:
        found = describe(step, source)
    except (NoArithmetic, LookupError, TypeError, ValueError, ArithmeticError):
        return everything(step, source)
    return found if _fits(found, step, step.inputs[source]) else everything(step, source)


def _fits(links: Links, step: Step, source: Step) -> bool:
    """Whether there is a link for each axis, and each output axis that moves has the length that the link says."""
    if len(links) != source.value.ndim:
        return False
    lengths = (size if link.taps is None else len(link.taps) for link, size in zip(links, source.shape, strict=True))
    return all(
        link.to is None or (0 <= link.to < step.value.ndim and length == step.shape[link.to])
        for link, length in zip(links, lengths, strict=True)
    )


def everything(step: Step, source: int) -> Links:
    """Every output may depend on every value."""
    return [ALL] * step.inputs[source].value.ndim


def same(step: Step, source: int) -> Links:
    """Each value depends on the one at its own position; operands of fewer or shorter axes are broadcast."""
    shape = step.inputs[source].shape
    shift = len(step.shape) - len(shape)
    return [Link(axis + shift) if size == step.shape[axis + shift] else ALL for axis, size in enumerate(shape)]


def mixing(axes: Callable[[Step], Sequence[int]]) -> Callable[[Step, int], Links]:
    """As :func:`same`, but some axes are read as a whole."""

    def describe(step: Step, source: int) -> Links:
        rank = len(step.shape)
        whole = {axis % rank for axis in axes(step)}
        return [ALL if axis in whole else link for axis, link in enumerate(same(step, source))]

    return describe


def sliding(step: Step, _source: int) -> Links:
    """Convolution and pooling."""
    rows, columns = (
        Link(
            axis + 1,
            taps.sliding(taps.every(step.shape[axis + 1]), *window(step, axis)),
            float(window(step, axis)[1]),
        )
        for axis in (0, 1)
    )
    return [ALL, rows, columns]


def transposed(step: Step, _source: int) -> Links:
    """Transposed convolution."""
    rows, columns = (
        Link(
            axis + 1,
            taps.transposed(taps.every(step.shape[axis + 1]), *window(step, axis)),
            1 / window(step, axis)[1],
        )
        for axis in (0, 1)
    )
    return [ALL, rows, columns]


def adaptive(step: Step, _source: int) -> Links:
    """Adaptive pooling."""
    found = [ALL]
    for axis in (1, 2):
        size, out = step.inputs[0].shape[axis], step.shape[axis]
        found.append(Link(axis, taps.adaptive(taps.every(out), size, out), size / max(out, 1)))
    return found


def resized(step: Step, source: int) -> Links:
    """Nearest and bilinear interpolation; other modes may read everything."""
    mode, align = step.settings["mode"], bool(step.settings.get("align_corners"))
    if mode not in {"nearest", "bilinear"}:
        return everything(step, source)
    found = [ALL]
    for axis in (0, 1):
        size, out, scale = axis_geometry(step, axis)
        rows = taps.every(out)
        stride = float(taps.source_step(size, out, scale, align_corners=align and mode == "bilinear"))
        if mode == "nearest":
            found.append(Link(axis + 1, taps.nearest(rows, size, out, scale), stride))
            continue
        read, shares = taps.bilinear(rows, size, out, scale, align_corners=align)
        # A smaller share is only the rounding of the row number.
        found.append(Link(axis + 1, np.where(shares > 1e-5, read, taps.NOWHERE), stride))
    return found


def reshaped(step: Step, source: int) -> Links:
    """An axis survives when it has as many numbers inside it, and as many positions, as before."""
    outside: dict[tuple[int, int], int] = {}
    inner = 1
    for axis in reversed(range(len(step.shape))):
        outside[inner, step.shape[axis]] = axis
        inner *= step.shape[axis]
    found, inner = [], 1
    shape = step.inputs[source].shape
    for size in reversed(shape):
        to = outside.get((inner, size))
        found.append(SCATTERED if to is None else Link(to))
        inner *= size
    return found[::-1]


def permuted(step: Step, _source: int) -> Links:
    """Axes in another order."""
    axes = [int(axis) for axis in step.settings["axes"]]
    return [Link(axes.index(axis)) for axis in range(len(axes))]


def sliced(step: Step, _source: int) -> Links:
    """Part of each axis."""
    found, to = [], 0
    for size, told in zip(step.inputs[0].shape, step.settings["index"], strict=True):
        if isinstance(told, int):
            found.append(Link(None, taps.sliced(taps.every(1), size, told)))
            continue
        read = taps.sliced(taps.every(step.shape[to]), size, told)
        found.append(Link(to, read, float(told[2] or 1)))
        to += 1
    return found


def padded(step: Step, _source: int) -> Links:
    """Padding and cropping."""
    told = zip(step.inputs[0].shape, step.settings["padding"], strict=True)
    mode = step.settings["mode"]
    return [
        Link(axis, taps.padded(taps.every(step.shape[axis]), size, int(before), mode))
        for axis, (size, (before, _)) in enumerate(told)
    ]


def concatenated(step: Step, source: int) -> Links:
    """Each input fills part of one axis, also when it is joined more than once."""
    rank = len(step.shape)
    along = int(step.settings["axis"]) % rank
    out = taps.every(step.shape[along])
    starts, at = [], 0
    for told in joined_parts(step):
        if told.get("input") == source:
            starts.append(at)
        at += part_length(step, told, along)
    read = np.stack([out - start for start in starts], 1) if starts else np.full((len(out), 1), taps.NOWHERE)
    found = same(step, source) if step.inputs[source].value.ndim == rank else everything(step, source)
    return [Link(along, read) if axis == along else link for axis, link in enumerate(found)]


def stacked(step: Step, source: int) -> Links:
    """The axes after the new one move up."""
    new = int(step.settings["axis"]) % len(step.shape)
    return [Link(axis + (axis >= new)) for axis in range(step.inputs[source].value.ndim)]


def pixel_shuffled(step: Step, source: int) -> Links:
    """Channels became rows and columns."""
    factor = int(step.settings["factor"])
    rank = step.inputs[source].value.ndim
    moved = [
        Link(axis, taps.column(taps.every(step.shape[axis]) // factor), 1 / factor) for axis in (rank - 2, rank - 1)
    ]
    return [*map(Link, range(rank - 3)), ALL, *moved]


def reduced(step: Step, source: int) -> Links:
    """Reduced axes are read as a whole, the others move down."""
    axes, keep = reduced_axes(step), bool(step.settings["keepdim"])
    found, to = [], 0
    for axis in range(step.inputs[source].value.ndim):
        found.append(ALL if axis in axes else Link(to))
        to += keep or axis not in axes
    return found


def normalised(step: Step, source: int) -> Links:
    """Batch normalisation is a function of one number, unless it uses the picture's own mean."""
    return everything(step, source) if step.settings["training"] else same(step, source)


def grouped(step: Step, source: int) -> Links:
    """Group normalisation uses the mean of whole maps."""
    return everything(step, source)


DESCRIBE: dict[str, Describe] = {
    **dict.fromkeys(FUNCTIONS, same),
    **dict.fromkeys(("add", "sub", "mul", "div", "maximum", "minimum"), same),
    **dict.fromkeys(("conv2d", "max_pool2d", "avg_pool2d"), sliding),
    **dict.fromkeys(("adaptive_avg_pool2d", "adaptive_max_pool2d"), adaptive),
    **dict.fromkeys(("flatten", "reshape", "squeeze", "unsqueeze"), reshaped),
    **dict.fromkeys(("mean", "sum", "amax"), reduced),
    **dict.fromkeys(("softmax", "log_softmax"), mixing(lambda step: [int(step.settings["axis"])])),
    "conv_transpose2d": transposed,
    "linear": mixing(lambda _step: [-1]),
    "layer_norm": mixing(lambda step: [int(axis) for axis in step.settings["axes"]]),
    "local_response_norm": mixing(lambda _step: [0]),
    "channel_shuffle": mixing(lambda _step: [0]),
    "batch_norm": normalised,
    "group_norm": grouped,
    "interpolate": resized,
    "permute": permuted,
    "slice": sliced,
    "pad": padded,
    "cat": concatenated,
    "stack": stacked,
    "pixel_shuffle": pixel_shuffled,
}
