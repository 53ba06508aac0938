"""A step as a matplotlib figure, for papers; matplotlib is imported when it is called, and only here."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.draw.colors import choose, colormap, is_signed
from convscope.draw.levels import Limits, as_maps, levels, limits
from convscope.draw.tiles import draw_maps, layout
from convscope.draw.wording import amount_text, facts_of, kind_text
from convscope.errors import CallError
from convscope.traces import Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BARS = 128
POINTS = 8
LINE, LETTER, KEY = 0.18, 0.07, 0.62
"""Inches: height of a line of text, width of a letter on average, width of the colour bar and its numbers."""


def figure(
    trace: Trace,
    name: str,
    *,
    scale: str = "shared",
    colors: str = "auto",
    columns: int | None = None,
    max_maps: int | None = 64,
    width: float = 6.3,
    title: bool = True,
) -> Figure:
    """One step as a figure with a colour bar: ``figure(...).savefig("conv_1.pdf")``.

    It is made through matplotlib's objects: neither ``pyplot`` nor ``rcParams`` is touched, and no window
    opens.

    Args:
        trace: where the step is.
        name: the step's.
        scale: as in :func:`~convscope.draw.tiles.grid`; the colour bar carries numbers where one range is
            ``shared``.
        colors: as in ``grid``.
        columns: maps in a row.
        max_maps: draw no more than the first of them.
        width: of the figure in inches; the height follows.
        title: whether name, operation and shape stand above.

    Raises:
        CallError: matplotlib is not installed, the trace has no such step, or the step is empty.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise CallError(
            'figure() needs matplotlib, which is not installed; run: pip install "convscope[figure]"'
        ) from None
    if name not in trace:
        raise CallError(f"the trace has no step {name!r}; its steps are {', '.join(s.name for s in trace.steps[:8])}")
    step = trace[name]
    maps = as_maps(step.value)
    if maps.size == 0:
        raise CallError(f"step {name!r} is empty, {step.shape}, so there is nothing to draw")
    table = choose(colors, low=facts_of(step).low, scale=scale, dark=False)
    on = limits(maps, scale, signed=is_signed(table))
    # parse_math=False: names are text, a $ in one is a dollar sign
    words = textwrap.wrap(f"{step.name}: {kind_text(step)}, {amount_text(step.shape)}", int(width / LETTER))
    heading = "\n".join(words) if title else ""
    strip = maps.shape[1:] == (1, 1)
    if strip and len(maps) <= BARS:
        drawn = Figure(figsize=(width, width * 0.35), layout="constrained")
        axes = drawn.add_subplot()
        bar_colors = colormap(table)[levels(maps, on).ravel()] / 255
        axes.bar(np.arange(len(maps)), maps.ravel(), color=bar_colors, width=0.85)
        axes.axhline(0, color="0.3", linewidth=0.6)
        axes.tick_params(labelsize=POINTS)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(heading, fontsize=POINTS + 1, loc="left", parse_math=False)
        return drawn
    plan = layout(maps.shape, columns=columns, max_maps=None if strip else max_maps, gap=0 if strip else None)
    shown = on.take(slice(plan.shown))
    image = draw_maps(maps[: plan.shown], shown, plan, table, dark=False).convert("RGB")
    left_out = plan.total - plan.shown
    # in inches: everything has its place, so that the figure ends where the maps do
    across = max(0.5, width - KEY)
    down = across * image.height / image.width
    above, below = 0.05 + LINE * len(words) * title, LINE * (left_out > 0)
    drawn = Figure(figsize=(width, above + down + below))
    total = above + down + below
    axes = drawn.add_axes((0, below / total, across / width, down / total))
    axes.imshow(np.asarray(image), interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    long = min(down, max(0.9, 0.7 * down))
    beside = ((across + 0.08) / width, (below + (down - long) / 2) / total, 0.09 / width, long / total)
    _color_bar(drawn, drawn.add_axes(beside), table, shown, ticks=min(6, max(2, int(long / 0.3))))
    drawn.text(0.02 / width, 1 - 0.03 / total, heading, fontsize=POINTS + 1, va="top", parse_math=False)
    if left_out:
        drawn.text(0.02 / width, 0.03 / total, f"+{left_out:,} more", fontsize=POINTS, color="0.35")
    return drawn


def _color_bar(drawn: Figure, axes: Any, table: str, on: Limits, *, ticks: int) -> None:
    """The colours with their values; with words where every map has its own."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize
    from matplotlib.ticker import MaxNLocator

    same = bool((on.low == on.low[0]).all() and (on.high == on.high[0]).all() and on.low[0] < on.high[0])
    ends = (float(on.low[0]), float(on.high[0])) if same else (0.0, 1.0)
    first = 0 if on.scale == "byte" else 1
    listed = ListedColormap(colormap(table)[first:] / 255)
    bar = drawn.colorbar(ScalarMappable(Normalize(*ends), listed), cax=axes, ticks=MaxNLocator(ticks))
    bar.ax.tick_params(labelsize=POINTS, width=0.5)
    bar.outline.set_linewidth(0.4)
    if not same:
        bar.set_ticks([0, 0.5, 1] if on.signed else [0, 1])
        bar.set_ticklabels(["-max", "0", "max"] if on.signed else ["min", "max"])
