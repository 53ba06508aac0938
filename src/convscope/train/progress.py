"""What a training tells whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Stage = Literal["train", "validate", "epoch", "note", "finish"]


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        stage: ``train`` and ``validate`` while an epoch runs, ``epoch`` when one has ended, ``note`` for a remark,
            ``finish`` while the result is written.
        epoch: the one that runs, from 1.
        epochs: of the recipe.
        step: steps done in this epoch; batches of the validation while it is validated.
        steps: of an epoch, or batches of the validation.
        loss: mean training loss of this epoch so far.
        accuracy: share of right answers of this epoch so far, 0..1, on augmented pictures.
        rate: training samples a second, over the last seconds.
        learning_rate: of the last step.
        seconds: since this process began to train.
        left: seconds that the remaining epochs will take, None until that can be told.
        row: the epoch's numbers as in ``metrics.csv`` when ``stage`` is ``epoch``.
        note: the remark.
    """

    stage: Stage
    epoch: int
    epochs: int
    step: int = 0
    steps: int = 0
    loss: float = float("nan")
    accuracy: float = float("nan")
    rate: float = 0.0
    learning_rate: float = 0.0
    seconds: float = 0.0
    left: float | None = None
    row: Mapping[str, Any] | None = None
    note: str = ""


Watch = Callable[[Progress], None]


class Pace:
    """Samples a second and the time left, from what the clock said after each step."""

    SETTLE = 0.8
    """Share of the old rate that a second of new measurement leaves."""

    def __init__(self) -> None:
        self.began = self._last = time.perf_counter()
        self.rate = 0.0
        self._aside = 0.0

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self.began

    def step(self, samples: int) -> None:
        """``samples`` have been trained on since the last call."""
        now = time.perf_counter()
        took, self._last = max(now - self._last, 1e-9), now
        keep = self.SETTLE**took if self.rate else 0.0
        self.rate = keep * self.rate + (1 - keep) * samples / took

    def pause(self) -> None:
        """What happened since the last step was no training (validation, a checkpoint)."""
        now = time.perf_counter()
        self._aside += now - self._last
        self._last = now

    def left(self, samples: int, share_done: float) -> float | None:
        """Seconds for ``samples`` more, and for what is done beside training in proportion."""
        if not self.rate:
            return None
        aside = self._aside * (1 - share_done) / share_done if share_done > 0 else 0.0
        return samples / self.rate + aside
