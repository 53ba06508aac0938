"""Trace to bytes: which tensors are stored, in which order, and the JSON that ties them together.

Nothing is copied that can be written where it lies: the plan holds names, shapes and how to get at
the numbers; the numbers are fetched one tensor at a time while the file is written.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from convscope.errors import CallError
from convscope.store import compact as coarse
from convscope.store import layout
from convscope.store.atomic import replacing
from convscope.store.jsontext import Refused, plain, short, write
from convscope.store.layout import Part, Piece
from convscope.store.params import LeftOut, tensor_label
from convscope.traces import Map, Step, Trace

FORMAT = 1
"""The version of the format that this file writes; ``docs/format.md`` has the rule for raising it."""

Read = Callable[[], np.ndarray]
Choose = Callable[[np.ndarray], str]


def save(
    trace: Trace,
    path: str | PathLike[str],
    *,
    params: bool = True,
    compact: bool = False,
    overwrite: bool = True,
) -> None:
    """Write ``trace`` to the file ``path``, whole or not at all.

    Memory stays flat: tensors are written one after the other, from where they lie.

    Args:
        trace: what to write.
        path: destination; an existing file is replaced at the end, never changed before.
        params: whether weights and other parameters go along. Without them the file shows every
            value, but not the arithmetic of the steps that have parameters.
        compact: False keeps every float32 bit for bit. True stores feature maps as uint8 and other
            large arrays as float16 (bounds: :mod:`convscope.store.compact`); the trace that is read
            back says so in ``about["compact"]``.
        overwrite: False refuses a ``path`` that exists.

    Raises:
        CallError: the trace holds what the format cannot, such as a setting that is no JSON value.
        OutputError: the file cannot be written; one that was there is unchanged.
        StaleParametersError: a lazy parameter no longer is what it was; nothing was written.

    >>> import tempfile, numpy as np
    >>> from convscope.store import load
    >>> from convscope.traces import Placement
    >>> seen = Step("input", "input", np.ones((3, 4, 4), np.float32))
    >>> trace = Trace(np.zeros((4, 4, 3), np.uint8), (seen,), ("input",), Placement(0.0, 0.0, 4.0, 4.0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(trace, f"{folder}/ones.safetensors")
    ...     load(f"{folder}/ones.safetensors", mmap=False)["input"].range
    (1.0, 1.0)
    """
    # Everything that can be wrong with the trace shows here, before the destination is touched.
    parts = pieces(trace, params=params, compact=compact)
    with replacing(path, overwrite=overwrite) as file:
        for part in parts:
            file.write(part)


def dumps(trace: Trace, *, params: bool = True, compact: bool = False) -> bytes:
    """The bytes that :func:`save` would write; the same trace gives the same bytes.

    Raises:
        CallError, StaleParametersError: as :func:`save`.

    >>> import numpy as np
    >>> from convscope.store import loads
    >>> from convscope.traces import Placement
    >>> seen = Step("input", "input", np.ones((3, 4, 4), np.float32))
    >>> trace = Trace(np.zeros((4, 4, 3), np.uint8), (seen,), ("input",), Placement(0.0, 0.0, 4.0, 4.0))
    >>> data = dumps(trace)
    >>> dumps(loads(data)) == data
    True
    """
    return b"".join(pieces(trace, params=params, compact=compact))


def pieces(trace: Trace, *, params: bool, compact: bool) -> Iterator[Piece]:
    """The file's bytes in order, as :func:`save` writes them; the header is already made when this returns.

    Raises:
        CallError, StaleParametersError: as :func:`save`.
    """
    plan = _Plan(trace, params=params, compact=compact)
    text = write(plan.structure())
    try:
        header, body = layout.frame(plan.parts, text)
    except Refused as error:
        raise CallError(f"the trace cannot be written: it {error}; leave out parts of it") from None
    return _chain(header, body)


def _chain(header: bytes, body: list[Part]) -> Iterator[Piece]:
    yield header
    for part in body:
        written = 0
        for piece in part.pieces():
            written += len(piece)
            yield piece
        if written != part.nbytes:
            raise CallError(
                f"the trace changed while it was written: {part.name} had {part.nbytes} bytes and now has "
                f"{written}; write it again"
            )


@dataclass
class _Stored:
    """One array that already has a place in the file."""

    reference: dict[str, Any]
    read: Read


@dataclass
class _Plan:
    """Decides on every tensor of the file; ``parts`` grows in the order in which they are laid out."""

    trace: Trace
    params: bool
    compact: bool
    parts: list[Part] = field(default_factory=list)
    _stored: dict[Hashable, _Stored] = field(default_factory=dict)
    _outputs: set[Hashable] = field(init=False)

    def __post_init__(self) -> None:
        self._outputs = {_memory(self.trace[name].value) for name in self.trace.outputs} - {None}

    def structure(self) -> dict[str, Any]:
        """The JSON object that a reader starts from; fills ``parts``."""
        trace = self.trace
        index = {id(step): i for i, step in enumerate(trace.steps)}
        picture = _numbers(trace.picture, np.uint8, "the picture")
        self.parts.append(Part("picture", "U8", picture.shape, lambda: _raw(lambda: trace.picture, "u1")))
        steps = [self._step(i, step, index) for i, step in enumerate(trace.steps)]
        maps = [self._map(i, explanation) for i, explanation in enumerate(trace.maps)]
        for i, step in enumerate(trace.steps):
            steps[i]["params"] = self._params(i, step)
        place = trace.placement
        about = plain(trace.about, "the trace's about")
        return {
            "format": FORMAT,
            "picture": "picture",
            "placement": [_finite(part) for part in (place.top, place.left, place.height, place.width)],
            "outputs": [index[id(trace[name])] for name in trace.outputs],
            "steps": steps,
            "maps": maps,
            "labels": list(trace.labels),
            "about": about | self._warnings(),
        }

    def _warnings(self) -> dict[str, Any]:
        """What a reader must be told, in ``about``, where it cannot be missed."""
        coarse_values = {"compact": True} if self.compact else {}
        return coarse_values if self.params else coarse_values | {"params": False}

    def _step(self, i: int, step: Step, index: Mapping[int, int]) -> dict[str, Any]:
        return {
            "name": step.name,
            "kind": step.kind,
            "inputs": [index[id(source)] for source in step.inputs],
            "value": self._store(f"step/{i}/value", lambda: step.value, self._choose(step)),
            "settings": plain(step.settings, f"the settings of step {short(step.name)}"),
            "module": step.module,
            "dtype": step.dtype,
            "batched": bool(step.batched),
        }

    def _choose(self, step: Step) -> Choose:
        """Outputs are what people compare to the last digit; also under another step's name."""
        exact = not self.compact or _memory(step.value) in self._outputs
        return _exact if exact else coarse.encoding_of

    def _choose_flat(self) -> Choose:
        return coarse.flat_encoding_of if self.compact else _exact

    def _map(self, i: int, explanation: Map) -> dict[str, Any]:
        told: dict[str, Any] = {
            "method": explanation.method,
            "target": explanation.target,
            "layer": explanation.layer,
            "evidence": plain(explanation.evidence, f"the evidence of map {i}"),
            "value": self._store(f"map/{i}", lambda: explanation.value, self._choose_flat()),
        }
        # Later than the format's first files: what is not known is left out, so that a file is as it was before.
        if explanation.why_layer:
            told["why_layer"] = explanation.why_layer
        if explanation.score is not None:
            told["score"] = plain(float(explanation.score), f"the score of map {i}")
        if explanation.notes:
            told["notes"] = list(explanation.notes)
        return told

    def _params(self, i: int, step: Step) -> dict[str, Any]:
        """References by parameter name; None for a parameter that the file does not hold."""
        params = step.params
        if isinstance(params, LeftOut):
            return dict.fromkeys(params.names)
        if not self.params:
            return dict.fromkeys(params)
        return {
            name: self._store(
                f"step/{i}/param/{tensor_label(name, k)}",
                functools.partial(params.__getitem__, name),
                self._choose_flat(),
            )
            for k, name in enumerate(params)
        }

    def _store(self, name: str, read: Read, choose: Choose) -> dict[str, Any]:
        """A reference to the array that ``read`` gives, which gets a place unless it has one already."""
        array = _numbers(read(), np.float32, name)
        memory = _memory(array)
        known = self._stored.get(memory) if memory else None
        # A lazy mapping may make its arrays anew at each reading, and then the same address can hold
        # one after the other. Only arrays that are there at the same time are the same array.
        if known and _memory(known.read()) == memory:
            return known.reference | {"shape": list(array.shape)}
        encoding = choose(array)
        reference = {"tensor": name, "shape": list(array.shape), "encoding": encoding}
        self.parts.extend(_parts(name, array, read, encoding))
        if memory:
            self._stored[memory] = _Stored(reference, read)
        return reference


def _exact(array: np.ndarray) -> str:  # noqa: ARG001 (takes the place of a choice by content)
    return "float32"


def _parts(name: str, array: np.ndarray, read: Read, encoding: str) -> Iterator[Part]:
    """The tensors that hold one array; only what the header must know is kept of ``array``."""
    if encoding == "uint8":
        ranges = coarse.channel_range(array)
        yield Part(f"{name}/range", "F32", ranges.shape, lambda: _raw(lambda: ranges, "<f4"))
        yield Part(name, "U8", array.shape, lambda: map(_bytes, coarse.to_uint8(read(), ranges)))
    elif encoding == "float16":
        yield Part(name, "F16", array.shape, lambda: (_bytes(part.astype("<f2", order="C")) for part in read()))
    else:
        yield Part(name, "F32", array.shape, lambda: _raw(read, "<f4"))


def _raw(read: Read, dtype: str) -> Iterator[Piece]:
    """The bytes of an array in row order; no copy is made of one that lies in memory that way."""
    yield _bytes(np.asarray(read(), np.dtype(dtype), order="C"))


def _bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _memory(array: np.ndarray) -> Hashable:
    """What is equal for two arrays if they are the same numbers in the same memory; None if empty.

    A flattened view of a map is the same numbers in the same order, so contiguous arrays are
    compared by extent, not by shape.
    """
    if array.size == 0:
        return None
    address = array.__array_interface__["data"][0]
    return (address, array.nbytes) if array.flags.c_contiguous else (address, array.shape, array.strides)


def _numbers(array: np.ndarray, dtype: type[np.generic], what: str) -> np.ndarray:
    if array.dtype != dtype:
        raise CallError(f"{what} holds {array.dtype} numbers; a trace file holds {np.dtype(dtype)} there")
    return array


def _finite(value: float) -> float:
    if not np.isfinite(value):
        raise CallError(f"the trace's placement holds {value}; four finite numbers are needed")
    return float(value)
