"""torchvision and timm beside a PyTorch for CPUs: torchvision's compiled part is built for CUDA and stays out.

Its Python part names two compiled operators as soon as it is imported; where they are missing they are declared here,
without anything behind them. Nothing that a classifier does calls them. The package itself needs none of this.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from pathlib import Path
from typing import Any

OPERATORS = ("nms", "qnms")
SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_LIBRARY: list[Any] = []  # the declarations last as long as the object that made them


@functools.cache
def declare() -> None:
    """Make ``import torchvision`` work in this process."""
    import torch

    found = importlib.util.find_spec("torchvision")
    assert found is not None, "the tests need torchvision; run make test, which installs it"
    assert found.origin is not None
    for compiled in Path(found.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(compiled)
        except OSError:  # what it is linked to is not here
            continue
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in OPERATORS:
        library.define(name + SIGNATURE)
    _LIBRARY.append(library)


def import_timm() -> Any:
    """The module ``timm``."""
    declare()
    return importlib.import_module("timm")


def import_torchvision() -> Any:
    """The module ``torchvision``."""
    declare()
    return importlib.import_module("torchvision")
