"""The numbers of a run, epoch by epoch: summed exactly, kept as rows, written as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convscope.store.atomic import replacing

COLUMNS = (
    "epoch", "steps", "size", "learning_rate", "train_loss", "train_accuracy", "validation_loss",
    "validation_accuracy", "gradient", "rate", "seconds",
)  # fmt: skip
"""Of ``metrics.csv``. ``train_*`` are means over the epoch, of augmented pictures and with label smoothing;
``validation_*`` are of the weights at its end (their running mean where the recipe has one), and plain."""

Row = dict[str, Any]


@dataclass
class Sums:
    """What an epoch has come to so far."""

    loss: float = 0.0
    right: int = 0
    seen: int = 0
    gradient: float = 0.0

    def add(self, loss: float, right: int, seen: int, gradient: float = 0.0) -> None:
        """Count a batch in."""
        self.loss += loss
        self.right += right
        self.seen += seen
        self.gradient = max(self.gradient, gradient)

    @property
    def mean(self) -> float:
        """Loss of a sample, NaN of none."""
        return self.loss / self.seen if self.seen else float("nan")

    @property
    def accuracy(self) -> float:
        """Share of right answers, NaN of none."""
        return self.right / self.seen if self.seen else float("nan")


def better(row: Mapping[str, Any], best: Mapping[str, Any] | None) -> bool:
    """Whether an epoch was validated better than the best so far: more right, or as many with less loss.

    >>> better({"validation_accuracy": 0.9, "validation_loss": 1}, {"validation_accuracy": 0.8, "validation_loss": 0})
    True
    """
    if best is None:
        return True
    return (row["validation_accuracy"], -row["validation_loss"]) > (
        best["validation_accuracy"],
        -best["validation_loss"],
    )


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """All rows so far, in place of the file that was there.

    Raises:
        OutputError: it cannot be written; the old one is as it was.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({name: shown(row.get(name)) for name in COLUMNS} for row in rows)
    with replacing(path) as file:
        file.write(text.getvalue().encode())


def read_csv(path: Path) -> list[Row]:
    """The rows of a ``metrics.csv``; empty cells are None."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: None if text == "" else float(text) if "." in text or "e" in text or "n" in text else int(text)
             for name, text in row.items()}
            for row in csv.DictReader(file)
        ]  # fmt: skip


def shown(value: Any) -> Any:
    """A number with the digits that mean something."""
    return float(f"{value:.7g}") if isinstance(value, float) else value
