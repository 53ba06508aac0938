"""Train a classifier: a recipe, a loop that can be stopped and resumed to the last bit, and a folder of results.

::

    recipe.py        everything that decides what comes out, as one value; toml.py writes it
    loop.py          fit(): epochs, validation, checkpoints
    ├── steps.py     one step: forward, backward, the weights moved
    │   ├── forward.py, fusing.py    the network as fast as this machine has it
    │   ├── whitening.py, freezing.py the first layer: how it begins, when it stands still
    │   ├── losses.py, optimiser.py, schedule.py, average.py
    │   └── distributed.py           several processes as one
    ├── pixels.py    uint8 to what the network wants
    ├── checkpoint.py, folder.py, manifest.py, metrics.py, environment.py, interrupt.py, progress.py
    └── finish.py    the result: export.py, calibrate.py, evaluate.py, pictures
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.train.progress import Progress as Progress
from convscope.train.recipe import Recipe as Recipe

if TYPE_CHECKING:
    from convscope.train.loop import Run as Run
    from convscope.train.loop import fit as fit

__all__ = ["Progress", "Recipe", "Run", "fit"]


def __getattr__(name: str) -> Any:
    if name not in {"fit", "Run"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from convscope.train import loop

    return getattr(loop, name)
