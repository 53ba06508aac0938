"""Which module is running: each module's ``forward`` is wrapped while the network runs once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from convscope.adapters.torch.leaves import LEAVES, Made

FORWARD = "forward"


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


class Scopes:
    """The stack of running calls; ``top`` is the innermost."""

    def __init__(self, left: Callable[[Call, Any], None], direct: Callable[[Made], Any]) -> None:
        self.top = Call("", None)
        self._left = left
        self._direct = direct
        self._thread = threading.get_ident()

    def wrapped(self, path: str, module: torch.nn.Module) -> Callable[..., Any]:
        """``module.forward``, noted in the stack when it runs in this thread."""
        forward, leaf = module.forward, LEAVES.get(type(module))

        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self._thread:
                return forward(*args, **kwargs)
            outer = self.top
            outer.calls += 1
            self.top = inner = Call(path, module, 0, 0, (*args, *kwargs.values()) if kwargs else args)
            try:
                made = None
                if leaf is not None and not kwargs and len(args) == 1 and type(args[0]) is torch.Tensor:
                    made = leaf(module, args[0])
                if made is not None:
                    return self._direct(made)
                output = forward(*args, **kwargs)
                self._left(inner, output)
            finally:
                inner.arguments = ()
                self.top = outer
            return output

        return call


@contextmanager
def watching(
    modules: Sequence[tuple[str, torch.nn.Module]],
    *,
    left: Callable[[Call, Any], None],
    direct: Callable[[Made], Any],
) -> Iterator[Scopes]:
    """Keep :class:`Scopes` up to date while the named modules run in this thread; nothing stays behind.

    ``left(call, output)`` is told of every module's output, so that work done out of sight
    (TorchScript, compiled operations) can be noticed. ``direct(made)`` runs the one call of a layer of
    PyTorch's own.

    Forward hooks would do the same through PyTorch's public interface, and cost a small network a fifth
    of its forward pass: with any hook, ``nn.Module`` leaves its short path. They would also miss modules
    whose ``forward`` is called directly.
    """
    scopes = Scopes(left, direct)
    own: list[tuple[dict[str, Any], Any]] = []
    try:
        for path, module in modules:
            if not isinstance(module, torch.jit.ScriptModule):  # compiled: takes no wrapper
                own.append((module.__dict__, module.__dict__.get(FORWARD)))
                module.__dict__[FORWARD] = scopes.wrapped(path, module)
        yield scopes
    finally:
        for attributes, forward in own:
            if forward is None:
                del attributes[FORWARD]
            else:
                attributes[FORWARD] = forward
