"""What trainings put in front of every layer's name: ``module.`` (several devices), ``_orig_mod.`` (compiled), ..."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "encoder.", "ema.")
MOST = 4
"""How many stand in front of each other."""

T = TypeVar("T")


def without_prefix(layers: Mapping[str, T], wanted: Collection[str]) -> tuple[Mapping[str, T], str]:
    """The layers under the names that a network has, and what was left out in front of them.

    A prefix is left out only where that gives the network more of its layers.

    Args:
        layers: by the file's names.
        wanted: the network's names.

    >>> without_prefix({"module.conv": 1, "module.fc": 2, "loss": 3}, {"conv", "fc"})
    ({'conv': 1, 'fc': 2, 'loss': 3}, 'module.')
    >>> without_prefix({"model.conv": 1}, {"model.conv", "conv"})
    ({'model.conv': 1}, '')
    """
    best, left_out = layers, ""
    waiting = [(layers, "")]
    while waiting:
        current, before = waiting.pop()
        if _fitting(current, wanted) > _fitting(best, wanted):
            best, left_out = current, before
        if before.count(".") < MOST:
            waiting += [(shorter, before + prefix) for prefix in PREFIXES if (shorter := _cut(current, prefix))]
    return best, left_out


def _fitting(layers: Mapping[str, object], wanted: Collection[str]) -> int:
    return sum(name in layers for name in wanted)


def _cut(layers: Mapping[str, T], prefix: str) -> dict[str, T]:
    """Empty where no name begins so, or where two would become one."""
    begun = {name for name in layers if f"{name}.".startswith(prefix)}
    cut = {(name[len(prefix) :] if name in begun else name): value for name, value in layers.items()}
    return cut if begun and len(cut) == len(layers) else {}
