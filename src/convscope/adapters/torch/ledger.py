"""The ledger: which tensor is which operation's value, and what must be copied before it changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from convscope.adapters.torch.describe import Settings
from convscope.adapters.torch.keep import memory_of, tensors_in, version_of
from convscope.adapters.torch.live import LiveOperation
from convscope.adapters.torch.scopes import Call
from convscope.errors import MemoryBudgetError, RunError
from convscope.network import Watch


class Ledger:
    """What has been recorded so far, looked up by tensor.

    Args:
        modules: all modules of the network; their parameters and buffers are never taken for values.
        memory: how many bytes of values may be kept.
        watch: told of every operation as soon as it is recorded.
    """

    def __init__(self, modules: Sequence[torch.nn.Module], memory: int, watch: Watch | None = None) -> None:
        self.operations: list[LiveOperation] = []
        self._modules = modules
        self._parameters = [p for m in modules for p in m._parameters.values() if p is not None]
        self._buffers = [b for m in modules for b in m._buffers.values() if b is not None]
        # TorchScript takes no hooks and may overwrite what it is given: with it around, every value is copied.
        self._hidden = any(isinstance(module, torch.jit.ScriptModule) for module in modules)
        self._own = {id(tensor) for tensor in (*self._parameters, *self._buffers)}
        self._own_memory: set[int] | None = None
        self._attributes: set[int] | None = None
        self._by_tensor: dict[int, LiveOperation] = {}
        self._by_memory: dict[int, list[LiveOperation]] = {}
        self._constants: dict[int, torch.Tensor] = {}
        self._stale: dict[int, LiveOperation] = {}
        self._held: list[torch.Tensor] = []
        self._exposed: set[int] = set()
        self._written_parameters: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._memory = memory
        self._watch = watch
        self._used = 0

    def add(
        self, kind: str, tensor: torch.Tensor, sources: list[LiveOperation], settings: Settings,
        params: dict[str, torch.Tensor], call: Call, *, lead: bool, mixes: bool,
    ) -> LiveOperation:  # fmt: skip
        """Record one operation; ``tensor`` stands for its value from now on."""
        value = tensor.clone() if self._hidden else tensor
        operation = LiveOperation(
            kind,
            settings,
            value,
            sources,
            params,
            call,
            lead=lead,
            batched=not mixes,
            version=version_of(value),
        )
        call.operations += 1
        self.operations.append(operation)
        self._by_tensor[id(tensor)] = operation
        self._stale.pop(id(tensor), None)
        if self._hidden:
            operation.aliases.append(tensor)
            self._spend(operation)
        else:
            memory = memory_of(tensor)
            if memory not in self._by_memory:
                self._by_memory[memory] = []
                self._spend(operation)
            self._by_memory[memory].append(operation)
        if self._watch is not None:
            self._watch(operation)
        return operation

    def _spend(self, operation: LiveOperation) -> None:
        self._used += operation.tensor.nbytes
        if self._used > self._memory:
            size = "x".join(str(n) for n in operation.tensor.shape[operation.lead :])
            raise MemoryBudgetError(
                f"recording stopped at step {len(self.operations) - 1} ({operation.call.path or 'network'}, "
                f"{operation.kind}, {size}): the values so far take {self._used / 2**20:,.0f} MiB, more than the "
                f"budget of {self._memory / 2**20:,.0f} MiB; use a smaller picture, or allow more (memory=, --memory)"
            )

    def alias(self, tensor: torch.Tensor, operation: LiveOperation) -> None:
        """``tensor`` shows the value of ``operation``."""
        if tensor is not operation.tensor:
            operation.aliases.append(tensor)
            self._by_tensor[id(tensor)] = operation

    def constant(self, tensor: torch.Tensor) -> None:
        """``tensor`` was computed, but not from the picture."""
        if id(tensor) not in self._own:
            self._constants[id(tensor)] = tensor

    def knows(self, tensor: torch.Tensor) -> bool:
        """Whether ``tensor`` is an operation's value."""
        return id(tensor) in self._by_tensor

    def is_constant(self, tensor: torch.Tensor) -> bool:
        """Whether ``tensor`` is known not to depend on the picture."""
        return id(tensor) in self._own or id(tensor) in self._constants

    def is_batched(self, tensor: Any) -> bool:
        """Whether ``tensor`` is a value that still has the batch axis in front."""
        operation = self._by_tensor.get(id(tensor))
        return operation is not None and operation.lead

    def is_fresh(self, tensor: torch.Tensor) -> bool:
        """Whether nothing was written to this value through a view of it."""
        return not self._stale or id(tensor) not in self._stale

    def sources(self, values: Iterable[Any], call: Call) -> list[LiveOperation]:
        """The operations whose values are among the arguments of a call, in order."""
        found = []
        for value in values:
            if isinstance(value, torch.Tensor):
                source = self.source(value, call)
                if source is not None:
                    found.append(source)
            elif isinstance(value, tuple | list):
                found += self.sources(value, call)
            elif isinstance(value, dict):
                found += self.sources(value.values(), call)
        return found

    def operands(
        self, arguments: Mapping[str, Any], names: tuple[str, ...], call: Call
    ) -> tuple[list[torch.Tensor], list[LiveOperation]]:
        """The tensors among the named arguments that are values, and the operations they are values of."""
        inputs, sources = [], []
        for name in names:
            value = arguments.get(name)
            if isinstance(value, torch.Tensor):
                source = self.source(value, call)
                if source is not None:
                    inputs.append(value)
                    sources.append(source)
            elif isinstance(value, tuple | list):
                for tensor in tensors_in(value):
                    source = self.source(tensor, call)
                    if source is not None:
                        inputs.append(tensor)
                        sources.append(source)
        return inputs, sources

    def source(self, tensor: torch.Tensor, call: Call) -> LiveOperation | None:
        """The operation whose value ``tensor`` is; None for parameters and constants."""
        operation = self._by_tensor.get(id(tensor))
        if operation is None:
            return None if self.is_constant(tensor) else self._out_of_sight(tensor, call)
        if self._stale and id(tensor) in self._stale:
            return self._rewritten(tensor, operation, call)
        return operation

    def _rewritten(self, tensor: torch.Tensor, before: LiveOperation, call: Call) -> LiveOperation:
        """``tensor`` was changed through a view of it: from here on it is another value."""
        writers = self._by_memory.get(memory_of(tensor), [])
        return self.add(
            "overwritten",
            tensor,
            [before, *writers[-1:]],
            {},
            {},
            call,
            lead=before.lead,
            mixes=not before.batched,
        )

    def _out_of_sight(self, tensor: torch.Tensor, call: Call) -> LiveOperation | None:
        """A tensor nobody saw being made: an attribute of the model, or the result of compiled code."""
        if self._attributes is None:
            self._attributes = {
                id(value) for module in self._modules for value in vars(module).values() if torch.is_tensor(value)
            }
        if id(tensor) not in self._attributes and tensor.dim() > 1:
            for operation in reversed(self.operations[-8:]):
                if operation.tensor.shape == tensor.shape or self._hidden:
                    return self.add("unseen", tensor, [operation], {}, {}, call, lead=operation.lead, mixes=False)
        self.constant(tensor)
        return None

    def note_unseen(self, call: Call, output: Any) -> None:
        """A module that worked out of sight (TorchScript, custom autograd) is recorded as one step."""
        if isinstance(output, torch.Tensor) and id(output) in self._by_tensor:
            return
        made = [t for t in tensors_in((output,)) if not self.knows(t) and not self.is_constant(t)]
        if made:
            with torch._C.DisableTorchFunction():  # our own work is no operation of the network
                self._add_unseen(call, made)

    def _add_unseen(self, call: Call, made: list[torch.Tensor]) -> None:
        seen = call.operations or call.calls  # then the hidden part came after what was seen of this module
        sources = [self.operations[-1]] if seen else self.sources(call.arguments, call)
        for tensor in made:
            if sources:
                kind = getattr(call.module, "original_name", type(call.module).__name__)
                lead = tensor.dim() > 0 and tensor.shape[0] == 1
                self.add(kind, tensor, sources, {}, {}, call, lead=lead, mixes=False)

    def expose(self, tensor: Any) -> None:
        """Somebody has the address of the tensor's memory, so the tensor must stay there."""
        if isinstance(tensor, torch.Tensor):
            self._exposed.add(memory_of(tensor))

    def can_move(self, tensor: torch.Tensor) -> bool:
        """Whether ``tensor`` is a value whose memory nothing else shows, so that it may get another memory."""
        operation = self._by_tensor.get(id(tensor))
        if operation is None or operation.tensor is not tensor or operation.aliases or self._hidden:
            return False
        memory = memory_of(tensor)
        alone = self._by_memory.get(memory) == [operation] and memory not in self._exposed
        return alone and not tensor._is_view() and not self._is_own(memory)

    def move(self, tensor: torch.Tensor, result: torch.Tensor) -> bool:
        """Let ``tensor`` have the memory of ``result``; the recorded value keeps the old one."""
        if (result.dtype, result.shape, result.stride()) != (tensor.dtype, tensor.shape, tensor.stride()):
            return False
        operation = self._by_tensor[id(tensor)]
        self._held.append(tensor)
        operation.tensor = tensor.data  # with a version counter of its own, unlike detach()
        operation.version = version_of(operation.tensor)
        tensor.data = result
        return True

    def protect(self, tensor: torch.Tensor) -> None:
        """Copy every recorded value that a write to ``tensor`` is about to change."""
        memory = memory_of(tensor)
        operations = self._by_memory.pop(memory, [])
        for operation in operations:
            for shown in (operation.tensor, *operation.aliases):
                if shown is not tensor and memory_of(shown) == memory:
                    self._stale[id(shown)] = operation
                    self._exposed.add(memory)  # it goes on showing what is written here
            self._held.append(operation.tensor)
            operation.tensor = operation.tensor.clone()
            operation.version = version_of(operation.tensor)
            self._spend(operation)
        if not operations:
            self._keep_parameter(tensor, memory)

    def _keep_parameter(self, tensor: torch.Tensor, memory: int) -> None:
        if self._is_own(memory):
            self._written_parameters.append((tensor.detach(), tensor.detach().clone()))

    @property
    def wrote_parameters(self) -> bool:
        """Whether the network wrote to parameters of its own, which :meth:`close` put back."""
        return bool(self._written_parameters)

    def _is_own(self, memory: int) -> bool:
        """Whether this memory belongs to the network's parameters or buffers."""
        if self._own_memory is None:
            self._own_memory = {memory_of(tensor) for tensor in (*self._parameters, *self._buffers)}
        return memory in self._own_memory

    def close(self) -> None:
        """Put written parameters back and make sure that no recorded value was changed unseen.

        Raises:
            RunError: a value was overwritten by something the tape cannot see.
        """
        if self._written_parameters:
            with torch.no_grad():
                for parameter, content in reversed(self._written_parameters):
                    parameter.copy_(content)
        self._name_all()
        for operation in self.operations:
            if operation.tensor._is_view():  # the only way to show a parameter's memory
                operation.owned = not self._is_own(memory_of(operation.tensor))
            if version_of(operation.tensor) != operation.version:
                raise RunError(
                    f"the value of step {operation.name!r} was overwritten by something that convscope cannot see, "
                    "such as a custom C++ operation; make that operation return a new tensor"
                )

    def _name_all(self) -> None:
        taken: dict[str, int] = {}
        for operation in self.operations:
            call = operation.call
            alone = call.path and call.operations == 1 and call.calls == 0
            base = call.path if alone else f"{call.path}.{operation.kind}".lstrip(".")
            name = base
            while name in taken:
                taken[base] += 1
                name = f"{base}:{taken[base]}"
            taken[name] = 1
            operation.name = name
