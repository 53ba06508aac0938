"""Which module is running: each module's ``forward`` is wrapped while the network runs once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch

from convscope.adapters.torch.leaves import LEAVES, Layer

FORWARD = "forward"
Wrapper = Callable[[str, torch.nn.Module, int], Callable[..., Any]]


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


@runtime_checkable
class Listener(Protocol):
    """Who is told: the tape.

    Attributes:
        top: the innermost running call.
    """

    top: Call

    def batched(self, tensor: Any) -> bool:
        """Whether this is a recorded value with the batch axis in front."""

    def direct(self, layer: Layer) -> Any:
        """Run a layer of PyTorch's own."""

    def left(self, call: Call, output: Any) -> None:
        """A module has returned ``output``; what it did out of sight can be noticed now."""


@contextmanager
def watching(modules: Sequence[tuple[str, torch.nn.Module]], listener: Listener) -> Iterator[None]:
    """Keep ``listener.top`` up to date while the named modules run in this thread; nothing stays behind."""
    with wrapping(modules, lambda path, module, thread: _wrapped(path, module, listener, thread)):
        yield


@contextmanager
def wrapping(modules: Sequence[tuple[str, torch.nn.Module]], wrapped: Wrapper) -> Iterator[None]:
    """Put something around each module's ``forward``; nothing stays behind.

    Forward hooks would do the same through PyTorch's public interface, and cost a small network a fifth
    of its forward pass: with any hook, ``nn.Module`` leaves its short path. They would also miss modules
    whose ``forward`` is called directly.

    Args:
        modules: with their paths.
        wrapped: given a path, its module and the number of this thread, makes what is called in place of the module's
            ``forward``; in another thread that has to be ``forward`` itself.
    """
    thread = threading.get_ident()
    own: list[tuple[dict[str, Any], Any]] = []
    try:
        for path, module in modules:
            if not isinstance(module, torch.jit.ScriptModule):  # compiled: takes no wrapper
                own.append((module.__dict__, module.__dict__.get(FORWARD)))
                module.__dict__[FORWARD] = wrapped(path, module, thread)
        yield
    finally:
        for attributes, forward in own:
            if forward is None:
                del attributes[FORWARD]
            else:
                attributes[FORWARD] = forward


def _wrapped(path: str, module: torch.nn.Module, listener: Listener, thread: int) -> Callable[..., Any]:
    """``module.forward``, told to the listener when it runs in the watched thread."""
    forward, leaf = module.forward, LEAVES.get(type(module))

    def call(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return forward(*args, **kwargs)
        outer = listener.top
        outer.calls += 1
        listener.top = inner = Call(path, module, 0, 0, (*args, *kwargs.values()) if kwargs else args)
        try:
            if leaf is not None and not kwargs and len(args) == 1 and listener.batched(args[0]):
                layer = leaf(module, args[0])
                if layer is not None:
                    return listener.direct(layer)
            output = forward(*args, **kwargs)
            listener.left(inner, output)
        finally:
            inner.arguments = ()
            listener.top = outer
        return output

    return call
