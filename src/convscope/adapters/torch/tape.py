"""The op tape: every torch function a model calls, with the tensors that flow between them.

A ``TorchFunctionMode`` sees functional calls, operators and methods as well as modules, so skips and
branches are recorded as what they are. Nested calls are seen once, at the highest level.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from convscope.adapters.torch import operations, slices
from convscope.adapters.torch.describe import Call, Settings
from convscope.adapters.torch.keep import EXPOSING, into_new_memory, tensors_in, written
from convscope.adapters.torch.leaves import Layer
from convscope.adapters.torch.ledger import Ledger
from convscope.adapters.torch.live import LiveOperation
from convscope.adapters.torch.scopes import Call as ModuleCall


class Tape(TorchFunctionMode):
    """Records into a :class:`Ledger` while it is active."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.top = ModuleCall("", None)

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Any torch function that the model calls, with this mode out of the way."""
        return self._run(function, args, kwargs or {})

    def batched(self, tensor: Any) -> bool:
        """Whether this is a recorded value with the batch axis in front, and still the one that was recorded."""
        return self.ledger.is_batched(tensor) and self.ledger.is_fresh(tensor) and type(tensor) is torch.Tensor

    def direct(self, layer: Layer) -> Any:
        """A layer of PyTorch's own, which its attributes describe."""
        source = self.ledger.source(layer.args[0], self.top)
        assert source is not None
        with torch._C.DisableTorchFunction():
            if layer.in_place:
                result = self._overwriting(layer.function, layer.kind, layer.args, {}, layer.args[:1])
            else:
                result = layer.function(*layer.args)
            self.ledger.add(
                layer.kind, result, [source], layer.settings, layer.params, self.top, lead=result.dim() > 1, mixes=False
            )
        return result

    def left(self, call: ModuleCall, output: Any) -> None:
        """A module has returned; work that it did out of sight is noted."""
        self.ledger.note_unseen(call, output)

    def _run(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run ``function``, protecting what it overwrites and noting what it made."""
        known = operations.known(function)
        targets = written(known.writes, args, kwargs)
        if targets:
            result = self._overwriting(function, known.name, args, kwargs, targets)
        else:
            result = function(*args, **kwargs)
        if isinstance(result, torch.Tensor):
            self._note(known, args, kwargs, result)
        elif known.name == "__setitem__":
            self._note(known, args, kwargs, args[0])
        elif isinstance(result, tuple | list) and result and isinstance(result[0], torch.Tensor):
            self._note_several(known, args, kwargs, result)
        elif known.name in EXPOSING:
            self.ledger.expose(args[0])
        return result

    def _overwriting(
        self, function: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], targets: tuple[torch.Tensor, ...]
    ) -> Any:
        """Run a call that writes to recorded values.

        Where nothing else shares the memory, the result goes to new memory and the tensor moves there: the
        recorded value keeps the old one, and nothing is copied. Everywhere else it is copied first.
        """
        target = targets[0]
        if len(targets) == 1 and self.ledger.can_move(target):
            result = into_new_memory(function, name, args, kwargs)
            if result is target:  # dropout that does nothing
                return result
            if result is not None and self.ledger.move(target, result):
                return target
        for tensor in targets:
            self.ledger.protect(tensor)
        return function(*args, **kwargs)

    def _note(
        self, known: operations.Function, args: tuple[Any, ...], kwargs: dict[str, Any], result: torch.Tensor
    ) -> None:
        if known.operation is not None:
            self._note_described(known.operation, known.operation.bind(args, kwargs), result)
            return
        name = known.base
        sources = self._sources(args, kwargs)
        if not sources:
            self.ledger.constant(result)
        elif name in operations.ALIASES or (name in operations.CASTS and result.dtype == sources[0].tensor.dtype):
            self.ledger.alias(result, sources[0])
        elif name in operations.CASTS:
            self._add("identity", result, sources, {"dtype": str(result.dtype).removeprefix("torch.")})
        else:
            self._add(name.strip("_"), result, sources, {})

    def _note_described(self, operation: operations.Operation, bound: dict[str, Any], result: torch.Tensor) -> None:
        inputs, sources = self.ledger.operands(bound, operation.data, self.top)
        params = {name: bound[name] for name in operation.params if isinstance(bound.get(name), torch.Tensor)}
        computed = bool(params) and any(self.ledger.knows(tensor) for tensor in params.values())
        if not sources and not computed:
            self.ledger.constant(result)
            return
        call = Call(bound, result, self.ledger.is_batched, operation.kind, inputs, params)
        settings = None if computed else operation.describe(call)
        if settings is None:  # weights that were computed, or a use without a description: no arithmetic holds
            every = self._sources(tuple(bound.values()), {})
            self._add(f"{call.kind} (special use)", result, every, {})
            return
        self._add(call.kind, result, sources, settings, call.params, lead=call.lead, mixes=call.mixes)

    def _sources(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[LiveOperation]:
        return self.ledger.sources((*args, *kwargs.values()) if kwargs else args, self.top)

    def _note_several(
        self, known: operations.Function, args: tuple[Any, ...], kwargs: dict[str, Any], results: Any
    ) -> None:
        outputs = [result for result in results if isinstance(result, torch.Tensor)]
        name, operation = known.name, known.operation
        if operation is not None and operation.kind in {"max_pool2d", "adaptive_max_pool2d"}:
            self._note_described(operation, operation.bind(args, kwargs), outputs[0])
            return
        sources = self._sources(args, kwargs)
        if not sources:
            for result in outputs:
                self.ledger.constant(result)
        elif name in operations.SPLITS:
            self._note_split(name, args, kwargs, outputs, sources)
        else:
            for place, result in enumerate(outputs):
                self._add(name, result, sources, {"output": place})

    def _note_split(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: list[torch.Tensor],
        sources: list[LiveOperation],
    ) -> None:  # fmt: skip
        source = next(tensors_in((*args, *kwargs.values())))
        at = 1 if name == "unbind" else 2
        dim = kwargs.get("dim", args[at] if len(args) > at else 0)
        start = 0
        for place, result in enumerate(outputs):
            bound = {"input": source, "dim": dim, "index": place}
            call = Call(bound, result, self.ledger.is_batched, "slice")
            size = 1 if name == "unbind" else result.shape[dim]
            settings = slices.select(call) if name == "unbind" else slices.along(call, dim, start, start + size)
            start += size
            kind, known = ("slice", settings) if settings is not None else (name, {"output": place})
            self._add(kind, result, sources[:1], known, lead=call.lead)

    def _add(
        self, kind: str, result: torch.Tensor, sources: list[LiveOperation], settings: Settings,
        params: dict[str, torch.Tensor] | None = None, *, lead: bool | None = None, mixes: bool = False,
    ) -> None:  # fmt: skip
        if lead is None:
            lead = result.dim() > 0 and result.shape[0] == 1 and any(source.lead for source in sources)
        self.ledger.add(kind, result, sources, settings, params or {}, self.top, lead=lead, mixes=mixes)
