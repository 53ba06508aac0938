"""The value in the middle: what one image did in one network.

A :class:`Trace` is the picture, the ordered :class:`Step` s with their values, and the
:class:`Map` s that explain the answer. All of it is plain numpy, read-only, and checked when it is
made; whoever holds a trace needs no framework.

Conventions, whatever framework the network came from:

* values are float32, channels first, without the batch axis: ``(C, H, W)`` or ``(C,)``;
* a step points at the steps whose values it read, so that a trace is a directed acyclic graph;
* settings and shapes are written without the batch axis too (``docs/steps.md`` lists them by kind).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, UInt8

from convscope.errors import CallError

if TYPE_CHECKING:
    from os import PathLike

    from convscope.arithmetic import Pixel


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Step:
    """One operation as it really ran.

    Attributes:
        name: unique in its trace; the user's layer name where there is one (``layer1.0.conv1``),
            with ``:2``, ``:3`` for further runs of a shared layer.
        kind: the operation in the field's usual word (``conv2d``, ``max_pool2d``, ``add``).
        value: its output, float32, channels first, no batch axis; read-only.
        inputs: the steps whose values it read, in the operation's order.
        settings: what the operation was told (stride, padding, axis), JSON values only.
        params: the tensors it used that are not steps (``weight``, ``bias``, ``running_mean``),
            float32 in PyTorch's layout. May be a lazy mapping.
        module: dotted path of the module in which it ran, "" for the network itself.
        dtype: the precision in which the network computed it (``float32``, ``bfloat16``, ...).
        batched: False where the operation mixed the batch axis with others, so that ``value`` still
            has it.
    """

    name: str
    kind: str
    value: Float32[np.ndarray, "..."]
    inputs: tuple[Step, ...]
    settings: Mapping[str, Any]
    params: Mapping[str, np.ndarray]
    module: str
    dtype: str
    batched: bool

    def __init__(
        self, name: str, kind: str, value: Float32[np.ndarray, "..."], inputs: tuple[Step, ...] = (),
        settings: Mapping[str, Any] | None = None, params: Mapping[str, np.ndarray] | None = None,
        module: str = "", dtype: str = "float32", batched: bool = True,
    ) -> None:  # fmt: skip
        # By hand, since a frozen dataclass sets its fields one by one, and recording makes many steps.
        self.__dict__.update(
            name=name, kind=kind, value=value, inputs=inputs, settings={} if settings is None else settings,
            params={} if params is None else params, module=module, dtype=dtype, batched=batched,
        )  # fmt: skip
        value.flags.writeable = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``value``."""
        return self.value.shape

    @property
    def has_maps(self) -> bool:
        """Whether the value is a stack of feature maps, ``(C, H, W)``."""
        return self.value.ndim == 3

    @cached_property
    def range(self) -> tuple[float, float]:
        """Smallest and largest value; NaN if any value is NaN."""
        if self.value.size == 0:
            return (float("nan"), float("nan"))
        return (float(self.value.min()), float(self.value.max()))

    @cached_property
    def zeros(self) -> float:
        """Share of values that are exactly zero, 0..1."""
        if self.value.size == 0:
            return 0.0
        return 1.0 - float(np.count_nonzero(self.value)) / self.value.size

    def pixel(self, channel: int = 0, y: int | None = None, x: int | None = None) -> Pixel:
        """The arithmetic behind one output value.

        Args:
            channel: first index into ``value``.
            y, x: row and column, for values that are maps.

        Returns:
            the terms, the bias and the result; see :class:`convscope.arithmetic.Pixel`.

        Raises:
            CallError: the position is not in ``value``.
            NoArithmetic: nothing is known of how this kind of step makes its numbers.
        """
        position = tuple(int(part) for part in (channel, y, x) if part is not None)
        return self.at(position)

    def at(self, index: tuple[int, ...]) -> Pixel:
        """As :meth:`pixel`, for a value of any rank: ``index`` is a full index into ``value``."""
        from convscope.arithmetic import explain_value

        return explain_value(self, index)

    def __repr__(self) -> str:
        size = "x".join(str(n) for n in self.shape)
        return f"Step({self.name!r}, {self.kind}, {size or 'scalar'})"


@dataclass(frozen=True)
class Placement:
    """The rectangle of the picture, in picture pixels, that became the network's input.

    Input pixel ``(y, x)`` covers picture rows ``top + y * height / H .. top + (y + 1) * height / H``.
    A rectangle that reaches over the picture's edge means that the input was padded there.
    """

    top: float
    left: float
    height: float
    width: float


@dataclass(frozen=True)
class Score:
    """One number of the network's answer: what it says of the class that ``index`` counts from 0."""

    label: str
    value: float
    index: int


@dataclass(frozen=True, eq=False)
class Map:
    """A signed answer to "where", made by a named method for a named class.

    Attributes:
        method: name of the method (``gradcam``).
        target: label of the class that was asked about.
        value: ``(H, W)`` float32 over the network's input, larger means more evidence for ``target``.
        layer: name of the step at which it was taken, "" for methods that look at the input.
        evidence: what is known of whether to trust it, JSON values only; empty where nobody looked.
        why_layer: why this layer was taken, one sentence.
        score: what the network says of ``target``, as it came out; None where nobody noted it.
        notes: what else must be known of it (a warning of the method, a fault of the map), a sentence each.

    Raises:
        CallError: ``value`` has no height and width, or ``score`` or ``notes`` are something else.
    """

    method: str
    target: str
    value: Float32[np.ndarray, "h w"]
    layer: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    why_layer: str = ""
    score: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.value.ndim != 2:
            raise CallError(f"a map has a height and a width; got the shape {self.value.shape}")
        if self.score is not None and (isinstance(self.score, bool) or not isinstance(self.score, int | float)):
            raise CallError(f"the score of a map is a number or None; got {type(self.score).__name__}")
        if not isinstance(self.notes, tuple) or not all(isinstance(note, str) for note in self.notes):
            raise CallError(f"the notes of a map are a tuple of sentences; got {self.notes!r}")
        self.value.flags.writeable = False


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """Everything one image did in one network.

    Attributes:
        picture: the photo as a person sees it, ``(H, W, 3)`` uint8 RGB, upright.
        steps: the steps in the order in which they ran; the first has the kind ``input`` and is the
            tensor that the network was given.
        outputs: names of the steps that the network returned.
        placement: which part of the picture became the input.
        labels: names of the classes, or empty.
        maps: explanations added afterwards.
        about: where it came from (``image``, ``network``, ``spec``, ``scale``, ``version``), JSON
            values only.

    Raises:
        CallError: the parts do not fit each other.

    >>> import numpy as np
    >>> photo = np.zeros((4, 4, 3), np.uint8)
    >>> seen = Step("input", "input", np.ones((3, 4, 4), np.float32))
    >>> halved = Step("half", "mul", seen.value / 2, (seen,))
    >>> trace = Trace(photo, (seen, halved), ("half",), Placement(0, 0, 4, 4))
    >>> trace["half"]
    Step('half', mul, 3x4x4)
    >>> [step.name for step in trace]
    ['input', 'half']
    """

    picture: UInt8[np.ndarray, "h w 3"]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    placement: Placement
    labels: tuple[str, ...] = ()
    maps: tuple[Map, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    _by_name: dict[str, Step] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if not self.steps or self.steps[0].kind != "input":
            raise CallError("a trace starts with a step of kind 'input'; got none")
        seen: set[int] = set()
        for step in self.steps:
            if step.name in self._by_name:
                raise CallError(f"two steps are called {step.name!r}; give every step its own name")
            for source in step.inputs:
                if id(source) not in seen:
                    raise CallError(f"step {step.name!r} reads {source.name!r}, which does not come before it")
            seen.add(id(step))
            self._by_name[step.name] = step
        for name in self.outputs:
            if name not in self._by_name:
                raise CallError(f"the output {name!r} is none of the trace's steps")
        self.picture.flags.writeable = False

    @property
    def input(self) -> Step:
        """The tensor that the network was given."""
        return self.steps[0]

    @property
    def output(self) -> Step | None:
        """The step that holds the answer: the first output that is a vector, else the first output."""
        results = [self._by_name[name] for name in self.outputs]
        vectors = [step for step in results if step.value.size and step.value.size == max(step.shape, default=0)]
        return next(iter([*vectors, *results]), None)

    @cached_property
    def ends_in_probabilities(self) -> bool:
        """Whether the answer comes out of a softmax or a sigmoid."""
        return self.output is not None and self.output.kind in {"softmax", "sigmoid"}

    @cached_property
    def binary(self) -> bool:
        """Whether one sigmoid answers for two named classes; its value is the probability of the second."""
        output = self.output
        return output is not None and output.kind == "sigmoid" and output.value.size == 1 and len(self.labels) == 2

    @cached_property
    def scores(self) -> tuple[Score, ...]:
        """The network's answer as it came out, largest first; empty when it is no vector.

        One sigmoid for two classes (:attr:`binary`) gives both: ``1 - p`` for the first and ``p`` for the second.
        """
        if self.output is None or self.output.value.size != max(self.output.shape, default=0):
            return ()
        values = self.output.value.ravel()
        if self.binary:
            second = float(values[0])
            values = np.array([1.0 - second, second])
        named = len(self.labels) == len(values)
        order = np.argsort(-values, kind="stable")
        return tuple(Score(self.labels[i] if named else str(i), float(values[i]), int(i)) for i in order)

    def __getitem__(self, name: str) -> Step:
        try:
            return self._by_name[name]
        except KeyError:
            import difflib

            near = difflib.get_close_matches(name, self._by_name, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(list(self._by_name)[:8])}"
            raise KeyError(f"the trace has no step {name!r}; {hint}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def find(self, pattern: str) -> tuple[Step, ...]:
        """The steps whose name matches ``pattern``, which may hold ``*`` and ``?``."""
        return tuple(step for step in self.steps if step.name == pattern or fnmatch.fnmatchcase(step.name, pattern))

    def save(self, path: str | PathLike[str], *, params: bool = True, compact: bool = False) -> None:
        """Write the trace to ``path``; see :func:`convscope.store.save`."""
        from convscope.store import save

        save(self, path, params=params, compact=compact)

    def __repr__(self) -> str:
        height, width = self.picture.shape[:2]
        return f"Trace({self.about.get('network', 'network')!s}, picture {height}x{width}, {len(self.steps)} steps)"
