"""One step on a sheet: what it is, what its numbers are, and its maps."""

from __future__ import annotations

import numpy as np
from PIL import Image

from convscope.draw.bars import MARGIN as BARS_MARGIN
from convscope.draw.bars import MOST_BARS
from convscope.draw.colors import choose, colormap, is_signed
from convscope.draw.lettering import pen, text_width, wrap, write
from convscope.draw.levels import Limits, Maps, as_maps, limits
from convscope.draw.palette import FIRST, LAST, PAGE, blank, indices, palette
from convscope.draw.theme import Theme, theme
from convscope.draw.tiles import Layout, draw_maps, fitted, grid, layout, tile
from convscope.draw.wording import amount_text, facts_of, kind_text, number, range_text, share_text
from convscope.traces import Step

MARGIN = 20
NARROWEST = 420
TITLE, TEXT = 20, 13
NUMBERED = 64
"""Up to this many maps carry their channel's number."""


def step_picture(
    step: Step,
    *,
    scale: str = "each",
    colors: str = "auto",
    title: bool = True,
    max_maps: int | None = None,
    dark: bool = False,
) -> Image.Image:
    """The maps of a step under a heading: name, operation, shape, range, share of zeros, and the colours'
    key.

    Args:
        step: any step, whatever its rank.
        scale: as in :func:`~convscope.draw.tiles.grid`.
        colors: as in ``grid``.
        title: False for the maps alone.
        max_maps: draw no more than the first of them.
        dark: for a dark page.

    Returns:
        a palette picture (mode ``P``); ``RGB`` for ``byte``, whose 256 greys are all shown, and for vectors of
        at most 64 values, which are bars.

    >>> value = np.ones((3, 5, 5), np.float32)
    >>> step_picture(Step("conv_1", "conv2d", value)).size
    (817, 422)
    """
    maps = as_maps(step.value)
    facts = facts_of(step)
    table = choose(colors, low=facts.low, scale=scale, dark=dark)
    body, left_out, edge = _body(step, scale=scale, colors=table, max_maps=max_maps, dark=dark)
    if not title:
        return body
    paper = theme(dark)
    width = max(NARROWEST, body.width - 2 * edge + 2 * MARGIN)
    room = width - 2 * MARGIN
    told = [kind_text(step), amount_text(step.shape)]
    if left_out:
        told.append(f"the first {len(maps) - left_out:,} of them, +{left_out:,} more")
    numbers = [
        f"range {range_text(facts)}",
        f"{share_text(facts.zeros)} zeros",
        *_scale_words(maps.shape, scale),
    ]
    lines = wrap(told, room, TEXT) + (wrap(numbers, room, TEXT) if step.value.size else [])
    key = step.value.size > 0 and facts.low == facts.low
    height = 54 + 20 * len(lines) + (20 if facts.warning else 0) + (26 if key else 6)
    size = (width, height + body.height + MARGIN)
    sheet = blank(*size, table, dark=dark) if body.mode == "P" else Image.new("RGB", size, paper.page)
    draw = pen(sheet)
    write(draw, (MARGIN, 16), step.name, TITLE, paper.ink, width=room, strong=True)
    y = 48
    for line in lines:
        write(draw, (MARGIN, y), line, TEXT, paper.quiet, width=room)
        y += 20
    if facts.warning:
        write(draw, (MARGIN, y), facts.warning, TEXT, paper.accent, width=room)
        y += 20
    if key:
        on = limits(maps, scale, signed=is_signed(table))
        draw_key(sheet, (MARGIN, y + 3), on, table, paper)
    sheet.paste(body, (MARGIN - edge, height))
    return sheet


def _scale_words(shape: tuple[int, ...], scale: str) -> list[str]:
    if shape[1:] == (1, 1):
        return []
    return {
        "each": ["every map on its own range"],
        "shared": ["one range for all maps"],
        "byte": ["every map from its minimum to its maximum as 0 to 255"],
    }[scale]


def draw_key(sheet: Image.Image, at: tuple[int, int], on: Limits, table: str, paper: Theme, *, room: int = 240) -> None:
    """The colours from the lowest to the highest value with the numbers at the ends, within ``room`` pixels."""
    x, y = at
    draw = pen(sheet)
    if on.low.size and (on.low == on.low[0]).all() and (on.high == on.high[0]).all():
        low, high = number(float(on.low[0])), number(float(on.high[0]))
    else:
        low, high = ("-max", "+max") if on.signed else ("min", "max")
    width = min(120, max(16, room - 14 - text_width(low, TEXT - 1) - text_width(high, TEXT - 1)))
    x += write(draw, (x, y), low, TEXT - 1, paper.quiet) + 7
    draw.rectangle((x - 1, y + 2, x + width, y + 12), outline=paper.line)
    sheet.paste(_ramp(sheet.mode, table, width, first=0 if on.scale == "byte" else 1), (x, y + 3))
    if on.signed:
        draw.line((x + width // 2, y + 12, x + width // 2, y + 15), fill=paper.quiet)
    write(draw, (x + width + 7, y), high, TEXT - 1, paper.quiet)


def _ramp(mode: str, table: str, width: int, *, first: int) -> Image.Image:
    """All colours from left to right, for a sheet of ``mode``."""
    if mode == "P":
        return Image.frombytes("P", (width, 9), np.linspace(FIRST, LAST, width).astype(np.uint8).tobytes() * 9)
    colors = colormap(table)[np.linspace(first, 255, width).astype(int)]
    return Image.fromarray(np.ascontiguousarray(np.broadcast_to(colors, (9, width, 3))))


def _body(step: Step, *, scale: str, colors: str, max_maps: int | None, dark: bool) -> tuple[Image.Image, int, int]:
    """The maps, numbered where there are few; how many were left out; the empty pixels on the left."""
    maps = as_maps(step.value)
    if maps.size == 0 or (maps.shape[1:] == (1, 1) and len(maps) <= MOST_BARS):
        return (
            grid(step.value, scale=scale, colors=colors, dark=dark).convert("RGB"),
            0,
            BARS_MARGIN if maps.size else 0,
        )
    plan = layout(maps.shape, max_maps=max_maps)
    numbered = 1 < plan.shown <= NUMBERED and plan.cell[1] >= 36 and plan.cell[0] >= 24
    if numbered:
        plan = layout(maps.shape, max_maps=max_maps, gap=6, label=15, columns=plan.columns)
    on = limits(maps, scale, signed=is_signed(colors)).take(slice(plan.shown))
    image = _maps(maps[: plan.shown], on, plan, colors, dark=dark)
    if numbered:
        draw = pen(image)
        for channel in range(plan.shown):
            left, top = plan.corner(channel)
            write(draw, (left, top + plan.cell[0] + 3), str(channel), 11, theme(dark).quiet)
    return image, plan.total - plan.shown, plan.gap


def _maps(maps: Maps, on: Limits, plan: Layout, table: str, *, dark: bool) -> Image.Image:
    if on.scale == "byte":
        return draw_maps(maps, on, plan, table, dark=dark).convert("RGB")
    image = Image.frombytes("P", plan.size, tile(indices(fitted(maps, plan), on), plan, PAGE))
    image.putpalette(palette(table, dark=dark).tobytes())
    return image
