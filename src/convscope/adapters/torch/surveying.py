"""What a recorded run says of a network, without the numbers that went through it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convscope.adapters.torch.live import LiveOperation
from convscope.network import Survey
from convscope.traces import Step


def survey_of(found: Sequence[LiveOperation], outputs: Sequence[Any]) -> Survey:
    """Steps without their numbers."""
    made: dict[int, Step] = {}
    for live in found:
        shape = tuple(live.tensor.shape[1:] if live.lead else live.tensor.shape)
        made[id(live)] = Step(
            live.name, live.kind, np.broadcast_to(np.float32(0), shape), tuple(made[id(one)] for one in live.sources),
            live.settings, live.params(), live.module, live.dtype, live.batched,
        )  # fmt: skip
    return Survey(tuple(made.values()), tuple(made[id(one)].name for one in outputs), all(map(_keeps_apart, found)))


def _keeps_apart(operation: LiveOperation) -> bool:
    """Whether this operation leaves the photos of a batch alone."""
    loses = not operation.lead and any(source.lead for source in operation.sources)
    own_statistics = operation.kind == "batch_norm" and bool(operation.settings.get("training"))
    return operation.batched and not loses and not own_statistics
