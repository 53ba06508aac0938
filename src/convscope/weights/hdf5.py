"""HDF5 without its traps: a tree of groups and arrays in which nothing leaves the file.

HDF5 can point at other files (external links, external storage, virtual datasets), at itself (soft
and hard links) and can declare terabytes it does not hold. Keras writes none of these, so they are
refused before anything is read.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convscope.errors import WeightsError
from convscope.weights.value import shown, widen_bfloat16

MOST_OBJECTS = 8_000
MOST_DEPTH = 32
OPTIMIZER = ("optimizer", "optimizer_weights")
"""Groups of the root that are never opened."""
MOST_TEXT = 64_512
"""Bytes of a fixed-length text attribute: HDF5's own limit for an object header."""

DAMAGE = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    ArithmeticError,
    MemoryError,
    AttributeError,
    NotImplementedError,
)
"""What h5py raises, at one place or another, on a damaged file."""


@dataclass
class Budget:
    """How many bytes may still be read: all arrays together hold no more than their file."""

    left: int


@dataclass(frozen=True, eq=False)
class Array:
    """One dataset, not read yet."""

    name: str
    dataset: Any
    budget: Budget

    @property
    def shape(self) -> tuple[int, ...]:
        """Its declared shape."""
        return tuple(self.dataset.shape or ())

    @property
    def is_float(self) -> bool:
        """Whether it holds numbers with a fraction."""
        return self._is_bfloat16 or self.dataset.dtype.kind == "f"

    @property
    def _is_bfloat16(self) -> bool:
        """Two opaque bytes: HDF5 has no bfloat16, and this is how Keras stores it."""
        dtype = self.dataset.dtype
        return bool(dtype.kind == "V" and dtype.itemsize == 2 and dtype.names is None)

    def read(self) -> np.ndarray:
        """Its numbers.

        Raises:
            WeightsError: they are not floats, lie outside the file, are compressed, or are not there.
        """
        if not self.is_float:
            raise WeightsError(f"{shown(self.name)} holds {self.dataset.dtype}, not weights; save the weights again")
        _check_storage(self)
        self.budget.left -= self.dataset.nbytes
        values = np.asarray(self.dataset[()])
        if self._is_bfloat16:
            values = widen_bfloat16(values.view("<u2"))
        return values


def _check_storage(array: Array) -> None:
    """Refuse a dataset whose numbers are elsewhere, packed, or missing."""
    dataset, shape = array.dataset, "x".join(str(n) for n in array.shape)
    plist = dataset.id.get_create_plist()
    if dataset.is_virtual or plist.get_external_count():
        raise WeightsError(
            f"{shown(array.name)} keeps its numbers in another file; refused, save all weights in one file"
        )
    if plist.get_nfilters():
        raise WeightsError(
            f"{shown(array.name)} is compressed, which Keras never does; unpack the file with h5repack first"
        )
    chunk = int(np.prod(dataset.chunks, dtype=object)) * dataset.dtype.itemsize if dataset.chunks else 0
    if dataset.nbytes > dataset.id.get_storage_size() or max(dataset.nbytes, chunk) > array.budget.left:
        raise WeightsError(
            f"{shown(array.name)} declares {shape} numbers, which the file does not hold; fetch it again"
        )


@dataclass(frozen=True, eq=False)
class Group:
    """A group: its groups and arrays by name. ``path`` is empty for the root."""

    path: str
    handle: Any
    groups: dict[str, Group] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)

    def has(self, attribute: str) -> bool:
        """Whether it has an attribute of that name, whole or cut into numbered pieces."""
        return attribute in self.handle.attrs or f"{attribute}0" in self.handle.attrs

    def text(self, attribute: str) -> str | None:
        """A text attribute, or None."""
        return text_attribute(self.handle, attribute)

    def all_arrays(self, prefix: str = "") -> Iterator[tuple[str, Array]]:
        """Every array below, with its path from here."""
        for name, array in self.arrays.items():
            yield prefix + name, array
        for name, group in self.groups.items():
            yield from group.all_arrays(f"{prefix}{name}/")


def text_attribute(handle: Any, name: str) -> str | None:
    """A scalar text attribute of a group or dataset, or None when there is none.

    Only scalars are read: a list of texts may point many times at one long text.
    """
    if name not in handle.attrs:
        return None
    identifier = handle.attrs.get_id(name)
    if identifier.shape != () or identifier.get_storage_size() > MOST_TEXT:
        return None
    value = handle.attrs[name]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


@contextmanager
def open_tree(source: str | io.BytesIO, size: int) -> Iterator[Group]:
    """Open an HDF5 file of ``size`` bytes as a tree; arrays can be read until the block ends.

    Raises:
        WeightsError: the file is damaged, links to something, or holds more objects than a network.
    """
    import h5py

    try:
        with h5py.File(source, "r") as file:
            yield _Walk(size).group(file, "", 0)
    except WeightsError:
        raise
    except RecursionError:
        raise WeightsError("the HDF5 file nests its groups too deeply; it is damaged") from None
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:120]
        raise WeightsError(f"the HDF5 file is damaged ({reason}); fetch or save it again") from None


class _Walk:
    """One pass over a file that meets every object once."""

    def __init__(self, size: int) -> None:
        self.budget = Budget(size)
        self.seen: set[tuple[int, int]] = set()

    def group(self, handle: Any, path: str, depth: int) -> Group:
        import h5py

        self._meet(handle.id, path, depth)
        result = Group(path, handle)
        for raw in handle.id:
            name = raw.decode("utf-8", "surrogateescape")
            inner = f"{path}/{name}" if path else name
            if inner in OPTIMIZER:
                continue
            if handle.id.links.get_info(raw).type != h5py.h5l.TYPE_HARD:
                raise WeightsError(f"{shown(inner)} is a link to somewhere else, which Keras never writes; refused")
            child = h5py.h5o.open(handle.id, raw)
            if isinstance(child, h5py.h5g.GroupID):
                result.groups[name] = self.group(h5py.Group(child), inner, depth + 1)
            elif isinstance(child, h5py.h5d.DatasetID):
                self._meet(child, inner, depth)
                result.arrays[name] = Array(inner, h5py.Dataset(child), self.budget)
        return result

    def _meet(self, identifier: Any, path: str, depth: int) -> None:
        import h5py

        info = h5py.h5o.get_info(identifier)
        key = (info.fileno, info.addr)
        if key in self.seen or depth > MOST_DEPTH:
            raise WeightsError(f"{shown(path)} is linked in a loop or nested over {MOST_DEPTH} deep; refused")
        self.seen.add(key)
        if len(self.seen) > MOST_OBJECTS:
            raise WeightsError(f"the HDF5 file holds over {MOST_OBJECTS} objects, too many for a network; refused")
