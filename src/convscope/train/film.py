"""A film strip of a training: a row is a channel, a column an epoch; kernels and maps turn from noise into features.

Every row has one scale for all epochs, so what grows brighter did grow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageDraw

from convscope.draw.lettering import text_width, write
from convscope.draw.levels import as_maps, limits
from convscope.draw.resample import fit, resample
from convscope.draw.theme import Theme, theme
from convscope.draw.thumbs import paint
from convscope.errors import CallError
from convscope.traces import Step, Trace

MOST_COLUMNS = 12
FIRST_ROWS, LATER_ROWS, CLASSES = 6, 4, 5
MARGIN, LABEL, GAP = 24, 108, 10
MAP, KERNEL = 88, 30
"""Pixels: the longer side of a map, and the side of the kernel beside it."""
HEAD, TITLE_ROW, BAR = 148, 30, 20
ACTIVATIONS = {"relu", "leaky_relu", "elu", "tanh", "sigmoid", "silu", "gelu", "hardswish", "relu6", "batch_norm"}


@dataclass(frozen=True)
class Row:
    """One channel over the epochs.

    Attributes:
        label: what stands on the left.
        maps: one (H, W) map an epoch.
        kernels: one (I, h, w) kernel an epoch, I being 1 or 3; empty where there is none to show.
    """

    label: str
    maps: Sequence[Float32[np.ndarray, "h w"] | Float32[np.ndarray, "3 h w"]]
    kernels: Sequence[Float32[np.ndarray, "i rows columns"]] = ()


@dataclass(frozen=True)
class Part:
    """Rows under a heading."""

    heading: str
    rows: Sequence[Row]


def film_strip(frames: Iterable[tuple[int, Trace]], *, dark: bool = False) -> Image.Image:
    """The traces of one photo at several epochs as one picture.

    Shows six channels of the first convolution with their kernels, four of the last one, and the answer. Of a network
    that begins with a dense layer the weights of six outputs are shown as pictures. The channels are
    those of the last epoch that vary much and differ from each other; see :func:`telling`.

    Args:
        frames: epoch and trace, in the order of the epochs; of more than twelve, twelve are drawn.
        dark: for a dark page.

    Raises:
        CallError: there are no frames, or they are not of one network.

    >>> seen = Step("input", "input", np.ones((1, 2, 2), np.float32))
    >>> from convscope.traces import Placement
    >>> trace = Trace(np.zeros((2, 2, 3), np.uint8), (seen,), (), Placement(0, 0, 2, 2))
    >>> film_strip([(0, trace), (1, trace)]).mode
    'RGB'
    """
    every = list(frames)
    if not every:
        raise CallError("a film needs at least one trace; got none")
    from convscope.train.probes import spread

    kept = [every[i] for i in sorted(spread(len(every) - 1, MOST_COLUMNS))]
    parts = _parts([trace for _, trace in kept])
    answer = _answers([trace for _, trace in kept])
    return _drawn(kept, parts, answer, theme(dark))


def _parts(traces: Sequence[Trace]) -> list[Part]:
    last = traces[-1]
    convolutions = [step for step in last if step.kind == "conv2d" and "weight" in step.params and step.has_maps]
    if not convolutions:
        return _dense_part(traces)
    first, deepest = convolutions[0], convolutions[-1]
    parts = [_conv_part(traces, first, FIRST_ROWS)]
    if deepest is not first and min(deepest.shape[1:]) > 1:
        parts.append(_conv_part(traces, deepest, LATER_ROWS))
    return parts


def _conv_part(traces: Sequence[Trace], conv: Step, count: int) -> Part:
    shown = _after(traces[-1], conv)
    channels = telling(as_maps(shown.value), count)
    maps = [_step(trace, shown.name).value for trace in traces]
    weights = [_step(trace, conv.name).params["weight"] for trace in traces]
    with_kernels = weights[0].shape[1] in {1, 3}
    rows = [
        Row(f"channel {c}", [value[c] for value in maps], [w[c] for w in weights] if with_kernels else ())
        for c in channels
    ]
    what = "a kernel and what it makes of the photo" if with_kernels else "what it makes of the photo"
    name = conv.name if shown is conv else f"{conv.name}, {shown.name}"
    return Part(f"{name}: {what}", rows)


def _after(trace: Trace, conv: Step) -> Step:
    """The convolution, or what its normalisation and activation make of it."""
    found, shape = conv, conv.shape
    for step in trace:
        if step.inputs and step.inputs[0] is found and step.shape == shape and step.kind.rstrip("12d") in ACTIVATIONS:
            found = step
    return found


def _dense_part(traces: Sequence[Trace]) -> list[Part]:
    """The weights of the first dense layer as pictures, where each looks at the whole photo."""
    size = traces[-1].input.shape
    for step in traces[-1]:
        weight = step.params.get("weight") if step.kind == "linear" else None
        if weight is None or len(size) != 3 or size[0] not in {1, 3} or weight.shape[1] != int(np.prod(size)):
            continue
        as_pictures = [_step(trace, step.name).params["weight"].reshape(-1, *size) for trace in traces]
        channels = telling(as_pictures[-1].reshape(-1, 1, int(np.prod(size))), FIRST_ROWS)
        one = size[0] == 1
        rows = [Row(f"output {c}", [w[c][0] if one else w[c] for w in as_pictures]) for c in channels]
        return [Part(f"{step.name}: the weights of an output, one for each pixel", rows)]
    return []


def telling(maps: Float32[np.ndarray, "c h w"], count: int) -> list[int]:
    """Channels that vary much and differ from each other, in order.

    The one that varies most, then each time the one with the most variation that those before do not explain
    (``1 - r`` of the correlation r with the nearest of them): the strongest six alone are often six times the same.

    >>> same = np.array([[0, 9, 0]], np.float32)
    >>> telling(np.stack([same, 2 * same, same[:, ::-1] + [[0, 0, 5]]]).astype(np.float32), 2)
    [1, 2]
    """
    side = 24  # pixels are enough to tell maps apart
    small = resample(maps, min(side, maps.shape[1]), maps.shape[2] if maps.shape[1] == 1 else min(side, maps.shape[2]))
    flat = np.nan_to_num(small.reshape(len(small), -1).astype(np.float64))
    flat -= flat.mean(axis=1, keepdims=True)
    spread_of = np.sqrt((flat**2).mean(axis=1))
    unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    alike = np.zeros(len(maps))
    chosen: list[int] = []
    for _ in range(min(count, len(maps))):
        worth = spread_of * (1 - alike)
        worth[chosen] = -1
        chosen.append(int(worth.argmax()))
        alike = np.maximum(alike, np.clip(unit @ unit[chosen[-1]], 0, 1))
    return sorted(chosen)


def _step(trace: Trace, name: str) -> Step:
    if name not in trace:
        raise CallError(f"one of the traces has no step {name!r}; give traces of one network")
    return trace[name]


def _answers(traces: Sequence[Trace]) -> list[tuple[str, list[float]]]:
    """The classes that are strongest in the end, with their probability at each epoch."""
    if not traces[-1].scores:
        return []
    found = []
    for trace in traces:
        values = {score.index: score.value for score in trace.scores}
        if not trace.ends_in_probabilities and len(values) > 1:
            raised = {i: float(np.exp(value - max(values.values()))) for i, value in values.items()}
            values = {i: value / sum(raised.values()) for i, value in raised.items()}
        found.append(values)
    strongest = traces[-1].scores[:CLASSES]
    return [(score.label, [values.get(score.index, float("nan")) for values in found]) for score in strongest]


def _drawn(
    frames: Sequence[tuple[int, Trace]],
    parts: Sequence[Part],
    answers: Sequence[tuple[str, list[float]]],
    paper: Theme,
) -> Image.Image:
    kernel = KERNEL + 4 if any(row.kernels for part in parts for row in part.rows) else 0
    pitch = kernel + MAP + GAP
    width = max(2 * MARGIN + LABEL + len(frames) * pitch, 640)
    tall = [TITLE_ROW + sum(_height(row) + 6 for row in part.rows) for part in parts]
    bars = TITLE_ROW + BAR * len(answers) if answers else 0
    sheet = Image.new("RGB", (width, HEAD + sum(tall) + bars + MARGIN), paper.page)
    draw = ImageDraw.Draw(sheet)
    _head(sheet, draw, frames, paper, left=MARGIN + LABEL, pitch=pitch)
    y = HEAD
    for part, height in zip(parts, tall, strict=True):
        write(draw, (MARGIN, y + 6), part.heading, 14, paper.ink, strong=True, width=width - 2 * MARGIN)
        below = y + TITLE_ROW
        for row in part.rows:
            _row(sheet, draw, (MARGIN, below), row, paper, pitch=pitch, kernel=kernel)
            below += _height(row) + 6
        y += height
    if answers:
        write(draw, (MARGIN, y + 6), "the answer", 14, paper.ink, strong=True)
        for i, (label, values) in enumerate(answers):
            _bars(draw, (MARGIN, y + TITLE_ROW + i * BAR), label, values, paper, pitch=pitch)
    return sheet


def _head(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    frames: Sequence[tuple[int, Trace]],
    paper: Theme,
    *,
    left: int,
    pitch: int,
) -> None:
    trace = frames[-1][1]
    photo = Image.fromarray(trace.picture)
    height, width = fit((photo.height, photo.width), 92, LABEL - 12)
    sampling = Image.Resampling.NEAREST if width >= 2 * photo.width else Image.Resampling.LANCZOS
    sheet.paste(photo.resize((width, height), sampling), (MARGIN, 16))
    room = sheet.width - left - MARGIN
    image = trace.about.get("image")
    name = image.get("name", "") if isinstance(image, dict) else ""
    network = re.sub(r" (after epoch \d+|untrained)$", "", str(trace.about.get("network", "a network")))
    title = f"{name} through {network}" if name else "One photo over the epochs"
    write(draw, (left, 14), title, 20, paper.ink, strong=True, width=room)
    told = "A column is an epoch, a row a channel on one scale for all epochs. 0 is before training."
    write(draw, (left, 46), told, 13, paper.quiet, width=room)
    for i, (epoch, _) in enumerate(frames):
        write(draw, (left + i * pitch, HEAD - 22), f"epoch {epoch}", 13, paper.ink, width=pitch - GAP)
    draw.line((MARGIN, HEAD - 2, sheet.width - MARGIN, HEAD - 2), fill=paper.line)


def _height(row: Row) -> int:
    """Pixels that the row takes."""
    shape = row.maps[0].shape[-2:]
    return max(fit((shape[0], shape[1]), MAP, MAP)[0], KERNEL if row.kernels else 14)


def _row(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    row: Row,
    paper: Theme,
    *,
    pitch: int,
    kernel: int,
) -> None:
    x, y = at
    write(draw, (x, y + _height(row) // 2), row.label, 13, paper.quiet, anchor="lm", width=LABEL - 10)
    for i, image in enumerate(_pictures(row.maps, MAP, paper)):
        sheet.paste(image, (x + LABEL + i * pitch + kernel, y))
    for i, image in enumerate(_pictures(row.kernels, KERNEL, paper)):
        sheet.paste(image, (x + LABEL + i * pitch, y))


def _pictures(values: Sequence[np.ndarray], side: int, paper: Theme) -> list[Image.Image]:
    """Maps (H, W), kernels (1, h, w), or three planes as red, green and blue about mid-grey; one scale for all."""
    if not len(values):
        return []
    stack = np.stack([np.asarray(value, np.float32) for value in values])
    height, width = fit((stack.shape[-2], stack.shape[-1]), side, side)
    if stack.ndim == 4 and stack.shape[1] == 3:
        strongest = float(np.abs(np.nan_to_num(stack)).max()) or 1.0
        levels = np.rint(127.5 + 127.5 * np.nan_to_num(stack) / strongest).clip(0, 255).astype(np.uint8)
        pictures = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(levels, 1, -1)]
        sampling = Image.Resampling.NEAREST if width >= stack.shape[-1] else Image.Resampling.BOX
        return [picture.resize((width, height), sampling) for picture in pictures]
    maps = resample(stack.reshape(len(stack), *stack.shape[-2:]), height, width)
    signed = bool(np.nanmin(maps) < 0) if maps.size else False
    table = paper.signed if signed else "viridis"
    return [Image.fromarray(image) for image in paint(maps, limits(maps, "shared", signed=signed), table)]


def _bars(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], label: str, values: Sequence[float], paper: Theme, *, pitch: int
) -> None:
    """The probability of one class at every epoch."""
    x, y = at
    write(draw, (x, y + BAR // 2 - 1), label, 13, paper.ink, anchor="lm", width=LABEL - 10)
    number = text_width("100 %", 12) + 6
    for i, value in enumerate(values):
        left, room = x + LABEL + i * pitch, pitch - GAP - number
        draw.rectangle((left, y + 4, left + room, y + BAR - 7), fill=paper.track)
        if not np.isfinite(value):
            continue
        if value * room >= 1:
            draw.rectangle((left, y + 4, left + round(value * room), y + BAR - 7), fill=paper.accent)
        write(draw, (left + room + number, y + BAR // 2 - 1), f"{100 * value:.0f} %", 12, paper.quiet, anchor="rm")
