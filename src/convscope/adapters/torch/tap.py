"""Steps of a network read, and followed backwards, for whole batches: how explanations see into it.

The tape (:mod:`convscope.adapters.torch.tape`) records one photo and keeps every value. Here the network is surveyed
once with that tape, which says of each step *where* it is: in which call of a module, and which torch function there.
Later passes count the same calls, keep nothing, and touch only the steps that were asked for. At a step where the
network is cut its value is copied; the copy is a leaf, and the network goes on with a copy of the leaf. So

* an operation that writes over the value later (batch norm, then an in-place ReLU) changes only what the network goes
  on with, and the leaf stays what the step gave;
* nothing before the first cut is kept for a backward pass: gradients cost as much as what comes after it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch.overrides import TorchFunctionMode

from convscope.adapters.torch import TorchNetwork, all_modules, operations
from convscope.adapters.torch.guided import guided_relu, rectifies
from convscope.adapters.torch.keep import memory_of, written
from convscope.adapters.torch.leaves import Layer
from convscope.adapters.torch.ledger import Ledger
from convscope.adapters.torch.live import LiveOperation
from convscope.adapters.torch.quick import Quick
from convscope.adapters.torch.restore import evaluating, exclusively
from convscope.adapters.torch.scopes import Call as ModuleCall
from convscope.adapters.torch.scopes import watching, wrapping
from convscope.adapters.torch.surveying import survey_of
from convscope.adapters.torch.tape import Tape
from convscope.errors import CallError, ConvscopeError, ForwardError

INPUT = "input"
RETURNED = -1
"""In the place of a torch function: what the call of the module returned."""
UNPLACED = frozenset({"unseen", "overwritten"})
"""Values that are noticed only when they are read: there is no moment at which they could be replaced."""


@dataclass(frozen=True)
class Place:
    """Where in a forward pass a step's value is made.

    Attributes:
        call: the how-manieth call of a module it is, 1 for the network itself.
        function: the how-manieth torch function of that call that gave a tensor; :data:`RETURNED` for what the call
            gave.
        result: which of the tensors that it gave.
    """

    call: int
    function: int
    result: int


class TorchTaps:
    """A PyTorch network for inputs of one shape; implements :class:`convscope.network.Taps`.

    Args:
        network: the network.
        value: an input, for the one pass that finds the steps.

    Raises:
        ForwardError: the network raised.

    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(inplace=True), torch.nn.Flatten())
    >>> taps = TorchTaps(TorchNetwork(model), np.zeros((1, 4, 4), np.float32))
    >>> found = taps.run(torch.randn(5, 1, 4, 4), ["2"], cut=["0"])
    >>> gradient, = torch.autograd.grad(found["2"].sum(), found["0"])
    >>> bool(((found["0"] > 0) == (gradient > 0)).all())
    True
    """

    def __init__(self, network: TorchNetwork, value: Float32[np.ndarray, "c h w"]) -> None:
        self._network = network
        surveyor = _Surveyor(network)
        run = surveyor.run(value, watch=surveyor.note)
        if run.error is not None:
            raise _stopped(network, value.shape, run.error) from run.error
        operations_: list[LiveOperation] = list(run.operations)  # type: ignore[arg-type]
        self.survey = survey_of(operations_, run.outputs)
        self._places = {
            operation.name: place
            for operation, place in zip(operations_, surveyor.places, strict=True)
            if place is not None
        }
        self._writes_parameters = surveyor.writes_parameters
        self._quick = Quick(network.model, self.survey.steps, {one.name: one.module for one in operations_})

    def run(
        self, batch: Any, want: Sequence[str], cut: Sequence[str] = (), *, guided: bool = False,
        rough: float | None = None,
    ) -> Mapping[str, torch.Tensor]:  # fmt: skip
        """See :class:`convscope.network.Taps`."""
        places = {name: self._place(name) for name in (*want, *cut) if name != INPUT}
        with exclusively(self._network.model):
            if rough is not None and cut and INPUT not in cut:
                quick = self._quick.model_for(self._first(cut), rough)
                if quick is not None:
                    try:
                        return self._pass(quick.model, batch, want, cut, places, quick.dtype, guided=guided)
                    except ConvscopeError:  # code that does not work in another precision
                        self._quick.give_up()
            return self._pass(self._network.model, batch, want, cut, places, None, guided=guided)

    def _first(self, cut: Sequence[str]) -> str:
        """The layer that comes first."""
        return next(step.name for step in self.survey.steps if step.name in cut)

    def _pass(
        self, model: torch.nn.Module, batch: torch.Tensor, want: Sequence[str], cut: Sequence[str],
        places: Mapping[str, Place], like: torch.dtype | None, *, guided: bool,
    ) -> Mapping[str, torch.Tensor]:  # fmt: skip
        modules = all_modules(model)
        tap = _Tap(places, frozenset(cut), widen=like is not None, guided=guided)
        tap.guard = _own_memory(modules) if self._writes_parameters else frozenset()
        with evaluating([module for _, module in modules]), torch.no_grad():
            try:
                given = batch.detach().clone()  # networks may write over what they are given
                if INPUT in cut:
                    torch.set_grad_enabled(True)
                    tap.found[INPUT] = leaf = given.requires_grad_()
                    given = leaf.clone()
                given = _like(given, modules, like)
                with wrapping(modules, lambda _, module, thread: _counted(module, tap, thread)), tap:
                    model(given)
            except ConvscopeError:
                raise
            except Exception as error:  # whatever the user's network raises
                raise _stopped(self._network, tuple(batch.shape[1:]), error) from error
            finally:
                tap.put_back()
        if INPUT in want:
            tap.found.setdefault(INPUT, batch)
        missing = [name for name in (*want, *cut) if name not in tap.found]
        if missing:
            raise ForwardError(
                f"{self._network.title} took another way for this input: its step {missing[0]!r} did not run; explain "
                "one photo at a time"
            )
        return tap.found

    def _place(self, name: str) -> Place:
        place = self._places.get(name)
        if place is None:
            if any(step.name == name for step in self.survey.steps):
                raise CallError(
                    f"step {name!r} works out of sight (compiled code, or memory written through another name), so no "
                    "gradient can start there; choose another layer"
                )
            raise CallError(f"the network has no step {name!r}")
        return place


class _Surveyor(TorchNetwork):
    """Records one pass and where each operation was."""

    def __init__(self, network: TorchNetwork) -> None:
        super().__init__(network.model, title=network.title)
        self.places: list[Place | None] = []
        self.writes_parameters = False
        self._tape: _PlacingTape | None = None

    def note(self, operation: Any) -> None:
        self.places.append(None if self._tape is None else self._tape.place_of(operation))

    def _forward(self, ledger: Ledger, source: torch.Tensor, modules: list[tuple[str, torch.nn.Module]]) -> Any:
        tape = self._tape = _PlacingTape(ledger)
        try:
            with evaluating([module for _, module in modules]), watching(modules, tape), tape:
                return self.model(source)
        finally:
            self.writes_parameters = ledger.wrote_parameters


class _PlacingTape(Tape):
    """A tape that knows in which call, and at which torch function there, it is."""

    def __init__(self, ledger: Ledger) -> None:
        self._calls: dict[ModuleCall, int] = {}
        self._counts: dict[int, int] = {}
        self._at: tuple[int, int] = (0, 0)
        self._results = 0
        super().__init__(ledger)

    @property
    def top(self) -> ModuleCall:
        """The innermost running call."""
        return self._top

    @top.setter
    def top(self, call: ModuleCall) -> None:
        self._calls.setdefault(call, len(self._calls))
        self._top = call

    def place_of(self, operation: LiveOperation) -> Place | None:
        """Where the operation that is being recorded is."""
        if operation.kind in UNPLACED:
            return None
        self._results += 1
        return Place(*self._at, self._results - 1)

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        number = self._calls[self.top]
        count = self._counts.get(number, 0)
        self._at, self._results = (number, count), 0
        result = self._run(function, args, kwargs or {})
        if _gives_tensors(operations.known(function).name, result):
            self._counts[number] = count + 1
        return result

    def direct(self, layer: Layer) -> Any:
        """A layer of PyTorch's own: its value is what the call returns."""
        self._at, self._results = (self._calls[self.top], RETURNED), 0
        return super().direct(layer)

    def left(self, call: ModuleCall, output: Any) -> None:
        """What a module did out of sight is what its call returns."""
        self._at, self._results = (self._calls[call], RETURNED), 0
        super().left(call, output)


class _Tap(TorchFunctionMode):
    """Counts as :class:`_PlacingTape` does, and reads or cuts at the places that it was given.

    Attributes:
        found: by name, what was read and where the network was cut.
        calls: how many calls of modules have begun.
        number: of the innermost one that runs.
        guard: memory of parameters, where the network is known to write to its own.
    """

    def __init__(self, places: Mapping[str, Place], cut: frozenset[str], *, widen: bool, guided: bool) -> None:
        super().__init__()
        self.found: dict[str, torch.Tensor] = {}
        self.calls = self.number = 0
        self.guard: frozenset[int] = frozenset()
        self._cut, self._widen, self._guided = cut, widen, guided
        self._wanted: dict[tuple[int, int], dict[int, list[str]]] = {}
        for name, place in places.items():
            self._wanted.setdefault((place.call, place.function), {}).setdefault(place.result, []).append(name)
        self._counts: dict[int, int] = {}
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Any torch function that the model calls, with this mode out of the way."""
        kwargs = kwargs or {}
        known = operations.known(function)
        targets = written(known.writes, args, kwargs)
        if targets and self.guard:
            self._keep(targets)
        rectifier, most = rectifies(known.base, args, kwargs) if self._guided else (False, None)
        if rectifier:
            result = guided_relu(args[0] if args else kwargs["input"], most, in_place=bool(targets))
        else:
            result = function(*args, **kwargs)
        if not _gives_tensors(known.name, result):
            return result
        count = self._counts.get(self.number, 0)
        self._counts[self.number] = count + 1
        wanted = self._wanted.get((self.number, count))
        if wanted is None:
            return result
        if known.name == "__setitem__":
            self._met(args[0], wanted[0], in_place=True)
            return result
        return self._each(result, wanted, {id(target) for target in targets})

    def returned(self, number: int, module: torch.nn.Module, output: Any) -> Any:
        """What a call of a module gave, to be handed on in its place."""
        wanted = self._wanted.get((number, RETURNED))
        if wanted is None:
            return output
        with torch._C.DisableTorchFunction():  # our own work is no operation of the network
            return self._each(output, wanted, {id(output)} if getattr(module, "inplace", False) else set())

    def put_back(self) -> None:
        """Give parameters that were written over their content back."""
        with torch.no_grad():
            for parameter, content in reversed(self._kept):
                parameter.copy_(content)

    def _each(self, result: Any, wanted: Mapping[int, list[str]], written_: set[int]) -> Any:
        if isinstance(result, torch.Tensor):
            return self._met(result, wanted[0], in_place=id(result) in written_) if 0 in wanted else result
        if not isinstance(result, tuple | list):
            return result
        parts, place = list(result), 0
        for at, part in enumerate(parts):
            if isinstance(part, torch.Tensor):
                if place in wanted:
                    parts[at] = self._met(part, wanted[place], in_place=False)
                place += 1
        return type(result)(parts) if type(result) in {tuple, list} else tuple(parts)

    def _met(self, tensor: torch.Tensor, names: Sequence[str], *, in_place: bool) -> torch.Tensor:
        """Read a value, or cut at it; what the network is to go on with."""
        cut = any(name in self._cut for name in names)
        if cut:
            torch.set_grad_enabled(True)
        kept = tensor.float() if cut and self._widen else tensor
        kept = kept.clone() if kept.requires_grad else kept.detach().clone()
        if cut and not kept.requires_grad:
            kept.requires_grad_()
        self.found.update(dict.fromkeys(names, kept))
        if not cut:
            return tensor
        if in_place and tensor.requires_grad:  # behind an earlier cut: writing again would spoil the backward pass
            kept.edge = torch.autograd.graph.get_gradient_edge(tensor)  # type: ignore[attr-defined]
            return tensor
        if in_place and kept.dtype == tensor.dtype:
            try:
                return tensor.copy_(kept)  # whoever holds the tensor goes on with the cut value
            except RuntimeError:  # a view made before the cut, which cannot become part of a graph
                pass
        return kept.clone()

    def _keep(self, targets: Sequence[torch.Tensor]) -> None:
        for target in targets:
            if memory_of(target) in self.guard:
                self._kept.append((target.detach(), target.detach().clone()))


def _counted(module: torch.nn.Module, tap: _Tap, thread: int) -> Callable[..., Any]:
    """``module.forward``, of whose calls in the watched thread the tap is told."""
    forward = module.forward

    def call(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return forward(*args, **kwargs)
        outer = tap.number
        tap.calls += 1
        tap.number = number = tap.calls
        try:
            output = forward(*args, **kwargs)
        finally:
            tap.number = outer
        return tap.returned(number, module, output)

    return call


def _gives_tensors(name: str, result: Any) -> bool:
    """Whether a call of a torch function counts: others are asked for by code that only looks."""
    if isinstance(result, torch.Tensor):
        return True
    several = isinstance(result, tuple | list) and bool(result) and isinstance(result[0], torch.Tensor)
    return several or name == "__setitem__"


def _own_memory(modules: Sequence[tuple[str, torch.nn.Module]]) -> frozenset[int]:
    return frozenset(memory_of(one) for _, module in modules for one in module._parameters.values() if one is not None)


def _like(
    source: torch.Tensor, modules: Sequence[tuple[str, torch.nn.Module]], like: torch.dtype | None
) -> torch.Tensor:
    """The batch where, and in the precision in which, the parameters are."""
    if like is not None:
        return source.to(dtype=like).contiguous(memory_format=torch.channels_last)
    for _, module in modules:
        for parameter in module._parameters.values():
            if parameter is not None and parameter.is_floating_point():
                return source.to(device=parameter.device, dtype=parameter.dtype)
    return source


def _stopped(network: TorchNetwork, shape: tuple[int, ...], error: BaseException) -> ForwardError:
    reason = " ".join(str(error).split()) or "no reason given"
    size = "x".join(map(str, shape))
    return ForwardError(f"{network.title} stopped on an input of {size}: {type(error).__name__}: {reason}")
