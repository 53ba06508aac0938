"""What a method gives for one photo, before it has a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32

from convscope.explaining.reason import Reason


@dataclass(frozen=True, eq=False)
class Taken:
    """A map of one photo.

    Attributes:
        value: (H, W) at the size of the input.
        grid: (h, w) how finely it was really taken.
        facts: how it was made, JSON values only.
        notes: what has to be said beside it.
    """

    value: Float32[np.ndarray, "h w"]
    grid: tuple[int, int]
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[Reason, ...] = ()
