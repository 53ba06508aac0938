"""The gradient of a score at the pixels, and what is made of it.

Notation: ``x`` (C, H, W) is the input of one photo, ``s(x)`` the score that is explained, ``G(x) = ds / dx``. Every
map is the sum over the channels of the input, with its sign.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from convscope.explaining.asking import Question
from convscope.explaining.opened import INPUT
from convscope.explaining.reason import Reason
from convscope.explaining.taken import Taken

NOISE = 0.15
"""Standard deviation of SmoothGrad's noise, as a share of the photo's range."""
COPIES = 32
"""Noisy copies of SmoothGrad."""


def plain_gradients(question: Question, *, guided: bool = False) -> Tensor:
    """The gradient of each photo's score at its pixels, (N, C, H, W).

    Simonyan, Vedaldi and Zisserman, 2013, https://arxiv.org/abs/1312.6034: ``G(x)``. With ``guided``, every ReLU lets
    only positive gradients through: Springenberg, Dosovitskiy, Brox and Riedmiller, 2014,
    https://arxiv.org/abs/1412.6806.
    """
    opened, batch = question.opened, question.batch
    step = opened.batch_size(batch[0], gradients=True)
    parts = []
    for start in range(0, len(batch), step):
        rows = slice(start, start + step)
        cut = opened.cut(batch[rows], [INPUT], guided=guided)
        parts.append(cut.gradients(question.explained(cut.scores, rows))[INPUT].float().cpu())
        question.tell(2 * len(batch[rows]), "following the score back to the pixels")
    return torch.cat(parts)


def gradient(question: Question, slopes: Tensor) -> list[Taken]:
    """``G(x)`` summed over colours: what the score gains when all colours of a pixel grow by one of the input's
    units.
    """
    facts = {"paper_shows": "the largest absolute value over the colours"}
    return [Taken(one.sum(0).numpy(), question.size, facts) for one in slopes]


def input_times_gradient(question: Question, slopes: Tensor) -> list[Taken]:
    """``x * G(x)`` summed over colours.

    Shrikumar, Greenside, Shcherbina and Kundaje, 2016, https://arxiv.org/abs/1605.01713. The zero that pixels are
    compared with is that of the network's input: the mean colour where the input has its mean taken off, else black.
    """
    return [Taken(one.sum(0).numpy(), question.size, {}) for one in slopes * question.batch]


def guided_backpropagation(question: Question) -> list[Taken]:
    """The gradient with every negative part cut off at each ReLU; the table's warning belongs to it."""
    slopes = plain_gradients(question, guided=True)
    notes = () if any(step.kind == "relu" for step in question.graph.steps) else (
        Reason("no relu", "the network has no ReLU, so this is the plain gradient"),
    )  # fmt: skip
    return [Taken(one.sum(0).numpy(), question.size, {}, notes) for one in slopes]


def smoothgrad(question: Question) -> list[Taken]:
    """The mean gradient over noisy copies.

    Smilkov, Thorat, Kim, Viegas and Wattenberg, 2017, https://arxiv.org/abs/1706.03825:
    ``1/n sum_i G(x + e_i)``, ``e_i`` normal with standard deviation ``0.15 (max x - min x)``, n = 32.
    """
    made = []
    for photo, x in enumerate(question.batch):
        spread = NOISE * float(x.max() - x.min())
        draw = np.random.default_rng([question.seed, 1])
        total = torch.zeros_like(x, dtype=torch.float64)
        step = question.opened.batch_size(x, gradients=True)
        for start in range(0, COPIES, step):
            count = min(step, COPIES - start)
            noise = torch.from_numpy(draw.standard_normal((count, *x.shape), np.float32))
            cut = question.opened.cut(x + spread * noise, [INPUT])
            total += cut.gradients(question.explained(cut.scores, photo))[INPUT].double().sum(0).cpu()
            question.tell(2 * count, "asking about noisy copies")
        facts = {"samples": COPIES, "noise": NOISE, "paper_shows": "the absolute value"}
        made.append(Taken((total / COPIES).sum(0).float().numpy(), question.size, facts))
    return made
