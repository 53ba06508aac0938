"""From the nodes of an ONNX file to a PyTorch module of standard layers, one after the other.

What depends on constants alone is computed at once. Every other node goes through the table of ``operators.py``, which
makes a module of it; the module is then run on tensors without memory, so that the next node knows the sizes that it
reads. A node that cannot be translated loses its results, and whatever needs them is lost too.

The axes of a value may be kept in another order than the file's: files of TensorFlow turn pictures to and fro around
every convolution, and two turns that undo each other are no step of the network. A value is turned only where an
operator needs the file's order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch

from convscope.adapters.elementary import Permute
from convscope.adapters.graph import Graph, Node, in_order
from convscope.adapters.onnx.folding import fold, whole
from convscope.adapters.onnx.reading import FileNode, Source
from convscope.adapters.onnx.values import BATCH, MOST_NUMBERS, Unsupported, Value, straight
from convscope.adapters.onnx.wire import quoted
from convscope.errors import ModelError

Given = Value | np.ndarray | None
Result = Value | np.ndarray | Sequence[Value]


@dataclass(eq=False)
class Translation:
    """The network so far.

    Attributes:
        source: the file.
        batch: the number of photos whose sizes are computed: :data:`BATCH`, or 1 where only that works.
        written_for: the number of photos that the file's own sizes speak of.
        known: by the file's names of values, what they are here.
        lost: by the same names, why there is none.
        nodes: of the translated network.
    """

    source: Source
    batch: int = BATCH
    written_for: int = 1
    known: dict[str, Value | np.ndarray] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    _turned: dict[tuple[str, tuple[int, ...]], Value] = field(default_factory=dict)
    _made: int = 0

    def add(self, name: str, module: torch.nn.Module, values: Sequence[Value], count: int = 1) -> list[Value]:
        """Put a node behind what there is.

        Args:
            name: of the node.
            module: in the order in which the values are computed, of as many tensors.
            values: what it reads.
            count: how many tensors it gives.

        Raises:
            ModelError: a result would be absurdly large.
            Exception: whatever the module says of sizes that do not fit it.
        """
        stored = sizes(module.eval(), [value.stored for value in values])[:count]
        for tensor in stored:
            if tensor.numel() // self.batch > MOST_NUMBERS:
                raise ModelError(
                    f"node {quoted(name)} would make {tensor.numel() // self.batch:,} numbers of one photo; refused"
                )
        self._made += 1
        names = tuple(f"{self._made}.{place}" for place in range(count))
        self.nodes.append(Node(name, module, tuple(value.name for value in values), names))
        return [straight(*pair) for pair in zip(names, stored, strict=True)]

    def turn(self, value: Value) -> Value:
        """The value with its axes in the file's order; a step of the network where they are not."""
        if value.straight:
            return value
        key = value.name, value.axes
        if key not in self._turned:
            (self._turned[key],) = self.add(value.turned or "transpose", Permute(value.axes), [value])
        return self._turned[key]

    def follow(self, operators: Mapping[str, Translator]) -> None:
        """Translate all nodes.

        Args:
            operators: by operator, what makes modules of a node.

        Raises:
            ModelError: one of them does not fit what it is given, reads what nothing makes, or waits for itself.
        """
        self.known.update(self.source.constants)
        for node in in_order(["", *self.known], _complete(self.source.nodes, self.known)):
            try:
                self._keep(node, self._result(node, operators))
            except Unsupported as reason:
                self.lost.update({name: str(reason) for name in node.outputs if name})

    def graph(self, inputs: Sequence[str], outputs: Sequence[str]) -> Graph:
        """The nodes that lead to the named values of the file, as a network.

        Args:
            inputs: names of its inputs, as translated.
            outputs: names of values, as the file has them.
        """
        values = [self.turn(value) for name in outputs if isinstance(value := self.known[name], Value)]
        needed, nodes = {value.name for value in values}, []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                nodes.append(node)
        return Graph(inputs, nodes[::-1], [value.name for value in values])

    def _result(self, node: FileNode, operators: Mapping[str, Translator]) -> Result:
        gone = next((name for name in node.inputs if name in self.lost), None)
        if gone is not None:
            raise Unsupported(self.lost[gone])
        given = tuple(self.known[name] if name else None for name in node.inputs)
        constants = [one for one in given if not isinstance(one, Value)]
        try:
            if len(constants) == len(given):
                return fold(node, self.source.opset, constants)
            return operators.get(node.operator, _unknown)(Call(node, given, self))
        except Unsupported as reason:
            raise Unsupported(f"{quoted(node.operator)} {reason}") from None
        except ModelError:
            raise
        except NotImplementedError as error:  # PyTorch cannot tell the sizes
            raise Unsupported(f"{quoted(node.operator)} has no translation for such values") from error
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise MisfitError(_misfit(node, given, error)) from error

    def _keep(self, node: FileNode, result: Result) -> None:
        results: Sequence[Value | np.ndarray] = [result] if isinstance(result, Value | np.ndarray) else list(result)
        for place, name in enumerate(node.outputs):
            if place < len(results):
                self.known[name] = results[place]
            elif name:
                self.lost[name] = f"{quoted(node.operator)} gives more than one result"


class MisfitError(ModelError):
    """A node does not fit what it is given: the file is damaged, or is meant for one photo at a time."""


@dataclass(frozen=True, eq=False)
class Call:
    """One node of the file, as the translator of its operator sees it.

    Attributes:
        node: the node.
        given: its inputs, None for those that are left out.
        translation: what it becomes part of.
    """

    node: FileNode
    given: tuple[Given, ...]
    translation: Translation

    @property
    def opset(self) -> int:
        """Version of ONNX's operators."""
        return self.translation.source.opset

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.node.attributes.get(name, default)

    def at(self, place: int) -> Given:
        """An input, None where it is left out."""
        return self.given[place] if place < len(self.given) else None

    def loose(self, place: int = 0) -> Value:
        """A computed input, with its axes in whatever order.

        Raises:
            Unsupported: it is a constant.
        """
        value = self.at(place)
        if not isinstance(value, Value):
            raise Unsupported("of a constant is not computed")
        return value

    def live(self, place: int = 0) -> Value:
        """A computed input, with its axes in the file's order."""
        return self.translation.turn(self.loose(place))

    def constant(self, place: int) -> np.ndarray | None:
        """An input that comes with the file, None where it is left out.

        Raises:
            Unsupported: it is computed, or depends on the number of photos.
        """
        value = self.at(place)
        if isinstance(value, Value):
            raise Unsupported("with computed weights or settings has no translation")
        return value

    def numbers(self, place: int, attribute: str = "") -> list[int] | None:
        """Whole numbers, from an input (new files) or an attribute (old ones); None where nothing is said."""
        found = self.constant(place)
        if found is not None:
            return whole(found)
        told: list[int] | None = self.get(attribute) if attribute else None
        return told

    def tensor(self, place: int) -> torch.Tensor | None:
        """A constant as weights: float32, with memory of its own."""
        found = self.constant(place)
        return None if found is None else weights(found)

    def needed(self, place: int) -> torch.Tensor:
        """As :meth:`tensor`, of a constant that cannot be left out."""
        found = self.tensor(place)
        if found is None:
            raise ValueError(f"input {place} is left out")
        return found

    def add(self, module: torch.nn.Module, *values: Value, suffix: str = "") -> Value:
        """A step of the network, called like the node; with a suffix where a node becomes several."""
        (made,) = self.translation.add(self.node.name + suffix, module, values)
        return made

    def alike(self, module: torch.nn.Module, *values: Value, suffix: str = "") -> Value:
        """As :meth:`add`, of modules that leave every number in its place: the order of the axes is handed on."""
        made, first = self.add(module, *values, suffix=suffix), values[0]
        return replace(made, axes=first.axes, turned=first.turned)


Translator = Callable[[Call], Result]


def _unknown(_: Call) -> Result:
    raise Unsupported("has no translation")


def weights(array: np.ndarray) -> torch.Tensor:
    """Constants as float32, with memory of their own; booleans and indices stay what they are."""
    if array.dtype == np.bool_:
        return torch.from_numpy(array.copy())
    return torch.from_numpy(np.array(array, np.float32, order="C"))


def filled(module: torch.nn.Module, **tensors: torch.Tensor | None) -> torch.nn.Module:
    """A module made without memory, given its weights.

    Raises:
        ValueError: one of them has another shape.
    """
    for name, tensor in tensors.items():
        there = getattr(module, name)
        if (tensor is None) != (there is None) or (tensor is not None and tensor.shape != there.shape):
            raise ValueError(f"its {name} does not have the shape {tuple(there.shape) if there is not None else ()}")
        if tensor is not None:
            setattr(module, name, torch.nn.Parameter(tensor) if isinstance(there, torch.nn.Parameter) else tensor)
    return module


def sizes(module: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """What a module gives, as tensors without memory; nothing is computed.

    >>> [tuple(made.shape) for made in sizes(torch.nn.Conv2d(3, 4, 3), [torch.zeros(2, 3, 8, 8, device="meta")])]
    [(2, 4, 6, 6)]
    """
    with torch.no_grad(), _weightless(module):
        made = module(*inputs)
    return list(made) if isinstance(made, tuple | list) else [made]


@contextmanager
def _weightless(module: torch.nn.Module) -> Iterator[None]:
    """Tensors without memory in place of a module's own."""
    own: list[tuple[dict[str, Any], str, torch.Tensor]] = [
        (cast("dict[str, Any]", held), name, tensor)
        for part in module.modules()
        for held in (part._parameters, part._buffers)  # noqa: SLF001 - PyTorch has no public way to put one back
        for name, tensor in held.items()
        if tensor is not None and not tensor.is_meta
    ]
    try:
        for held, name, tensor in own:
            held[name] = tensor.detach().to("meta")
        yield
    finally:
        for held, name, tensor in own:
            held[name] = tensor


def _complete(nodes: Sequence[FileNode], known: Mapping[str, Any]) -> Sequence[FileNode]:
    """The nodes, if all that they read is made exactly once."""
    made = set(known)
    for node in nodes:
        for name in node.outputs:
            if name and name in made:
                raise ModelError(f"value {quoted(name)} is made twice; the file is damaged")
            made.add(name)
    for node in nodes:
        for name in node.inputs:
            if name and name not in made:
                raise ModelError(
                    f"node {quoted(node.name)} reads {quoted(name)}, which nothing makes; the file is damaged"
                )
    return nodes


def _misfit(node: FileNode, given: Sequence[Given], error: Exception) -> str:
    shapes = ", ".join(
        "x".join("N" if size == BATCH else str(size) for size in one.shape) or "one number"
        for one in given
        if one is not None
    )
    reason = " ".join(str(error).split())[:160]
    return f"node {quoted(node.name)} ({quoted(node.operator)}) does not fit what it is given ({shapes}): {reason}"
