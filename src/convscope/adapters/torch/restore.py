"""The promise that a model comes back exactly as it went in, also after an exception."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import numpy as np
import torch

_LOCKS: WeakKeyDictionary[torch.nn.Module, threading.RLock] = WeakKeyDictionary()
_LOCKS_GUARD = threading.Lock()


@contextmanager
def exclusively(model: torch.nn.Module) -> Iterator[None]:
    """Hold the one lock of this model: two threads that hook one model mix up their recordings."""
    lock = _LOCKS.get(model)
    if lock is None:
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
    places = [
        (module._buffers, name, buffer)
        for module in modules
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    kept = [(buffers, _joined(buffers)) for buffers in _alike(buffer for _, _, buffer in places)]
    with random_state(all_generators=not _are_torchs_own(modules)):
        for module in training:
            module.training = False
        try:
            yield
        finally:
            for module in training:
                module.training = True
            for owner, name, buffer in places:
                owner[name] = buffer
            for buffers, content in kept:
                _put_back(buffers, content)


def _alike(buffers: Iterable[torch.Tensor]) -> Iterable[list[torch.Tensor]]:
    """Buffers that can be joined: hundreds of small ones are copied and compared in one go."""
    groups: dict[tuple[torch.dtype, torch.device], list[torch.Tensor]] = {}
    for buffer in buffers:
        groups.setdefault((buffer.dtype, buffer.device), []).append(buffer)
    return groups.values()


def _joined(buffers: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([buffer.detach().reshape(-1) for buffer in buffers])


def _put_back(buffers: list[torch.Tensor], content: torch.Tensor) -> None:
    if torch.equal(_joined(buffers), content):
        return
    with torch.no_grad():
        for buffer, part in zip(buffers, torch.split(content, [buffer.numel() for buffer in buffers]), strict=True):
            buffer.copy_(part.view(buffer.shape))


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


def _are_torchs_own(modules: Sequence[torch.nn.Module]) -> bool:
    """Whether only PyTorch's layers run, which draw from PyTorch's generators alone.

    NumPy's state takes as long to save as a small convolution, so it is saved for code we do not know.
    """
    homes = {type(module).__module__ for module in modules}
    if not all(home.startswith("torch.nn.modules.") for home in homes):
        return False
    return not any(module._forward_hooks or module._forward_pre_hooks for module in modules)
