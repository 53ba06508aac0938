"""Lines over numbers, with axes, a legend and the last value of each line; numpy and Pillow only.

Lines are drawn four times as large and shrunk, because Pillow draws them without smooth edges.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from convscope.draw.lettering import text_width, write
from convscope.draw.theme import Rgb, Theme, theme
from convscope.draw.wording import number

COLORS: tuple[Rgb, ...] = ((31, 104, 179), (200, 64, 10), (20, 128, 94), (140, 82, 170), (170, 120, 0), (60, 66, 74))
"""Colours of lines on the light page; the first two differ also to people who see no red or no green."""

SMOOTH = 4
HEAD, FOOT, LEFT, RIGHT = 58, 44, 58, 64
"""Pixels around the plot: title and legend above, numbers below and on the left, last values on the right."""
DOTS = 40
"""Up to this many points a line has a dot at each."""


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        label: its name in the legend.
        points: (x, y), in the order of x; a y that is not finite leaves a gap.
        color: see :data:`COLORS`.
        dashed: for what is measured beside the main thing.
        mark: index of the point to be ringed, None for none.
    """

    label: str
    points: Sequence[tuple[float, float]]
    color: Rgb
    dashed: bool = False
    mark: int | None = None

    @property
    def finite(self) -> list[tuple[float, float]]:
        """The points that can be drawn."""
        return [point for point in self.points if math.isfinite(point[1])]


def chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    size: tuple[int, int] = (560, 380),
    percent: bool = False,
    from_zero: bool = False,
    dark: bool = False,
) -> Image.Image:
    """A chart of lines.

    Args:
        lines: at least one; without any point that can be drawn the chart says so.
        title: what the numbers are.
        x_label: what the lines run over; whole numbers.
        size: width and height in pixels.
        percent: y is a share 0..1 and is written in percent.
        from_zero: the y axis begins at 0.
        dark: for a dark page.

    >>> chart([Line("train", [(1, 0.5), (2, 0.3)], COLORS[0])], title="loss", x_label="epoch").size
    (560, 380)
    """
    paper = theme(dark)
    sheet = Image.new("RGB", size, paper.page)
    draw = ImageDraw.Draw(sheet)
    write(draw, (LEFT, 10), title, 16, paper.ink, strong=True, width=size[0] - LEFT - 10)
    _legend(draw, lines, paper, size[0] - LEFT - 10)
    drawn = [point for line in lines for point in line.finite]
    if not drawn:
        write(draw, (size[0] // 2, size[1] // 2), "no numbers yet", 14, paper.quiet, anchor="mm")
        return sheet
    box = (LEFT, HEAD, size[0] - RIGHT, size[1] - FOOT)
    frame = _Frame.around(drawn, box, from_zero=from_zero)
    _axes(draw, frame, paper, x_label, percent=percent)
    _draw_lines(sheet, lines, frame)
    _last_values(draw, lines, frame, percent=percent)
    return sheet


@dataclass(frozen=True)
class _Frame:
    """Where numbers lie on the sheet."""

    box: tuple[int, int, int, int]
    x: tuple[float, float]
    y: tuple[float, float]
    rows: list[float]
    columns: list[int]

    @classmethod
    def around(
        cls, points: Sequence[tuple[float, float]], box: tuple[int, int, int, int], *, from_zero: bool
    ) -> _Frame:
        low, high = min(y for _, y in points), max(y for _, y in points)
        low = min(low, 0.0) if from_zero else low
        rows = steps(low, high, 5)
        first, last = math.floor(min(x for x, _ in points)), math.ceil(max(x for x, _ in points))
        every = max(1, math.ceil(steps(0, last - first, 8)[1])) if last > first else 1
        columns = [at for at in range(first, last + 1) if (at - first) % every == 0 or at == last]
        if len(columns) > 2 and (columns[-1] - columns[-2]) * 2 < every:
            del columns[-2]
        return cls(
            box, (first - 0.5, last + 0.5) if first == last else (first, last), (rows[0], rows[-1]), rows, columns
        )

    def at(self, x: float, y: float) -> tuple[float, float]:
        left, top, right, bottom = self.box
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return left + across * (right - left), bottom - up * (bottom - top)


def steps(low: float, high: float, wanted: int) -> list[float]:
    """About ``wanted`` round numbers, evenly spaced, the first at or below ``low`` and the last at or above ``high``.

    >>> steps(0.12, 0.93, 5)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> steps(3, 3, 5)
    [2.0, 3.0, 4.0]
    """
    if not high - low > 1e-9 * max(1.0, abs(high)):
        around = 10.0 ** math.floor(math.log10(abs(low))) if low else 1.0
        return [low - around, float(low), low + around]
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    unit = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / unit + 1e-9), math.ceil(high / unit - 1e-9)
    return [round(i * unit, 12) for i in range(first, last + 1)]


def value_text(value: float, *, percent: bool, spread: float = 0.0) -> str:
    """A number of the y axis; ``spread`` is the distance to the next, which must show.

    >>> value_text(0.9238, percent=True), value_text(0.925, percent=True, spread=0.005), value_text(2.5, percent=False)
    ('92.4 %', '92.5 %', '2.5')
    """
    if not percent:
        return number(value)
    digits = 1 if not spread else max(0, -math.floor(math.log10(spread * 100) + 1e-9))
    return f"{100 * value:.{digits}f} %"


def _legend(draw: ImageDraw.ImageDraw, lines: Sequence[Line], paper: Theme, room: int) -> None:
    x, y = LEFT, 36
    for line in lines:
        width = 30 + text_width(line.label, 12) + 16
        if x + width - 16 > LEFT + room:
            break
        for start in range(0, 22, 8) if line.dashed else (0,):
            draw.line((x + start, y + 7, x + (start + 5 if line.dashed else 22), y + 7), fill=line.color, width=2)
        write(draw, (x + 28, y), line.label, 12, paper.ink)
        x += width


def _axes(draw: ImageDraw.ImageDraw, frame: _Frame, paper: Theme, x_label: str, *, percent: bool) -> None:
    left, _, right, bottom = frame.box
    spread = frame.rows[1] - frame.rows[0]
    for value in frame.rows:
        y = round(frame.at(frame.x[0], value)[1])
        draw.line((left, y, right, y), fill=paper.line)
        text = value_text(value, percent=percent, spread=spread)
        write(draw, (left - 8, y), text, 12, paper.quiet, anchor="rm")
    for column in frame.columns:
        x = round(frame.at(column, frame.y[0])[0])
        draw.line((x, bottom, x, bottom + 4), fill=paper.quiet)
        write(draw, (x, bottom + 7), str(column), 12, paper.quiet, anchor="ma")
    draw.line((left, bottom, right, bottom), fill=paper.quiet)
    write(draw, ((left + right) // 2, bottom + 24), x_label, 12, paper.quiet, anchor="ma")


def _draw_lines(sheet: Image.Image, lines: Sequence[Line], frame: _Frame) -> None:
    for line in reversed(lines):  # the first lies on top
        mask = Image.new("L", (sheet.width * SMOOTH, sheet.height * SMOOTH))
        pen = ImageDraw.Draw(mask)
        for run in _runs(line):
            points = [tuple(SMOOTH * part for part in frame.at(*point)) for point in run]
            if line.dashed:
                _dashes(pen, points)
            else:
                pen.line(points, fill=255, width=2 * SMOOTH, joint="curve")
            if len(line.points) <= DOTS:
                for x, y in points:
                    _disc(pen, x, y, 3 * SMOOTH)
        if line.mark is not None and math.isfinite(line.points[line.mark][1]):
            x, y = (SMOOTH * part for part in frame.at(*line.points[line.mark]))
            _disc(pen, x, y, 7 * SMOOTH)
            _disc(pen, x, y, 5 * SMOOTH, fill=0)
            _disc(pen, x, y, 3 * SMOOTH)
        sheet.paste(line.color, (0, 0), mask.resize(sheet.size, Image.Resampling.BOX))


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, *, fill: int = 255) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _runs(line: Line) -> list[list[tuple[float, float]]]:
    """The points between gaps."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in line.points:
        if math.isfinite(point[1]):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _dashes(pen: ImageDraw.ImageDraw, points: Sequence[tuple[float, ...]]) -> None:
    """A dashed line along all points: the rhythm goes on around corners."""
    on, period, walked = 7 * SMOOTH, 11 * SMOOTH, 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        at = 0.0
        while at < length:
            phase = (walked + at) % period
            reach = min(length, at + (on - phase if phase < on else period - phase))
            if phase < on:
                part = [(x0 + (x1 - x0) * t / length, y0 + (y1 - y0) * t / length) for t in (at, reach)]
                pen.line(part, fill=255, width=2 * SMOOTH)
            at = max(reach, at + 1e-6)
        walked += length


def _last_values(draw: ImageDraw.ImageDraw, lines: Sequence[Line], frame: _Frame, *, percent: bool) -> None:
    """The last value of each line on the right, moved apart where they would lie over each other."""
    ends = [(frame.at(*line.finite[-1])[1], line) for line in lines if line.finite]
    ends.sort(key=lambda end: end[0])
    places = np.array([y for y, _ in ends])
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + 15)
    places -= max(0.0, places[-1] - frame.box[3])
    for y, (_, line) in zip(places, ends, strict=True):
        text = value_text(line.finite[-1][1], percent=percent)
        write(draw, (frame.box[2] + 9, round(float(y))), text, 12, line.color, anchor="lm")
