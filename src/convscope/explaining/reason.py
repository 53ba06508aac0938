"""A sentence for people, and the same for programs that say it in another language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reason:
    """One thing that is said of a map: a ground of its verdict, why its layer was taken, a note.

    Attributes:
        rule: its name, for programs.
        sentence: for people.
        values: the numbers and names in it, JSON values only.

    >>> Reason("asked", "it was asked for").told()
    {'rule': 'asked', 'values': {}}
    """

    rule: str
    sentence: str
    values: Mapping[str, float | str] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """What programs get of it, as JSON has it."""
        return {"rule": self.rule, "values": dict(self.values)}
