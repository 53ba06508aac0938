"""The promise that a model comes back exactly as it went in, also after an exception."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import numpy as np
import torch

_LOCKS: WeakKeyDictionary[torch.nn.Module, threading.RLock] = WeakKeyDictionary()
_LOCKS_GUARD = threading.Lock()


@contextmanager
def exclusively(model: torch.nn.Module) -> Iterator[None]:
    """Hold the one lock of this model: two threads that hook one model mix up their recordings."""
    with _LOCKS_GUARD:
        lock = _LOCKS.setdefault(model, threading.RLock())
    with lock:
        yield


@contextmanager
def evaluating(modules: Sequence[torch.nn.Module]) -> Iterator[None]:
    """Run the modules as they are used, not trained; put back modes, buffers and random state.

    Buffers are few and small beside activations, so they are copied up front: batch norm in training
    mode updates them from compiled code, which not even PyTorch's version counter sees.
    """
    training = [module for module in modules if module.training]
    buffers = [
        (module._buffers, name, buffer, buffer.clone())
        for module in modules
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    with random_state(all_generators=not all(map(_is_torchs_own, modules))):
        for module in training:
            module.training = False
        try:
            yield
        finally:
            for module in training:
                module.training = True
            with torch.no_grad():
                for owner, name, buffer, content in buffers:
                    owner[name] = buffer
                    if not torch.equal(buffer, content):
                        buffer.copy_(content)


@contextmanager
def random_state(*, all_generators: bool = True) -> Iterator[None]:
    """Put PyTorch's global random state back, and with ``all_generators`` Python's and NumPy's too."""
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    others = (random.getstate(), np.random.get_state()) if all_generators else None  # noqa: NPY002 - the user's own
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        if others:
            random.setstate(others[0])
            np.random.set_state(others[1])  # noqa: NPY002


def _is_torchs_own(module: torch.nn.Module) -> bool:
    """Whether only PyTorch's layers run in it, which draw from PyTorch's generators alone.

    NumPy's state takes as long to save as a small convolution, so it is saved for code we do not know.
    """
    return type(module).__module__.startswith("torch.nn.modules.") and not (
        module._forward_hooks or module._forward_pre_hooks
    )
