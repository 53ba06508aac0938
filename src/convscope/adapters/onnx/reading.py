"""An ONNX file as plain values: its nodes, its constants, what it takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convscope.adapters.doors import package
from convscope.adapters.onnx.tensors import array_of, put_inside
from convscope.adapters.onnx.wire import MOST_BYTES, check_size, quoted
from convscope.errors import ModelError

OLDEST_OPSET = 7
MOST_NODES = 20_000
USUAL_DOMAINS = frozenset({"", "ai.onnx"})
_FLOATS = frozenset({0, 1, 10, 11, 16})  # 0: the file does not say


@dataclass(frozen=True)
class Taken:
    """An input of the file.

    Attributes:
        name: of the value.
        shape: its sizes, None for those that are left open.
        whole: it takes whole numbers, such as the bytes of a photo.
    """

    name: str
    shape: tuple[int | None, ...]
    whole: bool = False


@dataclass(frozen=True, eq=False)
class Attributes:
    """The attributes of a node, as Python values."""

    messages: Mapping[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        """A number, a text, an array, or a list of them; ``default`` where the node does not say."""
        message = self.messages.get(name)
        if message is None:
            return default
        kind = message.type or _guessed_type(message)
        if kind == 4:
            return array_of(message.t)
        read = _READ.get(kind)
        if read is None:
            raise ModelError(f"attribute {quoted(name)} is of a kind that convscope does not read")
        return read(message)


_READ: dict[int, Callable[[Any], Any]] = {
    1: lambda message: float(message.f),
    2: lambda message: int(message.i),
    3: lambda message: message.s.decode("utf-8", "replace"),
    6: lambda message: [float(number) for number in message.floats],
    7: lambda message: [int(number) for number in message.ints],
    8: lambda message: [text.decode("utf-8", "replace") for text in message.strings],
}


def _guessed_type(message: Any) -> int:
    """Files of the first years leave out what an attribute is."""
    for kind, held in {4: message.HasField("t"), 6: message.floats, 7: message.ints, 8: message.strings}.items():
        if held:
            return kind
    return 1 if message.HasField("f") else 3 if message.HasField("s") else 2


@dataclass(frozen=True, eq=False)
class FileNode:
    """One node as the file has it.

    Attributes:
        name: what it is called; that of its first result where it has no name.
        operator: its type; with its domain in front where that is not ONNX's own.
        inputs, outputs: names of values, "" for those that are left out.
        attributes: what it was told.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Attributes


@dataclass(frozen=True, eq=False)
class Source:
    """A whole file.

    Attributes:
        opset: version of ONNX's operators.
        nodes: in the file's order.
        constants: the numbers that come with it, by name.
        inputs: what must be given to it.
        outputs: names of what it gives.
        about: facts for the trace.
        proto: the message itself.
    """

    opset: int
    nodes: tuple[FileNode, ...]
    constants: Mapping[str, np.ndarray]
    inputs: tuple[Taken, ...]
    outputs: tuple[str, ...]
    about: Mapping[str, Any]
    proto: Any


def read(path: Path) -> Source:
    """Read a file; no code in it is run, and nothing is opened but plain files beside it.

    Args:
        path: a ``.onnx`` file.

    Raises:
        ModelError: it is damaged, too large, too old, refers to other places, or the package ``onnx`` is missing.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ModelError(f"it has {size:,} bytes; an ONNX file ends at {MOST_BYTES:,}, larger weights lie beside it")
    onnx = package("onnx", extra="onnx", purpose="an ONNX file")
    data = path.read_bytes()
    check_size(data)
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
        for holder in (proto.graph, *proto.functions):
            put_inside(holder, path.parent)
        return source_of(proto)
    except UnicodeError:
        raise ModelError("a name in it is no UTF-8 text; the file is damaged") from None
    except ModelError:
        raise
    except Exception as error:  # protobuf's own class, which another version of it calls otherwise
        if type(error).__name__ != "DecodeError":
            raise
        raise ModelError("it is damaged or no ONNX file; fetch or export it again") from None


def source_of(proto: Any) -> Source:
    """The values of a message whose weights are all inside.

    Raises:
        ModelError: it is no network, too large, or too old.
    """
    graph = proto.graph
    if not graph.node:
        raise ModelError("it holds no network: there is not a single node; fetch or export it again")
    if len(graph.node) > MOST_NODES:
        raise ModelError(f"it has {len(graph.node):,} nodes; convscope opens networks of up to {MOST_NODES:,}")
    if graph.sparse_initializer:
        raise ModelError("it keeps weights as sparse tensors, which convscope does not read; save them dense")
    opset = _opset(proto)
    constants = {_text(tensor.name): array_of(tensor) for tensor in graph.initializer}
    nodes = tuple(_node(message) for message in graph.node)
    inputs = tuple(_taken(value) for value in graph.input if _text(value.name) not in constants)
    producer = " ".join(part for part in map(_text, (proto.producer_name, proto.producer_version)) if part)[:100]
    about = {"format": f"ONNX opset {opset}"} | ({"producer": producer} if producer and producer.isprintable() else {})
    return Source(opset, nodes, constants, inputs, tuple(_text(value.name) for value in graph.output), about, proto)


def _opset(proto: Any) -> int:
    versions = {one.domain: one.version for one in proto.opset_import}
    opset = max((version for domain, version in versions.items() if domain in USUAL_DOMAINS), default=None)
    if opset is None:  # the first files say nothing, or use other operators only
        opset = OLDEST_OPSET if versions else 1
    if opset < OLDEST_OPSET:
        raise ModelError(
            f"its operators are of ONNX opset {opset}, and convscope reads {OLDEST_OPSET} and later; convert it with "
            "onnx.version_converter.convert_version, or export it again"
        )
    return int(opset)


def _node(message: Any) -> FileNode:
    kind, domain = _text(message.op_type), _text(message.domain)
    operator = kind if domain in USUAL_DOMAINS else f"{domain}.{kind}"
    inputs, outputs = tuple(map(_text, message.input)), tuple(map(_text, message.output))
    name = _text(message.name) or next((output for output in outputs if output), operator)
    attributes = Attributes({_text(attribute.name): attribute for attribute in message.attribute})
    return FileNode(name, operator, inputs, outputs, attributes)


def _text(value: str | bytes) -> str:
    """A name; the library hands over bytes where they are no text."""
    if isinstance(value, bytes):
        raise ModelError("a name in it is no UTF-8 text; the file is damaged")
    return value


def _taken(value: Any) -> Taken:
    kind = value.type.tensor_type
    shape = tuple(
        int(part.dim_value) if part.HasField("dim_value") and part.dim_value > 0 else None for part in kind.shape.dim
    )
    return Taken(value.name, shape, kind.elem_type not in _FLOATS)
