"""What a training will see, as pictures to look at before it starts: the first photos, and one photo augmented."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image, ImageDraw

from convscope.data.augment import Augment, augment
from convscope.draw.lettering import write
from convscope.draw.theme import theme
from convscope.errors import DataError

CELL, GAP, MARGIN, TITLE, LABEL = 220, 14, 24, 70, 26
ACROSS = 3


def first_nine(
    samples: Any, indices: Integer[np.ndarray, " n"] | None = None, *, dark: bool = False
) -> UInt8[np.ndarray, "h w 3"]:
    """The first nine pictures with their labels.

    Args:
        samples: asked for ``take``, ``labels``, ``classes`` and ``names``.
        indices: which samples, of which the first nine are shown. By default the classes take turns, as the first
            photos of a folder are all of one class.
        dark: for a dark page.

    Raises:
        DataError: there are no samples.

    >>> from convscope.data.samples import ArraySamples
    >>> samples = ArraySamples(np.zeros((4, 28, 28), np.uint8), [0, 0, 1, 1], ["shirt", "bag"])
    >>> first_nine(samples).shape
    (590, 736, 3)
    """
    chosen = _in_turns(np.asarray(samples.labels)) if indices is None else np.asarray(indices, np.int64)
    chosen = chosen[: ACROSS * ACROSS]
    if not len(chosen):
        raise DataError("there are no samples to show; give some")
    labels = [samples.classes[samples.labels[i]] for i in chosen]
    return _grid(samples.take(chosen), labels, "What is in it", f"{len(chosen)} of {len(samples):,} pictures", dark)


def nine_augmentations(
    samples: Any, index: int, how: Augment, *, seed: int = 1337, size: tuple[int, int] | None = None, dark: bool = False
) -> UInt8[np.ndarray, "h w 3"]:
    """One picture as nine epochs will see it.

    Args:
        samples: asked for ``take`` and ``names``.
        index: which picture.
        how: what may happen to it.
        seed: of the training; the pictures are those of its epochs 0 to 8.
        size: height and width that the network gets; by default the picture's own.
        dark: for a dark page.
    """
    import torch

    pixels = samples.take(np.array([index]))
    planes = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).float()
    made = [augment(planes, np.array([index]), how=how, seed=seed, epoch=e, size=size, white=255.0) for e in range(9)]
    levels = torch.cat(made).round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    said = f"{samples.names[index]}: {str(how).replace(',', ', ')}"
    return _grid(levels, [f"epoch {epoch + 1}" for epoch in range(9)], "One picture, nine times", said, dark)


def _in_turns(labels: np.ndarray) -> np.ndarray:
    """Sample numbers: the first of each class, then the second of each, and so on."""
    place = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        place[mine] = np.arange(len(mine))
    return np.lexsort((labels, place))


def _grid(
    pixels: UInt8[np.ndarray, "n h w c"], labels: list[str], title: str, said: str, dark: bool
) -> UInt8[np.ndarray, "h2 w2 3"]:
    paper = theme(dark)
    down = -(-len(pixels) // ACROSS)
    width = 2 * MARGIN + ACROSS * (CELL + GAP) - GAP
    sheet = Image.new("RGB", (width, TITLE + down * (CELL + LABEL + GAP) + MARGIN // 2 - 12), paper.page)
    draw = ImageDraw.Draw(sheet)
    write(draw, (MARGIN, 14), title, 20, paper.ink, strong=True, width=width - 2 * MARGIN)
    write(draw, (MARGIN, 44), said, 13, paper.quiet, width=width - 2 * MARGIN)
    for i, (one, label) in enumerate(zip(pixels, labels, strict=True)):
        row, column = divmod(i, ACROSS)
        x, y = MARGIN + column * (CELL + GAP), TITLE + row * (CELL + LABEL + GAP)
        picture = _enlarged(one)
        sheet.paste(picture, (x + (CELL - picture.width) // 2, y + (CELL - picture.height) // 2))
        write(draw, (x, y + CELL + 5), label, 14, paper.ink, width=CELL)
    return np.array(sheet)


def _enlarged(pixels: UInt8[np.ndarray, "h w c"]) -> Image.Image:
    """As large as fits into a cell; small pictures in crisp squares."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    factor = CELL / max(picture.size)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.NEAREST if factor >= 2 else Image.Resampling.LANCZOS)
