"""Kernels beside the pictures to which their channels answer most, and what they make of a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw

from convscope.draw.lettering import paragraph, write
from convscope.draw.levels import limits
from convscope.draw.resample import fit
from convscope.draw.theme import theme
from convscope.draw.thumbs import thumbnails
from convscope.draw.wording import number

MARGIN, GAP, CELL = 28, 18, 168
KERNEL, KERNELS = 54, 9
"""Side of a drawn kernel, and how many of a filter are drawn: those with the largest weights."""


@dataclass(frozen=True, eq=False)
class Example:
    """One channel.

    Attributes:
        channel: its number.
        picture: what it answers to most, ``(H, W, 3)`` uint8.
        lines: what is said under it.
        filter: its weights, ``(I, h, w)``; empty for a step without.
        photo: what it makes of the photo; empty for a step without maps.
    """

    channel: int
    picture: UInt8[np.ndarray, "h w 3"]
    lines: tuple[str, ...]
    filter: Float32[np.ndarray, "i kh kw"]
    photo: Float32[np.ndarray, "y x"]


def maximised(title: str, lines: Sequence[str], examples: Sequence[Example], *, dark: bool = False) -> Image.Image:
    """A row for each channel: its kernels, the picture it answers to most, its map of the photo.

    Args:
        title: of the sheet.
        lines: sentences under it.
        examples: the channels.
        dark: for a dark page.

    >>> none = np.zeros((0, 0, 0), np.float32)
    >>> one = Example(3, np.zeros((8, 8, 3), np.uint8), ("answers 1",), none, np.eye(4, dtype=np.float32))
    >>> maximised("conv_1", ["They illustrate."], [one]).size[0]
    644
    """
    paper = theme(dark)
    columns = 3 if any(one.filter.size for one in examples) else 2
    width = max(644, 2 * MARGIN + 90 + columns * (CELL + GAP))
    said = [part for line in lines for part in paragraph(line, width - 2 * MARGIN, 14)]
    top = MARGIN + 36 + 20 * len(said) + 34
    row = CELL + 44
    sheet = Image.new("RGB", (width, top + row * len(examples) + MARGIN), paper.page)
    draw = ImageDraw.Draw(sheet)
    write(draw, (MARGIN, MARGIN - 4), title, 22, paper.ink, width=width - 2 * MARGIN, strong=True)
    for i, line in enumerate(said):
        write(draw, (MARGIN, MARGIN + 34 + 20 * i), line, 14, paper.quiet, width=width - 2 * MARGIN)
    heads = [*(["its kernels"] if columns == 3 else []), "answers most to", "its map of the photo"]
    for i, head in enumerate(heads):
        write(draw, (MARGIN + 90 + i * (CELL + GAP), top - 24), head, 13, paper.ink, width=CELL, strong=True)
    for i, example in enumerate(examples):
        _row(sheet, example, top + i * row, columns, dark=dark)
    return sheet


def _row(sheet: Image.Image, example: Example, top: int, columns: int, *, dark: bool) -> None:
    paper = theme(dark)
    draw = ImageDraw.Draw(sheet)
    write(draw, (MARGIN, top), f"channel {example.channel}", 13, paper.ink, width=84, strong=True)
    x = MARGIN + 90
    if columns == 3:
        if example.filter.size:
            _kernels(sheet, example.filter, (x, top), dark=dark)
        x += CELL + GAP
    sheet.paste(_scaled(example.picture), (x, top))
    for i, line in enumerate(example.lines[:2]):
        write(draw, (x, top + CELL + 4 + 16 * i), line, 12, paper.quiet, width=2 * CELL)
    x += CELL + GAP
    if example.photo.size:
        on = limits(example.photo[None], "each", signed=True)
        sheet.paste(thumbnails(example.photo[None], on, paper.signed, CELL, CELL)[0], (x, top))


def _kernels(sheet: Image.Image, filter_: Float32[np.ndarray, "i h w"], at: tuple[int, int], *, dark: bool) -> None:
    """The kernels with the largest weights, on one scale, three in a row."""
    order = np.argsort(-np.abs(filter_).max(axis=(1, 2)), kind="stable")[:KERNELS]
    shown = filter_[np.sort(order)]
    on = limits(shown, "shared", signed=True)
    draw = ImageDraw.Draw(sheet)
    for i, image in enumerate(thumbnails(shown, on, theme(dark).signed, KERNEL, KERNEL)):
        place = (at[0] + i % 3 * (KERNEL + 3), at[1] + i // 3 * (KERNEL + 3))
        sheet.paste(image, place)
    rest = len(filter_) - len(shown)
    strength = f"weights up to {number(float(np.abs(filter_).max()))}"
    write(draw, (at[0], at[1] + CELL + 4), f"{strength}{f', +{rest} more' if rest else ''}", 12, theme(dark).quiet,
          width=CELL)  # fmt: skip


def _scaled(picture: UInt8[np.ndarray, "h w 3"]) -> Image.Image:
    """As large as its cell; small ones in squares."""
    height, width = fit(picture.shape[:2], CELL, CELL)
    larger = height > picture.shape[0]
    return Image.fromarray(picture).resize(
        (width, height), Image.Resampling.NEAREST if larger else Image.Resampling.LANCZOS
    )
