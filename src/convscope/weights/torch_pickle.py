"""The pickle inside a PyTorch file, understood without running anything that it names.

A pickle is a list of commands; some of them call Python functions by name, which is how a stranger's file runs code.
Here no name is ever looked up: the few that describe tensors have a meaning of our own, every other becomes an
:class:`Inert` thing that only remembers what it was called. ``torch.load(weights_only=True)`` does likewise, but trusts
the sizes that a file declares.

Source: https://docs.pytorch.org/docs/stable/notes/serialization.html, https://docs.python.org/3/library/pickletools.html
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from convscope.errors import WeightsError
from convscope.weights.value import shown

MOST_BYTES = 4 << 20
"""A state dict of 10,000 tensors needs about 1.5 MB."""
MOST_COMMANDS = 500_000
"""A tensor takes about 45."""
MOST_AXES, MOST_COUNT = 16, 1 << 48
UNKNOWN = {"EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"}
"""Commands that refer to something outside the file."""

CODES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
    "complex64": "C64", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}  # fmt: skip
"""Number types of PyTorch, and what safetensors calls them."""
STORAGES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
    "BoolStorage": "BOOL", "ComplexFloatStorage": "C64", "UntypedStorage": "U8",
}  # fmt: skip


@dataclass(frozen=True)
class Storage:
    """A row of numbers somewhere else in the file.

    Attributes:
        key: which one.
        code: the type of its numbers in the words of safetensors; empty for one that is not understood.
        count: how many numbers the pickle says there are.
        start: where this view of it begins.
    """

    key: str
    code: str
    count: int
    start: int = 0


@dataclass(frozen=True)
class Stored:
    """A tensor: numbers of a storage, ``offset + sum(index * stride)`` away from its start."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Inert:
    """Something that a pickle would have made by calling Python; it remembers its name and what was put into it."""

    origin = ""
    arguments: tuple[Any, ...] = ()
    state: Any = None

    def __init__(self, *arguments: Any, **_named: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Entries of a foreign mapping are of no use here."""

    def append(self, value: Any) -> None:
        """Nor are those of a foreign list."""

    def extend(self, values: Any) -> None:
        """As :meth:`append`."""

    @property
    def entries(self) -> Mapping[str, Any]:
        """Its attributes."""
        state = self.state[0] if isinstance(self.state, tuple) and self.state else self.state
        return state if isinstance(state, dict) else {}


class Ordered(dict[Any, Any]):
    """An ``OrderedDict``, whose attributes (versions of modules) are of no use here."""

    def __setstate__(self, state: Any) -> None:
        """Let them be."""


def understand(data: bytes, start: int = 0) -> tuple[Any, int]:
    """What one pickle describes, and where it ends.

    Args:
        data: bytes of a file.
        start: where the pickle begins.

    Raises:
        WeightsError: it is none, is cut off, or asks for what no file of weights needs.

    >>> understand(pickle.dumps({"epoch": 3, "say": print}))[0]["say"].origin
    'builtins.print'
    """
    end = _checked(data, start)
    try:
        return _Reader(data[start:end]).load(), end
    except WeightsError:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged list of commands can fail in any of them
        raise WeightsError(
            f"its description of the tensors is damaged ({type(error).__name__}); fetch or save it again"
        ) from None


def _checked(data: bytes, start: int) -> int:
    """Where the pickle ends, after all of its commands were found harmless for the memory."""
    place = io.BytesIO(data)
    place.seek(start)
    why = ""
    try:
        for number, (command, argument, position) in enumerate(pickletools.genops(place)):
            name = command.name  # the rest stands here, not in a function: there may be half a million of them
            if number > MOST_COMMANDS or (position or 0) - start > MOST_BYTES:
                why = "its description of the tensors is far longer than weights need; refused"
            elif name in UNKNOWN:
                why = f"its pickle uses {name}, which PyTorch never writes; refused"
            elif name.endswith("PUT") and int(argument or 0) > MOST_COMMANDS:  # which reserves as much memory
                why = "its pickle numbers its parts as PyTorch never does; refused"
            if why:
                break
    except (ValueError, IndexError, OverflowError) as error:
        why = f"its description of the tensors is damaged ({type(error).__name__}); fetch or save it again"
    if why:
        raise WeightsError(why)
    return place.tell()


class _Reader(pickle.Unpickler):
    """Carries out the commands with meanings of our own."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")  # as bytes of Python 2 have to be read
        self._left = MOST_COMMANDS
        self._kinds: dict[str, Any] = {
            "collections.OrderedDict": self._ordered,
            "torch.Size": lambda sizes=(): tuple(sizes),
            "torch._utils._rebuild_tensor": _tensor,
            "torch._utils._rebuild_tensor_v2": _tensor,
            "torch._utils._rebuild_tensor_v3": _tensor_of_type,
            "torch._utils._rebuild_parameter": _inner,
            "torch._utils._rebuild_parameter_with_state": _inner,
            "torch._tensor._rebuild_from_type_v2": self._of_type,
        }

    def find_class(self, module: str, name: str) -> Any:
        """A meaning of our own for every name; nothing is imported."""
        origin = f"{module}.{name}"
        if origin not in self._kinds:
            self._kinds[origin] = type("Inert", (Inert,), {"origin": origin})
        return self._kinds[origin]

    def persistent_load(self, reference: Any) -> Storage:
        """A row of numbers: ``("storage", type, key, device, count[, view])``."""
        _, kind, key, _device, count, *view = reference
        if type(count) is not int or not 0 <= count < MOST_COUNT or not isinstance(key, str):
            raise WeightsError(f"a storage claims {_sizes((count,))} numbers, which cannot be; fetch or save it again")
        _, start, count = view[0] if view and view[0] is not None else (None, 0, count)
        return Storage(key, STORAGES.get(str(getattr(kind, "origin", "")).rpartition(".")[2], ""), count, start)

    def _ordered(self, entries: Any = ()) -> Ordered:
        self._left -= len(entries)
        if self._left < 0:
            raise WeightsError("its pickle copies the same entries over and over; refused")
        return Ordered(entries)

    def _of_type(self, function: Callable[..., Any], _kind: Any, arguments: Any, _state: Any) -> Any:
        """A tensor with attributes, or of a class of its own."""
        return function(*arguments) if function in (_tensor, _tensor_of_type, _inner) else Inert()


def _tensor(storage: Storage, offset: Any, shape: Any, strides: Any, *_rest: Any) -> Stored:
    """A tensor, after its sizes were compared with those of its storage."""
    shape, strides = tuple(shape), tuple(strides)
    fine = all(type(size) is int and 0 <= size < MOST_COUNT for size in (*shape, *strides, offset))
    if not fine or len(shape) != len(strides) or len(shape) > MOST_AXES:
        raise WeightsError(f"a tensor claims the shape {_sizes(shape)}, which cannot be; fetch or save it again")
    count = prod(shape)
    reach = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) + 1
    if count > storage.count or (count and reach > storage.count):
        raise WeightsError(
            f"a tensor claims {_sizes(shape)} numbers and its storage has {storage.count}; fetch or save it again"
        )
    return Stored(storage, offset, shape, strides)


def _tensor_of_type(
    storage: Storage, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, dtype: Any, *_rest: Any
) -> Stored:
    """A tensor in a storage of bytes."""
    code = CODES.get(str(getattr(dtype, "origin", "")).rpartition(".")[2], "")
    size = int(code[-2:]) // 8 if code[-2:].isdigit() else 8 if code == "C64" else 1
    return _tensor(Storage(storage.key, code, storage.count // size, storage.start), offset, shape, strides)


def _inner(value: Any, *_rest: Any) -> Any:
    """A parameter is the tensor in it."""
    return value


def _sizes(sizes: tuple[Any, ...]) -> str:
    return shown("x".join(str(size)[:20] for size in sizes[:6]))


def parts(value: Any) -> Iterator[tuple[str, Any]]:
    """The named things inside a mapping, or inside a network that was pickled whole."""
    if isinstance(value, dict):
        yield from ((name, part) for name, part in value.items() if isinstance(name, str))
    elif isinstance(value, Inert):
        entries = value.entries
        if "_modules" not in entries:  # TorchScript has its parameters among the attributes
            yield from ((name, part) for name, part in entries.items() if isinstance(name, str))
            return
        passing = entries.get("_non_persistent_buffers_set")
        temporary = passing.arguments[0] if isinstance(passing, Inert) and passing.arguments else passing
        for kind in ("_parameters", "_buffers", "_modules"):
            found = entries.get(kind)
            for name, part in found.items() if isinstance(found, dict) else ():
                if isinstance(name, str) and not (kind == "_buffers" and name in (temporary or ())):
                    yield name, part
