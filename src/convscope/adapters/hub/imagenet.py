"""The 1,000 classes of ImageNet (ILSVRC 2012); where their names come from is in ``imagenet.md``."""

from __future__ import annotations

from functools import cache
from importlib import resources

COUNT = 1000


@cache
def labels() -> tuple[str, ...]:
    """Their names, in the order in which trained networks answer.

    >>> len(labels()), labels()[281], labels()[134], labels()[517]
    (1000, 'tabby', 'crane (bird)', 'crane (machine)')
    """
    text = (resources.files("convscope.adapters.hub") / "imagenet.txt").read_text("utf-8")
    return tuple(text.splitlines())
