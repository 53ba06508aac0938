"""Integrated gradients: the gradient on the way from a baseline to the photo, taken where it changes most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from convscope.explaining.asking import Question
from convscope.explaining.opened import INPUT
from convscope.explaining.reason import Reason
from convscope.explaining.taken import Taken

ENOUGH = 0.002
"""Share of the score's gain that may stay unaccounted for: then no more points are spent."""
EVEN = 16
"""With fewer points than this they lie evenly on the way."""


def integrated(question: Question) -> list[Taken]:
    """Integrated gradients.

    Sundararajan, Taly and Yan, 2017, https://arxiv.org/abs/1703.01365:
    ``(x - x') * integral over a from 0 to 1 of G(x' + a (x - x'))``, summed over colours, with ``x`` the photo, ``x'``
    the baseline and ``G`` the gradient of the score ``s``. By completeness the map adds up to ``s(x) - s(x')``; the
    facts say by what share of that it does not.

    The integral is a sum by the midpoint rule over ``question.steps`` gradients. A network with ReLUs has a gradient
    that jumps, so half of them are taken evenly, and then the intervals that leave most of the score's gain
    unaccounted for are cut into three, whose middle one keeps its gradient, until the sum is within 0.2 % or all are
    spent; of these sums the one that adds up best is taken, and ``steps`` in the facts says how many it has.
    """
    made = []
    for photo, x in enumerate(question.batch):
        start, name = question.start_of(photo, "black")
        path = _Path(question, photo, torch.from_numpy(start), x - torch.from_numpy(start))
        steps = question.steps
        parts = path.parts(np.linspace(0, 1, (steps if steps < EVEN else steps // 2) + 1))
        best = parts
        while steps - len(parts) >= 2 and _missing(best) > ENOUGH * abs(parts[-1].after - parts[0].before):
            parts = path.refined(parts, max(1, (steps - len(parts)) // 8))
            best = min(best, parts, key=_missing)
        parts = best
        value = sum(part.width * part.value.astype(np.float64) for part in parts)
        gained = parts[-1].after - parts[0].before
        error = abs(float(np.sum(value)) - gained) / abs(gained) if gained else float("inf")
        facts = {
            "steps": len(parts), "baseline": name, "score_difference": gained, "completeness_error": error,
        }  # fmt: skip
        made.append(Taken(np.asarray(value, np.float32), question.size, facts, _complete(error, steps)))
    return made


@dataclass(frozen=True, eq=False)
class _Part:
    """One interval of the way.

    Attributes:
        begin, end: in shares of the way.
        before, after: the score there.
        value: (H, W) what the gradient at its middle gives for the whole way.
    """

    begin: float
    end: float
    before: float
    after: float
    value: Float32[np.ndarray, "h w"]

    @property
    def width(self) -> float:
        return self.end - self.begin

    @property
    def unexplained(self) -> float:
        """How much of the score's change its gradient does not account for, with its sign."""
        return self.after - self.before - self.width * float(self.value.sum(dtype=np.float64))


@dataclass(frozen=True, eq=False)
class _Path:
    """The straight way from a baseline to a photo.

    Attributes:
        question: what is asked.
        photo: number of the photo.
        start: the baseline, (C, H, W).
        way: from there to the photo.
    """

    question: Question
    photo: int
    start: Tensor
    way: Tensor

    def parts(self, ends: np.ndarray) -> list[_Part]:
        """The intervals between these shares of the way."""
        scores = self._scores(ends)
        values = self._values((ends[1:] + ends[:-1]) / 2)
        edges = zip(ends[:-1], ends[1:], scores[:-1], scores[1:], strict=True)
        return [
            _Part(float(begin), float(end), float(before), float(after), value)
            for (begin, end, before, after), value in zip(edges, values, strict=True)
        ]

    def refined(self, parts: Sequence[_Part], count: int) -> list[_Part]:
        """With so many intervals cut into three: those that miss most of what the sum of all still misses."""
        sign = 1.0 if sum(part.unexplained for part in parts) >= 0 else -1.0
        worst = sorted(range(len(parts)), key=lambda i: sign * parts[i].unexplained, reverse=True)[:count]
        cuts = {i: (parts[i].begin + parts[i].width / 3, parts[i].end - parts[i].width / 3) for i in worst}
        scores = self._scores(np.array([share for i in worst for share in cuts[i]]))
        outer = [(parts[i].begin + cuts[i][0], parts[i].end + cuts[i][1]) for i in worst]
        values = self._values(np.array([share / 2 for pair in outer for share in pair]))
        found = []
        for i, part in enumerate(parts):
            if i not in cuts:
                found.append(part)
                continue
            at = 2 * worst.index(i)
            (first, second), (low, high) = cuts[i], (float(scores[at]), float(scores[at + 1]))
            found += [
                _Part(part.begin, first, part.before, low, values[at]),
                _Part(first, second, low, high, part.value),
                _Part(second, part.end, high, part.after, values[at + 1]),
            ]
        return found

    def _points(self, shares: np.ndarray) -> Tensor:
        return self.start + torch.from_numpy(shares.astype(np.float32)).reshape(-1, 1, 1, 1) * self.way

    def _scores(self, shares: np.ndarray) -> np.ndarray:
        step = self.question.opened.batch_size(self.way)
        found = []
        for at in range(0, len(shares), step):
            part = shares[at : at + step]
            found.append(self.question.explained(self.question.opened.scores(self._points(part)), self.photo))
            self.question.tell(len(part), "walking from the baseline to the photo")
        return torch.cat(found).double().cpu().numpy()

    def _values(self, shares: np.ndarray) -> list[Float32[np.ndarray, "h w"]]:
        step = self.question.opened.batch_size(self.way, gradients=True)
        found: list[Float32[np.ndarray, "h w"]] = []
        for at in range(0, len(shares), step):
            cut = self.question.opened.cut(self._points(shares[at : at + step]), [INPUT])
            slopes = cut.gradients(self.question.explained(cut.scores, self.photo))[INPUT].float().cpu()
            found += list((slopes * self.way).sum(1).numpy())
            self.question.tell(2 * len(slopes), "walking from the baseline to the photo")
        return found


def _missing(parts: Sequence[_Part]) -> float:
    """How far the sum of all is from what the score gained."""
    return abs(sum(part.unexplained for part in parts))


def _complete(error: float, steps: int) -> tuple[Reason, ...]:
    if error <= 0.01:
        return ()
    text = f"with {steps} steps the map adds up to what the score gained only within {error:.1%} of it; use more steps"
    values = {"steps": steps, **({"error": round(error, 6)} if math.isfinite(error) else {})}
    return (Reason("incomplete", text, values),)
