"""Which module is running: forward hooks that keep a stack of calls."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import torch


@dataclass(slots=True, eq=False)
class Call:
    """One call of one module.

    Attributes:
        path: dotted name of the module, "" for the network itself.
        operations: how many operations ran directly in it.
        calls: how many modules it called.
        arguments: what it was called with, kept while it runs.
    """

    path: str
    module: torch.nn.Module | None
    operations: int = 0
    calls: int = 0
    arguments: tuple[Any, ...] = ()


@dataclass(slots=True)
class Scopes:
    """The stack of running calls; ``top`` is the innermost."""

    root: Call = field(default_factory=lambda: Call("", None))
    stack: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stack.append(self.root)

    @property
    def top(self) -> Call:
        """The innermost running call."""
        return self.stack[-1]


@contextmanager
def watching(
    modules: Sequence[tuple[str, torch.nn.Module]],
    *,
    left: Callable[[Call, Any], None],
) -> Iterator[Scopes]:
    """Keep :class:`Scopes` up to date while the named modules run in this thread; all hooks are removed after.

    ``left(call, output)`` is told of every module's output, so that work done out of sight
    (TorchScript, custom autograd functions) can be noticed.
    """
    scopes = Scopes()
    paths = {id(module): path for path, module in modules}
    thread = threading.get_ident()

    def enter(module: torch.nn.Module, arguments: tuple[Any, ...]) -> None:
        if threading.get_ident() != thread:
            return
        call = Call(paths[id(module)], module, arguments=arguments)
        scopes.top.calls += 1
        scopes.stack.append(call)

    def leave(module: torch.nn.Module, _: tuple[Any, ...], output: Any) -> None:
        if threading.get_ident() != thread:
            return
        while len(scopes.stack) > 1:  # calls that raised never left: they go with the one around them
            call = scopes.stack.pop()
            if call.module is module:
                with torch._C.DisableTorchFunction():  # our own work is no operation of the network
                    left(call, output)
                call.arguments = ()
                return

    # Put in directly: PyTorch's own registration costs as much as a small network's whole forward pass.
    key: Any = object()
    hooked = [module for _, module in modules if not isinstance(module, torch.jit.ScriptModule)]  # that takes none
    try:
        for module in hooked:
            before = cast("OrderedDict[Any, Any]", module._forward_pre_hooks)
            before[key] = enter
            before.move_to_end(key, last=False)
            module._forward_hooks[key] = leave
        yield scopes
    finally:
        for module in hooked:
            module._forward_pre_hooks.pop(key, None)
            module._forward_hooks.pop(key, None)
