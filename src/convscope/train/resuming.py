"""What may differ between a run and its resume, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convscope.errors import DataError
from convscope.train.recipe import Recipe

MACHINE = ("device", "threads")
"""Fields that say where a training happens and not what: another machine may have others."""


def check_recipe(recipe: Recipe, before: Recipe, epochs_done: int = 0) -> None:
    """See that a run goes on as it was begun.

    Args:
        recipe: of the resume.
        before: of the run.
        epochs_done: how many have ended.

    Raises:
        DataError: a field differs that decides what comes out. More epochs are possible where nothing is laid out over
            them: with a constant rate, without a warm-up, with one size and nothing that is frozen later.

    >>> check_recipe(Recipe(schedule="constant", epochs=20), Recipe(schedule="constant", epochs=10), 10)
    """
    old = before.as_dict()
    for name, value in recipe.as_dict().items():
        if value == old[name] or name in MACHINE:
            continue
        if name != "epochs":
            raise DataError(
                f"the run was begun with {name} {_shown(old[name])}, not {_shown(value)}; resume it with the same, or "
                "begin a new one"
            )
        if recipe.schedule != "constant" or recipe.warmup or recipe.sizes or recipe.freeze:
            raise DataError(
                f"the run was begun with epochs {old[name]}, not {value}, and its schedule is laid out over them; "
                "resume it with the same, or begin a new one"
            )
        if recipe.epochs < epochs_done:
            raise DataError(f"the run has done {epochs_done} epochs already, more than {value}; resume it with more")


def check_network(text: str, before: Mapping[str, Any]) -> None:
    """See that the network's text is the one that the run was begun with, where both are known.

    Raises:
        DataError: it is another.
    """
    old = before.get("network", {}).get("text", "")
    if text and old and text.split() != old.split():
        raise DataError("the run was begun with another network (config.toml); resume it with that, or begin a new one")


def check_tensors(now: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """See that a model has the parameters that a checkpoint has values for.

    Args:
        now: tensors by name.
        before: tensors by name.

    Raises:
        DataError: it has others.
    """
    for name in sorted(now.keys() | before.keys()):
        new, old = (tuple(found[name].shape) if name in found else None for found in (now, before))
        if new != old:
            raise DataError(
                f"the run was begun with another network: {name!r} was {_sized(old)} and is {_sized(new)}; resume it "
                "with the same, or begin a new one"
            )


def _sized(shape: tuple[int, ...] | None) -> str:
    return "not there" if shape is None else f"of shape {shape}"


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)
