"""Where a training is: what a checkpoint holds beside tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convscope.train.metrics import Row, Sums


@dataclass
class State:
    """A place in a training, as JSON values.

    Random numbers are no part of it: order, augmentation and dropout are functions of the seed, the epoch and the
    step, so that the place alone says how it goes on.

    Attributes:
        epoch: the one that runs, from 0.
        step: steps done in it; all of them while it is validated.
        taken: steps done altogether.
        sums: of this epoch's steps.
        rows: the epochs that have ended, as in ``metrics.csv``.
        best: the row that was validated best.
        waited: epochs since then.
        parts: in how many a batch is worked on.
        threads: of the processor; the order of additions depends on it.
        seconds: of training, over all processes that ever worked on it.
        ended: whether no more epochs will be trained.
    """

    epoch: int = 0
    step: int = 0
    taken: int = 0
    sums: Sums = field(default_factory=Sums)
    rows: list[Row] = field(default_factory=list)
    best: Row | None = None
    waited: int = 0
    parts: int = 1
    threads: int = 0
    seconds: float = 0.0
    ended: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> State:
        """The state that :meth:`as_dict` gave."""
        fields = {name: found[name] for name in (item.name for item in dataclasses.fields(cls)) if name in found}
        return cls(**{**fields, "sums": Sums(**fields.get("sums", {}))})

    def end_epoch(self, row: Row) -> None:
        """Go on to the next epoch."""
        self.rows.append(row)
        self.epoch, self.step, self.sums = self.epoch + 1, 0, Sums()
