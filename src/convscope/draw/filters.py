"""The weights of a convolution as pictures, with their numbers where there is room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageDraw

from convscope.draw.colors import lightness
from convscope.draw.lettering import text_width, wrap, write
from convscope.draw.levels import Limits, limits
from convscope.draw.step import MARGIN, NARROWEST, TEXT, TITLE, draw_key
from convscope.draw.theme import Theme, theme
from convscope.draw.thumbs import thumbnails
from convscope.draw.wording import describe, kind_text, number, range_text
from convscope.errors import CallError
from convscope.traces import Step

SPACE = 6
NUMBERED_CELLS = 400
"""Up to this many weights carry their number."""


@dataclass(frozen=True)
class Plan:
    """Filters in ``columns`` side by side, each a row of ``across`` kernels of ``cell`` (height, width)."""

    filters: int
    across: int
    cell: tuple[int, int]
    columns: int
    label: int
    tail: int
    composite: bool
    numbered: bool

    @property
    def block(self) -> tuple[int, int]:
        """Height and width of one filter's row, with the space after it."""
        kernels = self.across + self.composite
        return self.cell[0] + SPACE, self.label + kernels * (self.cell[1] + SPACE) + self.tail + 16


def kernels(step: Step, *, max_kernels: int = 256, dark: bool = False) -> Image.Image:
    """The kernels of a step: a row for each filter (output channel), a kernel for each input channel.

    All share one range about zero, so that colours compare: the strongest weight anywhere has the strongest
    colour. The numbers are printed in the squares when there are few, and the filter's bias after it.
    Filters over three channels also appear in colour, as they look at red, green and blue together (mid-grey
    is zero). The weights of a dense step are drawn as one matrix, a row for each output.

    Args:
        step: a step with a ``weight`` of (O, I, h, w), (I, O, h, w) for a transposed convolution, or (O, I).
        max_kernels: draw no more; what is left out is counted.
        dark: for a dark page.

    Raises:
        CallError: the step has no kernels, or ``max_kernels`` is not positive.

    >>> weight = np.ones((2, 3, 3, 3), np.float32)
    >>> kernels(Step("c", "conv2d", np.zeros((2, 1, 1), np.float32), params={"weight": weight})).mode
    'RGB'
    """
    if max_kernels < 1:
        raise CallError(f"max_kernels must be 1 or more; got {max_kernels}")
    weight = _weight(step)
    bias = step.params.get("bias")
    paper = theme(dark)
    plan = _plan(weight, bias, max_kernels)
    on = limits(weight.reshape(1, 1, -1), "shared", signed=True)
    rows = -(-plan.filters // plan.columns)
    width = max(NARROWEST, plan.columns * plan.block[1] - 16 + 2 * MARGIN)
    lines = wrap(_told(step, weight, plan), width - 2 * MARGIN, TEXT)
    top = 54 + 20 * len(lines) + 30
    sheet = Image.new("RGB", (width, top + rows * plan.block[0] + MARGIN), paper.page)
    draw = ImageDraw.Draw(sheet)
    write(draw, (MARGIN, 16), step.name, TITLE, paper.ink, width=width - 2 * MARGIN, strong=True)
    for i, line in enumerate(lines):
        write(draw, (MARGIN, 48 + 20 * i), line, TEXT, paper.quiet, width=width - 2 * MARGIN)
    draw_key(sheet, (MARGIN, 51 + 20 * len(lines)), on, paper.signed, paper)
    for i in range(plan.filters):
        column, row = divmod(i, rows)
        at = (MARGIN + column * plan.block[1], top + row * plan.block[0])
        _filter(sheet, at, i, weight=weight, bias=bias, on=on, plan=plan, paper=paper)
    return sheet


def _weight(step: Step) -> Float32[np.ndarray, "o i h w"]:
    weight = step.params.get("weight")
    if weight is None or weight.ndim not in {2, 4} or weight.size == 0:
        has = "no weight" if weight is None else f"a weight of {'x'.join(map(str, weight.shape))}"
        raise CallError(
            f"step {step.name!r} ({step.kind}) has {has}, so no kernels; choose a convolution or a dense step"
        )
    if weight.ndim == 2:
        return weight[None, None]
    if step.kind != "conv_transpose2d":
        return weight
    groups = int(step.settings.get("groups", 1))
    inputs, outputs = weight.shape[:2]
    split = weight.reshape(groups, inputs // groups, outputs, *weight.shape[2:])
    return split.swapaxes(1, 2).reshape(groups * outputs, inputs // groups, *weight.shape[2:])


def _plan(weight: Float32[np.ndarray, "o i h w"], bias: np.ndarray | None, max_kernels: int) -> Plan:
    outputs, inputs, height, width = weight.shape
    across = min(inputs, 16, max_kernels)
    filters = min(outputs, max(1, max_kernels // across))
    numbered = filters * across * height * width <= NUMBERED_CELLS and max(height, width) <= 12
    if numbered:
        side = 34
    elif max(height, width) > 60:  # the matrix of a dense step
        side = max(1, 700 // max(height, width))
    else:
        side = max(1, (28 if filters * across > 64 else 48) // max(height, width))
    shrink = min(1.0, 900 / max(height * side, width * side))
    cell = (max(1, round(height * side * shrink)), max(1, round(width * side * shrink)))
    matrix = outputs == inputs == 1 and max(height, width) > 12
    label = 0 if matrix else text_width(str(outputs - 1), 12) + 12
    tail = 78 if bias is not None and numbered and len(bias) == outputs else 0
    plan = Plan(filters, across, cell, 1, label, tail, inputs == 3, numbered)
    most = max(1, (1500 + 16) // plan.block[1])
    ideal = max(1, round((filters * plan.block[0] / plan.block[1] * 1.5) ** 0.5))
    return Plan(filters, across, cell, min(most, ideal, filters), label, tail, inputs == 3, numbered)


def _told(step: Step, weight: Float32[np.ndarray, "o i h w"], plan: Plan) -> list[str]:
    outputs, inputs, height, width = weight.shape
    if step.params["weight"].ndim == 2:
        told = [kind_text(step), f"{height:,} outputs (rows) of {width:,} inputs (columns)"]
    else:
        filters = f"{outputs:,} {'filter' if outputs == 1 else 'filters'}"
        told = [
            kind_text(step),
            f"{filters} of {inputs:,} {'kernel' if inputs == 1 else 'kernels'}, {height}x{width}",
        ]
    told.append(f"weights {range_text(describe(weight))}")
    left_out = outputs * inputs - plan.filters * plan.across
    if left_out:
        told.append(f"{plan.filters * plan.across:,} kernels shown, +{left_out:,} more")
    if plan.composite:
        told.append("first column: red, green and blue together")
    return told


def _filter(
    sheet: Image.Image,
    at: tuple[int, int],
    index: int,
    *,
    weight: Float32[np.ndarray, "o i h w"],
    bias: np.ndarray | None,
    on: Limits,
    plan: Plan,
    paper: Theme,
) -> None:
    """One row: the filter's number, its kernels, its bias."""
    x, y = at
    draw = ImageDraw.Draw(sheet)
    height, width = plan.cell
    if plan.label:
        write(draw, (x, y + height // 2), str(index), 12, paper.quiet, anchor="lm")
    x += plan.label
    if plan.composite:
        sheet.paste(
            _in_color(weight[index], float(on.high[0])).resize((width, height), Image.Resampling.NEAREST),
            (x, y),
        )
        x += width + SPACE
    shown = weight[index, : plan.across]
    every = Limits(on.low.repeat(len(shown)), on.high.repeat(len(shown)), on.scale, True, on.finite)
    for kernel, image in zip(shown, thumbnails(shown, every, paper.signed, height, width), strict=True):
        sheet.paste(image, (x, y))
        if plan.numbered:
            _print_numbers(draw, (x, y), kernel, image)
        x += width + SPACE
    if plan.tail and bias is not None:
        value = float(bias[index])
        text = f"{'-' if value < 0 else '+'} {number(abs(value))}"
        write(draw, (x + 4, y + height // 2), text, 13, paper.ink, width=plan.tail, anchor="lm")


def _in_color(kernel: Float32[np.ndarray, "3 h w"], strongest: float) -> Image.Image:
    part = np.nan_to_num(kernel.astype(np.float64), posinf=0, neginf=0) / (strongest or 1.0)
    return Image.fromarray(np.rint(127.5 + 127.5 * np.moveaxis(part, 0, -1)).astype(np.uint8))


def _print_numbers(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], kernel: Float32[np.ndarray, "h w"], image: Image.Image
) -> None:
    height, width = image.height // kernel.shape[0], image.width // kernel.shape[1]
    bright = lightness(np.asarray(image)[height // 2 :: height, width // 2 :: width]) > 0.62
    for y, row in enumerate(kernel.tolist()):
        for x, value in enumerate(row):
            ink = (20, 22, 26) if bright[y, x] else (255, 255, 255)
            middle = (at[0] + x * width + width // 2, at[1] + y * height + height // 2)
            write(draw, middle, _short(value), 11, ink, anchor="mm", width=width)


def _short(value: float) -> str:
    """Two decimals where they say something, else the shortest form.

    >>> _short(0.12), _short(-0.5), _short(1.0), _short(12.3), _short(0.0001)
    ('0.12', '-0.5', '1', '12.3', '0.0001')
    """
    if value == 0:
        return "0"
    if 0.005 <= abs(value) < 10:
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return number(value) if abs(value) >= 10 else number(float(f"{value:.0e}"))
