"""Recorded values never change: whatever is about to overwrite one makes us copy it first.

Hook-based tools keep references, so that batch norm followed by an in-place ReLU is reported
rectified. Copying everything would be safe and slow. Here a value is copied only when an operation
is about to write to its memory, found by the memory it shares (views included), not by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import torch

#: Position of the ``inplace`` argument of functions that have one.
INPLACE_ARGUMENT = {
    "relu": 1, "relu6": 1, "selu": 1, "silu": 1, "mish": 1, "hardswish": 1, "hardsigmoid": 1,
    "leaky_relu": 2, "elu": 2, "celu": 2, "hardtanh": 3, "threshold": 3, "rrelu": 4,
    "dropout": 3, "dropout1d": 3, "dropout2d": 3, "dropout3d": 3, "alpha_dropout": 3, "feature_alpha_dropout": 3,
}  # fmt: skip

#: In-place methods and operators that work value by value, and what does the same into new memory.
OUT_OF_PLACE = {
    f"{name}_": getattr(torch.Tensor, name) for name in ("add", "sub", "mul", "div", "relu", "sigmoid", "tanh", "clamp")
} | {
    f"__i{name}__": getattr(torch.Tensor, name) for name in ("add", "sub", "mul")
} | {"__itruediv__": torch.Tensor.div, "__idiv__": torch.Tensor.div}  # fmt: skip

#: Ways to get at a tensor's memory that leave no trace when it is written.
EXPOSING = frozenset({"numpy", "__array__", "data_ptr", "untyped_storage", "storage", "__dlpack__"})

#: Names that end like an in-place operation and write no values.
WRITES_NOTHING = frozenset({"requires_grad_", "detach_", "share_memory_", "rename_", "retain_grad", "pin_memory_"})

#: ``x += 1`` and its kin; ``x[0] = 1``.
WRITING_OPERATORS = frozenset(
    f"__i{name}__" for name in ("add", "sub", "mul", "truediv", "div", "floordiv", "mod", "pow", "and", "or", "xor")
) | {"__setitem__"}


def write_rule(name: str) -> int | None:
    """How a torch function writes to its first argument: None never, 0 always, else where ``inplace`` stands."""
    if name in WRITING_OPERATORS or (name[-1] == "_" and name[-2:] != "__" and name not in WRITES_NOTHING):
        return 0
    return INPLACE_ARGUMENT.get(name)


def written(rule: int | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[torch.Tensor, ...]:
    """The tensors that a call of a torch function with this rule will overwrite."""
    if rule is not None and (rule == 0 or kwargs.get("inplace", args[rule] if len(args) > rule else False)):
        return tuple(tensors_in(args[:1] or (kwargs.get("input"),)))
    if "out" in kwargs:
        return tuple(tensors_in((kwargs["out"],)))
    return ()


def into_new_memory(function: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor | None:
    """What an in-place call of an element-wise function would write, in new memory; None if it is no such call."""
    at = INPLACE_ARGUMENT.get(name)
    if name in OUT_OF_PLACE:
        function = OUT_OF_PLACE[name]
    elif at is None or "out" in kwargs:
        return None
    elif "inplace" in kwargs:
        kwargs = {**kwargs, "inplace": False}
    else:
        args = (*args[:at], False, *args[at + 1 :])
    return cast("torch.Tensor", function(*args, **kwargs))


def tensors_in(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    """Tensors among values, also in lists, tuples and dictionaries, in order."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from tensors_in(value)
        elif isinstance(value, dict):
            yield from tensors_in(value.values())


def memory_of(tensor: torch.Tensor) -> int:
    """Address of the memory behind a tensor, the same for all its views; 0 when it has none."""
    try:
        return tensor.untyped_storage().data_ptr() if tensor.storage_offset() else tensor.data_ptr()
    except (RuntimeError, NotImplementedError):  # sparse and other tensors without one storage
        return 0


def version_of(tensor: torch.Tensor) -> int | None:
    """How often the tensor's memory was written, None where PyTorch does not count."""
    try:
        return tensor._version
    except RuntimeError:
        return None
