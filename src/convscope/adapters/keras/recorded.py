"""A Keras model that runs as it is, each layer's value recorded: no gradients, no arithmetic, any layer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from convscope.errors import Cancelled, MemoryBudgetError
from convscope.network import DEFAULT_MEMORY, Preprocessing, Run, Watch

#: Layers are watched by what is written into them; two recordings at once would see each other.
ONE_AT_A_TIME = threading.RLock()


@dataclass(eq=False)
class Recorded:
    """One call of one layer; see :class:`convscope.network.Live`."""

    name: str
    kind: str
    module: str
    result: Float32[np.ndarray, "..."]
    sources: Sequence[Recorded] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    batched: bool = True
    dtype: str = "float32"

    def value(self) -> Float32[np.ndarray, "..."]:
        """Its output as float32, channels first, without the batch axis."""
        return self.result

    def params(self) -> Mapping[str, np.ndarray]:
        """Nothing: what the layer does with its weights is not known here."""
        return {}


class KerasNetwork:
    """A live Keras model as a :class:`convscope.network.Network`.

    Args:
        keras: the package.
        model: built; left exactly as it is.
        title: what to call it.
        preprocessing: how photos reach it.
        channels_first: whether it takes (C, H, W).
        about: facts for the trace.
    """

    def __init__(
        self, keras: Any, model: Any, *, title: str, preprocessing: Preprocessing, channels_first: bool,
        about: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self._keras, self._model, self.title = keras, model, title
        self.preprocessing, self.about = preprocessing, about
        self.labels: tuple[str, ...] = ()
        self.channels_first = channels_first

    def run(
        self, value: Float32[np.ndarray, "c h w"], *, memory: int = DEFAULT_MEMORY, watch: Watch | None = None
    ) -> Run:
        """Run once on ``value`` and keep every layer's output; see :class:`convscope.network.Network`."""
        given = value if self.channels_first else value.transpose(1, 2, 0)
        source = self._keras.ops.convert_to_tensor(given[None].copy())
        diary = _Diary(self._keras, memory, watch, channels_first=self.channels_first)
        run = Run()
        with ONE_AT_A_TIME, torch.no_grad(), _watching(self._model, diary):
            try:
                diary.add("input", "input", "", source, [])
                output = self._model(source, training=False)
                run.outputs = [diary.known_or_added(one, self.title, self._model) for one in tensors_of(output)]
            except Exception as error:  # noqa: BLE001 - whatever the user's model raises is reported with how far it got
                if diary.stopped is not None:
                    raise diary.stopped from None
                run.error = error
        run.operations = list(diary.steps)
        return run


class _Diary:
    """What was recorded so far, found again by tensor."""

    def __init__(self, keras: Any, memory: int, watch: Watch | None, *, channels_first: bool) -> None:
        self.keras, self.memory, self.watch, self.channels_first = keras, memory, watch, channels_first
        self.steps: list[Recorded] = []
        self.stopped: Exception | None = None
        self.path: list[str] = []
        self._by_tensor: dict[int, Recorded] = {}
        self._alive: list[Any] = []
        self._names: dict[str, int] = {}
        self._used = 0

    def add(self, name: str, kind: str, module: str, tensor: Any, sources: list[Recorded]) -> Recorded:
        """Note one value, and copy it: the backend may write over it."""
        array = numpy_of(self.keras, tensor)
        array = np.array(array[0] if array.ndim else array, np.float32)
        if array.ndim == 3 and not self.channels_first:
            array = np.ascontiguousarray(array.transpose(2, 0, 1))
        self._used += array.nbytes
        count = self._names[name] = self._names.get(name, 0) + 1
        step = Recorded(name if count == 1 else f"{name}:{count}", kind, module, array, sources)
        self.steps.append(step)
        try:
            self._check_memory(name)
            if self.watch is not None:
                self.watch(step)
        except (MemoryBudgetError, Cancelled) as error:
            self.stopped = error  # Keras puts an error of its own in its place on the way out
            raise
        self._by_tensor[id(tensor)] = step
        self._alive.append(tensor)
        return step

    def _check_memory(self, name: str) -> None:
        if self._used > self.memory:
            raise MemoryBudgetError(
                f"recording stopped at layer {name!r}: the values so far take {self._used / 2**20:,.0f} MiB, over the "
                f"budget of {self.memory / 2**20:,.0f} MiB; use a smaller picture, or allow more (memory=, --memory)"
            )

    def known(self, tensor: Any) -> Recorded | None:
        """The step whose value this tensor is."""
        return self._by_tensor.get(id(tensor))

    def known_or_added(self, tensor: Any, name: str, layer: Any) -> Recorded:
        """The same; a value that Python code made of others is a step of its own, after the last one."""
        found = self.known(tensor)
        return found or self.add(name, type(layer).__name__, "", tensor, self.steps[-1:])

    def called(self, layer: Any, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run one layer and note what it made, unless a layer within it has."""
        sources = [step for one in tensors_of((args, kwargs)) if (step := self.known(one)) is not None]
        before = len(self.steps)
        self.path.append(layer.name)
        try:
            result = call(*args, **kwargs)
            path = ".".join(self.path)
        finally:
            self.path.pop()
        inner = self.steps[before:]
        read = {id(source) for step in inner for source in step.sources}
        ends = [step for step in inner if id(step) not in read]
        for tensor in tensors_of(result):
            if self.known(tensor) is None:
                # A layer of layers has joined the last of them, perhaps with what it was given.
                reads = [*ends, *(one for one in sources if one not in ends)] or self.steps[-1:]
                self.add(path, type(layer).__name__, path, tensor, reads)
        return result


@contextmanager
def _watching(model: Any, diary: _Diary) -> Iterator[None]:
    """While it lasts, every call of every layer is told to the diary; nothing stays behind."""
    watched: list[dict[str, Any]] = []
    try:
        for layer in _parts(model):
            own = vars(layer)
            if "call" not in own:
                own["call"] = _told(layer, layer.call, diary)
                watched.append(own)
        yield
    finally:
        for own in watched:
            del own["call"]


def _told(layer: Any, call: Any, diary: _Diary) -> Any:
    def told(*args: Any, **kwargs: Any) -> Any:
        return diary.called(layer, call, args, kwargs)

    return told


def _parts(model: Any) -> Iterator[Any]:
    """Every layer and operation of a model, at any depth, once."""
    seen: set[int] = {id(model)}
    waiting = [model]
    while waiting:
        one = waiting.pop()
        below = [*getattr(one, "operations", ()), *getattr(one, "_layers", ()), *getattr(one, "layers", ())]
        for layer in below:
            if id(layer) not in seen and hasattr(layer, "call") and hasattr(layer, "name"):
                seen.add(id(layer))
                waiting.append(layer)
                if type(layer).__name__ != "InputLayer":
                    yield layer


def tensors_of(value: Any) -> list[Any]:
    """The tensors in any nest of tuples, lists and dictionaries (by key), in order."""
    if isinstance(value, tuple | list):
        return [one for part in value for one in tensors_of(part)]
    if isinstance(value, dict):
        return [one for key in sorted(value, key=str) for one in tensors_of(value[key])]
    return [value] if hasattr(value, "shape") and hasattr(value, "dtype") else []


def numpy_of(keras: Any, tensor: Any) -> Float32[np.ndarray, "..."]:
    """A tensor of any backend as float32."""
    if isinstance(tensor, torch.Tensor):
        return np.asarray(tensor.detach().cpu().float().numpy())
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")), np.float32)
