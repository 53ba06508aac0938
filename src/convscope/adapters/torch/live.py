"""One recorded operation and its parameters while PyTorch's tensors are still alive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float32

from convscope.adapters.torch.describe import Settings
from convscope.adapters.torch.keep import version_of
from convscope.adapters.torch.scopes import Call
from convscope.errors import StaleParametersError


class _Names(dict[torch.dtype, str]):
    def __missing__(self, dtype: torch.dtype) -> str:
        self[dtype] = str(dtype).removeprefix("torch.")
        return self[dtype]


DTYPES = _Names()


@dataclass(slots=True, eq=False, repr=False)
class LiveOperation:
    """One recorded operation; implements :class:`convscope.network.Live`.

    Attributes:
        tensor: its value; replaced by a copy when the original is about to be overwritten.
        lead: whether ``tensor`` has the batch axis (of size 1) in front.
        aliases: other tensors that show the same value (``detach``, ``contiguous``).
    """

    kind: str
    settings: Settings
    tensor: torch.Tensor
    sources: list[LiveOperation]
    raw_params: dict[str, torch.Tensor]
    call: Call
    lead: bool
    batched: bool
    version: int | None
    name: str = ""
    owned: bool = True
    aliases: list[torch.Tensor] = field(default_factory=list)

    @property
    def module(self) -> str:
        """Path of the module in which it ran."""
        return self.call.path

    @property
    def dtype(self) -> str:
        """Precision of its value, ``float32`` or the like."""
        return DTYPES[self.tensor.dtype]

    def value(self) -> Float32[np.ndarray, "..."]:
        """The value as float32 without the batch axis; shares the tensor's memory where it can."""
        array = as_float32(self.tensor)
        if self.lead:
            array = array[0]
        return array if self.owned else array.copy()

    def params(self) -> Mapping[str, np.ndarray]:
        """The parameters, read from the live network when asked for."""
        return LiveParams(self.raw_params) if self.raw_params else {}


def as_float32(tensor: torch.Tensor) -> Float32[np.ndarray, "..."]:
    """Any tensor as a numpy array, without a copy where that is possible; complex numbers by their magnitude."""
    if tensor.dtype is torch.float32:
        try:
            return tensor.numpy()
        except (TypeError, RuntimeError):  # on another device, sparse, negated lazily, part of a graph
            pass
    tensor = tensor.detach()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_complex():
        tensor = tensor.abs()
    return tensor.to(device="cpu", dtype=torch.float32).resolve_neg().numpy()


def _state(tensor: torch.Tensor) -> tuple[int | None, int]:
    """Another one after every write to a parameter, and after it was given other memory (``p.data = ...``)."""
    return version_of(tensor), tensor.data_ptr()


def _frozen(tensor: torch.Tensor) -> np.ndarray:
    array = as_float32(tensor).copy()
    array.flags.writeable = False
    return array


class LiveParams(Mapping[str, np.ndarray]):
    """Parameters of a live network, copied the first time each is read.

    Copying every weight at every trace would cost more than the forward pass; reading one that has
    been written since (a training step) raises instead of showing numbers of another network.
    """

    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self._tensors = tensors
        self._states: dict[str, tuple[int | None, int]] = {}
        self._read: dict[str, np.ndarray] = {}
        for name, tensor in tensors.items():
            if type(tensor) is torch.nn.Parameter or tensor.requires_grad:
                self._states[name] = _state(tensor)
            else:
                self._read[name] = _frozen(tensor)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._read:
            tensor = self._tensors[name]
            if _state(tensor) != self._states[name]:
                raise StaleParametersError(
                    f"the network's {name!r} was changed after this trace was made; trace again, or save the trace "
                    "before training goes on"
                )
            self._read[name] = _frozen(tensor)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)
