"""Indexing, chunking, splitting: each is a slice of the input, in the words of ``docs/steps.md``."""

from __future__ import annotations

from typing import Any

import torch

from convscope.adapters.torch.describe import Call, Settings

Index = int | list[int]


def getitem(call: Call) -> Settings | None:
    """``x[...]`` with whole numbers, slices and an ellipsis; masks and index tensors are left undescribed."""
    source, index = call.args["input"], call.args["index"]
    index = index if isinstance(index, tuple) else (index,)
    if any(part is None or isinstance(part, torch.Tensor | list | bool) for part in index):
        return None
    parts = _per_axis(index, tuple(source.shape))
    return _without_batch(call, parts)


def narrow(call: Call) -> Settings | None:
    """``x.narrow(dim, start, length)``."""
    dim, start, length = call.args["dim"], call.args["start"], call.args["length"]
    return along(call, dim, int(start), int(start) + int(length))


def select(call: Call) -> Settings | None:
    """``x.select(dim, index)``."""
    source, dim = call.args["input"], call.args["dim"]
    parts = _whole(source)
    size = source.shape[dim % source.dim()]
    parts[dim % source.dim()] = int(call.args["index"]) % size
    return _without_batch(call, parts)


def along(call: Call, dim: int, start: int, stop: int) -> Settings | None:
    """The part ``start .. stop`` of one axis."""
    source = call.args["input"]
    parts = _whole(source)
    size = source.shape[dim % source.dim()]
    parts[dim % source.dim()] = [start % size if start < 0 else start, min(stop, size), 1]
    return _without_batch(call, parts)


def _whole(source: torch.Tensor) -> list[Index]:
    return [[0, size, 1] for size in source.shape]


def _per_axis(index: tuple[Any, ...], shape: tuple[int, ...]) -> list[Index]:
    given = sum(part is not Ellipsis for part in index)
    full: list[Any] = []
    for part in index:
        full += [slice(None)] * (len(shape) - given) if part is Ellipsis else [part]
    full += [slice(None)] * (len(shape) - len(full))
    return [
        list(part.indices(size)) if isinstance(part, slice) else int(part) % size
        for part, size in zip(full, shape, strict=True)
    ]


def _without_batch(call: Call, parts: list[Index]) -> Settings | None:
    if not call.batched(call.args["input"]):
        return {"index": parts}
    call.lead = parts[0] == [0, 1, 1]
    if call.lead or parts[0] == 0:
        return {"index": parts[1:]}
    return None
