"""A program of PyTorch's (TorchScript, torch.export) run one operation at a time, so that each can be seen.

Each operation on tensors becomes a small module with its own parameters, under the name that the program gives them
(``layer1.0.conv1``), else under the operation's name. Numbers and shapes between them are computed as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from convscope.adapters.graph import free_name
from convscope.adapters.torchfile.aten import HOST, function_of

MOST_TURNS = 10_000
"""How often a loop may turn."""


class Unknown(Exception):  # noqa: N818 - it says what there is not
    """An operation that cannot be carried out here; the message is its name."""


@dataclass(frozen=True)
class Value:
    """What an earlier operation made."""

    name: str


@dataclass(frozen=True)
class Held:
    """A parameter of the program, by its dotted name."""

    path: str


@dataclass(frozen=True, eq=False)
class Block:
    """Operations that run one after the other.

    Attributes:
        inputs: names of the values that are given to it.
        operations: in order.
        outputs: what it returns: values, parameters or constants.
    """

    inputs: tuple[str, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of a program.

    Attributes:
        name: without its namespace and overload (``conv2d``); ``If``, ``Loop``, ``ListUnpack``, ``Raise`` steer.
        arguments: values, parameters, constants, and lists of them.
        named: the same by name.
        makes: names of what it makes.
        blocks: of ``If`` and ``Loop``.
        several: whether it returns a tuple of which ``makes`` names the parts.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    makes: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()


class Program(torch.nn.Module):
    """The operations of a block as modules.

    Args:
        block: what to run.
        parameters: tensors by dotted name.

    Raises:
        Unknown: there is an operation that cannot be carried out.
    """

    def __init__(self, block: Block, parameters: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self._block = block
        self._children: dict[int, torch.nn.Module] = {}
        self._given: dict[int, tuple[Any, ...]] = {}
        self._adopt(block, parameters)

    def forward(self, *values: torch.Tensor) -> Any:
        """What the program returns."""
        known = dict(zip(self._block.inputs, values, strict=False))
        found = self._run(self._block, known)
        return found[0] if len(found) == 1 else tuple(found)

    def _adopt(self, block: Block, parameters: Mapping[str, torch.Tensor]) -> None:
        for operation in block.operations:
            for inner in operation.blocks:
                self._adopt(inner, parameters)
            if operation.name in STEERING or operation.name in SHAPES:
                continue
            function = function_of(operation.name)
            if function is None and operation.name not in HOST:
                raise Unknown(operation.name)
            held = [
                one.path
                for one in _flat((operation.arguments, list(operation.named.values())))
                if isinstance(one, Held)
            ]
            if function is None:
                continue
            layer = standard_layer(operation, parameters)
            if layer is not None:
                self._given[id(operation)] = operation.arguments[:1]
            else:
                layer = _Call(operation.name, function)
                for path in held:
                    layer.hold(path, parameters[path])
            self._children[id(operation)] = layer
            self._place(layer, operation.name, held)

    def _place(self, call: torch.nn.Module, name: str, held: Sequence[str]) -> None:
        """Under the dotted name that its parameters share, else under its own."""
        place: torch.nn.Module = self
        *above, last = (held[0].split(".")[:-1] or [name]) if held else [name.strip("_")]
        for part in above:
            inner = dict(place.named_children()).get(part)
            if inner is None or inner in self._children.values():
                inner = torch.nn.Module()
                place.add_module(part if not hasattr(place, part) else free_name(part, place), inner)
            place = inner
        place.add_module(last if last and not hasattr(place, last) else free_name(last or name, place), call)

    def _run(self, block: Block, known: dict[str, Any]) -> list[Any]:
        for operation in block.operations:
            made = self._made(operation, known)
            if len(operation.makes) == 1:
                known[operation.makes[0]] = made
            elif operation.makes:
                known.update(zip(operation.makes, made, strict=False))
        return [_resolved(one, known, None) for one in block.outputs]

    def _made(self, operation: Operation, known: dict[str, Any]) -> Any:
        if operation.name == "If":
            chosen = operation.blocks[0 if _resolved(operation.arguments[0], known, None) else 1]
            return _one_or_all(self._run(chosen, known), operation.makes)
        if operation.name == "Loop":
            return self._turned(operation, known)
        call = self._children.get(id(operation))
        if id(operation) in self._given:
            assert call is not None
            return call(*_resolved(self._given[id(operation)], known, None))
        arguments = _resolved(list(operation.arguments), known, call)
        named = {name: _resolved(one, known, call) for name, one in operation.named.items()}
        if operation.name in STEERING:
            return STEERING[operation.name](arguments)
        seen = any(isinstance(one, torch.Tensor) for one in _flat((arguments, list(named.values()))))
        if call is None or (operation.name in HOST and (not seen or operation.name in SHAPES)):
            return HOST[operation.name](*arguments, **named)
        return call(*arguments, **named)

    def _turned(self, operation: Operation, known: dict[str, Any]) -> Any:
        most, going, *carried = _resolved(list(operation.arguments), known, None)
        (body,) = operation.blocks
        for turn in range(min(most, MOST_TURNS)):
            if not going:
                break
            known.update(zip(body.inputs, [turn, *carried], strict=True))
            going, *carried = self._run(body, known)
        return _one_or_all(carried, operation.makes)


def standard_layer(operation: Operation, parameters: Mapping[str, torch.Tensor]) -> torch.nn.Module | None:
    """A convolution or a dense layer as PyTorch's own module; None for other operations and unusual uses of these."""
    arguments = list(operation.arguments)
    if operation.named or len(arguments) < 2 or operation.name not in LAYERS:
        return None
    weight, bias = arguments[1], arguments[2] if len(arguments) > 2 else None
    if not isinstance(weight, Held) or not (bias is None or isinstance(bias, Held)):
        return None
    kernel, rest = parameters[weight.path], arguments[3:]
    if any(isinstance(one, Value | Held) for one in _flat(rest)):
        return None
    layer: torch.nn.Module
    if operation.name == "linear" and kernel.ndim == 2:
        layer = torch.nn.Linear(kernel.shape[1], kernel.shape[0], bias=bias is not None, device="meta")
    elif operation.name != "linear" and kernel.ndim == 4 and (operation.name == "conv2d" or rest[3] is False):
        usual: list[Any] = [1, 0, 1, 1]
        # _convolution says: stride, padding, dilation, transposed, output padding, groups, ...
        settings = rest + usual[len(rest) :] if operation.name == "conv2d" else [*rest[:3], rest[5]]
        stride, padding, dilation = (tuple(one) if isinstance(one, list) else one for one in settings[:3])
        layer = torch.nn.Conv2d(
            kernel.shape[1] * settings[3], kernel.shape[0], (kernel.shape[2], kernel.shape[3]), stride, padding,
            dilation, settings[3], bias=bias is not None, device="meta",
        )  # fmt: skip
    else:
        return None
    layer.weight = _parameter(kernel)
    if bias is not None:
        layer.bias = _parameter(parameters[bias.path])
    return layer


LAYERS = {"conv2d", "_convolution", "convolution", "linear"}


def _parameter(value: torch.Tensor) -> torch.nn.Parameter:
    return value if isinstance(value, torch.nn.Parameter) else torch.nn.Parameter(value, requires_grad=False)


class _Call(torch.nn.Module):
    """One operation on tensors, with its parameters."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        super().__init__()
        self._name, self._function = name, function
        self._names: dict[str, str] = {}

    def hold(self, path: str, value: torch.Tensor) -> None:
        """Take a parameter in."""
        name = free_name(path.rpartition(".")[2] or "value", self)
        self._names[path] = name
        if isinstance(value, torch.nn.Parameter):
            self.register_parameter(name, value)
        else:
            self.register_buffer(name, value)

    def held(self, path: str) -> Any:
        """A parameter that was taken in."""
        return getattr(self, self._names[path])

    def forward(self, *arguments: Any, **named: Any) -> Any:
        """The operation."""
        return self._function(*arguments, **named)

    def extra_repr(self) -> str:
        """Its name."""
        return self._name


def _raise(arguments: list[Any]) -> Any:
    raise RuntimeError(str(arguments[0]) if arguments else "the program stopped")


STEERING: dict[str, Callable[[list[Any]], Any]] = {
    "If": lambda _: None, "Loop": lambda _: None, "Raise": _raise, "ListUnpack": lambda arguments: arguments[0],
    "Pass": lambda arguments: arguments[0], "Ignore": lambda _: None,
}  # fmt: skip
SHAPES = {"size", "sym_size", "dim", "numel", "dtype", "device", "layout", "len", "NumToTensor", "__is__", "__isnot__",
          "__getitem__", "unchecked_cast"}  # fmt: skip
"""They ask about a tensor, or pass one on, and make none."""


def _resolved(one: Any, known: Mapping[str, Any], call: torch.nn.Module | None) -> Any:
    if isinstance(one, Value):
        return known[one.name]
    if isinstance(one, Held):
        assert isinstance(call, _Call)
        return call.held(one.path)
    if isinstance(one, list | tuple):
        return type(one)(_resolved(part, known, call) for part in one)
    return one


def _flat(one: Any) -> Iterable[Any]:
    if isinstance(one, list | tuple):
        for part in one:
            yield from _flat(part)
    else:
        yield one


def _one_or_all(found: list[Any], makes: Sequence[str]) -> Any:
    return found[0] if len(makes) == 1 else found
