"""The numbers of the epochs for TensorBoard, where ``tensorboardX`` is installed.

They are a copy of ``metrics.csv``: where they cannot be written, nothing is lost and nothing stops.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TAGS = {
    "train_loss": "loss/train",
    "validation_loss": "loss/validation",
    "train_accuracy": "accuracy/train",
    "validation_accuracy": "accuracy/validation",
    "learning_rate": "learning rate",
    "gradient": "largest gradient",
    "rate": "samples a second",
}


class Events:
    """Writes rows of ``metrics.csv`` as TensorBoard's events; does nothing where its writer is not installed.

    Args:
        folder: where the events go.
        rows: epochs that ended before; what an earlier process wrote of later ones is hidden.
    """

    def __init__(self, folder: Path, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        self._writer: Any = None
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            return
        with contextlib.suppress(OSError):
            self._writer = SummaryWriter(str(folder), purge_step=len(rows) + 1, flush_secs=10)

    def add(self, row: Mapping[str, Any]) -> None:
        """Write the numbers of an epoch."""
        if self._writer is None:
            return
        with contextlib.suppress(OSError):
            for name, tag in TAGS.items():
                value = row.get(name)
                if value is not None and math.isfinite(value):
                    self._writer.add_scalar(tag, value, row["epoch"])

    def close(self) -> None:
        """Write what waits, and end the writer's thread."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()
