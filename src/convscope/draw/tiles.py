"""All maps of a value side by side: one array of levels, one colour table, one picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw

from convscope.draw.bars import MOST_BARS, bars
from convscope.draw.colors import choose, colormap
from convscope.draw.lettering import write
from convscope.draw.levels import Limits, Maps, as_maps, levels, limits
from convscope.draw.resample import fit, resample
from convscope.draw.theme import INFINITE, NOT_A_NUMBER, Rgb, theme
from convscope.errors import CallError

PIXELS, STRIP_PIXELS = 2_000_000, 600_000
"""Small maps, and the squares of a long vector, are enlarged until the picture has about this many pixels."""

MOST_PIXELS = 16_000_000
"""Maps that do not fit into this many pixels at their own size are left out, and counted."""

LARGEST_CELL, LARGEST_OF_FEW = 128, 256
FEW = 4  # maps
LARGEST_SQUARE = 16  # of a long vector
FOOTER = 22


@dataclass(frozen=True)
class Layout:
    """Where each map lies in the picture of a grid.

    Attributes:
        shape: height and width of a map, in its own pixels.
        cell: height and width of a map in the picture.
        columns, rows: the grid.
        gap: pixels between the cells and around them.
        label: pixels left free under each cell.
        shown: how many maps are drawn, from the first on; ``total``: how many there are.
    """

    shape: tuple[int, int]
    cell: tuple[int, int]
    columns: int
    rows: int
    gap: int
    label: int
    shown: int
    total: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the grid in pixels, without the line that counts what was left out."""
        height, width = self.cell
        across = self.columns * (width + self.gap) + self.gap
        return across, self.rows * (height + self.label + self.gap) + self.gap

    def corner(self, channel: int) -> tuple[int, int]:
        """Left and top of the cell of a channel."""
        row, column = divmod(channel, self.columns)
        height, width = self.cell
        return self.gap + column * (width + self.gap), self.gap + row * (height + self.label + self.gap)

    def box(self, channel: int, y: int, x: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the picture pixels in which value ``(channel, y, x)`` is drawn.

        >>> layout((3, 7, 7), cell=14, gap=2).box(1, 0, 6)
        (30, 2, 32, 4)
        """
        left, top = self.corner(channel)
        (height, width), (cell_height, cell_width) = self.shape, self.cell
        return (
            left + x * cell_width // width,
            top + y * cell_height // height,
            left + -(-(x + 1) * cell_width // width),
            top + -(-(y + 1) * cell_height // height),
        )


def layout(
    shape: tuple[int, int, int],
    *,
    columns: int | None = None,
    gap: int | None = None,
    max_maps: int | None = None,
    cell: int | None = None,
    label: int = 0,
) -> Layout:
    """Lay out maps of ``shape`` (C, H, W), none of which is zero.

    Without ``cell``, small maps are enlarged by a whole factor and others keep their size; with it, the
    longer side of a map becomes at most ``cell`` pixels, enlarged by a whole factor or shrunk by area.

    >>> layout((512, 7, 7)).cell, layout((512, 7, 7)).columns
    ((56, 56), 32)
    >>> layout((3, 573, 605)).cell
    (573, 605)
    """
    total, height, width = shape
    for name, number, least in (
        ("columns", columns, 1),
        ("max_maps", max_maps, 1),
        ("cell", cell, 1),
        ("gap", gap, 0),
    ):
        if number is not None and number < least:
            raise CallError(f"{name} must be {least} or more; got {number}")
    shown = min(total, max_maps or total)
    size = _cell(shown, height, width, cell)
    if gap is None:
        touching = height == width == 1 and size[0] < 8  # lines between tiny squares would outshine them
        gap = 2 if max(size) >= 24 else 0 if touching else 1
    shown = min(shown, max(1, MOST_PIXELS // ((size[0] + gap + label) * (size[1] + gap))))
    columns = min(columns, shown) if columns else _columns(shown, size[0] + gap + label, size[1] + gap)
    return Layout((height, width), size, columns, -(-shown // columns), gap, label, shown, total)


def _cell(count: int, height: int, width: int, cell: int | None) -> tuple[int, int]:
    longest = max(height, width)
    if cell is None:
        largest = LARGEST_OF_FEW if count <= FEW else LARGEST_CELL
        most, pixels = (largest, PIXELS) if longest > 1 else (LARGEST_SQUARE, STRIP_PIXELS)
        cell = int(min(most, math.sqrt(pixels / count)))
        cell = max(cell, 1)
        if longest > cell:
            cell = longest if height * width <= MOST_PIXELS else int(longest * math.sqrt(MOST_PIXELS / height / width))
    if longest > cell:
        return fit((height, width), cell, cell)
    return height * (cell // longest), width * (cell // longest)


def _columns(count: int, height: int, width: int) -> int:
    """Columns for a picture that is wider than tall and best has a full last row."""

    def ugliness(columns: int) -> float:
        rows = -(-count // columns)
        empty = 1 - count / (rows * columns)
        return abs(math.log(columns * width / (rows * height) / 1.6)) + (0.3 + 6 * empty if empty else 0)

    return min(range(1, min(count, 512) + 1), key=ugliness)


def grid(
    value: Float32[np.ndarray, "..."],
    *,
    scale: str = "each",
    colors: str = "auto",
    columns: int | None = None,
    gap: int | None = None,
    max_maps: int | None = None,
    cell: int | None = None,
    dark: bool = False,
) -> Image.Image:
    """All channels of a value as one picture.

    Args:
        value: ``(C, H, W)``; or ``(C,)``, drawn as bars if there are at most 64 and as a wrapped strip of
            squares if there are more. Other ranks as :func:`~convscope.draw.levels.as_maps` says.
        scale: ``each`` map on its own range, one range ``shared`` by all, or ``byte``: exactly the tutorials'
            ``uint8((x - min) / (max - min) * 255)``, map by map.
        colors: a name for :func:`~convscope.draw.colors.colormap`; ``auto`` is viridis, a signed table if
            any value is negative, and grey for ``byte``.
        columns: maps in a row; chosen when left out, like ``gap`` and ``cell``: see :func:`layout`, which
            also tells where a value is drawn.
        gap: pixels between maps.
        cell: pixels of a map's longer side.
        max_maps: draw no more than the first of them; what is left out is counted under the grid.
        dark: for a dark page.

    Returns:
        a palette picture (mode ``P``) whose pixels are the levels of :func:`~convscope.draw.levels.levels`,
        a grey one (``L``) for ``byte`` in grey, or ``RGB`` where there are more than 256 colours;
        ``convert("RGB")`` gives one to paint on. NaN is pink, infinities are cyan. Saved fastest by
        :func:`~convscope.draw.png.save_png`.

    Raises:
        CallError: an unknown scale or colour map, or a size that is not positive.

    >>> import numpy as np
    >>> grid(np.zeros((16, 7, 7), np.float32)).size
    (514, 514)
    """
    maps = as_maps(value)
    lowest = _lowest(maps)
    table = choose(colors, low=lowest, scale=scale, dark=dark)
    paper = theme(dark)
    if maps.size == 0:
        return _nothing(value.shape, paper.page, paper.quiet)
    on = limits(maps, scale, signed=table.startswith("signed"))
    if maps.shape[1:] == (1, 1) and len(maps) <= MOST_BARS:
        return bars(maps.ravel(), levels(maps, on).ravel(), colormap(table), dark=dark)
    plan = layout(maps.shape, columns=columns, gap=gap, max_maps=max_maps, cell=cell)
    image = draw_maps(maps[: plan.shown], on.take(slice(plan.shown)), plan, table, dark=dark)
    return image if plan.shown == plan.total else _with_footer(image, plan, paper.page, paper.quiet)


def _lowest(maps: Maps) -> float:
    """The smallest value, not counting NaN; 0 if there is none."""
    if maps.size == 0:
        return 0.0
    low = float(maps.min())
    return low if not math.isnan(low) else float(np.fmin.reduce(maps, axis=None, initial=0.0))


def draw_maps(maps: Maps, on: Limits, plan: Layout, table: str, *, dark: bool) -> Image.Image:
    """The maps at the places of ``plan``, without any lettering."""
    page = theme(dark).page
    if table == "grey" and on.scale == "byte":
        page = (0, 0, 0) if dark else (255, 255, 255)
    maps = fitted(maps, plan)
    canvas = tile(levels(maps, on), plan, page[0] if on.scale == "byte" else 0)
    if on.scale == "byte" and table == "grey" and on.finite:
        return Image.fromarray(canvas)
    if on.finite and on.scale != "byte":
        palette = colormap(table).copy()
        palette[0] = page
        return _with_palette(canvas, palette)
    image = np.asarray(_with_palette(canvas, colormap(table)).convert("RGB")).copy()
    marks = np.where(np.isnan(maps), 2, np.where(np.isinf(maps), 3, 1)).astype(np.uint8)
    special = tile(marks, plan, 0)
    for mark, color in ((0, page), (2, NOT_A_NUMBER), (3, INFINITE)):
        image[special == mark] = color
    return Image.fromarray(image)


def fitted(maps: Maps, plan: Layout) -> Float32[np.ndarray, "c y x"]:
    """The maps at the size of their places, but for a whole factor, by which :func:`tile` enlarges them.

    >>> fitted(np.ones((2, 9, 9), np.float32), layout((2, 9, 9), cell=6)).shape
    (2, 6, 6)
    """
    height, width = plan.cell
    enlarged = height % plan.shape[0] == 0 and width % plan.shape[1] == 0
    return maps if enlarged else resample(maps, height, width)


def tile(cells: UInt8[np.ndarray, "c h w"], plan: Layout, background: int) -> UInt8[np.ndarray, "y x"]:
    """Lay the cells out, enlarged by a whole factor where they are smaller than their place.

    >>> tile(np.array([[[7]], [[8]]], np.uint8), layout((2, 1, 1), cell=1, gap=1, columns=2), 0).tolist()
    [[0, 0, 0, 0, 0], [0, 7, 0, 8, 0], [0, 0, 0, 0, 0]]
    """
    (height, width), gap = plan.cell, plan.gap
    zoom = height // cells.shape[1]
    if zoom > 1:
        cells = cells.repeat(zoom, axis=2)
    across, down = plan.size
    canvas = np.full((down, across), background, np.uint8)
    places = canvas[gap:, gap:].reshape(plan.rows, height + plan.label + gap, plan.columns, width + gap)
    places = places[:, :height, :, :width].swapaxes(1, 2).reshape(plan.rows, plan.columns, -1, zoom, width)
    full, rest = divmod(len(cells), plan.columns)
    places[:full] = cells[: full * plan.columns].reshape(full, plan.columns, cells.shape[1], 1, width)
    places[full : full + 1, :rest] = cells[full * plan.columns :, :, None, :]
    return canvas


def _with_palette(canvas: UInt8[np.ndarray, "y x"], palette: UInt8[np.ndarray, "256 3"]) -> Image.Image:
    image = Image.fromarray(canvas)
    image.putpalette(palette.tobytes())  # turns the grey picture into a palette one
    return image


def _with_footer(image: Image.Image, plan: Layout, page: Rgb, ink: Rgb) -> Image.Image:
    sheet = Image.new("RGB", (max(image.width, 90), image.height + FOOTER), page)
    sheet.paste(image, (0, 0))
    text = f"+{plan.total - plan.shown:,} more"
    write(ImageDraw.Draw(sheet), (6, image.height + 3), text, 13, ink, width=sheet.width - 12)
    return sheet


def _nothing(shape: tuple[int, ...], page: Rgb, ink: Rgb) -> Image.Image:
    sheet = Image.new("RGB", (180, 40), page)
    text = f"empty: {'x'.join(map(str, shape))}"
    write(ImageDraw.Draw(sheet), (8, 11), text, 13, ink, width=sheet.width - 16)
    return sheet
