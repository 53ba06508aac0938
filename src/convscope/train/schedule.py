"""Learning rates over a training, as pure functions of the step.

Nothing is carried from step to step, so a training that is resumed needs no state of a schedule.
"""

from __future__ import annotations

import math

ONE_CYCLE_WARMUP = 0.25
LOWEST = 1 / 25
"""Share of the largest rate at which a warm-up begins."""


def factor(schedule: str, step: int, total: int, warmup: float = 0.0) -> float:
    """What the learning rate is multiplied with at ``step``, 0..1.

    Args:
        schedule: ``constant``, ``cosine`` (Loshchilov and Hutter 2017, without restarts) or ``one-cycle``
            (Smith and Topin 2018, with cosines in place of lines).
        step: from 0 to ``total`` - 1.
        total: of all steps.
        warmup: share of the steps in which the rate rises, 0 for the schedule's own.

    >>> [round(factor("one-cycle", step, 9), 2) for step in range(9)]
    [0.04, 0.52, 1.0, 0.95, 0.81, 0.61, 0.39, 0.19, 0.05]
    >>> factor("constant", 3, 10)
    1.0
    """
    share = warmup or (ONE_CYCLE_WARMUP if schedule == "one-cycle" else 0.0)
    rising = min(round(share * total), total - 1)
    if step < rising:
        return LOWEST + (1 - LOWEST) * (1 - math.cos(math.pi * step / rising)) / 2
    if schedule == "constant":
        return 1.0
    return (1 + math.cos(math.pi * (step - rising) / (total - rising))) / 2
