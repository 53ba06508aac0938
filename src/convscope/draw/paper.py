"""A step as a matplotlib figure, for papers; matplotlib is imported when it is called, and only here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.draw.colors import choose, colormap, is_signed
from convscope.draw.levels import as_maps, levels, limits
from convscope.draw.tiles import draw_maps, layout
from convscope.draw.wording import amount_text, describe, kind_text
from convscope.errors import CallError
from convscope.traces import Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BARS = 128
POINTS = 8


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
    table = choose(colors, low=describe(step.value).low, scale=scale, dark=False)
    on = limits(maps, scale, signed=is_signed(table))
    strip = maps.shape[1:] == (1, 1)
    if strip and len(maps) <= BARS:
        drawn = Figure(figsize=(width, width * 0.35), layout="constrained")
        axes = drawn.add_subplot()
        bar_colors = colormap(table)[levels(maps, on).ravel()] / 255
        axes.bar(np.arange(len(maps)), maps.ravel(), color=bar_colors, width=0.85)
        axes.axhline(0, color="0.3", linewidth=0.6)
        axes.tick_params(labelsize=POINTS)
        axes.spines[["top", "right"]].set_visible(False)
    else:
        plan = layout(maps.shape, columns=columns, max_maps=max_maps if not strip else None)
        across, down = plan.size
        drawn = Figure(figsize=(width, width * down / across + 0.7), layout="constrained")
        axes = drawn.add_subplot()
        shown = on.take(slice(plan.shown))
        image = draw_maps(maps[: plan.shown], shown, plan, table, dark=False).convert("RGB")
        axes.imshow(np.asarray(image), interpolation="nearest", extent=(0, across, down, 0))
        axes.set_axis_off()
        _color_bar(drawn, axes, table, on)
        left_out = plan.total - plan.shown
        if left_out:
            axes.text(0, down + 4, f"+{left_out:,} more", fontsize=POINTS, va="top", color="0.35")
    if title:
        # parse_math=False: names are text, a $ in one is a dollar sign
        text = f"{step.name}: {kind_text(step)}, {amount_text(step.shape)}"
        axes.set_title(text, fontsize=POINTS + 1, loc="left", wrap=True, parse_math=False)
    return drawn


def _color_bar(drawn: Figure, axes: Any, table: str, on: Any) -> None:
    """The colours with their values; with words where every map has its own."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    same = bool((on.low == on.low[0]).all() and (on.high == on.high[0]).all() and on.low[0] < on.high[0])
    ends = (float(on.low[0]), float(on.high[0])) if same else (0.0, 1.0)
    first = 0 if on.scale == "byte" else 1
    listed = ListedColormap(colormap(table)[first:] / 255)
    bar = drawn.colorbar(ScalarMappable(Normalize(*ends), listed), ax=axes, shrink=0.7, aspect=24, pad=0.02)
    bar.ax.tick_params(labelsize=POINTS, width=0.5)
    bar.outline.set_linewidth(0.4)
    if not same:
        bar.set_ticks([0, 0.5, 1] if on.signed else [0, 1])
        bar.set_ticklabels(["-max", "0", "max"] if on.signed else ["min", "max"])
