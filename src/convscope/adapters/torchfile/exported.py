"""What ``torch.export`` saved, read as a program: one graph of operations, its parameters by their own names."""

from __future__ import annotations

import operator
from typing import Any

import torch

from convscope.adapters.torchfile.program import Block, Held, Operation, Program, Unknown, Value
from convscope.network import Preprocessing

RESHAPING = {"view", "reshape", "_unsafe_view"}


def program_of(loaded: Any) -> Program:
    """A loaded ``torch.export.ExportedProgram`` as a module whose operations can be seen.

    Raises:
        Unknown: it does something that cannot be carried out here.
    """
    signature = loaded.graph_signature
    paths: dict[str, str] = {
        **signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants
    }  # fmt: skip
    held = {path: _tensor(loaded, path) for path in paths.values()}
    inputs: list[str] = []
    operations: list[Operation] = []
    outputs: tuple[Any, ...] = ()
    for node in loaded.graph.nodes:
        if node.op == "placeholder":
            if node.name not in paths:
                inputs.append(node.name)
        elif node.op == "output":
            wanted = list(node.args[0])[-len(signature.user_outputs) :]  # buffers that change come before
            outputs = tuple(_argument(one, paths) for one in wanted)
        elif node.op == "call_function":
            operations.append(_operation(node, paths))
        else:
            raise Unknown(str(node.target))
    return Program(Block(tuple(inputs), tuple(operations), outputs), held)


def input_of(loaded: Any) -> Preprocessing:
    """The channels and size of its input, as far as it was exported for one."""
    names = set(loaded.graph_signature.user_inputs)
    shape: tuple[Any, ...] = next(
        (one.meta["val"].shape for one in loaded.graph.nodes if one.op == "placeholder" and one.name in names), ()
    )
    if len(shape) != 4:
        return Preprocessing()
    sides = tuple(side if isinstance(side, int) else None for side in shape[2:])
    height, width = sides
    size = None if height is None or width is None else (height, width)
    return Preprocessing(size, channels=1 if shape[1] == 1 else 3)


def _operation(node: Any, paths: dict[str, str]) -> Operation:
    arguments = tuple(_argument(one, paths) for one in node.args)
    named = {name: _argument(one, paths) for name, one in node.kwargs.items()}
    if node.target is operator.getitem:
        return Operation("__getitem__", arguments, named, (node.name,))
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        name = getattr(node.target, "__name__", str(node.target))
        raise Unknown(name)
    space, _, name = schema.name.partition("::")
    if space != "aten":
        raise Unknown(schema.name)
    if name in RESHAPING and (shape := _without_batch(node)) is not None:
        arguments = (arguments[0], shape)
    return Operation(name, arguments, {key: one for key, one in named.items() if one is not None}, (node.name,))


def _without_batch(node: Any) -> list[int] | None:
    """The new shape for a batch of any size, where only the number of photos stands in front, before and after."""
    before, after = node.args[0].meta["val"].shape, node.meta["val"].shape
    if not (before and after and before[0] == after[0]) or not all(isinstance(size, int) for size in after[1:]):
        return None
    return [-1, *after[1:]]


def _argument(one: Any, paths: dict[str, str]) -> Any:
    if isinstance(one, torch.fx.Node):
        return Held(paths[one.name]) if one.name in paths else Value(one.name)
    if isinstance(one, list | tuple):
        return [_argument(part, paths) for part in one]
    return one


def _tensor(loaded: Any, path: str) -> torch.Tensor:
    for place in (loaded.state_dict, loaded.constants):
        if path in place:
            found: torch.Tensor = place[path]
            return found
    raise Unknown(path)
