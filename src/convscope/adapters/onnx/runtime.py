"""A network that runs in onnxruntime, with the result of every node as an output: values without gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32

from convscope.adapters.doors import package
from convscope.adapters.onnx.entry import Entry
from convscope.adapters.onnx.reading import FileNode, Source
from convscope.adapters.onnx.wire import quoted
from convscope.errors import MemoryBudgetError, ModelError
from convscope.network import DEFAULT_MEMORY, Preprocessing, Run, Watch


@dataclass(slots=True, eq=False, repr=False)
class RuntimeOperation:
    """The result of one node; implements :class:`convscope.network.Live`.

    Its kind is ONNX's own name of the operator, which stands for no arithmetic.
    """

    name: str
    kind: str
    array: np.ndarray
    sources: list[RuntimeOperation]
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """Where it ran: the node itself."""
        return self.name

    @property
    def batched(self) -> bool:
        """Whether there is an axis of one photo in front."""
        return self.array.ndim > 0 and self.array.shape[0] == 1

    @property
    def dtype(self) -> str:
        """Precision of its value."""
        return str(self.array.dtype)

    def value(self) -> Float32[np.ndarray, "..."]:
        """The value as float32 without the batch axis."""
        array = self.array[0] if self.batched else self.array
        return np.ascontiguousarray(array, np.float32)

    def params(self) -> Mapping[str, np.ndarray]:
        """The constants that the node reads."""
        return self.constants


class RuntimeNetwork:
    """A file that onnxruntime runs; see :class:`convscope.network.Network`.

    Args:
        source: the file.
        given: where the photo goes in.
        reason: why it is not translated.

    Raises:
        ModelError: onnxruntime is missing, or cannot run the file either.
    """

    def __init__(self, source: Source, given: Sequence[Entry], reason: str) -> None:
        runtime = package("onnxruntime", extra="onnx", purpose=f"an ONNX file with operators unknown here ({reason})")
        self.title = "ONNX network"
        self.preprocessing: Preprocessing = given[0].preprocessing
        self.labels: tuple[str, ...] = ()
        self.about: Mapping[str, Any] = {}
        self._source, self._given = source, list(given)
        options = runtime.SessionOptions()
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL  # every node stays
        options.log_severity_level = 4
        try:
            session = runtime.InferenceSession(_with_every_value(source), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - onnxruntime has a dozen classes of its own
            raise ModelError(
                f"{reason}, and onnxruntime cannot run the file either: {' '.join(str(error).split())[:200]}"
            ) from None
        self._session = session
        self._outputs = {value.name for value in session.get_outputs() if value.type.startswith("tensor(")}
        self._types = {value.name: value.type for value in session.get_inputs()}

    def run(
        self, value: Float32[np.ndarray, "c h w"], *, memory: int = DEFAULT_MEMORY, watch: Watch | None = None
    ) -> Run:
        """Run once on ``value`` and keep every node's result; see :class:`convscope.network.Network`."""
        wanted = [name for node in self._source.nodes for name in node.outputs if name in self._outputs]
        run = Run()
        try:
            found = self._session.run(wanted, {entry.name: self._fed(entry, value) for entry in self._given})
        except Exception as error:  # noqa: BLE001 - reported with the run, as every network's own errors are
            run.error = error
            return run
        arrays = dict(zip(wanted, found, strict=True))
        used = sum(array.nbytes for array in found)
        if used > memory:
            raise MemoryBudgetError(
                f"recording stopped: the values take {used / 2**20:,.0f} MiB, more than the budget of "
                f"{memory / 2**20:,.0f} MiB; use a smaller picture, or allow more (memory=, --memory)"
            )
        start = RuntimeOperation("input", "input", value[None], [])
        known = {entry.name: start for entry in self._given}
        operations, taken = [start], {"input": 1}
        for node in self._source.nodes:
            for name in node.outputs:
                if name in arrays:
                    label = _free(node.name, taken)
                    known[name] = made = self._operation(node, label, arrays[name], known)
                    operations.append(made)
        for operation in operations:
            if watch is not None:
                watch(operation)
        run.operations = operations
        run.outputs = [known[name] for name in self._source.outputs if name in known]
        return run

    def _operation(
        self, node: FileNode, name: str, array: np.ndarray, known: Mapping[str, RuntimeOperation]
    ) -> RuntimeOperation:
        constants = {one: self._source.constants[one] for one in node.inputs if one in self._source.constants}
        params = {one: np.asarray(array, np.float32) for one, array in constants.items() if array.dtype != np.bool_}
        return RuntimeOperation(name, node.operator, array, [known[one] for one in node.inputs if one in known], params)

    def _fed(self, entry: Entry, value: np.ndarray) -> np.ndarray:
        """The photo as the file takes it."""
        photos = value[None]
        if len(entry.axes) == 4:
            photos = photos.transpose(entry.axes)
        else:
            photos = photos.reshape(1, -1) if len(entry.axes) == 2 else photos[:, 0]
        kind = _TYPES.get(self._types[entry.name])
        if kind is None:
            raise ModelError(f"its input {quoted(entry.name)} is of the type {self._types[entry.name]}")
        return np.ascontiguousarray(np.rint(photos) if np.dtype(kind).kind in "iu" else photos, kind)


_TYPES: dict[str, Any] = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8, "tensor(int8)": np.int8, "tensor(int32)": np.int32, "tensor(int64)": np.int64,
}  # fmt: skip


def _free(name: str, taken: dict[str, int]) -> str:
    """The name, or the name with a number behind it where it is taken."""
    free = name
    while free in taken:
        taken[name] += 1
        free = f"{name}:{taken[name]}"
    taken[free] = 1
    return free


def _with_every_value(source: Source) -> bytes:
    """The file with the result of every node among its outputs; all weights are inside, so nothing else is opened."""
    proto = type(source.proto)()
    proto.CopyFrom(source.proto)
    there = {value.name for value in proto.graph.output}
    for node in source.nodes:
        for name in node.outputs:
            if name and name not in there:
                proto.graph.output.add().name = name
                there.add(name)
    data: bytes = proto.SerializeToString()
    return data
