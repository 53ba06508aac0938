"""TorchScript read as a program: its graph, with every method it calls written out in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from convscope.adapters.torchfile.program import Block, Held, Operation, Program, Unknown, Value

NESTED: dict[str, Callable[[Iterable[Any]], Any]] = {"prim::ListConstruct": list, "prim::TupleConstruct": tuple}
BRANCHING = {"If", "Loop"}
RENAMED = {"ListUnpack": "ListUnpack", "TupleUnpack": "ListUnpack", "RaiseException": "Raise"}
PLAIN = {"NumToTensor", "dtype", "device", "layout", "unchecked_cast", "is_scripting"}
"""Operations of TorchScript's own that work like any other."""


def program_of(loaded: Any) -> Program:
    """A loaded ``torch.jit.ScriptModule`` as a module whose operations can be seen.

    Raises:
        Unknown: it does something that cannot be carried out here.
    """
    reader = _Reader(loaded)
    return Program(reader.block(loaded.inlined_graph, top=True), reader.parameters)


class _Reader:
    """Turns the nodes of a graph into operations; what does not depend on the input is looked up once."""

    def __init__(self, loaded: Any) -> None:
        self._loaded = loaded
        self._fixed: dict[str, Any] = {}
        self._paths: dict[str, str] = {}
        self.parameters: dict[str, torch.Tensor] = {}

    def block(self, graph: Any, *, top: bool = False) -> Block:
        """The nodes of a graph or of a part of one."""
        inputs = [one.debugName() for one in graph.inputs()]
        if top:
            self._fixed[inputs[0]], self._paths[inputs[0]] = self._loaded, ""
            inputs = inputs[1:]
        operations = [made for node in graph.nodes() if (made := self._operation(node)) is not None]
        outputs = tuple(self._argument(one) for one in graph.outputs())
        return Block(tuple(inputs), tuple(operations), outputs)

    def _operation(self, node: Any) -> Operation | None:
        """A node as an operation; None where it makes something that does not depend on the input."""
        if self._looked_up(node):
            return None
        space, _, name = node.kind().partition("::")
        makes = tuple(one.debugName() for one in node.outputs())
        arguments = tuple(self._argument(one) for one in node.inputs())
        if space != "prim" or name in PLAIN:
            return Operation(name, *self._arguments(node, list(node.inputs())), makes)
        if name in BRANCHING:
            blocks = tuple(self.block(inner) for inner in node.blocks())
            if name == "If" and isinstance(arguments[0], bool):
                return Operation("If", (True,), {}, makes, (blocks[0 if arguments[0] else 1], Block((), (), ())))
            return Operation(name, arguments, {}, makes, blocks)
        if name in RENAMED:
            return Operation(RENAMED[name], arguments[:1], {}, makes)
        raise Unknown(name)

    def _looked_up(self, node: Any) -> bool:
        kind = node.kind()
        made = next((one.debugName() for one in node.outputs()), "")
        if kind == "prim::Constant":
            self._fixed[made] = node.output().toIValue()
        elif kind == "prim::GetAttr":
            self._attribute(node, made)
        elif kind in NESTED:
            self._fixed[made] = NESTED[kind](self._argument(one) for one in node.inputs())
        elif kind == "prim::Uninitialized":
            self._fixed[made] = None
        else:
            return False
        return True

    def _attribute(self, node: Any, made: str) -> None:
        owner, name = node.input().debugName(), node.s("name")
        path = f"{self._paths[owner]}.{name}" if self._paths[owner] else name
        value = getattr(self._fixed[owner], name)
        self._paths[made] = path
        if isinstance(value, torch.Tensor):
            self.parameters[path] = value
            self._fixed[made] = Held(path)
        else:
            self._fixed[made] = value

    def _arguments(self, node: Any, inputs: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        found = [self._argument(one) for one in inputs]
        schema = node.schema()
        if schema in {"", "(no schema)"}:
            return tuple(found), {}
        listed = torch._C.parse_schema(schema).arguments  # noqa: SLF001 - the only way to the names of arguments
        plain = tuple(_typed(one, value) for one, value in zip(listed, found, strict=False) if not one.kwarg_only)
        named = {one.name: _typed(one, value) for one, value in zip(listed, found, strict=False) if one.kwarg_only}
        return plain, {name: value for name, value in named.items() if value is not None}

    def _argument(self, value: Any) -> Any:
        name = value.debugName()
        return self._fixed[name] if name in self._fixed else Value(name)


_TYPES = {
    0: torch.uint8, 1: torch.int8, 2: torch.int16, 3: torch.int32, 4: torch.int64, 5: torch.float16, 6: torch.float32,
    7: torch.float64, 11: torch.bool, 15: torch.bfloat16,
}  # fmt: skip
"""Types of numbers, as TorchScript counts them."""


def _typed(argument: Any, value: Any) -> Any:
    """Types of numbers are whole numbers in a graph."""
    return _TYPES.get(value, value) if argument.name == "dtype" and type(value) is int else value
