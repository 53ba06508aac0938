"""Explanations in the page's files: all they say, and their numbers where there is room for them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from convscope.page.tensors import pack
from convscope.store.jsontext import plain
from convscope.traces import Map

KEY = "convscope_map"
"""The field of the header's ``__metadata__`` that holds the JSON of a map on its own."""

_TEXT = 4 / 3  # bytes of base64 for a byte


def told(map_: Map, where: str) -> dict[str, Any]:
    """What the file says of a map, without its numbers (``docs/format.md``).

    Args:
        map_: the explanation.
        where: what it is called in a sentence (``map 3``).

    Raises:
        CallError: its evidence holds what JSON cannot.

    >>> import numpy as np
    >>> told(Map("cam", "cat", np.ones((2, 2), np.float32), score=0.5), "map 0")["score"]
    0.5
    """
    return {
        "method": map_.method,
        "target": map_.target,
        "layer": map_.layer,
        "evidence": plain(map_.evidence, f"the evidence of {where}"),
        **({"why_layer": map_.why_layer} if map_.why_layer else {}),
        **({} if map_.score is None else {"score": plain(float(map_.score), f"the score of {where}")}),
        **({"notes": list(map_.notes)} if map_.notes else {}),
    }


def map_bytes(map_: Map) -> bytes:
    """One map as a safetensors file of its own, as ``docs/page.md`` specifies it.

    >>> import numpy as np
    >>> len(map_bytes(Map("cam", "cat", np.ones((2, 2), np.float32)))) % 64
    0
    """
    value = {"tensor": "map", "shape": list(map_.value.shape), "encoding": "float32"}
    return pack(KEY, {**told(map_, "the map"), "value": value}, {"map": map_.value})


def kept_maps(maps: Sequence[Map], room: int | None) -> frozenset[int]:
    """Whose numbers a file of limited size holds: the first ones that take at most ``room`` bytes of text together.

    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal((2, 50, 50)).astype(np.float32)
    >>> sorted(kept_maps([Map("cam", "cat", value) for value in noise], 14_000))
    [0]
    """
    if room is None:
        return frozenset(range(len(maps)))
    kept = []
    for i, map_ in enumerate(maps):
        cost = int(len(zlib.compress(map_.value.tobytes(), 1)) * _TEXT)
        if cost <= room:
            kept.append(i)
            room -= cost
    return frozenset(kept)
