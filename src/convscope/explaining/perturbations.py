"""Change the photo and watch the score: occlusion, RISE, Score-CAM. No gradients, many passes.

Notation: ``x`` (C, H, W) is the input of one photo, ``b`` a baseline of the same shape, ``m`` (H, W) a mask of 0..1,
``x o m = b + m (x - b)`` the photo seen through it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from convscope.explaining.asking import Question
from convscope.explaining.layered import placing_of
from convscope.explaining.taken import Taken

PATCHES = 7
"""Patches side by side along the shorter side of the photo."""
CELLS, SHARE, MASKS = 7, 0.5, 1000
"""RISE: cells along the shorter side, the probability that one is seen, and how many masks."""


def occlusion(question: Question) -> list[Taken]:
    """Occlusion.

    Zeiler and Fergus, 2013, https://arxiv.org/abs/1311.2901: a square patch of the baseline slides over the photo by
    half its side. A pixel's value is the mean, over the patches that cover it, of ``s(x) - s(x with the patch)``.
    """
    height, width = question.size
    side = max(1, math.ceil(min(height, width) / PATCHES))
    tops, lefts = (_starts(length, side, max(1, side // 2)) for length in (height, width))
    corners = [(top, left) for top in tops for left in lefts]
    made = []
    for photo, x in enumerate(question.batch):
        start, name = question.start_of(photo, "mean")
        cover = torch.from_numpy(start)
        lost = torch.zeros(height, width, dtype=torch.float64)
        times = torch.zeros(height, width)
        whole = float(question.explained(question.opened.scores(x[None]), photo))
        step = question.opened.batch_size(x)
        for first in range(0, len(corners), step):
            part = corners[first : first + step]
            versions = x.repeat(len(part), 1, 1, 1)
            for version, (top, left) in zip(versions, part, strict=True):
                place = (slice(None), slice(top, top + side), slice(left, left + side))
                version[place] = cover[place]
            for (top, left), score in zip(part, _asked(question, versions, photo), strict=True):
                lost[top : top + side, left : left + side] += whole - float(score)
                times[top : top + side, left : left + side] += 1
            question.tell(len(part), "covering parts of the photo")
        facts = {"patch": side, "stride": max(1, side // 2), "baseline": name, "passes": len(corners) + 1}
        made.append(Taken((lost / times).float().numpy(), (len(tops), len(lefts)), facts))
    return made


def _starts(length: int, side: int, stride: int) -> list[int]:
    """Where patches begin, so that every pixel is covered."""
    return sorted({*range(0, length - side + 1, stride), max(0, length - side)})


def _asked(question: Question, versions: Tensor, photo: int) -> Tensor:
    return question.explained(question.opened.scores(versions), photo).cpu()


def rise(question: Question) -> list[Taken]:
    """RISE.

    Petsiuk, Das and Saenko, 2018, https://arxiv.org/abs/1806.07421: random masks ``m_i``, and for each pixel the mean
    probability of the masks that show it, ``sum_i p(x o m_i) m_i / sum_i m_i``. From this the mean of all
    probabilities is taken off, so that 0 means "seeing it changes nothing"; the order of the pixels stays. The masks
    are 7 cells along the shorter side, each seen with probability 0.5, enlarged bilinearly and shifted at random.
    """
    height, width = question.size
    count = question.samples or MASKS
    made = []
    for photo, x in enumerate(question.batch):
        start, name = question.start_of(photo, "mean")
        base = torch.from_numpy(start)
        seen, shown = torch.zeros(height, width, dtype=torch.float64), torch.zeros(height, width, dtype=torch.float64)
        total = 0.0
        for masks in random_masks(question.size, count, question.seed, question.opened.batch_size(x)):
            through = torch.from_numpy(masks)
            scores = question.opened.scores(base + through[:, None] * (x - base))
            likely = question.opened.as_probabilities(scores, question.graph)
            said = question.explained(likely, photo).cpu().double()
            seen += torch.einsum("n,nhw->hw", said, through.double())
            shown += through.sum(0)
            total += float(said.sum())
            question.tell(len(masks), "looking through random masks")
        value = torch.where(shown > 0, seen / shown.clamp(min=1e-12) - total / count, torch.zeros(()).double())
        facts = {"masks": count, "cells": CELLS, "baseline": name, "mean_probability": total / count}
        made.append(Taken(value.float().numpy(), _cells(question.size), facts))
    return made


def _cells(size: tuple[int, int]) -> tuple[int, int]:
    """Cells along either side, about square."""
    shorter = min(size)
    rows, columns = (max(1, min(4 * CELLS, length, round(CELLS * length / shorter))) for length in size)
    return rows, columns


def random_masks(
    size: tuple[int, int], count: int, seed: int, batch: int
) -> Iterator[Float32[np.ndarray, "n height width"]]:
    """RISE's masks, ``batch`` at a time; the same for the same seed, however they are batched.

    >>> first, second = random_masks((14, 14), 2, 0, 1)
    >>> first.shape, bool(((first >= 0) & (first <= 1)).all())
    ((1, 14, 14), True)
    """
    cells = _cells(size)
    cell = [math.ceil(length / number) for length, number in zip(size, cells, strict=True)]
    draw = np.random.default_rng([seed, 2])
    made = 0
    while made < count:
        many = min(batch, count - made)
        masks = np.empty((many, *size), np.float32)
        for i in range(many):
            coarse = (draw.random(cells) < SHARE).astype(np.float32)
            large = F.interpolate(
                torch.from_numpy(coarse)[None, None], [(n + 1) * one for n, one in zip(cells, cell, strict=True)],
                mode="bilinear", align_corners=False,
            )[0, 0].numpy()  # fmt: skip
            top, left = (int(draw.integers(one)) for one in cell)
            masks[i] = large[top : top + size[0], left : left + size[1]]
        made += many
        yield masks


def scorecam(question: Question, layer: str) -> list[Taken]:
    """Score-CAM.

    Wang, Wang, Du, Yang, Zhang, Ding, Mardziel and Hu, 2020, https://arxiv.org/abs/1910.01279, algorithm 1: with the
    maps ``A_k`` of the layer, each brought to the input's size and to 0..1 as the mask ``m_k``: ``S_k = s(x o m_k) -
    s(b)``, ``a = softmax over k of S``, ``L = sum_k a_k A_k``. The paper shows ``ReLU(L)``. A constant map masks
    nothing and shows nothing: its ``m_k`` is zero, so its ``S_k`` is 0.
    """
    place = placing_of(question, layer)
    made = []
    for photo, x in enumerate(question.batch):
        values = question.opened.cut(x[None], [layer], gradients=False).values[layer][0].detach().float().cpu()
        start, name = question.start_of(photo, "mean")
        base = torch.from_numpy(start)
        empty = float(_asked(question, base[None], photo)[0])
        step = question.opened.batch_size(x)
        gains = []
        for first in range(0, len(values), step):
            masks = torch.from_numpy(place.place(values[first : first + step].numpy()))
            low, high = masks.amin((1, 2), keepdim=True), masks.amax((1, 2), keepdim=True)
            masks = torch.where(high > low, (masks - low) / (high - low).clamp(min=1e-12), torch.zeros(()))
            gains.append(_asked(question, base + masks[:, None] * (x - base), photo) - empty)
            question.tell(len(masks), "looking through the layer's maps")
        weights = torch.softmax(torch.cat(gains), 0)
        native = torch.einsum("c,chw->hw", weights, values).numpy()
        facts = {"channels": len(values), "baseline": name, "paper_shows": "the positive part"}
        made.append(Taken(place.place(native), native.shape, facts))
    return made
